//! Notices: queued, sent by a real mail server, opened, and the addresses people choose for them.

use crate::browser::{Browser, set_up, sign_in};
use crate::peer::Peer;
use crate::support::{Node, Play, Reply, Stage, WALL_SECS, config};
use kepil_notices::{About, Channel, Delivered, Kind, New, NoticeId, Proof, State, delivered};
use kepil_server::Config;
use kepil_server::config::NoticesConfig;
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const LIST: &str = "/en/my/notices";

/// A node that sends through this mail server.
fn by_mail(dir: &Path, port: u16) -> Config {
    Config {
        notices: NoticesConfig {
            smtp_host: Some("127.0.0.1".into()),
            smtp_port: Some(port),
            smtp_tls: kepil_notices::TlsMode::Off,
            from: Some("Kepil <kepil@gate.test>".into()),
            ..NoticesConfig::default()
        },
        ..config(dir)
    }
}

pub struct Set {
    dir: tempfile::TempDir,
    stage: Stage,
    pub play: Play,
    pub peer: Peer,
}

impl Set {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (stage, play) = Stage::with("C04");
        stage.write(dir.path());
        let peer = Peer::start(&[]);
        Self {
            dir,
            stage,
            play,
            peer,
        }
    }

    pub fn node(&self) -> Node {
        let node = Node::with(by_mail(self.dir.path(), self.peer.port));
        node.at(&self.play);
        node
    }

    fn queue(&self, node: &Node, key: &str) -> NoticeId {
        queue(node, &self.play.person, key)
    }
}

fn queue(node: &Node, person: &str, key: &str) -> NoticeId {
    let about = About::new(Kind::ComplaintDecided, "/my/complaints/7").unwrap();
    let new = New { key, person, about };
    let now = (node.app.wall)();
    node.app.people.notices.queue(&new, now).unwrap().0
}

/// Waits until something holds.
pub fn until(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn state(node: &Node, id: NoticeId, place: usize) -> State {
    let notice = node.app.people.notices.outbox.notice(id);
    notice.unwrap().unwrap().deliveries[place].state.clone()
}

fn enter<'a>(node: &'a Node, person: &str) -> Browser<'a> {
    let (number, codes) = set_up(node, person);
    sign_in(node, &number, &codes[0]).0
}

/// The code in the last message the mail server took.
pub fn code(taken: &[Value]) -> String {
    let text = taken.last().unwrap()["text"].as_str().unwrap();
    let digits = |word: &&str| word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit());
    let found = text.split_whitespace().find(digits);
    found.unwrap_or_else(|| panic!("{text}")).to_owned()
}

pub fn choose(browser: &mut Browser<'_>, channel: &str, address: &str) -> Reply {
    let fields = [("channel", channel), ("address", address), ("lang", "kk")];
    browser.post("/en/my/notices/choose", &fields)
}

pub fn confirm(browser: &mut Browser<'_>, channel: &str, code: &str) -> Reply {
    let fields = [("channel", channel), ("code", code)];
    browser.post("/en/my/notices/confirm", &fields)
}

#[test]
fn a_person_chooses_e_mail_and_a_notice_is_delivered_with_proof() {
    let set = Set::new();
    let node = set.node();
    let mut browser = enter(&node, &set.play.person);
    let link = browser.get("/en/my/identity").text();
    assert!(link.contains("href=\"/en/my/notices\""), "{link}");
    let page = browser.get(LIST).text();
    assert!(page.contains("There is no notice to you"), "{page}");
    let chosen = choose(&mut browser, "email", " aigul@example.kz ");
    let page = browser.to(&chosen).text();
    assert!(page.contains("A code of six digits went to"), "{page}");
    let code = code(&set.peer.taken());
    let confirmed = confirm(&mut browser, "email", &code);
    let page = browser.to(&confirmed).text();
    assert!(page.contains("aigul@example.kz</strong>, kk"), "{page}");
    assert!(!page.contains("name=\"code\""), "{page}");

    let id = set.queue(&node, "complaint/7/decided");
    assert_eq!(set.queue(&node, "complaint/7/decided"), id);
    until(|| matches!(state(&node, id, 1), State::Delivered { .. }));
    let taken = set.peer.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[1]["subject"], "Жеке бөліміңізде жаңа хабарлама бар");
    let text = taken[1]["text"].as_str().unwrap();
    assert!(
        text.contains(&format!("https://gate.test/kk/my/notices/{id}")),
        "{text}"
    );
    let page = browser.get(LIST).text();
    for said in [
        "Your complaint was decided",
        "It counts as delivered since",
        "(E-mail)",
        "250 2.0.0 taken as 0002",
        &format!("&lt;{id}@gate.test&gt;"),
        "not opened yet",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // The clock of the law.
    let notice = node.app.people.notices.outbox.notice(id).unwrap().unwrap();
    let Some(Delivered { at_ms, channel, .. }) = delivered(&notice) else {
        panic!("{notice:?}");
    };
    assert_eq!((at_ms, channel), (WALL_SECS * 1000, Channel::Email));
    let (mail, space) = (
        "kepil_notice_deliveries{channel=\"email\",state=\"delivered\"}",
        "kepil_notice_deliveries{channel=\"space\",state=\"queued\"}",
    );
    assert_eq!((node.metric(mail), node.metric(space)), (1, 1));

    // Taken back, nothing goes out any more.
    let removed = browser.post("/en/my/notices/remove", &[("channel", "email")]);
    let page = browser.to(&removed).text();
    assert!(!page.contains("aigul@"), "{page}");
    let next = set.queue(&node, "complaint/8/decided");
    let notice = node
        .app
        .people
        .notices
        .outbox
        .notice(next)
        .unwrap()
        .unwrap();
    assert_eq!(notice.deliveries.len(), 1);
}

