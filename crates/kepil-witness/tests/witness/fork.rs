//! Whatever is asked, everything cosigned is one history.

use std::sync::Barrier;
use std::thread;

use kepil_ledger::hash::Hash;
use kepil_ledger::tree::root;
use proptest::prelude::*;

use crate::log::{TIME, history, open, request, size_of};

#[test]
fn of_many_forks_asked_at_once_one_is_cosigned() {
    let folder = tempfile::tempdir().unwrap();
    let witness = open(folder.path()).unwrap();
    let start = Barrier::new(8);
    let signed: Vec<Hash> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|branch| {
                let (witness, start) = (&witness, &start);
                scope.spawn(move || {
                    let asked = request(&history(branch, 0), 0, 3);
                    start.wait();
                    let answer = witness.add_checkpoint(&asked, TIME);
                    answer.is_ok().then(|| asked.checkpoint.unverified().root)
                })
            })
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().unwrap())
            .collect()
    });
    let latest = witness.latest(&crate::log::name(crate::log::ORIGIN));
    assert_eq!(signed, [latest.unwrap().unverified().root]);
}

#[test]
fn requests_at_once_never_set_a_log_back() {
    let folder = tempfile::tempdir().unwrap();
    let witness = open(folder.path()).unwrap();
    let tree = history(0, 0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut last = 0;
                while last < 12 {
                    let known = size_of(&witness);
                    assert!(known >= last);
                    let size = (known + 1).min(12);
                    // Another thread may have been faster: then this one is refused.
                    let _ = witness.add_checkpoint(&request(&tree, known, size), TIME);
                    last = known;
                }
            });
        }
    });
    assert_eq!(size_of(&witness), 12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_two_cosigned_checkpoints_contradict(
        steps in prop::collection::vec((0_u8..3, 0_u64..12, any::<bool>(), 0_u8..5), 1..25),
        forks in any::<[u8; 3]>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let trees = [0, 1, 2].map(|branch: u8| {
            history(branch, u64::from(forks[usize::from(branch)] % 12))
        });
        let mut witness = open(folder.path()).unwrap();
        let mut cosigned = Vec::new();
        for (branch, size, is_honest, restart) in steps {
            if restart == 0 {
                drop(witness);
                witness = open(folder.path()).unwrap();
            }
            // An honest log says the size that is known, another one what it likes.
            let old = if is_honest { size_of(&witness) } else { size / 2 };
            let tree = &trees[usize::from(branch)];
            if witness.add_checkpoint(&request(tree, old, size), TIME).is_ok() {
                cosigned.push((branch, size));
            }
        }
        for (one, size) in &cosigned {
            let expected = root(&trees[usize::from(*one)], *size).unwrap();
            for (other, _) in cosigned.iter().filter(|(_, other)| other >= size) {
                let prefix = root(&trees[usize::from(*other)], *size).unwrap();
                prop_assert_eq!(prefix, expected);
            }
        }
    }
}
