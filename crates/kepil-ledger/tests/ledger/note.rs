use kepil_ledger::checkpoint::{self, Checkpoint, CheckpointError, TrustError};
use kepil_ledger::hash;
use kepil_ledger::note::{
    self, KeyError, KeyName, NoteError, SignatureError, Signer, VerifyingKey,
};
use proptest::prelude::*;

use crate::log::signer;

fn other() -> Signer {
    Signer::from_seed(KeyName::new("witness.example").unwrap(), &[8; 32])
}

fn checkpoint() -> Checkpoint {
    let origin = signer().verifying_key().name().clone();
    Checkpoint {
        origin,
        size: 12,
        root: hash::leaf(b"root"),
    }
}

#[test]
fn a_note_says_again_what_was_read() {
    for text in ["one\n", "one\n\ntwo\n", "one\n\n", "\n"] {
        let written = format!("{text}\n{}\n{}\n", signer().sign(text), other().sign(text));
        let note = note::parse(written.as_bytes()).unwrap();
        assert_eq!(note.text(), text);
        assert_eq!(note.to_string(), written);
        note.verify(signer().verifying_key()).unwrap();
        note.verify(other().verifying_key()).unwrap();
    }
}

#[test]
fn a_note_in_any_other_spelling_is_refused() {
    let good = checkpoint().sign(&signer());
    let bad = [
        good.replace('\u{2014}', "-"),
        good.replace("\u{2014} ", "\u{2014}  "),
        good.replace("\u{2014} ", "\u{2014}"),
        good.trim_end().to_owned(),
        format!("{good}\n"),
        format!("{good}x\n"),
        good.replace('\n', "\r\n"),
        good.replace("12\n", "12\t\n"),
        good.replace("\n\n", "\n"),
        good.replace("=\n", "\n"),
        good.replace(" log.example/test ", "  "),
        good.replace(" log.example/test ", " log+example "),
        String::new(),
        "\n\n".to_owned(),
        "text\n\n\u{2014} name AAAAAA==\n".to_owned(),
    ];
    for (at, note) in bad.iter().enumerate() {
        assert!(note::parse(note.as_bytes()).is_err(), "case {at}: {note:?}");
    }
    assert_eq!(note::parse(b"a\xff\n\n"), Err(NoteError::NotText));
    let many = format!("{good}{}", format!("{}\n", other().sign("x")).repeat(64));
    assert_eq!(
        note::parse(many.as_bytes()),
        Err(NoteError::TooManySignatures)
    );
    let long = "x".repeat(note::MAX_NOTE_BYTES + 1);
    assert!(matches!(
        note::parse(long.as_bytes()),
        Err(NoteError::TooLong { .. })
    ));
}

#[test]
fn unknown_signatures_are_ignored_and_bad_known_ones_are_not() {
    let text = checkpoint().to_text();
    let unknown = format!(
        "{text}\n{}\n{}\n",
        other().sign("other text"),
        signer().sign(&text)
    );
    note::parse(unknown.as_bytes())
        .unwrap()
        .verify(signer().verifying_key())
        .unwrap();

    let missing = format!("{text}\n{}\n", other().sign(&text));
    assert_eq!(
        note::parse(missing.as_bytes())
            .unwrap()
            .verify(signer().verifying_key()),
        Err(SignatureError::NotSigned {
            name: signer().verifying_key().name().clone()
        })
    );

    // One good and one bad line by the same key: the note is bad.
    let mixed = format!(
        "{text}\n{}\n{}\n",
        signer().sign(&text),
        signer().sign("other text")
    );
    assert_eq!(
        note::parse(mixed.as_bytes())
            .unwrap()
            .verify(signer().verifying_key()),
        Err(SignatureError::Bad {
            name: signer().verifying_key().name().clone()
        })
    );
}

#[test]
fn a_key_of_the_same_name_is_another_key() {
    let twin = Signer::from_seed(signer().verifying_key().name().clone(), &[9; 32]);
    let signed = checkpoint::parse(checkpoint().sign(&signer()).as_bytes()).unwrap();
    assert!(matches!(
        signed.verify(twin.verifying_key()),
        Err(TrustError::Signature(SignatureError::NotSigned { .. }))
    ));
    assert!(matches!(
        signed.verify(other().verifying_key()),
        Err(TrustError::OtherLog { .. })
    ));
}

