use kepil_ledger::checkpoint::{self, Checkpoint, TrustError};
use kepil_ledger::cosignature::{Cosignature, CosignatureError, Cosigner};
use kepil_ledger::hash;
use kepil_ledger::note::{KeyError, Signer};
use kepil_ledger::policy::{LineError, MAX_LINES_OF_A_KIND, MAX_POLICY_BYTES, Policy, PolicyError};
use proptest::prelude::*;

use crate::cosignature::{ed25519, ml_dsa, signed};
use crate::log::signer;

fn cosigner(at: u8) -> Cosigner {
    match at {
        5 => ml_dsa("w5.example", 5),
        _ => ed25519(&format!("w{at}.example"), at),
    }
}

/// Two of three witnesses, and one of two auditors; w5 signs with ML-DSA-44.
fn text() -> String {
    let mut text = format!("log {}\n", signer().verifying_key());
    for at in 1..=5 {
        text += &format!("witness w{at} {}\n", cosigner(at).key());
    }
    text + "group witnesses 2 w1 w2 w3\n\
        group auditors any w4 w5\n\
        group both all witnesses auditors\n\
        quorum both\n"
}

fn policy() -> Policy {
    Policy::parse(text().as_bytes()).unwrap()
}

fn by(at: u8, time: u64) -> Cosignature {
    let key = cosigner(at).key().clone();
    Cosignature {
        name: key.name().clone(),
        id: key.id(),
        time,
    }
}

#[test]
fn the_quorum_is_counted_through_groups() {
    let cases: [(&[u8], bool); 9] = [
        (&[], false),
        (&[1, 2, 3], false),
        (&[4, 5], false),
        (&[1, 4], false),
        (&[1, 1, 4], false),
        (&[1, 3, 4], true),
        (&[2, 3, 5], true),
        (&[1, 2, 3, 4, 5], true),
        (&[9, 8, 7, 4], false),
    ];
    for (signers, expected) in cases {
        let lines: Vec<Cosignature> = signers.iter().map(|at| by(*at, 7)).collect();
        assert_eq!(policy().check(&lines), expected, "{signers:?}");
        let until = expected.then_some(7);
        assert_eq!(policy().cosigned_until(&lines), until, "{signers:?}");
    }
}

#[test]
fn cosigned_until_is_the_time_the_quorum_rests_on() {
    let cases = [
        (vec![by(1, 10), by(2, 20), by(4, 30)], Some(10)),
        (vec![by(1, 10), by(2, 20), by(3, 30), by(4, 5)], Some(5)),
        (vec![by(1, 10), by(2, 20), by(3, 30), by(4, 40)], Some(20)),
        // A later line by the same cosigner counts instead of the earlier one.
        (vec![by(1, 10), by(1, 60), by(2, 20), by(4, 40)], Some(20)),
        (vec![by(1, 60), by(2, 50), by(4, 40), by(5, 70)], Some(50)),
        (vec![by(1, 60), by(2, 50)], None),
    ];
    for (lines, expected) in cases {
        assert_eq!(policy().cosigned_until(&lines), expected, "{lines:?}");
    }
}

#[test]
fn without_a_quorum_anything_is_enough_and_nothing_is_fresh() {
    let policy = Policy::parse(b"quorum none\n").unwrap();
    assert!(policy.check(&[]));
    assert_eq!(policy.cosigned_until(&[by(1, 10)]), None);
    assert_eq!(policy.to_string(), "quorum none\n");
}

