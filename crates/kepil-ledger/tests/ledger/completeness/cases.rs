//! The cases: proofs, good and broken, with the code each comes out with.

use kepil_ledger::anchor::Anchor;
use kepil_ledger::checkpoint::Checkpoint;
use kepil_ledger::completeness::{Memory, NoticeProof, RowProof, ShownRow};
use kepil_ledger::entry::{
    Commitment, ErasureDegree, ErasureNotice, KeepingBack, KeepingKind, Leaf,
};
use kepil_ledger::hash::Hash;
use kepil_ledger::note::Signer;
use kepil_ledger::proof::TlogProof;
use kepil_ledger::record::{DecisionCode, GateSigner, RecordKind};

use super::closed;
use super::world::*;

/// A case for this and other implementations.
pub struct Case {
    /// Another policy and another anchor than the usual ones.
    pub policy: Option<String>,
    pub anchor: Option<String>,
    pub name: &'static str,
    pub secret: [u8; 32],
    pub now: u64,
    pub memory: Option<Memory>,
    pub file: String,
    pub expected: &'static str,
}

impl Case {
    pub fn policy(&self) -> String {
        self.policy
            .clone()
            .unwrap_or_else(|| Signers::new().policy())
    }

    pub fn anchor(&self) -> String {
        let usual = || Signers::new().anchor().to_string();
        self.anchor.clone().unwrap_or_else(usual)
    }
}

pub fn shown(parts: &mut Parts, at: usize) -> &mut ShownRow {
    match &mut parts.content.rows[at].1 {
        RowProof::Shown(row) => row,
        other => panic!("{other:?}"),
    }
}

/// The world of the cases: five persons, seven accesses, two notices.
pub fn world() -> (World, u64, u64) {
    let mut world = World::new();
    for secret in [
        SECRET_A, SECRET_B, SECRET_A, SECRET_B, SECRET_A, SECRET_A, SECRET_B,
    ] {
        world.access(secret);
    }
    let erased = world.notice(Leaf::Erasure(ErasureNotice {
        degree: ErasureDegree::Row,
        first: 2,
        last: 2,
        rows: 1,
        basis: Commitment::of(&[0x61; 32], b"PDL 18"),
    }));
    let kept = world.notice(Leaf::KeepingBack(KeepingBack {
        kind: KeepingKind::Deferred,
        index: 4,
        until: NOW + 1000,
        ground: Commitment::of(&[0x62; 32], b"order 17 of the court of Almaty"),
    }));
    world.notice(Leaf::KeepingBack(KeepingBack {
        kind: KeepingKind::Withheld,
        index: 0,
        until: 0,
        ground: Commitment::of(&[0x63; 32], b"secrecy of a notarial act"),
    }));
    world.head(NOW - 10);
    (world, erased, kept)
}

