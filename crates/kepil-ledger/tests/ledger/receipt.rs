use kepil_ledger::entry::{Leaf, Opening};
use kepil_ledger::note::{KeyName, Signer};
use kepil_ledger::receipt::{
    Receipt, ReceiptError, ReceiptParseError, RecordCheck, is_reserved_origin,
};
use kepil_ledger::tree::ProofError;
use proptest::prelude::*;

use crate::log::{batch, draft, leaf, signer};

fn receipt(index: u64) -> Receipt {
    batch(40, 7)
        .receipt(index, &leaf(index), Some(&draft(index)))
        .unwrap()
}

#[test]
fn every_receipt_of_every_batch_verifies() {
    let key = signer().verifying_key().clone();
    for count in 1..40 {
        let batch = batch(1_000, count);
        for index in 1_000..1_000 + count {
            let receipt = batch
                .receipt(index, &leaf(index), Some(&draft(index)))
                .unwrap();
            let verified = receipt.verify(&key).unwrap();
            assert_eq!(verified.index, index);
            assert_eq!(verified.time_ms, 1_763_700_000_123);
            assert_eq!(verified.record, RecordCheck::Matches);
            let again = Receipt::from_json(receipt.to_json().as_bytes()).unwrap();
            assert_eq!(again, receipt);
        }
    }
}

#[test]
fn a_receipt_without_its_record_still_proves_the_leaf() {
    let bare = receipt(41).without_record();
    let verified = bare.verify(signer().verifying_key()).unwrap();
    assert_eq!(verified.record, RecordCheck::NotIncluded);
    let Opening { salt, record } = draft(41);
    assert!(bare.opens_to(&salt, &record));
    assert!(!bare.opens_to(&salt, b"another record"));
    assert!(!bare.to_json().contains("\"salt\""));
    assert_eq!(Receipt::from_json(bare.to_json().as_bytes()).unwrap(), bare);
}

#[test]
fn a_batch_gives_receipts_for_its_own_leaves_only() {
    let batch = batch(40, 7);
    assert!(batch.receipt(39, &leaf(39), None).is_err());
    assert!(batch.receipt(47, &leaf(47), None).is_err());
    assert_eq!(
        batch.receipt(41, &leaf(42), None).unwrap_err(),
        ProofError::Root
    );
}

fn changed(from: &str, to: &str) -> Result<Receipt, ReceiptParseError> {
    let json = receipt(41).to_json();
    assert!(json.contains(from), "{from}");
    Receipt::from_json(json.replacen(from, to, 1).as_bytes())
}

#[test]
fn a_receipt_changed_in_any_member_is_refused() {
    let key = signer().verifying_key().clone();
    let verify = |from: &str, to: &str| changed(from, to).unwrap().verify(&key).unwrap_err();
    assert!(matches!(
        verify("\"index\": 41", "\"index\": 42"),
        ReceiptError::Path(_)
    ));
    assert!(matches!(
        verify("\"index\": 41", "\"index\": 47"),
        ReceiptError::OutsideBatch { .. }
    ));
    assert!(matches!(
        verify("\"index\": 41", "\"index\": 1"),
        ReceiptError::OutsideBatch { .. }
    ));
    assert!(matches!(
        verify("\"first\": 40", "\"first\": 41"),
        ReceiptError::Signature(_)
    ));
    assert!(matches!(
        verify("\"count\": 7", "\"count\": 8"),
        ReceiptError::Signature(_)
    ));
    assert!(matches!(
        verify("1763700000123", "1763700000124"),
        ReceiptError::Signature(_)
    ));
    assert!(matches!(
        verify(
            "\"origin\": \"log.example/test\"",
            "\"origin\": \"log.example/best\""
        ),
        ReceiptError::OtherLog { .. }
    ));
    // "record 41" and "record 40" in base64.
    assert!(matches!(
        verify("cmVjb3JkIDQx", "cmVjb3JkIDQw"),
        ReceiptError::Record
    ));
}

#[test]
fn a_receipt_in_any_other_form_is_refused() {
    assert!(matches!(
        changed("\"kepil_receipt\": 1", "\"kepil_receipt\": 2"),
        Err(ReceiptParseError::Version { found: 2 })
    ));
    assert!(matches!(
        changed("\"index\": 41", "\"index\": 9007199254740992"),
        Err(ReceiptParseError::Member { member: "index" })
    ));
    assert!(matches!(
        changed("\"index\": 41", "\"index\": \"41\""),
        Err(ReceiptParseError::Json(_))
    ));
    assert!(matches!(
        changed("\"index\": 41", "\"index\": 41, \"more\": 1"),
        Err(ReceiptParseError::Json(_))
    ));
    assert!(matches!(
        changed("\"index\": 41", "\"index\": 41, \"index\": 41"),
        Err(ReceiptParseError::Json(_))
    ));
    assert!(matches!(
        changed("\u{2014} ", "- "),
        Err(ReceiptParseError::Member {
            member: "signature"
        })
    ));
    assert!(matches!(
        changed("cmVjb3JkIDQx", "cmVjb3JkIDQ"),
        Err(ReceiptParseError::Member { member: "record" })
    ));
    let json = receipt(41).to_json();
    let salt = json.lines().find(|line| line.contains("\"salt\"")).unwrap();
    assert!(matches!(
        Receipt::from_json(json.replace(salt, "").as_bytes()),
        Err(ReceiptParseError::Member { member: "salt" })
    ));
}

#[test]
fn another_log_or_another_key_does_not_verify_it() {
    let twin = Signer::from_seed(signer().verifying_key().name().clone(), &[9; 32]);
    assert!(matches!(
        receipt(41).verify(twin.verifying_key()),
        Err(ReceiptError::Signature(_))
    ));
    let stranger = Signer::from_seed(KeyName::new("stranger").unwrap(), &[7; 32]);
    assert!(matches!(
        receipt(41).verify(stranger.verifying_key()),
        Err(ReceiptError::OtherLog { .. })
    ));
}

#[test]
fn no_log_may_be_named_like_a_receipt() {
    assert!(is_reserved_origin(
        &KeyName::new("kepil-receipt/v1").unwrap()
    ));
    assert!(!is_reserved_origin(&KeyName::new("kepil.example").unwrap()));
}

#[test]
fn debugging_a_receipt_or_draft_shows_no_record() {
    let shown = format!("{:?} {:?}", receipt(41), draft(41));
    assert!(
        !shown.contains("record 41") && !shown.contains("114, 101"),
        "{shown}"
    );
}

#[test]
fn every_flipped_bit_is_noticed_or_changes_nothing() {
    let good = receipt(43);
    let json = good.to_json().into_bytes();
    for bit in 0..json.len() * 8 {
        let mut bad = json.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        if let Ok(receipt) = Receipt::from_json(&bad) {
            let accepted = receipt.verify(signer().verifying_key()).is_ok();
            assert!(!accepted || receipt == good, "bit {bit}");
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Receipt::from_json(&bytes);
        let _ = Leaf::parse(&bytes);
    }
}