#[test]
fn opening_a_notice_is_its_delivery_for_its_own_person_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let (mine, theirs) = (stage.play("C04").unwrap(), stage.play("C98").unwrap());
    let node = Node::start(dir.path(), &stage, &mine);
    let id = queue(&node, &mine.person, "a");
    let place = format!("/en/my/notices/{id}");
    let mut stranger = enter(&node, &theirs.person);
    assert_eq!(stranger.get(&place).status, 404);
    assert!(!stranger.get(LIST).text().contains(&id.to_string()));
    let mut own = enter(&node, &mine.person);
    // Looking at the list, asking for the head or fetching ahead is not opening.
    assert!(own.get(LIST).text().contains("no term runs"));
    let ahead = |method: &str| {
        node.call(method, &place)
            .header("cookie", &own.cookie)
            .header("sec-purpose", "prefetch;prerender")
            .send()
            .status
    };
    assert_eq!(ahead("get"), 503);
    assert_eq!(state(&node, id, 0), State::Queued);
    node.wall.store(WALL_SECS + 60, Ordering::SeqCst);
    assert_eq!(node.metric("kepil_notice_oldest_undelivered_seconds"), 60);
    for (lang, said) in [
        ("en", "Your complaint was decided"),
        ("ru", "По вашей жалобе принято решение"),
        ("kk", "Шағымыңыз бойынша шешім қабылданды"),
    ] {
        let page = own.get(&format!("/{lang}/my/notices/{id}")).text();
        assert!(page.contains(said), "{page}");
        assert!(page.contains(&format!("href=\"/{lang}/my/complaints/7\"")));
    }
    let State::Delivered { at_ms, proof } = state(&node, id, 0) else {
        panic!("{:?}", state(&node, id, 0));
    };
    assert_eq!(at_ms, (WALL_SECS + 60) * 1000);
    let Proof::Opened { session } = proof else {
        panic!("{proof:?}");
    };
    assert!(own.get(LIST).text().contains(&session));
    assert_eq!(node.metric("kepil_notice_oldest_undelivered_seconds"), 0);
    for nonsense in ["00", "zz", &"0".repeat(32), "%00", &"a".repeat(2000)] {
        let reply = own.get(&format!("/en/my/notices/{nonsense}"));
        assert_eq!(reply.status, 404, "{nonsense}");
    }
}

#[test]
fn a_node_without_ways_out_offers_none() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let mut browser = enter(&node, &play.person);
    let page = browser.get(LIST).text();
    assert_eq!(page.matches("This node sends none").count(), 2, "{page}");
    assert!(!page.contains("name=\"address\""));
    let refused = choose(&mut browser, "email", "aigul@example.kz");
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("that this node can reach"));
    let file = dir.path().join("notices.db");
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_half_open_account_sees_no_notices() {
    let (dir, stage, play) = (tempfile::tempdir().unwrap(), Stage::with("C04").0, "x");
    stage.write(dir.path());
    let node = Node::with(config(dir.path()));
    let (number, codes) = set_up(&node, play);
    // Signed in by an activation code alone: the same person, too unsure.
    let order = serde_json::json!({"do": "open_account", "role": "citizen", "reference": play, "method": "again"});
    let again = node.operator(&order).ok();
    let activation = again["activation"].as_str().unwrap();
    let mut unsure = Browser::new(&node);
    let fields = [("number", number.as_str()), ("code", activation)];
    assert_eq!(unsure.post("/en/activate", &fields).status, 303);
    let id = queue(&node, play, "a");
    for path in [LIST.to_owned(), format!("{LIST}/{id}")] {
        assert_eq!(unsure.get(&path).status, 403, "{path}");
    }
    assert_eq!(choose(&mut unsure, "email", "a@example.kz").status, 403);
    assert_eq!(confirm(&mut unsure, "email", "000000").status, 403);
    assert_eq!(state(&node, id, 0), State::Queued);
    let (mut sure, _) = sign_in(&node, &number, &codes[0]);
    assert_eq!(sure.get(LIST).status, 200);
}

