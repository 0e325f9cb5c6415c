//! `kepil bench`: a quick look at this machine; the full benchmark is `cargo xtask bench`.

use crate::exit::{Failure, environment, input};
use kepil_gate::Gate;
use kepil_gate::baseline::Baselines;
use kepil_gate::case::Case;
use kepil_law::pack::{Options, load};
use kepil_ledger::entry::Opening;
use kepil_ledger::note::KeyName;
use kepil_store::draft::Draft;
use kepil_store::log::{Log, Options as LogOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub fn run(seconds: u64, json: bool) -> Result<(), Failure> {
    let long = Duration::from_secs(seconds.clamp(1, 60));
    let book = load(
        &kepil_packs::kz(),
        Options {
            assumed: true,
            draft: false,
        },
    )
    .map_err(input)?;
    let gate = Gate::new(Arc::new(book)).map_err(input)?;
    let baselines = Baselines::load(&gate).map_err(input)?;
    let mut scenes = Vec::new();
    for b in &gate.book().cases {
        let case = Case::parse(&b.text).map_err(input)?;
        scenes.push(
            case.situation
                .scene(&gate, &baselines, None)
                .map_err(input)?,
        );
    }
    let (mut n, start) = (0u64, Instant::now());
    while start.elapsed() < long {
        for s in &scenes {
            std::hint::black_box(gate.decide(s.clone()));
            n += 1;
        }
    }
    let decisions = rate(n, start.elapsed());

    let dir = std::env::temp_dir().join(format!("kepil-bench-{}", std::process::id()));
    let clock = kepil_server::serve::system_clock();
    let options = LogOptions::new(
        KeyName::new("kepil.bench/log").map_err(input)?,
        [7; 32],
        clock,
    );
    let log = Log::open(&dir, options).map_err(environment)?;
    let appender = log.appender();
    let (mut entries, start) = (0u64, Instant::now());
    while start.elapsed() < long {
        let drafts: Vec<Draft> = (0..256u32)
            .map(|i| {
                Draft::from(Opening {
                    salt: [1; 32],
                    record: format!("{i:0300}").into_bytes(),
                })
            })
            .collect();
        entries += 256;
        appender.append_blocking(drafts).map_err(environment)?;
    }
    let appended = rate(entries, start.elapsed());
    log.close().map_err(environment)?;
    let _ = std::fs::remove_dir_all(&dir);
    if json {
        crate::out!(
            "{}",
            serde_json::json!({"decisions_per_s": decisions, "durable_entries_per_s": appended})
        );
    } else {
        crate::out!(
            "{decisions} decisions a second on one thread, all tests, full pack\n{appended} durable entries of 300 bytes a second, one writer, batches of 256"
        );
    }
    Ok(())
}

fn rate(n: u64, took: Duration) -> u64 {
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    n.saturating_mul(1000) / ms
}
