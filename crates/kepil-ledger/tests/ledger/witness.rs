use kepil_ledger::checkpoint::Checkpoint;
use kepil_ledger::hash::{self, Hash};
use kepil_ledger::note::{KeyName, Signer, VerifyingKey};
use kepil_ledger::tree::{MemoryTree, consistency_path, root};
use kepil_ledger::witness::{
    AddCheckpoint, AddCheckpointError, MAX_PROOF_HASHES, MAX_REQUEST_BYTES, Refusal, TreeHead,
    decide,
};
use proptest::prelude::*;

use crate::cosignature::signed;
use crate::log::signer;

/// Entries of a log that leaves the common history at `fork` on its own `branch`.
fn history(branch: u8, fork: u64, size: u64) -> MemoryTree {
    MemoryTree::new(
        (0..size)
            .map(|index| {
                let branch = if index < fork { 0 } else { branch };
                hash::leaf(&[&[branch][..], &index.to_be_bytes()].concat())
            })
            .collect(),
    )
}

fn request(tree: &MemoryTree, old: u64, new: u64) -> AddCheckpoint {
    let checkpoint = Checkpoint {
        origin: signer().verifying_key().name().clone(),
        size: new,
        root: root(tree, new).unwrap(),
    };
    AddCheckpoint {
        old,
        proof: consistency_path(tree, old.min(new), new).unwrap(),
        checkpoint: signed(&checkpoint, &[]),
    }
}

fn ask(request: &AddCheckpoint, known: TreeHead) -> Result<TreeHead, Refusal> {
    decide(request, [signer().verifying_key()], known)
}

fn head(tree: &MemoryTree, size: u64) -> TreeHead {
    TreeHead {
        size,
        root: root(tree, size).unwrap(),
    }
}

#[test]
fn a_growing_log_is_cosigned() {
    let tree = history(0, 0, 20);
    let mut known = TreeHead::empty();
    for size in [0, 1, 1, 2, 7, 8, 20, 20] {
        let next = ask(&request(&tree, known.size, size), known);
        assert_eq!(next, Ok(head(&tree, size)));
        known = next.unwrap();
    }
}

#[test]
fn every_refusal_has_the_status_of_the_specification() {
    let tree = history(0, 0, 9);
    let fork = history(1, 4, 9);
    let known = head(&tree, 6);
    let good = request(&tree, 6, 9);
    assert_eq!(ask(&good, known).unwrap().size, 9);

    let stranger = Signer::from_seed(KeyName::new("stranger.example").unwrap(), &[1; 32]);
    let twin = Signer::from_seed(signer().verifying_key().name().clone(), &[1; 32]);
    let refusal = decide(&good, [stranger.verifying_key()], known).unwrap_err();
    assert!(matches!(refusal, Refusal::UnknownLog(_)) && refusal.status() == 404);
    let refusal = decide(&good, [twin.verifying_key()], known).unwrap_err();
    assert!(matches!(refusal, Refusal::Untrusted(_)) && refusal.status() == 403);

    let refuse = |request: &AddCheckpoint| {
        let refusal = ask(request, known).unwrap_err();
        (refusal.status(), refusal)
    };
    let (status, refusal) = refuse(&request(&tree, 9, 6));
    assert_eq!(
        (status, refusal),
        (400, Refusal::Shrinks { old: 9, size: 6 })
    );
    for old in [0, 5, 7, 9] {
        let (status, refusal) = refuse(&request(&tree, old, 9));
        assert_eq!((status, refusal), (409, Refusal::OtherSize { known: 6 }));
    }
    let (status, refusal) = refuse(&request(&fork, 6, 6));
    assert_eq!((status, refusal), (409, Refusal::Fork { size: 6 }));
    let mut bad = vec![request(&fork, 6, 9)];
    for change in 0..3 {
        let mut request = good.clone();
        match change {
            0 => request.proof.clear(),
            1 => request.proof.push(hash::empty()),
            _ => request.proof.swap(0, 1),
        }
        bad.push(request);
    }
    for request in bad {
        let (status, refusal) = refuse(&request);
        assert!(status == 422 && matches!(refusal, Refusal::Inconsistent(_)));
    }
    // A proof where none belongs.
    let mut padded = request(&tree, 0, 9);
    padded.proof.push(hash::empty());
    let refusal = ask(&padded, TreeHead::empty()).unwrap_err();
    assert_eq!(refusal.status(), 422);
}

