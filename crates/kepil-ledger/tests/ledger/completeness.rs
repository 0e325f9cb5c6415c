//! Completeness proofs, good and broken, on a small log made from fixed seeds.
//!
//! The same cases are written to `tests/vectors/completeness.json` for other
//! implementations; `KEPIL_WRITE_VECTORS=1` writes the file anew.

use std::path::PathBuf;

use kepil_ledger::anchor::Anchor;
use kepil_ledger::completeness::{Completeness, Expectation, FaultCode, Verified, check};
use kepil_ledger::person::PersonKeys;
use kepil_ledger::policy::Policy;
use kepil_ledger::proof::TlogProof;
use serde_json::{Value, json};

mod cases;
mod closed;
mod world;

use cases::*;
use world::*;

fn run(case: &Case) -> Result<Verified, FaultCode> {
    let anchor = Anchor::parse(&case.anchor()).map_err(|_| FaultCode::Malformed)?;
    let policy = Policy::parse(case.policy().as_bytes()).map_err(|_| FaultCode::Malformed)?;
    check(
        case.file.as_bytes(),
        &Expectation {
            person: &PersonKeys::new(case.secret),
            period: period(),
            policy: &policy,
            anchor: &anchor,
            now: case.now,
            max_age: 3600,
            memory: case.memory.as_ref(),
        },
    )
    .map_err(|fault| fault.code)
}

#[test]
fn every_case_comes_out_with_its_code() {
    for case in cases() {
        let found = run(&case).map_or_else(FaultCode::as_str, |_| "ok");
        assert_eq!(found, case.expected, "{}", case.name);
    }
}

#[test]
fn what_is_verified_is_said() {
    let cases = cases();
    let of = |name: &str| run(cases.iter().find(|case| case.name == name).unwrap()).unwrap();
    let all = of("all rows shown");
    assert_eq!((all.count, all.shown, all.not_opened), (3, 3, 0));
    assert_eq!(
        (all.complete_until, all.cosigned_until),
        (NOW - 10, NOW - 30)
    );
    assert_eq!(all.opened[0].payload.official, "official-1");
    assert!(!all.closed);
    let mixed = of("a row erased and one kept back");
    assert_eq!(
        (mixed.count, mixed.shown, mixed.erased, mixed.deferred),
        (4, 2, 1, 1)
    );
    assert_eq!(mixed.overdue, 0);
    assert_eq!(of("kept back beyond its day").overdue, 1);
    assert_eq!(of("nobody used the data").count, 0);
    assert_eq!(of("completeness alone").not_opened, 3);
    assert!(of("a month that was closed a year ago").closed);
    let later = of("erased and withheld after the month closed");
    assert_eq!(
        (later.count, later.shown, later.erased, later.withheld),
        (3, 1, 1, 1)
    );
    assert!(later.closed);
    assert_eq!(of("an auditor that lags").cosigned_until, NOW - 3000);
}

#[test]
fn no_flipped_bit_of_a_proof_verifies_with_another_meaning() {
    let case = cases()
        .into_iter()
        .find(|case| case.secret == SECRET_A)
        .unwrap();
    let good = run(&case).unwrap();
    let proof = TlogProof::parse(case.file.as_bytes()).unwrap();
    let extra = proof.extra.clone().unwrap();
    for bit in 0..extra.len() * 8 {
        let mut extra = extra.clone();
        extra[bit / 8] ^= 1 << (bit % 8);
        let extra = Some(extra);
        let file = TlogProof {
            extra,
            ..proof.clone()
        }
        .to_string();
        assert!(
            run(&Case {
                file,
                ..clone(&case)
            })
            .is_err(),
            "bit {bit} of the block"
        );
    }
    // Outside the block only lines of cosigners may change, into lines of nobody.
    for bit in 0..case.file.len() * 8 {
        let mut bytes = case.file.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(file) = String::from_utf8(bytes) else {
            continue;
        };
        if let Ok(found) = run(&Case {
            file,
            ..clone(&case)
        }) {
            assert_eq!(found.memory, good.memory, "bit {bit} of the file");
            assert_eq!(found.opened, good.opened);
            assert!(found.cosigned_until <= good.cosigned_until);
        }
    }
}

fn clone(case: &Case) -> Case {
    Case {
        file: case.file.clone(),
        memory: case.memory.clone(),
        policy: case.policy.clone(),
        anchor: case.anchor.clone(),
        ..*case
    }
}

#[test]
fn proofs_are_read_strictly_and_written_again() {
    for case in cases() {
        let Ok(proof) = TlogProof::parse(case.file.as_bytes()) else {
            continue;
        };
        let extra = proof.extra.unwrap();
        let Some(content) = Completeness::parse(&extra) else {
            continue;
        };
        assert_eq!(content.to_bytes(), extra);
        for length in 0..extra.len() {
            assert_eq!(Completeness::parse(&extra[..length]), None);
        }
        let longer = [extra.as_slice(), &[0]].concat();
        assert_eq!(Completeness::parse(&longer), None);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn vector(case: &Case) -> Value {
    let memory = case.memory.as_ref().map(|memory| {
        let entries: Vec<Value> = memory
            .entries
            .iter()
            .map(|(index, commitment)| json!([index, commitment.as_hash().to_string()]))
            .collect();
        json!({"size": memory.size, "entries": entries})
    });
    json!({
        "name": case.name, "secret": hex(&case.secret), "period": period().number(),
        "policy": case.policy(), "anchor": case.anchor(),
        "now": case.now, "max_age": 3600, "memory": memory, "proof": case.file,
        "expect": {"code": case.expected, "result": run(case).ok()},
    })
}

#[test]
fn the_vectors_are_those_in_the_file() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/completeness.json");
    let vectors: Vec<Value> = cases().iter().map(vector).collect();
    let text = format!("{}\n", serde_json::to_string_pretty(&vectors).unwrap());
    if std::env::var_os("KEPIL_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        serde_json::from_str::<Vec<Value>>(&found).is_ok_and(|found| found == vectors),
        "the vectors have changed; write them anew with KEPIL_WRITE_VECTORS=1 and look at the difference"
    );
}
