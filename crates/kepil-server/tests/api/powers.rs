//! Powers: given for named rights and days, looked at anew at every use, ended at once.

use crate::browser::{place, set_up, sign_in, signed_in};
use crate::support::{Node, Stage, WALL_SECS, index};
use kepil_identity::id::MandateId;
use kepil_identity::mandate::{MandateKind, Right};
use kepil_server::register::PowerEntry;
use std::sync::atomic::Ordering;

fn number(page: &str) -> String {
    let rest = page.split("<code>").nth(1).unwrap();
    rest.split("</code>").next().unwrap().to_owned()
}

/// The id of the first power that a page links or ends.
fn power(page: &str) -> String {
    let mut after = page
        .split("name=\"id\" value=\"")
        .chain(page.split("/en/my/powers/"));
    let found = after.find_map(|rest| {
        rest.get(..32)
            .filter(|id| id.bytes().all(|b| b.is_ascii_hexdigit()))
    });
    found
        .unwrap_or_else(|| panic!("no power in {page}"))
        .to_owned()
}

#[test]
fn a_power_opens_the_list_leaves_an_event_and_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let used = index(&node.play(&stage, &play));
    node.publish();
    let mut asel = signed_in(&node, "citizen", &play.person);
    let mut son = signed_in(&node, "citizen", "son-of-asel");
    let sons = number(&son.get("/en/my/powers").text());

    // What cannot be given is said, and what was typed is kept.
    let good = [
        ("number", sons.as_str()),
        ("see_uses", "1"),
        ("until", "2026-12-31"),
    ];
    for (name, value, why) in [
        ("number", "00000-00000-000", "No account has this number"),
        ("number", "<b>nonsense</b>", "No account has this number"),
        ("until", "2020-01-01", "has not passed"),
        ("until", "soon", "has not passed"),
        ("until", "2039-01-01", "three years at most"),
        ("see_uses", "", "Choose what"),
    ] {
        let mut fields = good.to_vec();
        fields.retain(|(field, _)| *field != name);
        if name != "see_uses" {
            fields.push((name, value));
        }
        let reply = asel.post("/en/my/powers", &fields);
        assert_eq!(reply.status, 422, "{name} {value}");
        let text = reply.text();
        assert!(text.contains(why), "{why}: {text}");
        assert!(
            text.contains(&value.replace('<', "&lt;").replace('>', "&gt;")),
            "{value}"
        );
    }
    let own = number(&asel.get("/en/my/powers").text());
    let oneself = [
        ("number", own.as_str()),
        ("see_uses", "1"),
        ("until", "2026-12-31"),
    ];
    let reply = asel.post("/en/my/powers", &oneself);
    assert!(
        reply.text().contains("Nobody represents oneself"),
        "{}",
        reply.text()
    );

    place(&asel.post("/en/my/powers", &good));
    // A second click gives no second power that would outlive the first.
    let twice = asel.post("/en/my/powers", &good);
    assert_eq!(twice.status, 422);
    assert!(twice.text().contains("has a power of yours already"));
    let id = power(&son.get("/en/my/powers").text());
    let list = format!("/en/my/powers/{id}");
    let before = node.app.ledger.chronicle.reader().size();
    let seen = son.get(&list);
    assert_eq!(seen.status, 200, "{}", seen.text());
    assert!(seen.text().contains("police department"), "{}", seen.text());
    assert!(
        !seen.text().contains(&format!("/my/uses/202607/{used}")),
        "no way on to the own pages"
    );
    assert!(
        node.app.ledger.chronicle.reader().size() > before,
        "the look is an entry"
    );
    node.publish();
    let own_list = asel.get("/en/my/uses?month=202607").text();
    assert!(own_list.contains("somebody who acts for you"), "{own_list}");
    assert!(own_list.contains("son-of-asel"), "{own_list}");

    // Whoever it was not given to learns nothing, not even that it is there.
    let mut stranger = signed_in(&node, "citizen", "stranger");
    let (theirs, none) = (
        stranger.get(&list),
        stranger.get(&format!("/en/my/powers/{}", "0".repeat(32))),
    );
    assert_eq!((theirs.status, none.status), (404, 404));
    assert_eq!(theirs.text(), none.text());
    // The representative cannot end it, the person can, and then nothing is shown.
    let end = |id: &str| [("id", id.to_owned())];
    let refused = son.post(
        "/en/my/powers/end",
        &end(&id).each_ref().map(|(n, v)| (*n, v.as_str())),
    );
    assert_eq!(refused.status, 422, "{}", refused.text());
    place(&asel.post(
        "/en/my/powers/end",
        &end(&id).each_ref().map(|(n, v)| (*n, v.as_str())),
    ));
    let over = son.get(&list);
    assert_eq!(over.status, 403);
    assert!(
        over.text().contains("This power is over"),
        "{}",
        over.text()
    );
    assert!(!over.text().contains("police department"));
    let twice = asel.post(
        "/en/my/powers/end",
        &end(&id).each_ref().map(|(n, v)| (*n, v.as_str())),
    );
    assert_eq!(twice.status, 422);
}