#[test]
fn verifier_keys_have_one_spelling() {
    let key = signer().verifying_key().clone();
    assert_eq!(VerifyingKey::parse(&key.to_string()), Ok(key.clone()));
    let upper = key.to_string().replacen(
        &key.id().to_string(),
        &key.id().to_string().to_uppercase(),
        1,
    );
    assert!(upper == key.to_string() || VerifyingKey::parse(&upper).is_err());
    assert_eq!(VerifyingKey::parse("name"), Err(KeyError::Malformed));
    assert_eq!(
        VerifyingKey::parse("name+00000000"),
        Err(KeyError::Malformed)
    );
    assert!(matches!(
        VerifyingKey::parse("name+00000000+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"),
        Err(KeyError::IdMismatch { .. })
    ));
    assert!(matches!(
        VerifyingKey::parse("w0.example+6ddf5b09+BEOnLnFEAXYt9mtowm373yaCquyfJHTspGE+QkoPuv08"),
        Err(KeyError::UnsupportedType { code: 4, .. })
    ));
    let weak = format!("name+00000000+AQ{}", "A".repeat(42));
    assert!(matches!(
        VerifyingKey::parse(&weak),
        Err(KeyError::UnsoundKey { .. })
    ));
    for name in ["", "a b", "a+b", "a\u{2003}b", "a\n", "\u{7f}"] {
        assert!(KeyName::new(name).is_err(), "{name:?}");
    }
}

#[test]
fn checkpoints_have_three_lines_and_no_extension() {
    let sign = |text: &str| format!("{text}\n{}\n", signer().sign(text));
    let root = hash::leaf(b"root").to_base64();
    let cases = [
        (
            format!("log\n1\n{root}\nextension\n"),
            CheckpointError::Lines { found: 4 },
        ),
        ("log\n1\n".to_owned(), CheckpointError::Lines { found: 2 }),
        (format!("log\n01\n{root}\n"), CheckpointError::Size),
        (format!("log\n+1\n{root}\n"), CheckpointError::Size),
        (
            format!("log\n18446744073709551616\n{root}\n"),
            CheckpointError::Size,
        ),
        (format!("log\n0\n{root}\n"), CheckpointError::Root),
        ("log\n1\nAAAA\n".to_owned(), CheckpointError::Root),
        (format!("a log\n1\n{root}\n"), CheckpointError::Origin),
    ];
    for (text, expected) in cases {
        assert_eq!(
            checkpoint::parse(sign(&text).as_bytes()),
            Err(expected),
            "{text:?}"
        );
    }
    let empty = format!("log\n0\n{}\n", hash::empty().to_base64());
    assert!(checkpoint::parse(sign(&empty).as_bytes()).is_ok());
}

#[test]
fn a_secret_key_does_not_show_itself() {
    let debug = format!("{:?}", signer());
    assert!(
        debug.contains("log.example/test") && !debug.contains('7'.to_string().repeat(4).as_str())
    );
}

#[test]
fn every_flipped_bit_of_a_checkpoint_is_noticed() {
    let good = checkpoint().sign(&signer()).into_bytes();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let trusted = checkpoint::parse(&bad)
            .is_ok_and(|signed| signed.verify(signer().verifying_key()).is_ok());
        assert!(!trusted, "bit {bit}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = note::parse(&bytes);
        let _ = checkpoint::parse(&bytes);
        let _ = VerifyingKey::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn what_parses_is_written_the_same(
        text in "[a-z\n\u{2014} ]{0,40}\n",
        line in "(\u{2014}|-) [a-z+ ]{0,4} [A-Za-z0-9+/]{0,8}={0,2}",
    ) {
        let written = format!("{text}\n{line}\n");
        if let Ok(note) = note::parse(written.as_bytes()) {
            prop_assert_eq!(note.to_string(), written);
        }
    }
}