pub fn cases() -> Vec<Case> {
    let (world, erased, kept) = world();
    let of_b = world.proof(SECRET_B, true);
    let mut of_a = world.proof(SECRET_A, true);
    of_a.content.rows[1].1 = RowProof::Erased(world.notice_proof(erased));
    of_a.content.rows[2].1 = RowProof::KeptBack {
        notice: world.notice_proof(kept),
        salt: [0x62; 32],
        ground: "order 17 of the court of Almaty".to_owned(),
    };
    let sign = |times: &[(usize, u64)]| world.signers.sign(&world.checkpoint(), times);
    let memory = |entries: usize, size| Memory {
        size,
        entries: of_b.content.entries[..entries].to_vec(),
    };
    let case = |name, file: String, expected| Case {
        policy: None,
        anchor: None,
        name,
        secret: SECRET_B,
        now: NOW,
        memory: None,
        file,
        expected,
    };
    let mut cases = vec![
        case("all rows shown", of_b.file(), "ok"),
        case(
            "completeness alone",
            world.proof(SECRET_B, false).file(),
            "ok",
        ),
        Case {
            secret: SECRET_A,
            ..case("a row erased and one kept back", of_a.file(), "ok")
        },
        Case {
            secret: SECRET_A,
            now: NOW + 2000,
            ..case("kept back beyond its day", of_a.file(), "ok")
        },
        Case {
            secret: [0xa5; 32],
            ..case(
                "nobody used the data",
                world.proof([0xa5; 32], true).file(),
                "ok",
            )
        },
        Case {
            memory: Some(memory(2, 5)),
            ..case("a list that grew", of_b.file(), "ok")
        },
        Case {
            memory: Some(memory(3, 99)),
            ..case("a log that shrank", of_b.file(), "shrunk")
        },
        Case {
            memory: Some(Memory {
                size: 3,
                entries: of_a.content.entries.clone(),
            }),
            ..case("another list than before", of_b.file(), "shrunk")
        },
        Case {
            secret: SECRET_A,
            ..case("somebody else's proof", of_b.file(), "map")
        },
        case(
            "no proof at all",
            "c2sp.org/tlog-proof@v1\n".to_owned(),
            "malformed",
        ),
        case(
            "windows line ends",
            of_b.file().replace('\n', "\r\n"),
            "malformed",
        ),
        Case {
            now: NOW + 7200,
            ..case("witnesses saw it two hours ago", of_b.file(), "stale")
        },
    ];
    let mut broken = |name, expected, change: &dyn Fn(&mut Parts)| {
        cases.push(case(name, of_b.broken(change), expected));
    };
    broken("no auditor", "quorum", &|p| {
        p.checkpoint = sign(&[(0, NOW - 4), (1, NOW - 4), (2, NOW - 4)])
    });
    broken("one witness only", "quorum", &|p| {
        p.checkpoint = sign(&[(0, NOW - 4), (3, NOW - 4)])
    });
    broken("one witness twice", "quorum", &|p| {
        p.checkpoint = sign(&[(0, NOW - 4), (0, NOW - 5), (3, NOW - 4)])
    });
    broken("an auditor that lags", "ok", &|p| {
        p.checkpoint = sign(&[(0, NOW - 4), (2, NOW - 4), (3, NOW - 3000)])
    });
    broken("an auditor of yesterday", "stale", &|p| {
        p.checkpoint = sign(&[(0, NOW - 4), (2, NOW - 4), (3, NOW - 86_400)])
    });
    broken("a witness from the future", "cosignature", &|p| {
        p.checkpoint = sign(&[(0, NOW + 61), (1, NOW), (3, NOW)])
    });
    broken("a witness a little ahead", "ok", &|p| {
        p.checkpoint = sign(&[(0, NOW + 60), (1, NOW), (3, NOW)])
    });
    broken(
        "a witness's signature of another tree",
        "cosignature",
        &|p| {
            let other = Checkpoint {
                size: 4,
                ..world.checkpoint()
            };
            let line = world.signers.cosigners[0].sign(&other, NOW).unwrap();
            p.checkpoint = sign(&[(1, NOW), (3, NOW)]);
            p.checkpoint.push_str(&format!("{line}\n"));
        },
    );
    broken(
        "the log's signature of another log",
        "log_signature",
        &|p| {
            let other = Signer::from_seed(name("log.example/kepil"), &[0x02; 32]);
            p.checkpoint = world.checkpoint().sign(&other);
        },
    );
    broken("another log", "other_log", &|p| {
        let origin = name("other.example/kepil");
        let other = Signer::from_seed(origin.clone(), &[0x02; 32]);
        p.checkpoint = Checkpoint {
            origin,
            ..world.checkpoint()
        }
        .sign(&other);
    });
    broken("a head that is not the last leaf", "not_last", &|p| {
        p.index -= 1
    });
    broken("the path of another leaf", "inclusion", &|p| {
        p.path.reverse()
    });
    broken("a head that covers less", "head", &|p| {
        p.content.head[12] -= 1
    });
    broken("a head of another month", "head", &|p| {
        p.content.head[4] -= 1
    });
    broken("an access in the place of the head", "head", &|p| {
        p.content.head = world.leaves[0].to_bytes();
    });
    broken("the head of another time", "inclusion", &|p| {
        p.content.head[20] ^= 1
    });
    broken("the newest entry hidden", "map", &|p| {
        p.content.entries.pop();
        p.content.rows.pop();
    });
    broken("an entry in the middle hidden", "map", &|p| {
        p.content.entries.remove(1);
        p.content.rows.remove(1);
        p.content.rows[1].0 = 1;
    });
    broken("an entry added", "map", &|p| {
        p.content
            .entries
            .insert(1, (2, Commitment::from_hash(Hash::new([9; 32]))));
        p.content.rows.truncate(1);
    });
    broken("two entries swapped", "order", &|p| {
        p.content.entries.swap(0, 1)
    });
    broken("an entry twice", "order", &|p| {
        let first = p.content.entries[0];
        p.content.entries.insert(0, first);
    });
    broken("an entry beyond the head", "order", &|p| {
        p.content.entries[2].0 = p.index
    });
    broken("an entry at another index", "map", &|p| {
        p.content.entries[0].0 = 0
    });
    broken("another map path", "map", &|p| {
        let mut siblings = p.content.path.siblings().to_vec();
        siblings[0] = Hash::new([7; 32]);
        p.content.path = kepil_ledger::map::MapPath::new(siblings).unwrap();
    });
    broken("a row of another time", "row", &|p| {
        shown(p, 0).time_ms += 1
    });
    broken("a row of another kind", "row", &|p| {
        shown(p, 0).kind = RecordKind::Outcome
    });
    broken("a row of another decision", "row", &|p| {
        shown(p, 1).decision = DecisionCode::Deny
    });
    broken("a row with another salt", "row", &|p| {
        shown(p, 1).salt[31] ^= 1
    });
    broken("a row with another blind", "row", &|p| {
        shown(p, 1).blind[0] ^= 1
    });
    broken("a row with a changed ciphertext", "row", &|p| {
        shown(p, 2).ciphertext[5] ^= 1
    });
    broken("a row with another signature", "row", &|p| {
        shown(p, 2).signature[5] ^= 1
    });
    broken("a row of another gate", "row", &|p| shown(p, 2).gate = 8);
    broken("rows of two entries exchanged", "row", &|p| {
        let first = p.content.rows[0].1.clone();
        p.content.rows[0].1 = p.content.rows[1].1.clone();
        p.content.rows[1].1 = first;
    });
    broken("an erasure without a notice for it", "notice", &|p| {
        p.content.rows[0].1 = RowProof::Erased(world.notice_proof(erased));
    });
    broken("a notice that is not in the log", "notice", &|p| {
        let mut notice = world.notice_proof(erased);
        if let Leaf::Erasure(erasure) = &mut notice.leaf {
            (erasure.first, erasure.last) = (1, 1);
        }
        p.content.rows[0].1 = RowProof::Erased(notice);
    });
    broken("a deferral of another entry", "notice", &|p| {
        p.content.rows[0].1 = RowProof::KeptBack {
            notice: world.notice_proof(kept),
            salt: [0x62; 32],
            ground: "order 17 of the court of Almaty".to_owned(),
        };
    });
    let mut wrong_ground = of_a.clone();
    if let RowProof::KeptBack { ground, .. } = &mut wrong_ground.content.rows[2].1 {
        ground.push('0');
    }
    cases.push(Case {
        secret: SECRET_A,
        ..case(
            "a deferral on another ground",
            wrong_ground.file(),
            "notice",
        )
    });

    let withheld = NoticeProof {
        index: kept + 1,
        ..world.notice_proof(kept + 1)
    };
    let mut with_secrecy = of_a.clone();
    with_secrecy.content.rows[0].1 = RowProof::KeptBack {
        notice: withheld,
        salt: [0x63; 32],
        ground: "secrecy of a notarial act".to_owned(),
    };
    cases.push(Case {
        secret: SECRET_A,
        ..case(
            "a row withheld for a third person",
            with_secrecy.file(),
            "ok",
        )
    });

    // Bytes that no writer makes.
    let salt = shown(&mut of_b.clone(), 0).salt;
    let before_salt = |bytes: &[u8]| bytes.windows(32).position(|w| w == salt).unwrap();
    let patched = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = of_b.content.to_bytes();
        change(&mut bytes);
        let checkpoint = kepil_ledger::checkpoint::parse(of_b.checkpoint.as_bytes()).unwrap();
        TlogProof {
            extra: Some(bytes),
            index: of_b.index,
            path: of_b.path.clone(),
            checkpoint,
        }
        .to_string()
    };
    let mut odd = |name, change: &dyn Fn(&mut Vec<u8>)| {
        cases.push(case(name, patched(change), "malformed"));
    };
    odd("a record of no type", &|b| {
        let at = before_salt(b) - 1;
        b[at] = 0;
    });
    odd("a record of a type to come", &|b| {
        let at = before_salt(b) - 1;
        b[at] = 5;
    });
    odd("a decision nobody knows", &|b| {
        let at = before_salt(b) + 32 + 8 + 4;
        b[at] = 9;
    });
    odd("a row in a state nobody knows", &|b| {
        let at = before_salt(b) - 2;
        b[at] = 4;
    });
    odd("another version", &|b| b[0] = 3);
    odd("a later checkpoint that is not there", &|b| b[0] = 2);
    odd("a byte too many", &|b| b.push(0));
    odd("a byte too few", &|b| _ = b.pop());
    odd("a sibling written out as zero", &|b| {
        let first = 6 + usize::from(b[5]).div_ceil(8);
        b[first..first + 32].fill(0);
    });

    // Other trust.
    let none = world.signers.policy().replace("quorum both", "quorum none");
    let alone = of_b.broken(|p| p.checkpoint = sign(&[]));
    let trusting = |now, expected| Case {
        policy: Some(none.clone()),
        now,
        ..case("a policy that asks for nobody", alone.clone(), expected)
    };
    cases.push(trusting(NOW, "ok"));
    cases.push(Case {
        name: "a policy that asks for nobody, two hours later",
        ..trusting(NOW + 7200, "stale")
    });
    let late_gate = Anchor {
        gates: vec![(NOW * 1000, world.signers.gate.public())],
        ..world.signers.anchor()
    };
    cases.push(Case {
        anchor: Some(late_gate.to_string()),
        ..case("a gate that was not known yet", of_b.file(), "gate")
    });
    let other_gate = Anchor {
        gates: vec![(0, GateSigner::from_seed(7, &[0x06; 32]).public())],
        ..world.signers.anchor()
    };
    cases.push(Case {
        anchor: Some(other_gate.to_string()),
        ..case("another key of the gate", of_b.file(), "gate")
    });
    cases.push(Case {
        anchor: Some("kepil-anchor/v1\n".to_owned()),
        ..case("half an anchor document", of_b.file(), "malformed")
    });
    cases.push(Case {
        policy: Some("quorum x\n".to_owned()),
        ..case("a policy that names nobody", of_b.file(), "malformed")
    });

    cases.extend(closed::cases());
    cases
}
