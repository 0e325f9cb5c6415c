//! Codes by message: with number and secret they open the account, and say nothing to anybody else.

use crate::browser::{Browser, SECRET, open_as, set_up, sign_in};
use crate::notices::{Set, choose, code, confirm, until};
use crate::support::{Node, Reply, WALL_SECS};
use std::sync::atomic::Ordering;

const ADDRESS: &str = "aigul@example.kz";

/// An account whose address is a way in; its number.
fn with_code(set: &Set, node: &Node) -> String {
    let (number, codes) = set_up(node, &set.play.person);
    let (mut browser, _) = sign_in(node, &number, &codes[0]);
    let before = browser.post("/en/my/identity/channel", &[("channel", "email")]);
    assert_eq!(before.status, 422, "no address is confirmed");
    assert!(before.text().contains("Confirm an address"));
    choose(&mut browser, "email", ADDRESS);
    let offered = browser.get("/en/my/identity").text();
    assert!(!offered.contains(ADDRESS), "not before it is confirmed");
    confirm(&mut browser, "email", &code(&set.peer.taken()));
    let offered = browser.get("/en/my/identity").text();
    assert!(offered.contains("Let codes open my account"), "{offered}");
    let added = browser.post("/en/my/identity/channel", &[("channel", "email")]);
    let page = browser.to(&added).text();
    assert!(
        page.contains(&format!("Codes by message: {ADDRESS}")),
        "{page}"
    );
    assert!(!page.contains("Let codes open my account"), "{page}");
    number
}

fn ask(browser: &mut Browser<'_>, number: &str, secret: &str) -> Reply {
    let fields = [
        ("number", number),
        ("secret", secret),
        ("then", "/en/my/identity"),
    ];
    browser.post("/en/sign-in/send", &fields)
}

fn ticket(page: &Reply) -> String {
    let text = page.text();
    let after = text.split("name=\"ticket\" value=\"").nth(1);
    let after = after.unwrap_or_else(|| panic!("{text}"));
    after.split('"').next().unwrap().to_owned()
}

fn type_in(browser: &mut Browser<'_>, ticket: &str, code: &str) -> Reply {
    let fields = [
        ("ticket", ticket),
        ("code", code),
        ("then", "/en/my/identity"),
    ];
    browser.post("/en/sign-in/code", &fields)
}

/// Another code than this one.
fn other(code: &str) -> &'static str {
    match code {
        "000000" => "000001",
        _ => "000000",
    }
}

#[test]
fn a_sent_code_and_the_secret_open_the_account() {
    let set = Set::new();
    let node = set.node();
    let number = with_code(&set, &node);
    let mut browser = Browser::new(&node);
    let asked = ask(&mut browser, &number, SECRET);
    assert_eq!(asked.status, 200);
    let ticket = ticket(&asked);
    until(|| set.peer.taken().len() == 2);
    let taken = set.peer.taken();
    let code = code(&taken);
    assert_eq!(taken[1]["to"][0], ADDRESS);
    let text = taken[1]["text"].as_str().unwrap();
    assert!(text.contains("The code to sign in is"), "{text}");
    assert!(
        !text.contains(&number) && !text.contains(&set.play.person),
        "{text}"
    );
    let wrong = type_in(&mut browser, &ticket, other(&code));
    assert_eq!(wrong.status, 401);
    assert!(wrong.text().contains("Tries left: 4"), "{}", wrong.text());
    let (begin, end) = code.split_at(3);
    let spaced = format!(" {begin} {end} ");
    let entered = type_in(&mut browser, &ticket, &spaced);
    assert_eq!(entered.status, 303, "{}", entered.text());
    assert_eq!(entered.header("location"), Some("/en/my/identity"));
    let page = browser.to(&entered).text();
    assert!(
        page.contains("Secret + Codes by message"),
        "the history says how: {page}"
    );
    // As sure as with a printed code: rights are open.
    assert_eq!(browser.get("/en/my/uses").status, 200);
    // It was good once.
    let again = type_in(&mut Browser::new(&node), &ticket, &code);
    assert_eq!(again.status, 401);
    // Taken away, it opens nothing.
    let mut late = Browser::new(&node);
    let asked = ask(&mut late, &number, SECRET);
    until(|| set.peer.taken().len() == 3);
    let way = browser.get("/en/my/identity").text();
    let row = way.split(ADDRESS).nth(1).unwrap();
    let id = row.split("name=\"factor\" value=\"").nth(1).unwrap();
    let id = id.split('"').next().unwrap();
    let removed = browser.post("/en/my/identity/remove", &[("factor", id)]);
    assert_eq!(removed.status, 303);
    let code = crate::notices::code(&set.peer.taken());
    let entered = type_in(&mut late, &crate::sent_codes::ticket(&asked), &code);
    assert_eq!(entered.status, 401);
}