#[test]
fn mistakes_are_said_kindly_and_what_was_typed_stays_but_for_codes() {
    let set = Set::new();
    let node = set.node();
    let mut browser = enter(&node, &set.play.person);
    for typed in [
        "",
        "aigul",
        "aigul@",
        "a@b@example.kz",
        "a@example.kz, b@example.kz",
    ] {
        let reply = choose(&mut browser, "email", typed);
        assert_eq!(reply.status, 422, "{typed}");
        let text = reply.text();
        assert!(text.contains("name@place.kz"), "{text}");
        assert!(text.contains(&format!("value=\"{typed}\"")), "{text}");
    }
    let attack = "\"><script>alert(1)</script>@example.kz";
    let reply = choose(&mut browser, "email", attack);
    assert_eq!(reply.status, 422);
    assert!(!reply.text().contains("<script>alert"));
    let long = format!("{}@example.kz", "a".repeat(100_000));
    let reply = choose(&mut browser, "email", &long);
    assert_eq!(reply.status, 422);
    assert!(reply.body.len() < 20_000, "{}", reply.body.len());
    let injected = choose(&mut browser, "email", "a@example.kz\r\nBcc: b@example.kz");
    assert_eq!(injected.status, 422);
    for channel in ["", "space", "sms", "pigeon"] {
        let reply = choose(&mut browser, channel, "+77011234567");
        assert_eq!(reply.status, 422, "{channel}");
    }
    // What the mail server says of the address.
    let nobody = choose(&mut browser, "email", "nobody@example.kz");
    assert_eq!(nobody.status, 422);
    assert!(nobody.text().contains("does not take messages for it"));
    assert!(nobody.text().contains("value=\"nobody@example.kz\""));
    let busy = choose(&mut browser, "email", "busy@example.kz");
    assert_eq!(busy.status, 503);
    assert!(!busy.text().contains("name=\"code\""));
    assert!(set.peer.taken().is_empty());

    choose(&mut browser, "email", "aigul@example.kz");
    let right = code(&set.peer.taken());
    let wrong = if right == "123456" {
        "654321"
    } else {
        "123456"
    };
    for left in (1..5).rev() {
        let reply = confirm(&mut browser, "email", wrong);
        assert_eq!(reply.status, 422);
        let text = reply.text();
        assert!(text.contains(&format!("Tries left: {left}")), "{text}");
        assert!(!text.contains(wrong), "{text}");
    }
    for typed in [wrong, &right] {
        let reply = confirm(&mut browser, "email", typed);
        assert_eq!(reply.status, 422);
        assert!(reply.text().contains("too often"), "{}", reply.text());
    }
    // Another, too late.
    choose(&mut browser, "email", "aigul@example.kz");
    let late = code(&set.peer.taken());
    node.wall.store(WALL_SECS + 15 * 60, Ordering::SeqCst);
    let reply = confirm(&mut browser, "email", &late);
    assert!(reply.text().contains("its time has passed"));
    // And so many that nobody can be flooded.
    choose(&mut browser, "email", "aigul@example.kz");
    let flooded = choose(&mut browser, "email", "victim@example.kz");
    assert_eq!(flooded.status, 429);
    let wait = flooded.header("retry-after").unwrap();
    assert_eq!(wait, (3600 - 15 * 60).to_string());
    assert!(flooded.text().contains("value=\"victim@example.kz\""));
    assert_eq!(set.peer.taken().len(), 3);
    assert!(
        node.app
            .people
            .notices
            .outbox
            .choices(&set.play.person)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn what_was_not_taken_goes_later_also_after_a_restart() {
    let set = Set::new();
    let node = set.node();
    let mut browser = enter(&node, &set.play.person);
    // The first code is told to come later.
    assert_eq!(
        choose(&mut browser, "email", "later@example.kz").status,
        503
    );
    choose(&mut browser, "email", "later@example.kz");
    let code = code(&set.peer.taken());
    assert_eq!(confirm(&mut browser, "email", &code).status, 303);
    node.stop().unwrap();
    let dead = Node::with(by_mail(set.dir.path(), 1));
    let id = set.queue(&dead, "a");
    until(|| matches!(state(&dead, id, 1), State::Attempted { said: Some(_), .. }));
    let begun = Instant::now();
    dead.stop().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    let node = set.node();
    assert_eq!(set.peer.taken().len(), 1);
    node.wall.store(WALL_SECS + 60, Ordering::SeqCst);
    until(|| matches!(state(&node, id, 1), State::Delivered { .. }));
    assert_eq!(set.peer.taken().len(), 2);
}

#[test]
fn short_messages_lie_in_a_folder_and_their_receipts_prove() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    stage.write(dir.path());
    let sms = dir.path().join("sms");
    let mut with = config(dir.path());
    with.notices.sms_dir = Some(sms.clone());
    let node = Node::with(with);
    let mut browser = enter(&node, &play.person);
    let bad = choose(&mut browser, "sms", "call me");
    assert!(bad.text().contains("+7 701 123 45 67"), "{}", bad.text());
    let chosen = choose(&mut browser, "sms", "8 701 123 45 67");
    let page = browser.to(&chosen).text();
    assert!(page.contains("+77011234567"), "{page}");
    let messages = || -> Vec<Value> {
        let entries = std::fs::read_dir(sms.join("out")).unwrap();
        let read = |entry: std::io::Result<std::fs::DirEntry>| {
            let bytes = std::fs::read(entry.unwrap().path()).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        entries.filter_map(read).collect()
    };
    let text = messages()[0]["text"].as_str().unwrap().replace('.', " ");
    let code = text
        .split_whitespace()
        .find(|word| word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit()));
    assert_eq!(confirm(&mut browser, "sms", code.unwrap()).status, 303);
    let id = queue(&node, &play.person, "a");
    until(|| matches!(state(&node, id, 1), State::Handed { .. }));
    assert!(browser.get(LIST).text().contains("no receipt yet"));
    let receipt = sms.join("receipts").join(format!("{id}.json"));
    let new = receipt.with_extension("new");
    std::fs::write(&new, r#"{"delivered": true, "receipt": "DELIVRD"}"#).unwrap();
    std::fs::rename(new, receipt).unwrap();
    until(|| matches!(state(&node, id, 1), State::Delivered { .. }));
    assert!(browser.get(LIST).text().contains("DELIVRD"));
}

#[test]
fn long_lists_are_shown_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    for n in 0..60 {
        queue(&node, &play.person, &n.to_string());
    }
    let mut browser = enter(&node, &play.person);
    let count = |page: &Reply| page.text().matches("/en/my/notices/").count();
    let first = browser.get(LIST);
    assert_eq!(count(&first), 50);
    assert!(first.text().contains("?from=50"));
    let second = browser.get("/en/my/notices?from=50");
    assert_eq!(count(&second), 10);
    assert!(second.text().contains("?from=0"));
    for odd in [
        "-1",
        "nonsense",
        "99999999999999999999",
        "18446744073709551615",
    ] {
        assert_eq!(
            browser.get(&format!("{LIST}?from={odd}")).status,
            200,
            "{odd}"
        );
    }
}

#[test]
fn ways_that_cannot_work_stop_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut with = by_mail(dir.path(), 25);
    with.notices.from = Some("@".into());
    let error = Node::try_with(with.clone()).err().unwrap().to_string();
    assert!(error.contains("`@` is no address"), "{error}");
    with.notices.from = Some("kepil@gate.test".into());
    with.notices.smtp_password = Some(dir.path().join("missing"));
    with.notices.smtp_user = Some("kepil".into());
    let error = Node::try_with(with).err().unwrap().to_string();
    assert!(error.contains("missing"), "{error}");
    let mut with = config(dir.path());
    with.notices.sms_dir = Some(dir.path().join("file/sms"));
    std::fs::write(dir.path().join("file"), "").unwrap();
    let error = Node::try_with(with).err().unwrap().to_string();
    assert!(error.contains("short messages"), "{error}");
}

#[test]
fn who_asked_for_it_is_told_once_a_day_that_the_data_were_used() {
    let set = Set::new();
    let node = set.node();
    let mut browser = enter(&node, &set.play.person);
    node.play(&set.stage, &set.play);
    std::thread::sleep(Duration::from_millis(1200));
    assert!(set.peer.taken().is_empty(), "nobody asked to be told");
    let chosen = choose(&mut browser, "email", "aigul@example.kz");
    browser.to(&chosen);
    let code = code(&set.peer.taken());
    let confirmed = confirm(&mut browser, "email", &code);
    browser.to(&confirmed);
    for _ in 0..3 {
        node.play(&set.stage, &set.play);
    }
    until(|| set.peer.taken().len() == 2);
    node.play(&set.stage, &set.play);
    std::thread::sleep(Duration::from_millis(1200));
    let taken = set.peer.taken();
    assert_eq!(taken.len(), 2, "once a day: {taken:?}");
    let text = taken[1].to_string();
    assert!(
        !text.contains(&set.play.person) && !text.contains("polic"),
        "{text}"
    );
    let page = browser.get(LIST).text();
    assert!(page.contains("/en/my/notices/"), "{page}");
}
