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
    // Given again, the order finds nothing left to do.
    let again = node.operator(&order).ok();
    assert_eq!((&again["cases"], &again["notices"]), (&0.into(), &0.into()));
}