#[test]
fn who_asks_for_a_code_learns_nothing_about_accounts_and_secrets() {
    let set = Set::new();
    let node = set.node();
    let number = with_code(&set, &node);
    let bare = open_as(&node, "citizen", "person-without").0;
    let mut stranger = Browser::new(&node);
    let nobody = "00000-00000-000";
    let mut pages = Vec::new();
    for (number, secret) in [
        (number.as_str(), SECRET),
        (&number, "not the secret"),
        (nobody, "not the secret"),
        (&bare, "not the secret"),
        ("<b>nonsense</b>", ""),
    ] {
        let page = ask(&mut stranger, number, secret);
        assert_eq!(page.status, 200);
        let ticket = ticket(&page);
        let text = page.text().replace(&ticket, "");
        assert!(!text.contains("nonsense"));
        pages.push((ticket, text));
    }
    assert!(pages.iter().all(|(_, text)| *text == pages[0].1));
    until(|| set.peer.taken().len() == 2);
    let sent = code(&set.peer.taken());
    // Every page counts tries, and then is over; the right code changes nothing where nothing fits.
    for (ticket, _) in &pages {
        let typed = match ticket == &pages[0].0 {
            true => other(&sent),
            false => sent.as_str(),
        };
        for left in (1..5).rev() {
            let reply = type_in(&mut stranger, ticket, typed);
            assert_eq!(reply.status, 401);
            let said = format!("Tries left: {left}");
            assert!(reply.text().contains(&said), "{}", reply.text());
        }
        let spent = type_in(&mut stranger, ticket, typed);
        assert!(spent.text().contains("too often"), "{}", spent.text());
        let over = type_in(&mut stranger, ticket, &sent);
        assert!(over.text().contains("There is no code"), "{}", over.text());
    }
    assert_eq!(set.peer.taken().len(), 2, "nothing else went out");
    // Whose number it is or not: guessing gets slow in the same way.
    for number in [number.as_str(), nobody] {
        let statuses: Vec<u16> = (0..3)
            .map(|_| ask(&mut stranger, number, "not the secret").status)
            .collect();
        assert_eq!(statuses, [200, 200, 429], "{number}");
        let fields = [
            ("number", number),
            ("secret", "not the secret"),
            ("code", "1-A"),
        ];
        let reply = stranger.post("/en/sign-in/secret", &fields);
        assert_eq!(reply.status, 429, "{number}");
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
}

#[test]
fn five_codes_an_hour_go_out_and_each_lasts_ten_minutes() {
    let set = Set::new();
    let node = set.node();
    let number = with_code(&set, &node);
    let mut browser = Browser::new(&node);
    let mut last = None;
    for count in 0..7 {
        let asked = ask(&mut browser, &number, SECRET);
        assert_eq!(asked.status, 200);
        if count < 5 {
            until(|| set.peer.taken().len() == 2 + count);
            last = Some(ticket(&asked));
        }
    }
    let sent = code(&set.peer.taken());
    let ticket = last.unwrap();
    node.wall.store(WALL_SECS + 600, Ordering::SeqCst);
    let late = type_in(&mut browser, &ticket, &sent);
    assert!(late.text().contains("There is no code"), "{}", late.text());
    assert_eq!(set.peer.taken().len(), 6, "one to confirm, five to sign in");
}

#[test]
fn a_node_without_ways_out_offers_no_codes() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = crate::support::Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let page = Browser::new(&node).get("/en/sign-in").text();
    assert!(!page.contains("/sign-in/send"), "{page}");
}
