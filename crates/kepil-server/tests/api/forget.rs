//! An erased person: not in the cases, not in the notices, in no file of either.

use crate::browser::{place, signed_in};
use crate::support::{Node, Stage, index};
use kepil_cases::{CaseId, Cases};
use serde_json::json;

#[test]
fn who_is_erased_stands_in_no_case_and_no_notice_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let used = index(&node.play(&stage, &play));
    node.publish();
    let mut citizen = signed_in(&node, "citizen", &play.person);
    let path = format!("/en/my/uses/202607/{used}/complain");
    let text = "I do not know this office at all.";
    let own = place(&citizen.post(&path, &[("text", text)]));
    let id = own.rsplit('/').next().unwrap().to_owned();
    let names_person = |file: &str| {
        let bytes = [file.to_owned(), format!("{file}-wal")]
            .map(|name| std::fs::read(dir.path().join(name)).unwrap_or_default());
        let name = play.person.as_bytes();
        bytes
            .iter()
            .any(|bytes| bytes.windows(name.len()).any(|found| found == name))
    };
    assert!(names_person("cases.db") && names_person("notices.db"));

    let order = json!({"do": "erase_person", "person": play.person, "basis": "court decision 3"});
    let done = node.operator(&order).ok();
    assert_eq!((&done["cases"], &done["notices"]), (&1.into(), &1.into()));
    assert!(!names_person("cases.db") && !names_person("notices.db"));
    // The case stands, with its number and the office it was about, and nobody in it.
    let cases = Cases::open(&dir.path().join("cases.db")).unwrap();
    let case = cases.find(CaseId::parse(&id).unwrap()).unwrap().unwrap();
    assert_eq!((case.subject.as_str(), case.text), ("erased", None));
    assert_eq!(case.system, play.system);
    assert_eq!(citizen.get(&own).status, 404);
    // Whoever is left without a list still takes along what else there is.
    let page = citizen.get("/en/my/uses");
    assert_eq!(page.status, 404);
    assert!(
        page.text().contains("erased on an order"),
        "{}",
        page.text()
    );
    assert_eq!(citizen.get("/en/my/export/kepil.zip").status, 200);
    // A supervisor sees that it ended, and has nothing to read or decide.
    let mut supervisor = signed_in(&node, "supervisor", "supervisor-1");
    let queue = supervisor.get("/en/supervision").text();
    assert!(
        queue.contains("Complaints (0)") && queue.contains("data were erased"),
        "{queue}"
    );
    let place = format!("/en/supervision/{id}");
    assert!(supervisor.get(&place).text().contains("ended with that"));
    assert_eq!(supervisor.post(&format!("{place}/record"), &[]).status, 410);
    let fields = [
        ("act", "decide"),
        ("outcome", "upheld"),
        ("reasons", "There was no ground in law."),
    ];
    let late = supervisor.post(&format!("{place}/decide"), &fields);
    assert_eq!(late.status, 422);
    assert!(late.text().contains("ended with that"), "{}", late.text());
    // A mistyped reference is no success.
    for (person, status) in [("person:somebody", 400), ("nobody-there", 404)] {
        let order = json!({"do": "erase_person", "person": person, "basis": "court decision 3"});
        node.operator(&order).problem(status);
    }
    // Given again, the order finds nothing left to do.
    let again = node.operator(&order).ok();
    assert_eq!((&again["cases"], &again["notices"]), (&0.into(), &0.into()));
}