#[test]
fn a_policy_checks_a_checkpoint() {
    let checkpoint = Checkpoint {
        origin: signer().verifying_key().name().clone(),
        size: 12,
        root: hash::leaf(b"root"),
    };
    let line = |at: u8, time| cosigner(at).sign(&checkpoint, time).unwrap();
    let good = signed(
        &checkpoint,
        &[line(9, 9), line(1, 10), line(3, 20), line(5, 30)],
    );
    assert_eq!(policy().verify_log(&good), Ok(&checkpoint));
    let found = policy().cosignatures(&good).unwrap();
    assert_eq!(found, [by(1, 10), by(3, 20), by(5, 30)]);
    assert_eq!(policy().cosigned_until(&found), Some(10));

    let other = Checkpoint {
        size: 13,
        ..checkpoint.clone()
    };
    let bad = signed(&checkpoint, &[cosigner(1).sign(&other, 10).unwrap()]);
    assert!(matches!(
        policy().cosignatures(&bad),
        Err(CosignatureError::Bad { .. })
    ));
    let stranger = foreign("stranger.example");
    let strange = checkpoint::parse(stranger.as_bytes()).unwrap();
    assert!(matches!(
        policy().verify_log(&strange),
        Err(TrustError::UnknownLog { .. })
    ));
}

fn foreign(name: &str) -> String {
    let log = Signer::from_seed(kepil_ledger::note::KeyName::new(name).unwrap(), &[3; 32]);
    let checkpoint = Checkpoint {
        origin: log.verifying_key().name().clone(),
        size: 1,
        root: hash::leaf(b"root"),
    };
    checkpoint.sign(&log)
}

#[test]
fn a_log_may_have_two_keys_while_they_change_over() {
    let old = signer();
    let new = Signer::from_seed(old.verifying_key().name().clone(), &[8; 32]);
    let text = format!(
        "log {} https://log.example/\nlog {}\nquorum none\n",
        old.verifying_key(),
        new.verifying_key()
    );
    let policy = Policy::parse(text.as_bytes()).unwrap();
    let checkpoint = Checkpoint {
        origin: old.verifying_key().name().clone(),
        size: 1,
        root: hash::leaf(b"root"),
    };
    for signer in [&old, &new] {
        let signed = checkpoint::parse(checkpoint.sign(signer).as_bytes()).unwrap();
        assert_eq!(policy.verify_log(&signed), Ok(&checkpoint));
    }
    assert_eq!(
        policy.logs()[0].url.as_deref(),
        Some("https://log.example/")
    );
    assert_eq!(policy.to_string(), text);
}

#[test]
fn white_space_and_comments_carry_no_meaning() {
    let spaced = text()
        .lines()
        .map(|line| {
            format!(
                "\t {}  \t\n\n  # \u{e9} comment\n#\n",
                line.replace(' ', "\t ")
            )
        })
        .collect::<String>();
    assert_eq!(Policy::parse(spaced.as_bytes()), Ok(policy()));
    assert_eq!(policy().to_string(), text());
    // Words are opaque: other white space is part of them.
    let odd = format!("witness a\u{a0}b {}\nquorum a\u{a0}b\n", cosigner(1).key());
    assert_eq!(Policy::parse(odd.as_bytes()).unwrap().to_string(), odd);
}