/// The requests that torchwood's and sunlight's witnesses are tested with.
#[test]
fn the_requests_of_other_witnesses_get_the_same_answers() {
    const ORIGIN: &str =
        "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
    let vkey = {
        use base64::Engine as _;
        let public = "ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f";
        let typed = [vec![1], crate::vectors::bytes(public)].concat();
        let encoded = base64::engine::general_purpose::STANDARD.encode(typed);
        VerifyingKey::parse(&format!("{ORIGIN}+5202289b+{encoded}")).unwrap()
    };
    let hash = |first: u8, last: u8| {
        let mut bytes = [0; 32];
        (bytes[0], bytes[1], bytes[31]) = (0x2a, first, last);
        Hash::new(bytes).to_base64()
    };
    let [zero, one, two, three, four] = [0, 1, 2, 3, 4].map(|at| hash(at, 0));
    let root3 = "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=";
    let root5 = "QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=";
    let size1 = (
        1,
        zero.as_str(),
        "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=",
    );
    let size3 = (
        3,
        root3,
        "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=",
    );
    let size3_bad = (
        3,
        root3,
        "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6gw=",
    );
    let size5 = (
        5,
        root5,
        "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=",
    );
    let pair = "+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=";
    let left = "wgiIFdZfYNv6WU1OllBKsWnLYIS/DBMqt8Uh/S4OukE=";
    let wrong = hash(2, 0x10);
    let steps: [(u64, Vec<&str>, _, u16); 8] = [
        (0, vec![], size1, 200),
        (1, vec![&one, &two], size3_bad, 403),
        (1, vec![], size3, 422),
        (1, vec![&one, &wrong], size3, 422),
        (1, vec![&one, &two], size3, 200),
        (1, vec![&one, pair, &four], size5, 409),
        (3, vec![&two, &three, left, &four], size5, 200),
        (0, vec![], size5, 409),
    ];
    let mut known = TreeHead::empty();
    for (at, (old, proof, (size, root, signature), expected)) in steps.into_iter().enumerate() {
        let proof: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
        let body = format!(
            "old {old}\n{proof}\n{ORIGIN}\n{size}\n{root}\n\n\u{2014} {ORIGIN} {signature}\n"
        );
        let request = AddCheckpoint::parse(body.as_bytes()).unwrap();
        assert_eq!(request.to_string(), body);
        let status = match decide(&request, [&vkey], known) {
            Ok(next) => {
                known = next;
                200
            }
            Err(refusal) => refusal.status(),
        };
        assert_eq!(status, expected, "step {at}");
    }
    assert_eq!(known.size, 5);
}

#[test]
fn a_request_in_any_other_spelling_is_refused() {
    let request = request(&history(0, 0, 9), 6, 9);
    let good = request.to_string();
    assert_eq!(AddCheckpoint::parse(good.as_bytes()), Ok(request.clone()));
    let hash = request.proof[0].to_base64();
    let cases = [
        (
            good.replacen("old 6", "old 06", 1),
            AddCheckpointError::OldSize,
        ),
        (
            good.replacen("old 6", "old  6", 1),
            AddCheckpointError::OldSize,
        ),
        (
            good.replacen("old 6", "Old 6", 1),
            AddCheckpointError::OldSize,
        ),
        (good.replacen("old 6\n", "", 1), AddCheckpointError::OldSize),
        (
            good.replace(&hash, "AAAA"),
            AddCheckpointError::Hash { at: 1 },
        ),
        (
            good.replace(&hash, &vec![hash.as_str(); MAX_PROOF_HASHES].join("\n")),
            AddCheckpointError::LongProof,
        ),
        ("old 0\n".to_owned(), AddCheckpointError::NoCheckpoint),
    ];
    for (text, expected) in cases {
        let found = AddCheckpoint::parse(text.as_bytes()).unwrap_err();
        assert_eq!(found, expected, "{text}");
        assert_eq!(Refusal::from(found).status(), 400);
    }
    for bad in [good.trim_end().to_owned(), format!("{good}\n")] {
        assert!(matches!(
            AddCheckpoint::parse(bad.as_bytes()),
            Err(AddCheckpointError::Checkpoint(_))
        ));
    }
    assert!(matches!(
        AddCheckpoint::parse(&vec![b'x'; MAX_REQUEST_BYTES + 1]),
        Err(AddCheckpointError::TooLong { .. })
    ));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = AddCheckpoint::parse(&bytes);
        let _ = AddCheckpoint::parse(&[b"old 1\n".as_slice(), &bytes].concat());
    }

    #[test]
    fn what_parses_is_written_the_same(
        old: u64,
        proof in prop::collection::vec(any::<[u8; 32]>(), 0..=MAX_PROOF_HASHES),
    ) {
        let proof = proof.into_iter().map(Hash::new).collect();
        let request = AddCheckpoint { old, proof, ..request(&history(0, 0, 1), 0, 1) };
        prop_assert_eq!(AddCheckpoint::parse(request.to_string().as_bytes()), Ok(request));
    }

    /// Whatever a log with many histories asks, all that is cosigned is one history.
    #[test]
    fn no_two_cosigned_checkpoints_contradict(
        steps in prop::collection::vec((0_u8..4, 0_u64..12, any::<bool>()), 1..40),
        forks in any::<[u8; 4]>(),
    ) {
        let trees = [0, 1, 2, 3].map(|branch: u8| {
            history(branch, u64::from(forks[usize::from(branch)] % 12), 12)
        });
        let mut known = TreeHead::empty();
        let mut cosigned = Vec::new();
        for (branch, size, is_honest) in steps {
            // An honest log says the size that is known, another one what it likes.
            let old = if is_honest { known.size } else { size / 2 };
            let tree = &trees[usize::from(branch)];
            if let Ok(next) = ask(&request(tree, old, size), known) {
                prop_assert!(next.size >= known.size);
                known = next;
                cosigned.push((branch, next));
            }
        }
        for (_, one) in &cosigned {
            for (branch, other) in cosigned.iter().filter(|(_, other)| other.size >= one.size) {
                let prefix = root(&trees[usize::from(*branch)], one.size).unwrap();
                prop_assert!(prefix == one.root, "{one:?} is not the beginning of {other:?}");
            }
        }
    }
}
