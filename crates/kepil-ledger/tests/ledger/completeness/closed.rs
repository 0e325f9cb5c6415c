//! Cases of a month that is over: complete for good, and what is said of it later.

use kepil_ledger::completeness::{Later, RowProof};
use kepil_ledger::entry::{
    Commitment, ErasureDegree, ErasureNotice, KeepingBack, KeepingKind, Leaf,
};
use kepil_ledger::tree::inclusion_path;

use super::cases::{Case, world};
use super::world::*;

/// When the month may close.
fn close() -> u64 {
    period().end_secs() + 86_400
}

/// The log with its last head made at this time, and signed soon after.
fn ending(time: u64, signed: u64) -> (World, Parts) {
    let (mut world, ..) = world();
    world.leaves.pop();
    world.head(time);
    let mut proof = world.proof(SECRET_B, true);
    proof.checkpoint = signed_at(&world, signed);
    (world, proof)
}

fn signed_at(world: &World, time: u64) -> String {
    let times = [(0, time), (1, time), (3, time)];
    world.signers.sign(&world.checkpoint(), &times)
}

/// The proof with the head's place in the log as it is now.
fn with_later(world: &World, proof: &Parts, checkpoint: &str) -> Parts {
    let mut proof = proof.clone();
    let size = world.leaves.len() as u64;
    proof.content.later = Some(Later {
        checkpoint: kepil_ledger::checkpoint::parse(checkpoint.as_bytes()).unwrap(),
        path: inclusion_path(&world.tree(), proof.index, size).unwrap(),
    });
    proof
}

pub fn cases() -> Vec<Case> {
    let long_after = close() + 400 * 86_400;
    let case = |name, file: String, expected| Case {
        policy: None,
        anchor: None,
        name,
        secret: SECRET_B,
        now: long_after,
        memory: None,
        file,
        expected,
    };
    let (mut log, closed) = ending(close(), close() + 100);
    let nearly = ending(close() - 1, close() + 100).1;
    let ahead = ending(close(), close() - 61).1;
    let a_little = ending(close(), close() - 60).1;
    let mut cases = vec![
        case("a month that was closed a year ago", closed.file(), "ok"),
        case("a month a second before it closed", nearly.file(), "stale"),
        case("a head dated ahead of who vouches", ahead.file(), "stale"),
        case("cosigners a minute behind the log", a_little.file(), "ok"),
    ];

    // Later: one row erased, one kept back, one notice that came in time.
    let erased = log.notice(Leaf::Erasure(ErasureNotice {
        degree: ErasureDegree::Row,
        first: 1,
        last: 1,
        rows: 1,
        basis: Commitment::of(&[0x64; 32], b"PDL 18"),
    }));
    let kept = log.notice(Leaf::KeepingBack(KeepingBack {
        kind: KeepingKind::Withheld,
        index: 3,
        until: 0,
        ground: Commitment::of(&[0x65; 32], b"secrecy of adoption"),
    }));
    log.head(close() + 9 * 86_400);
    let then = signed_at(&log, close() + 9 * 86_400);
    let mut later = with_later(&log, &closed, &then);
    later.content.rows[0].1 = RowProof::Erased(log.notice_proof(erased));
    later.content.rows[1].1 = RowProof::KeptBack {
        notice: log.notice_proof(kept),
        salt: [0x65; 32],
        ground: "secrecy of adoption".to_owned(),
    };
    cases.push(case(
        "erased and withheld after the month closed",
        later.file(),
        "ok",
    ));
    let mut broken = |name, expected, change: &dyn Fn(&mut Parts)| {
        cases.push(case(name, later.broken(change), expected));
    };
    broken("a later notice and no later checkpoint", "notice", &|p| {
        p.content.later = None;
    });
    broken("a later checkpoint without a quorum", "quorum", &|p| {
        let text = log.signers.sign(&log.checkpoint(), &[(0, close())]);
        *p = with_later(&log, p, &text);
    });
    broken(
        "a later checkpoint the log did not sign",
        "log_signature",
        &|p| {
            let mut text = then.replacen("log.example/kepil", "log.example/other", 2);
            text = text.replacen("log.example/other", "log.example/kepil", 1);
            *p = with_later(&log, p, &text);
        },
    );
    broken("a later checkpoint without the head", "inclusion", &|p| {
        let later = p.content.later.as_mut().unwrap();
        later.path.reverse();
    });
    broken("the same checkpoint as a later one", "inclusion", &|p| {
        let first = kepil_ledger::checkpoint::parse(p.checkpoint.as_bytes()).unwrap();
        let later = p.content.later.as_mut().unwrap();
        (later.checkpoint, later.path) = (first, p.path.clone());
    });
    broken("a later notice about another entry", "notice", &|p| {
        p.content.rows[2].1 = RowProof::Erased(log.notice_proof(erased));
    });
    broken("a later notice with another path", "notice", &|p| {
        let mut notice = log.notice_proof(erased);
        notice.path.reverse();
        p.content.rows[0].1 = RowProof::Erased(notice);
    });
    // Another log of the same keys, in which the month's head stands elsewhere.
    let (mut fork, _) = ending(close() + 1, close() + 100);
    fork.notice(log.leaves[usize::try_from(erased).unwrap()].clone());
    fork.head(close() + 9 * 86_400);
    let forked = signed_at(&fork, close() + 9 * 86_400);
    broken("a later checkpoint of a split view", "inclusion", &|p| {
        *p = with_later(&fork, p, &forked);
        p.content.rows[0].1 = RowProof::Erased(fork.notice_proof(erased));
        p.content.rows.truncate(1);
    });
    cases
}