#[test]
fn every_fault_is_named_with_its_line() {
    let log = signer().verifying_key().to_string();
    let [w1, w2, w4] = [1, 2, 4].map(|at| cosigner(at).key().to_string());
    let twin = ed25519("another.example", 1).key().to_string();
    let log_twin = Signer::from_seed(ed25519("x", 1).key().name().clone(), &[7; 32]);
    let log_twin = log_twin.verifying_key();
    let start = format!("witness a {w1}\nwitness b {w2}\ngroup g any a b\n");
    let owned = str::to_owned;
    let cases = [
        (
            format!("log {w1}\n"),
            1,
            LineError::Key(KeyError::UnsupportedType {
                name: cosigner(1).key().name().clone(),
                code: 4,
                expected: "0x01",
            }),
        ),
        (
            format!("witness a {log}\n"),
            1,
            LineError::Key(KeyError::UnsupportedType {
                name: signer().verifying_key().name().clone(),
                code: 1,
                expected: "0x04 or 0x06",
            }),
        ),
        (owned("\nlog x\n"), 2, LineError::Key(KeyError::Malformed)),
        (
            owned("log\n"),
            1,
            LineError::Form {
                form: "log <vkey> [<url>]",
            },
        ),
        (
            format!("log {log} url # no comment here\n"),
            1,
            LineError::Form {
                form: "log <vkey> [<url>]",
            },
        ),
        (
            format!("log {log}\nlog {log}\n"),
            2,
            LineError::SameKey {
                name: owned("log.example/test"),
            },
        ),
        (
            format!("log {log}\nlog {log_twin}\n"),
            2,
            LineError::SameKey { name: owned("x") },
        ),
        (
            owned("witness a\n"),
            1,
            LineError::Form {
                form: "witness <name> <vkey> [<url>]",
            },
        ),
        (
            format!("witness a {w1} u v\n"),
            1,
            LineError::Form {
                form: "witness <name> <vkey> [<url>]",
            },
        ),
        (
            format!("witness none {w1}\n"),
            1,
            LineError::NameTaken {
                name: owned("none"),
            },
        ),
        (
            format!("{start}witness a {w4}\n"),
            4,
            LineError::NameTaken { name: owned("a") },
        ),
        (
            format!("{start}witness g {w4}\n"),
            4,
            LineError::NameTaken { name: owned("g") },
        ),
        (
            format!("{start}witness c {w1}\n"),
            4,
            LineError::SameKey {
                name: owned("w1.example"),
            },
        ),
        (
            format!("{start}witness c {twin}\n"),
            4,
            LineError::SameKey {
                name: owned("another.example"),
            },
        ),
        (
            format!("{start}group g any g\n"),
            4,
            LineError::NameTaken { name: owned("g") },
        ),
        (
            format!("{start}group h any h\n"),
            4,
            LineError::UnknownName { name: owned("h") },
        ),
        (
            format!("{start}group h any none\n"),
            4,
            LineError::UnknownName {
                name: owned("none"),
            },
        ),
        (
            format!("{start}group h any g a\n"),
            4,
            LineError::MemberTwice { name: owned("a") },
        ),
        (
            format!("{start}group h any g g\n"),
            4,
            LineError::MemberTwice { name: owned("g") },
        ),
        (
            format!("{start}group h\n"),
            4,
            LineError::Form {
                form: "group <name> all|any|<k> <name>...",
            },
        ),
        (
            format!("{start}group h all\n"),
            4,
            LineError::Threshold {
                threshold: owned("all"),
                members: 0,
            },
        ),
        (
            format!("{start}group h 0 g\n"),
            4,
            LineError::Threshold {
                threshold: owned("0"),
                members: 1,
            },
        ),
        (
            format!("{start}group h 2 g\n"),
            4,
            LineError::Threshold {
                threshold: owned("2"),
                members: 1,
            },
        ),
        (
            format!("{start}group h 01 g\n"),
            4,
            LineError::Threshold {
                threshold: owned("01"),
                members: 1,
            },
        ),
        (
            format!("quorum a\n{start}"),
            1,
            LineError::UnknownName { name: owned("a") },
        ),
        (
            format!("{start}quorum g\nquorum g\n"),
            5,
            LineError::SecondQuorum,
        ),
        (
            format!("{start}quorum\n"),
            4,
            LineError::Form {
                form: "quorum <name>|none",
            },
        ),
        (
            format!("{start}quorum a b\n"),
            4,
            LineError::Form {
                form: "quorum <name>|none",
            },
        ),
        (
            owned("Log x\n"),
            1,
            LineError::Keyword {
                keyword: owned("Log"),
            },
        ),
        (owned("quorum none"), 1, LineError::Unfinished),
        (owned("quorum none\n#"), 2, LineError::Unfinished),
        (owned("quorum none\r\n"), 1, LineError::NotText),
        (owned("# \u{7f}\n"), 1, LineError::NotText),
        (owned("# \u{b}\n"), 1, LineError::NotText),
    ];
    for (text, line, source) in cases {
        assert_eq!(
            Policy::parse(text.as_bytes()),
            Err(PolicyError::Line { line, source }),
            "{text}"
        );
    }
    assert_eq!(Policy::parse(start.as_bytes()), Err(PolicyError::NoQuorum));
    assert!(Policy::parse(b"# \xff\nquorum none\n").is_err());
}

