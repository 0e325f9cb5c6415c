//! The desks: a complaint from its filing to its decision, a verdict that a human decides, an
//! official who asks, reading that a rule flags.

use crate::browser::{Browser, place, signed_in};
use crate::support::{Node, Play, Stage, config, index};
use kepil_identity::official::OfficialMandate;
use kepil_server::register::RecordEntry;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const AUTHORITY: &str = "KZ-DPA-01";

/// A stage with a supervisor's system and two supervisors.
fn stage(id: &str) -> (Stage, Play) {
    let mut stage = Stage::new();
    let play = stage.play(id).unwrap();
    let look = stage.play("X04").unwrap();
    rename(&mut stage, &look.system, AUTHORITY);
    for name in ["supervisor-1", "supervisor-2"] {
        official(&mut stage, AUTHORITY, name, &[]);
    }
    (stage, play)
}

/// Gives a system of the stage another name, wherever it stands.
fn rename(stage: &mut Stage, from: &str, to: &str) {
    for system in stage.file.systems.iter_mut().filter(|s| s.id == from) {
        system.id = to.to_owned();
    }
    for record in &mut stage.file.records {
        for system in record.systems.iter_mut().filter(|s| *s == from) {
            *system = to.to_owned();
        }
        record.id = record.id.replace(from, to);
    }
}

/// Another official of a system, with the key of the one it has.
fn official(stage: &mut Stage, system: &str, name: &str, close: &[&str]) {
    let of = format!("official-{system}");
    let found = stage.file.records.iter().find(|record| record.id == of);
    let mut record = found.unwrap().clone();
    record.id = name.to_owned();
    record.persons = close.iter().map(|person| (*person).to_owned()).collect();
    stage.file.records.push(record);
}

pub fn started(stage: &Stage, play: &Play, two: &[&str]) -> (tempfile::TempDir, Node) {
    let dir = tempfile::tempdir().unwrap();
    stage.write(dir.path());
    let node = Node::with(with_desk(dir.path(), two));
    node.at(play);
    (dir, node)
}

fn with_desk(dir: &std::path::Path, two: &[&str]) -> kepil_server::Config {
    let mut config = config(dir);
    config.desk.supervisor_system = Some(AUTHORITY.to_owned());
    config.desk.second_person = two.iter().map(|data| (*data).to_owned()).collect();
    config
}

fn pass(node: &Node, secs: u64) {
    node.clock.fetch_add(secs * 1000, Ordering::SeqCst);
}

/// Events of a person's list, by outcome or operation, newest last.
pub fn told(node: &Node, person: &str) -> Vec<String> {
    let subject = format!("person:{person}");
    let chronicle = &node.app.ledger.chronicle;
    let mut said = Vec::new();
    for entry in chronicle.reader().records(0) {
        let Ok(open) = chronicle.open_row(&entry.unwrap()) else {
            continue;
        };
        if open.subject == subject {
            let payload = chronicle.payload(&open).unwrap();
            let what = match payload.outcome.is_empty() {
                true => format!("{} by {}", payload.operation, payload.official),
                false => payload.outcome.clone(),
            };
            said.push(what);
        }
    }
    said
}