#[test]
fn a_power_that_ended_a_second_ago_is_no_power() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    node.play(&stage, &play);
    node.publish();
    let mut asel = signed_in(&node, "citizen", &play.person);
    let (sons, codes) = set_up(&node, "son-of-asel");
    let today = kepil_terms::Instant::from_ms(i64::try_from(WALL_SECS * 1000).unwrap()).kz_day();
    let last = today.to_string();
    place(&asel.post(
        "/en/my/powers",
        &[("number", &sons), ("see_uses", "1"), ("until", &last)],
    ));
    let end = u64::try_from(today.next().start().ms()).unwrap() / 1000;
    node.wall.store(end - 60, Ordering::SeqCst);
    // Somebody vouches for the log again: a list nobody vouches for is not shown.
    node.play(&stage, &play);
    node.publish();
    let (mut son, _) = sign_in(&node, &sons, &codes[1]);
    let list = format!("/en/my/powers/{}", power(&son.get("/en/my/powers").text()));
    node.wall.store(end - 1, Ordering::SeqCst);
    let seen = son.get(&list);
    assert_eq!(seen.status, 200, "{}", seen.text());
    node.wall.store(end, Ordering::SeqCst);
    let over = son.get(&list);
    assert_eq!(over.status, 403, "{}", over.text());
    assert!(
        over.text().contains("This power is over"),
        "{}",
        over.text()
    );
}

/// A mother's power, as the civil register has it.
fn parent_of(child: &str, rights: &[Right]) -> PowerEntry {
    PowerEntry {
        id: MandateId::new([7; 16]),
        kind: MandateKind::Parent,
        representative: "mother".to_owned(),
        represented: child.to_owned(),
        rights: rights.iter().copied().collect(),
        from: "2012-01-01".to_owned(),
        until: "2035-01-01".to_owned(),
        source: "civil register, birth record 1".to_owned(),
    }
}

#[test]
fn a_parent_sees_a_childs_list_until_the_child_is_old_enough() {
    let (today, dir) = (WALL_SECS, tempfile::tempdir().unwrap());
    let (mut stage, play) = Stage::with("C04");
    let power = parent_of(&play.person, &[Right::SeeUses]);
    let list = format!("/en/my/powers/{}", power.id);
    stage.file.powers.push(power);
    // On 21 September 2026: thirteen, fifteen, a day before sixteen, sixteen; and of unknown age.
    for (born, status) in [
        (Some("2013-01-01"), 200),
        (Some("2011-03-01"), 200),
        (Some("2010-09-22"), 200),
        (Some("2010-09-21"), 403),
        (Some("1990-01-01"), 403),
        (None, 403),
    ] {
        for record in stage
            .file
            .records
            .iter_mut()
            .filter(|r| r.id == play.person)
        {
            record.born = born.map(str::to_owned);
        }
        let dir = dir.path().join(born.unwrap_or("unknown"));
        std::fs::create_dir(&dir).unwrap();
        let node = Node::start(&dir, &stage, &play);
        node.play(&stage, &play);
        node.publish();
        assert_eq!(node.wall.load(Ordering::SeqCst), today);
        let mut mother = signed_in(&node, "citizen", "mother");
        assert!(mother.get("/en/my/powers").text().contains("parent"));
        let reply = mother.get(&list);
        assert_eq!(reply.status, status, "{born:?}: {}", reply.text());
        if status == 403 {
            assert!(reply.text().contains("old enough"), "{}", reply.text());
        }
        // It is the register's to end.
        let id = "07".repeat(16);
        let mut child = signed_in(&node, "citizen", &play.person);
        assert!(child.get("/en/my/powers").text().contains("mother"));
        let ended = child.post("/en/my/powers/end", &[("id", id.as_str())]);
        assert_eq!(ended.status, 422);
    }
}

#[test]
fn a_complaint_for_a_child_of_fourteen_waits_until_the_child_agrees() {
    for (born, awaits) in [("2013-01-01", false), ("2011-03-01", true)] {
        let dir = tempfile::tempdir().unwrap();
        let (mut stage, play) = Stage::with("C04");
        let power = parent_of(&play.person, &[Right::SeeUses, Right::Complain]);
        let list = format!("/en/my/powers/{}", power.id);
        stage.file.powers.push(power);
        for record in stage
            .file
            .records
            .iter_mut()
            .filter(|r| r.id == play.person)
        {
            record.born = Some(born.to_owned());
        }
        let node = Node::start(dir.path(), &stage, &play);
        let used = index(&node.play(&stage, &play));
        node.publish();
        let mut mother = signed_in(&node, "citizen", "mother");
        let path = format!("{list}/{used}/complain");
        assert!(mother.get(&list).text().contains(&path));
        assert_eq!(mother.get(&path).status, 200);
        assert_eq!(mother.get(&format!("{list}/9999/complain")).status, 404);
        let short = mother.post(&path, &[("text", "short")]);
        assert_eq!(short.status, 422);
        let filed = mother.post(&path, &[("text", "We never dealt with the police.")]);
        assert_eq!(filed.status, 200, "{}", filed.text());
        let waits = filed.text().contains("The child agrees");
        assert_eq!(waits, awaits, "{}", filed.text());

        let mut child = signed_in(&node, "citizen", &play.person);
        let cases = child.get("/en/my/complaints").text();
        let rest = cases.split("/en/my/complaints/").nth(1).unwrap();
        let own = format!("/en/my/complaints/{}", rest.get(..16).unwrap());
        let page = child.get(&own).text();
        assert!(page.contains("mother"), "{page}");
        assert_eq!(page.contains("Not delivered yet"), awaits, "{page}");
        // Nobody else can agree for the child.
        let other = mother.post(&format!("{own}/agree"), &[]);
        assert_eq!(other.status, 404);
        if awaits {
            place(&child.post(&format!("{own}/agree"), &[]));
            let page = child.get(&own).text();
            assert!(page.contains("Proof of delivery"), "{page}");
        }
    }
}
