//! Pairwise identifiers against the vectors of the reference.

use kepil_oidc::id::{PersonId, SectorId};
use kepil_oidc::sector::{PairwiseKey, Subject};
use std::collections::HashSet;

fn key() -> PairwiseKey {
    let mut bytes = [0; 32];
    for (b, n) in bytes.iter_mut().zip(0..) {
        *b = n;
    }
    PairwiseKey::new(bytes)
}

fn subject(sector: &str, last: u8) -> String {
    let mut person = [0; 16];
    person[..8].copy_from_slice(&[0x01, 0x8f, 0x2f, 0x6e, 0, 0, 0x70, 0]);
    person[8] = 0x80;
    person[15] = last;
    let sector = SectorId::parse(sector).unwrap();
    key()
        .subject(&sector, &PersonId::new(person))
        .as_str()
        .to_owned()
}

#[test]
fn vectors() {
    for (sector, last, sub) in [
        ("health", 1, "tgaQQspPvjwhxQ62hlshkCDrCMqWAsgl_GcP47FDnrE"),
        ("tax", 1, "X8yoZnRF2VsxaLW6SydEodvhmw_nOi3lBiTvgSnaWUI"),
        ("health", 2, "1xu5y-zQKafT3c4aAK02-Cl2adPP7_KP5xWa6brABLk"),
        ("healt", 1, "wVH4mWYdKSldfmsxP_185-hkL-OkGLzRErwHZ3cC8gw"),
    ] {
        assert_eq!(subject(sector, last), sub);
    }
}

#[test]
fn another_key_is_another_identifier() {
    let (sector, person) = (SectorId::parse("health").unwrap(), PersonId::new([1; 16]));
    let other = PairwiseKey::new([0; 32]);
    assert_ne!(
        key().subject(&sector, &person),
        other.subject(&sector, &person)
    );
}

#[test]
fn what_was_stored_is_read_again() {
    let sub = subject("health", 1);
    assert_eq!(Subject::from_stored(&sub).unwrap().as_str(), sub);
    for bad in ["", "x", &sub.repeat(2), &format!("{sub}=")] {
        assert_eq!(Subject::from_stored(bad), None);
    }
}

#[test]
fn a_million_pairs_without_collision() {
    let key = key();
    let sectors: Vec<SectorId> = (0..10)
        .map(|n| SectorId::parse(&format!("sector{n}")).unwrap())
        .collect();
    let mut seen = HashSet::with_capacity(1_000_000);
    // Persons spread by a multiplication that never repeats (odd factor).
    for n in 0..100_000u128 {
        let n = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let person = PersonId::new(n.to_be_bytes());
        for sector in &sectors {
            assert!(seen.insert(key.subject(sector, &person)));
        }
    }
    assert_eq!(seen.len(), 1_000_000);
}
