//! Measurements; run with `--release -- --ignored --nocapture cost`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::store::{NOVEMBER, open, place};

fn each(rounds: u32, mut work: impl FnMut(u32)) -> Duration {
    let start = Instant::now();
    (0..rounds).for_each(&mut work);
    start.elapsed() / rounds
}

#[test]
#[ignore = "a measurement"]
fn cost_of_every_operation() {
    let place = place();
    let store = open(&place).unwrap();
    let person = |store: &kepil_keys::store::KeyStore, rounds| {
        each(rounds, |subject| {
            black_box(store.person(&format!("iin:{subject}")).unwrap());
        })
    };
    println!("person: {:?}", person(&store, 100_000));
    println!(
        "first row of a period: {:?}",
        each(1, |_| {
            black_box(store.reserve_rows(NOVEMBER, 1).unwrap().next());
        })
    );
    for count in [1, 8, 64] {
        let time = each(200_000 / u32::from(count), |_| {
            store
                .reserve_rows(NOVEMBER, count)
                .unwrap()
                .for_each(|row| {
                    black_box(row);
                });
        });
        println!(
            "reserve and derive, {count} at once: {:?} a row",
            time / u32::from(count)
        );
    }
    println!(
        "row_key: {:?}",
        each(100_000, |row| {
            black_box(store.row_key(NOVEMBER, row.into()).unwrap());
        })
    );
    println!("rotate: {:?}", each(20, |_| store.rotate().unwrap()));
    for erased in [1_u32, 100, 1_000] {
        let time = each(erased, |subject| {
            store
                .erase_person(&format!("{erased}:{subject}"), 0)
                .unwrap();
        });
        let size = store.backup_state().unwrap().len();
        println!("erase_person, {erased} more: {time:?}; the state has {size} bytes");
    }
    println!("person after 1,101 erasures: {:?}", person(&store, 100_000));
}