#[test]
fn a_policy_has_bounds() {
    let many = |count: usize| -> String {
        let groups = (0..count).map(|at| {
            let vkey = Cosigner::from_ed25519_seed(
                kepil_ledger::note::KeyName::new("n").unwrap(),
                &[u8::try_from(at).unwrap(); 32],
            );
            format!("witness {at} {}\n", vkey.key())
        });
        groups.chain(["quorum 0\n".to_owned()]).collect()
    };
    assert!(Policy::parse(many(MAX_LINES_OF_A_KIND).as_bytes()).is_ok());
    assert_eq!(
        Policy::parse(many(MAX_LINES_OF_A_KIND + 1).as_bytes()),
        Err(PolicyError::Line {
            line: MAX_LINES_OF_A_KIND + 1,
            source: LineError::TooMany { keyword: "witness" }
        })
    );
    let long = format!("#{}\nquorum none\n", "x".repeat(MAX_POLICY_BYTES));
    assert!(matches!(
        Policy::parse(long.as_bytes()),
        Err(PolicyError::TooLong { .. })
    ));
}

/// Four witnesses, then lines that may fit: about every third of these is a policy.
fn nearly() -> impl Strategy<Value = String> {
    let witnesses: String = (1..=4)
        .map(|at| format!("witness {at} {}\n", cosigner(at).key()))
        .collect();
    let name = || prop::sample::select(vec!["1", "2", "3", "4", "g0", "g1"]);
    let threshold = prop::sample::select(vec!["any", "all", "1", "2", "1", "any"]);
    let groups = prop::collection::vec((threshold, prop::collection::vec(name(), 1..4)), 0..3);
    let quorum = prop::sample::select(vec!["0", "1", "2", "0", "none"]);
    (groups, quorum).prop_map(move |(groups, quorum)| {
        let mut text = witnesses.clone();
        for (at, (k, members)) in groups.iter().enumerate() {
            text += &format!("group g{at} {k} {}\n", members.join(" "));
        }
        let last = groups.len().checked_sub(1);
        let quorum = match (quorum, last) {
            ("0", Some(last)) => format!("g{last}"),
            (other, _) => other.to_owned(),
        };
        text + &format!("quorum {quorum}\n")
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Policy::parse(&bytes);
    }

    #[test]
    fn what_parses_is_written_so_that_it_reads_the_same(
        text in nearly(),
        mask in any::<[bool; 4]>(),
        times in any::<[u8; 4]>(),
    ) {
        let Ok(policy) = Policy::parse(text.as_bytes()) else { return Ok(()) };
        prop_assert_eq!(Policy::parse(policy.to_string().as_bytes()), Ok(policy.clone()));

        // T is the greatest time that works; every later one does not.
        let lines: Vec<Cosignature> = (1..=4).zip(mask.into_iter().zip(times))
            .filter(|(_, (is_there, _))| *is_there)
            .map(|(at, (_, time))| by(at, u64::from(time) + 1))
            .collect();
        let since = |time: u64| -> Vec<Cosignature> {
            lines.iter().filter(|line| line.time >= time).cloned().collect()
        };
        match policy.cosigned_until(&lines) {
            Some(time) => {
                prop_assert!(policy.check(&since(time)));
                prop_assert!(!policy.check(&since(time + 1)));
            }
            None => prop_assert!(policy.check(&[]) || !policy.check(&lines)),
        }
    }
}
