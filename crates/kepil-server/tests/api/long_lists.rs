//! A list of many uses comes a page at a time, to its person and to whoever acts for the person.

use crate::browser::{Browser, set_up, sign_in, signed_in};
use crate::support::{Node, Stage, index};
use std::collections::BTreeSet;

const USES: usize = 35;

/// The entries a page leads to, by the part of their address before the number.
fn entries(page: &str, before: &str) -> Vec<u64> {
    let parts = page.split(before).skip(1);
    let numbers = parts.filter_map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    numbers.collect()
}

/// The way to the next page.
fn next(page: &str) -> Option<String> {
    let (before, _) = page.split_once("\" rel=\"next\"")?;
    let address = before.rsplit_once("href=\"")?.1;
    Some(address.replace("&amp;", "&"))
}

/// Goes through all pages of a list; gives the entries in their order, and how many pages there were.
fn walked(browser: &mut Browser<'_>, first: &str, before: &str) -> (Vec<u64>, usize) {
    let (mut all, mut pages, mut place) = (Vec::new(), 0, Some(first.to_owned()));
    while let Some(path) = place {
        let reply = browser.get(&path);
        let text = reply.text();
        assert_eq!(reply.status, 200, "{text}");
        assert!(reply.body.len() < 30_000, "{} bytes", reply.body.len());
        all.extend(entries(&text, before));
        pages += 1;
        place = next(&text);
    }
    (all, pages)
}

#[test]
fn a_long_list_comes_a_page_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let mut used: Vec<u64> = (0..USES)
        .map(|_| index(&node.play(&stage, &play)))
        .collect();
    used.reverse();
    node.publish();
    let (number, codes) = set_up(&node, &play.person);
    let (mut browser, _) = sign_in(&node, &number, &codes[0]);
    let list = "/kk/my/uses";
    let own = "/my/uses/202607/";
    let (all, pages) = walked(&mut browser, list, own);
    // The links to the month's proof stand there too, and lead to no entry.
    assert_eq!(all, used);
    assert_eq!(pages, 3);
    let (of_system, _) = walked(
        &mut browser,
        &format!("{list}?month=202607&system={}", play.system),
        own,
    );
    assert_eq!(of_system, used);
    let (of_nobody, pages) = walked(&mut browser, &format!("{list}?system=none"), own);
    assert_eq!((of_nobody.len(), pages), (0, 1));
    // The start page counts all of them, not only those it can show.
    let start = Browser::new(&node).get("/en").text();
    let count = format!("<strong>{USES}</strong>");
    assert!(start.contains(&count), "{start}");
    // Somebody who acts for the person: each page is a look, and the looks stand above.
    let mut other = signed_in(&node, "citizen", "person-other");
    let page = other.get("/en/my/powers").text();
    let number = page.split("<code>").nth(1).unwrap();
    let number = number.split('<').next().unwrap().to_owned();
    let fields = [
        ("number", number.as_str()),
        ("see_uses", "1"),
        ("complain", "1"),
        ("until", "2026-12-01"),
    ];
    let given = browser.post("/en/my/powers", &fields);
    assert_eq!(given.status, 303, "{}", given.text());
    let page = other.get("/en/my/powers").text();
    let power = page.split("/en/my/powers/").nth(1).unwrap();
    let power = power.split('"').next().unwrap();
    let place = format!("/kk/my/powers/{power}");
    let (all, pages) = walked(
        &mut other,
        &format!("{place}?month=202607"),
        &format!("{place}/"),
    );
    assert!(pages >= 3);
    let all: BTreeSet<u64> = all.into_iter().collect();
    assert!(used.iter().all(|entry| all.contains(entry)));
}
