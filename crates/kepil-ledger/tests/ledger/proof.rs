use kepil_ledger::checkpoint::{Checkpoint, CheckpointError};
use kepil_ledger::hash::Hash;
use kepil_ledger::proof::{MAX_PATH_HASHES, MAX_PROOF_BYTES, TlogProof, TlogProofError};
use kepil_ledger::tree::{MemoryTree, ProofError, inclusion_path};
use proptest::prelude::*;

use crate::cosignature::{ed25519, signed};
use crate::log::{leaf, signer};

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|index| leaf(index).hash()).collect()
}

fn proof(index: u64, size: u64, extra: Option<Vec<u8>>) -> TlogProof {
    let tree = MemoryTree::new(leaves(size));
    let checkpoint = Checkpoint {
        origin: signer().verifying_key().name().clone(),
        size,
        root: tree.root().unwrap(),
    };
    let w1 = ed25519("w1.example", 1).sign(&checkpoint, 7).unwrap();
    TlogProof {
        extra,
        index,
        path: inclusion_path(&tree, index, size).unwrap(),
        checkpoint: signed(&checkpoint, &[w1]),
    }
}

#[test]
fn a_proof_is_written_as_the_specification_shows_it() {
    let proof = proof(4, 5, Some(b"extra".to_vec()));
    let [hash] = proof.path[..] else {
        panic!("one hash")
    };
    let text = format!(
        "c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\nindex 4\n{}\n\n{}",
        hash.to_base64(),
        proof.checkpoint
    );
    assert_eq!(proof.to_string(), text);
    assert_eq!(TlogProof::parse(text.as_bytes()), Ok(proof));
}

#[test]
fn proofs_of_every_entry_read_again_and_verify() {
    for size in [1, 2, 3, 8, 13] {
        for index in 0..size {
            for extra in [None, Some(Vec::new()), Some(vec![0, 255])] {
                let proof = proof(index, size, extra);
                let text = proof.to_string();
                assert_eq!(TlogProof::parse(text.as_bytes()), Ok(proof.clone()));
                assert_eq!(proof.verify_inclusion(&leaf(index).hash()), Ok(()));
                assert_eq!(
                    proof.verify_inclusion(&leaf(index + 1).hash()),
                    Err(ProofError::Root)
                );
            }
        }
    }
    let outside = TlogProof {
        index: 5,
        ..proof(4, 5, None)
    };
    assert!(matches!(
        outside.verify_inclusion(&leaf(4).hash()),
        Err(ProofError::OutsideTree { .. })
    ));
}

#[test]
fn a_proof_in_any_other_spelling_is_refused() {
    let good = proof(1, 5, Some(b"extra".to_vec())).to_string();
    let hash = proof(1, 5, None).path[0].to_base64();
    let cases = [
        (good.replace("@v1", "@v2"), TlogProofError::FirstLine),
        (format!("\n{good}"), TlogProofError::FirstLine),
        (good.replace("ZXh0cmE=", "ZXh0cmE"), TlogProofError::Extra),
        (good.replace("ZXh0cmE=", "ZXh0cmF="), TlogProofError::Extra),
        (good.replace("extra ", "extra  "), TlogProofError::Extra),
        (good.replace("extra ", "extra"), TlogProofError::Index),
        (good.replace("extra ", "Extra "), TlogProofError::Index),
        (
            good.replace("extra ZXh0cmE=\n", &"extra ZXh0cmE=\n".repeat(2)),
            TlogProofError::Index,
        ),
        (good.replace("index 1", "index 01"), TlogProofError::Index),
        (good.replace("index 1", "index -1"), TlogProofError::Index),
        (good.replace("index 1\n", ""), TlogProofError::Index),
        (good.replace(&hash, "AAAA"), TlogProofError::Hash { at: 1 }),
        (
            good.replace(&hash, &format!("{hash} ")),
            TlogProofError::Hash { at: 1 },
        ),
        (
            good.replace(&hash, &format!("{hash}\r")),
            TlogProofError::Hash { at: 1 },
        ),
        (
            good.replace(&hash, &vec![hash.as_str(); MAX_PATH_HASHES].join("\n")),
            TlogProofError::LongPath,
        ),
        (
            "c2sp.org/tlog-proof@v1\nindex 1\n".to_owned(),
            TlogProofError::NoCheckpoint,
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(TlogProof::parse(text.as_bytes()), Err(expected), "{text}");
    }
    for bad in [
        good.trim_end().to_owned(),
        format!("{good}\n"),
        good.replace("log.example/test\n5", "log.example/test\n05"),
        good.replacen("\n\n", "\n\n\n", 1),
    ] {
        assert!(matches!(
            TlogProof::parse(bad.as_bytes()),
            Err(TlogProofError::Checkpoint(
                CheckpointError::Note(_)
                    | CheckpointError::Size
                    | CheckpointError::Origin
                    | CheckpointError::Lines { .. }
            ))
        ));
    }
    let long = vec![b'x'; MAX_PROOF_BYTES + 1];
    let long = TlogProof::parse(&long).unwrap_err();
    assert!(matches!(long, TlogProofError::TooLong { .. }));
    assert_eq!(long.code(), "malformed");
    assert!(TlogProof::parse(b"\xff\n\n").is_err());
}

#[test]
fn no_flipped_bit_is_lost_on_the_way() {
    let good = proof(3, 5, Some(b"x".to_vec()));
    let bytes = good.to_string().into_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = TlogProof::parse(&bad) {
            assert_eq!(read.to_string().into_bytes(), bad, "bit {bit}");
            assert_ne!(read, good, "bit {bit}");
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = TlogProof::parse(&bytes);
        let framed = [b"c2sp.org/tlog-proof@v1\nindex 1\n".as_slice(), &bytes].concat();
        let _ = TlogProof::parse(&framed);
    }

    #[test]
    fn what_parses_is_written_the_same(
        index: u64,
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
        path in prop::collection::vec(any::<[u8; 32]>(), 0..=MAX_PATH_HASHES),
    ) {
        let path = path.into_iter().map(Hash::new).collect();
        let proof = TlogProof { index, path, ..proof(0, 1, extra) };
        prop_assert_eq!(TlogProof::parse(proof.to_string().as_bytes()), Ok(proof.clone()));
        let _ = proof.verify_inclusion(&leaf(0).hash());
    }
}