#[test]
fn a_complaint_is_delivered_read_with_an_event_and_decided_with_reasons() {
    let (stage, play) = stage("C04");
    let (dir, node) = started(&stage, &play, &[]);
    let used = index(&node.play(&stage, &play));
    node.publish();
    let mut citizen = signed_in(&node, "citizen", &play.person);
    let path = format!("/en/my/uses/202607/{used}/complain");
    let form = citizen.get(&path);
    assert!(
        form.text().contains("within 20 working days"),
        "{}",
        form.text()
    );
    let text = "I never asked <script>for</script> this service.";
    for wrong in ["", "too short", &"x".repeat(4001)] {
        let again = citizen.post(&path, &[("text", wrong)]);
        assert_eq!(again.status, 422);
        assert!(
            again.text().contains("between 10 and 4,000"),
            "{}",
            again.text()
        );
        assert!(again.text().contains(wrong), "what was typed is kept");
    }
    assert_eq!(told(&node, &play.person).len(), 1, "nothing was filed yet");
    let filed = citizen.post(&path, &[("text", text)]);
    let own = place(&filed);
    // Sent twice it is the same case.
    assert_eq!(place(&citizen.post(&path, &[("text", text)])), own);
    // Another text is another complaint, of which there is none: it is not swallowed.
    let other = citizen.post(&path, &[("text", "Something else was wrong too.")]);
    assert_eq!(other.status, 409);
    assert!(other.text().contains("was not recorded"));
    let page = citizen.get(&own).text();
    assert!(
        page.contains("of the log") && page.contains("Proof of delivery"),
        "{page}"
    );
    assert!(page.contains("&lt;script&gt;"), "{page}");
    assert!(page.contains("waits for a decision"), "{page}");
    assert_eq!(told(&node, &play.person).last().unwrap(), "complaint_filed");
    let id = own.rsplit('/').next().unwrap().to_owned();

    // A stranger sees nothing of it, and cannot tell it from a case that is not there.
    let mut stranger = signed_in(&node, "citizen", "somebody-else");
    let missing = stranger.get("/en/my/complaints/0000000000000000");
    let strange = stranger.get(&own);
    assert_eq!((strange.status, missing.status), (404, 404));
    assert_eq!(strange.text(), missing.text());

    let mut supervisor = signed_in(&node, "supervisor", "supervisor-1");
    let queue = supervisor.get("/en/supervision").text();
    assert!(
        queue.contains(&id) && !queue.contains(&play.person),
        "{queue}"
    );
    let case = format!("/en/supervision/{id}");
    let summary = supervisor.get(&case).text();
    assert!(!summary.contains(&play.person) && !summary.contains("never asked"));
    let before = told(&node, &play.person).len();
    // Deciding without reading is refused, and the answer to that shows the record: an event, too.
    let record = supervisor.post(&format!("{case}/record"), &[]);
    assert_eq!(record.status, 200, "{}", record.text());
    assert!(record.text().contains(&play.person) && record.text().contains("never asked"));
    let said = told(&node, &play.person);
    assert_eq!(said[before..], ["view by supervisor-1", "released"]);
    let looks = told(&node, &play.person).len();
    let decide = format!("{case}/decide");
    for (fields, why) in [
        (
            vec![
                ("act", "decide"),
                ("outcome", "upheld"),
                ("reasons", "short"),
            ],
            "20 to 4,000",
        ),
        (
            vec![("act", "decide"), ("outcome", "allowed"), ("reasons", "x")],
            "Choose what",
        ),
        (vec![("act", "decide")], "Choose what"),
        (vec![("act", "confirm")], "is proposed"),
        (vec![("act", "burn")], "Choose what"),
    ] {
        let again = supervisor.post(&decide, &fields);
        assert_eq!(again.status, 422, "{}", again.text());
        assert!(again.text().contains(why), "{why}: {}", again.text());
    }
    let now = told(&node, &play.person).len();
    assert_eq!(
        now, looks,
        "a mistake in the form shows no record and is no look"
    );
    // The form of a complaint that is there leads to it.
    assert_eq!(place(&citizen.get(&path)), own);
    pass(&node, 61);
    let reasons = "DC 77(4): the event was there, the purpose was not in the mandate.";
    let decided = supervisor.post(
        &decide,
        &[
            ("act", "decide"),
            ("outcome", "upheld"),
            ("reasons", reasons),
        ],
    );
    assert_eq!(place(&decided), case);
    assert_eq!(
        told(&node, &play.person).last().unwrap(),
        "complaint_upheld"
    );
    let page = citizen.get(&own).text();
    for part in ["upheld", "supervisor-1", "purpose was not in the mandate"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(
        !page.contains("no human") && !page.contains("automated"),
        "{page}"
    );
    let queue = supervisor.get("/en/supervision").text();
    assert!(queue.contains("Complaints (0)") && queue.contains("Decided or ended last (1)"));
    let notices = citizen.get("/en/my/notices").text();
    assert_eq!(notices.matches("/en/my/notices/").count(), 2, "{notices}");
    // The clock of the next step waits for the notice of the decision.
    assert!(page.contains("no clock runs"), "{page}");
    for rest in notices.split("/en/my/notices/").skip(1) {
        let id = rest.split('"').next().unwrap().to_owned();
        assert_eq!(citizen.get(&format!("/en/my/notices/{id}")).status, 200);
    }
    let page = citizen.get(&own).text();
    assert!(
        page.contains("You may go on until") && page.contains("21 December 2026"),
        "{page}"
    );

    // Nothing of it lies in the file in clear, and the node finds it again after a restart.
    let bytes = std::fs::read(dir.path().join("cases.db")).unwrap();
    let wal = std::fs::read(dir.path().join("cases.db-wal")).unwrap_or_default();
    for word in ["never asked", "not in the mandate"] {
        let is_in = |bytes: &[u8]| bytes.windows(word.len()).any(|w| w == word.as_bytes());
        assert!(!is_in(&bytes) && !is_in(&wal), "{word}");
    }
    drop((citizen, stranger, supervisor));
    node.stop().unwrap();
    let node = Node::with(with_desk(dir.path(), &[]));
    let mut citizen = signed_in(&node, "citizen", "somebody-else-2");
    assert_eq!(citizen.get(&own).status, 404);
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let said = told(&node, &play.person);
    for once in ["complaint_filed", "complaint_upheld"] {
        let count = said.iter().filter(|what| *what == once).count();
        assert_eq!(count, 1, "a restart repeats nothing: {said:?}");
    }
}

fn review(node: &Node, stage: &Stage, play: &Play, index: u64) -> Value {
    let token = node.token(stage, &play.system);
    let call = node.call("get", &format!("/access/v1/reviews/{index}"));
    call.token(&token).send().ok()
}

#[test]
fn a_verdict_left_to_a_human_is_decided_by_two_where_the_data_ask_for_two() {
    let (stage, play) = stage("C02");
    let category = play.request["resource"]["properties"]["data"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let (_dir, node) = started(&stage, &play, &[&category]);
    let asked = index(&node.play(&stage, &play));
    node.publish();
    let waiting = review(&node, &stage, &play, asked);
    assert_eq!(
        (&waiting["state"], &waiting["due"]),
        (&json!("waiting"), &Value::Null)
    );
    let mut first = signed_in(&node, "supervisor", "supervisor-1");
    let mut second = signed_in(&node, "supervisor", "supervisor-2");
    let taken = first.post(&format!("/en/supervision/reviews/{asked}"), &[]);
    let case = place(&taken);
    assert_eq!(
        place(&second.post(&format!("/en/supervision/reviews/{asked}"), &[])),
        case
    );
    assert!(review(&node, &stage, &play, asked)["due"].is_string());
    for browser in [&mut first, &mut second] {
        let record = browser.post(&format!("{case}/record"), &[]);
        assert!(record.text().contains("two people"), "{}", record.text());
    }
    pass(&node, 90);
    let decide = format!("{case}/decide");
    let reasons = "The case is open and the order names the person (CAO 2014).";
    let fields = [
        ("act", "decide"),
        ("outcome", "allowed"),
        ("reasons", reasons),
    ];
    place(&first.post(&decide, &fields));
    assert_eq!(review(&node, &stage, &play, asked)["state"], "waiting");
    let own = first.post(&decide, &[("act", "confirm")]);
    assert_eq!(own.status, 422);
    assert!(own.text().contains("another person"), "{}", own.text());
    place(&second.post(&decide, &[("act", "confirm")]));
    let decided = review(&node, &stage, &play, asked);
    assert_eq!(decided["state"], "allowed");
    assert_eq!(
        (&decided["people"], &decided["human"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(
        told(&node, &play.person).last().unwrap(),
        "allowed_by_person"
    );
    // Now its outcome is waited for, and can be reported.
    let token = node.token(&stage, &play.system);
    let outcome = node
        .call("post", "/access/v1/outcome")
        .token(&token)
        .json(&json!({"entry": asked, "outcome": "released"}))
        .send();
    outcome.ok();
    assert_eq!(told(&node, &play.person).last().unwrap(), "released");
    // Another system learns nothing.
    let other = node.token(&stage, AUTHORITY);
    let call = node.call("get", &format!("/access/v1/reviews/{asked}"));
    call.token(&other).send().problem(404);
}

/// A stage with a tax office, whose official may ask for one taxpayer in a case.
pub fn tax_office() -> (Stage, Play, String) {
    let (mut stage, play) = stage("C04");
    let tax = stage.play("X02").unwrap();
    rename(&mut stage, &tax.system, "KZ-TAX-01");
    official(&mut stage, "KZ-TAX-01", "tax-official-1", &[&play.person]);
    stage.file.records.push(RecordEntry {
        id: "case-1".to_owned(),
        kind: "case".to_owned(),
        systems: vec!["KZ-TAX-01".to_owned()],
        persons: vec![tax.person.clone()],
        facts: json!({"case": {"open": true, "court_order": false}}),
        sealed_until: None,
        born: None,
        attributes: Default::default(),
    });
    stage.file.mandates.push(OfficialMandate {
        id: "m1".to_owned(),
        official: "tax-official-1".to_owned(),
        body: "Tax office".to_owned(),
        system: "KZ-TAX-01".to_owned(),
        role: "state_body".to_owned(),
        purposes: ["tax".to_owned()].into(),
        from_ms: 0,
        until_ms: 1_800_000_000_000,
    });
    let person = tax.person;
    (stage, play, person)
}

fn request(person: &str) -> Vec<(&str, &str)> {
    vec![
        ("mandate", "m1"),
        ("purpose", "tax"),
        ("operation", "use"),
        ("person", person),
        ("data.income_benefits", "1"),
        ("basis", "KZ-PDL-2013#9.9-1"),
        ("case", "case-1"),
        ("agreement", "agreement-KZ-TAX-01"),
    ]
}

fn ticket(page: &str) -> String {
    let rest = page.split("name=\"ticket\" value=\"").nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn an_official_sees_the_verdict_and_what_the_citizen_sees_before_sending() {
    let (stage, play, person) = tax_office();
    let (_dir, node) = started(&stage, &play, &[]);
    let mut official = signed_in(&node, "official", "tax-official-1");
    let page = official.get("/en/desk").text();
    assert!(page.contains("The purpose comes before the data"), "{page}");
    assert!(
        !page.contains("data.income_benefits"),
        "data are asked for second"
    );
    let page = official.get("/en/desk?mandate=m1&purpose=tax").text();
    assert!(page.contains("data.income_benefits"), "{page}");
    let fields = request(&person);
    let checked = official.post("/en/desk/check", &fields);
    let page = checked.text();
    assert_eq!(checked.status, 200, "{page}");
    for part in [
        "allowed",
        "Nothing has been sent",
        "What the citizen will see",
        "tax-official-1",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(
        told(&node, &person),
        Vec::<String>::new(),
        "a check records nothing"
    );
    let mut sending = fields.clone();
    let other = ticket(&page);
    sending.push(("ticket", &other));
    // What was checked is what is sent: another person on the same ticket is nobody.
    let mut swapped = sending.clone();
    swapped.retain(|(name, _)| *name != "person");
    swapped.push(("person", "somebody-else"));
    let reply = official.post("/en/desk/send", &swapped);
    assert_eq!(reply.status, 409);
    assert!(reply.text().contains("not the request that was checked"));
    assert_eq!(told(&node, "somebody-else"), Vec::<String>::new());
    let ticket = ticket(&official.post("/en/desk/check", &fields).text());
    sending.retain(|(name, _)| *name != "ticket");
    sending.push(("ticket", &ticket));
    let sent = place(&official.post("/en/desk/send", &sending));
    assert!(sent.starts_with("/en/desk?sent="), "{sent}");
    assert_eq!(told(&node, &person), ["use by tax-official-1"]);
    assert!(
        official
            .get(&sent)
            .text()
            .contains("It stands in the ledger as entry")
    );
    // Sent once more, or with a ticket of nobody: once is once.
    assert_eq!(official.post("/en/desk/send", &sending).status, 409);
    assert_eq!(official.post("/en/desk/send", &fields).status, 409);
    assert_eq!(told(&node, &person).len(), 1);

    for (name, value, status) in [
        ("purpose", "marketing", 403),
        ("mandate", "m2", 403),
        ("person", "", 422),
        ("operation", "conquer", 422),
        ("basis", "KZ-PDL-2013 9.9-1", 422),
        ("agreement", "agreement-KZ-TAX-02", 422),
    ] {
        let mut wrong = fields.clone();
        wrong.retain(|(field, _)| *field != name);
        wrong.push((name, value));
        let reply = official.post("/en/desk/check", &wrong);
        assert_eq!(reply.status, status, "{name}: {}", reply.text());
    }
    // A second after its end the mandate is no mandate.
    node.clock.store(1_800_000_000_000, Ordering::SeqCst);
    let late = official.post("/en/desk/check", &fields);
    assert_eq!(late.status, 403);
    assert!(late.text().contains("not in force"), "{}", late.text());
}

#[test]
fn a_key_that_is_shared_or_revoked_asks_for_nothing() {
    for (fact, word) in [("key_shared", "shared"), ("certificate_valid", "expired")] {
        let (mut stage, play, person) = tax_office();
        for record in stage
            .file
            .records
            .iter_mut()
            .filter(|r| r.id == "tax-official-1")
        {
            let value = record.facts["official"][fact] == json!(false);
            record.facts["official"][fact] = json!(value);
        }
        let (_dir, node) = started(&stage, &play, &[]);
        let mut official = signed_in(&node, "official", "tax-official-1");
        let reply = official.post("/en/desk/check", &request(&person));
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert!(reply.text().contains(word), "{word}: {}", reply.text());
    }
}

#[test]
fn whoever_reads_somebody_close_is_flagged_for_a_supervisor() {
    let (stage, play, _person) = tax_office();
    let (_dir, node) = started(&stage, &play, &[]);
    let mut official = signed_in(&node, "official", "tax-official-1");
    let fields = request(&play.person);
    let page = official.post("/en/desk/check", &fields).text();
    let ticket = ticket(&page);
    let mut sending = fields.clone();
    sending.push(("ticket", &ticket));
    place(&official.post("/en/desk/send", &sending));
    let mut supervisor = signed_in(&node, "supervisor", "supervisor-1");
    let id = flagged(&mut supervisor);
    let queue = supervisor.get("/en/supervision").text();
    assert!(queue.contains("somebody close to the official"), "{queue}");
    let record = supervisor.post(&format!("/en/supervision/{id}/record"), &[]);
    let text = record.text();
    assert!(text.contains("somebody close to the official") && text.contains("tax-official-1"));
    assert!(
        !text.contains(&play.person),
        "a flag shows nobody's data: {text}"
    );
    pass(&node, 70);
    let reasons = "The official read the data of a neighbour without a case.";
    let fields = [
        ("act", "decide"),
        ("outcome", "violation"),
        ("reasons", reasons),
    ];
    place(&supervisor.post(&format!("/en/supervision/{id}/decide"), &fields));
    let page = supervisor.get(&format!("/en/supervision/{id}")).text();
    assert!(page.contains("broke the law"), "{page}");
}

/// The first flagged case, as soon as it is there.
fn flagged(supervisor: &mut Browser<'_>) -> String {
    for _ in 0..50 {
        let page = supervisor.get("/en/supervision").text();
        let section = page.split("id=\"readings\"").nth(1).unwrap_or_default();
        let section = section.split("</section>").next().unwrap_or_default();
        if let Some(rest) = section.split("/en/supervision/").nth(1) {
            return rest.split('"').next().unwrap().to_owned();
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("nothing was flagged");
}

#[test]
fn a_law_that_does_not_let_the_supervisor_look_is_said_and_nothing_is_shown() {
    let (mut stage, play) = stage("C04");
    // A supervisor whose key is shared.
    for record in stage
        .file
        .records
        .iter_mut()
        .filter(|r| r.id == "supervisor-1")
    {
        record.facts["official"]["key_shared"] = json!(true);
    }
    let (_dir, node) = started(&stage, &play, &[]);
    let used = index(&node.play(&stage, &play));
    node.publish();
    let mut citizen = signed_in(&node, "citizen", &play.person);
    let path = format!("/en/my/uses/202607/{used}/complain");
    let own = place(&citizen.post(&path, &[("text", "I do not know them at all.")]));
    let id = own.rsplit('/').next().unwrap().to_owned();
    let mut supervisor = signed_in(&node, "supervisor", "supervisor-1");
    let refused = supervisor.post(&format!("/en/supervision/{id}/record"), &[]);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(!refused.text().contains("know them at all"));
    // The attempt is in the person's list.
    assert_eq!(
        told(&node, &play.person).last().unwrap(),
        "view by supervisor-1"
    );
}
