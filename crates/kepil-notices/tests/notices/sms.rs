//! Short messages through a folder.

use crate::support::{NOW, choose, id, new, round};
use kepil_notices::{Channel, Outbox, Proof, Spool, State, delivered};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_message_lies_in_the_folder_and_its_receipt_is_the_proof() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path()).unwrap();
    let outbox = Outbox::in_memory().unwrap();
    choose(&outbox, Channel::Sms, "8 701 123 45 67");
    outbox.queue(id(1), &new("a"), NOW).unwrap();
    outbox.queue(id(2), &new("b"), NOW).unwrap();
    assert_eq!(round(&outbox, Channel::Sms, &spool, NOW), 2);
    let name = folder.path().join("out").join(format!("{}.json", id(1)));
    let message: Value = serde_json::from_slice(&fs::read(&name).unwrap()).unwrap();
    assert_eq!(message["to"], "+77011234567");
    let text = message["text"].as_str().unwrap();
    assert!(
        text.contains("/ru/my/notices/") && !text.contains("complaint"),
        "{text}"
    );
    let mode = fs::metadata(&name).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 2);
    // Handed over is not delivered, and is not handed over again.
    assert_eq!(delivered(&outbox.notice(id(1)).unwrap().unwrap()), None);
    assert_eq!(round(&outbox, Channel::Sms, &spool, NOW + 86_400_000), 0);

    let receipts = folder.path().join("receipts");
    let good = receipts.join(format!("{}.json", id(1)));
    fs::write(&good, r#"{"delivered": true, "receipt": "0:OK"}"#).unwrap();
    let bad = receipts.join(format!("{}.json", id(2)));
    fs::write(&bad, r#"{"delivered": false, "receipt": "no such number"}"#).unwrap();
    for nonsense in ["README", "zz.json", &format!("{}.json", id(7))] {
        fs::write(receipts.join(nonsense), "nonsense").unwrap();
    }
    // Of a message that nobody knows.
    let stranger = receipts.join(format!("{}.json", id(8)));
    fs::write(&stranger, r#"{"delivered": true}"#).unwrap();
    assert_eq!(round(&outbox, Channel::Sms, &spool, NOW + 5), 3);
    let notice = outbox.notice(id(1)).unwrap().unwrap();
    let found = delivered(&notice).unwrap();
    assert_eq!((found.at_ms, found.channel), (NOW + 5, Channel::Sms));
    let receipt = Proof::Receipt {
        receipt: "0:OK".into(),
    };
    assert_eq!(found.proof, &receipt);
    let other = outbox.notice(id(2)).unwrap().unwrap();
    assert!(matches!(other.deliveries[1].state, State::Failed { .. }));
    assert!(!good.exists() && !bad.exists() && !stranger.exists());
    assert_eq!(round(&outbox, Channel::Sms, &spool, NOW + 6), 0);
}

#[test]
fn a_folder_that_is_gone_is_a_wait() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(&folder.path().join("sms")).unwrap();
    fs::remove_dir_all(folder.path().join("sms")).unwrap();
    let outbox = Outbox::in_memory().unwrap();
    choose(&outbox, Channel::Sms, "+77011234567");
    outbox.queue(id(1), &new("a"), NOW).unwrap();
    round(&outbox, Channel::Sms, &spool, NOW);
    let notice = outbox.notice(id(1)).unwrap().unwrap();
    assert!(matches!(
        notice.deliveries[1].state,
        State::Attempted { .. }
    ));
    fs::write(folder.path().join("file"), "").unwrap();
    let error = Spool::open(&folder.path().join("file")).unwrap_err();
    assert!(error.to_string().contains("/file/out"), "{error}");
}
