//! `kepil replay`: decides every recorded decision again.

use crate::exit::{Failure, environment, input};
use kepil_chronicle::{Chronicle, ChronicleError, payload_of, record_of};
use kepil_gate::Gate;
use kepil_gate::record::Record;
use kepil_ledger::entry::Leaf;
use kepil_ledger::payload::Payload;
use kepil_server::serve::load_law;
use kepil_terms::{Instant, Lang};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What to decide again, and by which law.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration of the node, which must not run; its data folder is read.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, if there is no configuration.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Decide by the law in force on this day (2026-11-27), and list what comes out otherwise.
    #[arg(long, value_name = "DATE")]
    law_as_of: Option<String>,
    /// Begin at this entry.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// File in which the progress is kept: an interrupted replay goes on from there.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Language of reasons: kk, ru or en.
    #[arg(long, default_value = "en", value_parser = crate::decide::lang)]
    lang: Lang,
    /// Allow acts that do not exist: for the data of a demo.
    #[arg(long)]
    danger_assumed_law: bool,
}

/// Entries that are read before they are shared out.
const CHUNK: usize = 4096;

/// What came of one entry.
enum Found {
    Same,
    /// Decided under another pack than the one loaded.
    OtherPack,
    Different(Difference),
}

#[derive(Debug, serde::Serialize)]
struct Difference {
    entry: u64,
    recorded: String,
    again: String,
    why_recorded: Vec<String>,
    why_again: Vec<String>,
}

pub fn run(args: &Args, json: bool) -> Result<(), Failure> {
    let mut config = match &args.config {
        Some(file) => crate::config::read(file)?,
        None => kepil_server::Config::default(),
    };
    if let Some(data) = &args.data {
        config.data_dir.clone_from(data);
    }
    config.danger_assumed_law |= args.danger_assumed_law;
    let as_of = args.law_as_of.as_ref().map(|day| {
        let text = if day.contains('T') {
            day.clone()
        } else {
            format!("{day}T00:00:00+05:00")
        };
        Instant::parse(&text).map_err(|e| input(format!("--law-as-of: {e}")))
    });
    let as_of = as_of.transpose()?;
    let law = load_law(&config).map_err(environment)?;
    let chronicle =
        kepil_server::ledger::open_chronicle(&config, &kepil_server::serve::system_clock())
            .map_err(environment)?;
    let done = replay(args, &chronicle, &law.gate, as_of, json);
    chronicle.close().map_err(environment)?;
    done
}

fn replay(
    args: &Args,
    chronicle: &Chronicle,
    gate: &Gate,
    as_of: Option<Instant>,
    json: bool,
) -> Result<(), Failure> {
    let size = chronicle.reader().size();
    let kept = args
        .state
        .as_ref()
        .and_then(|file| std::fs::read_to_string(file).ok());
    let from = kept
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
        .max(args.from);
    let bar = indicatif::ProgressBar::new(size);
    bar.set_position(from.min(size));
    let (mut same, mut other, mut erased, mut different) = (0u64, 0u64, 0u64, 0u64);
    let mut chunk: Vec<(u64, Payload)> = Vec::with_capacity(CHUNK);
    let mut entries = chronicle.reader().records(from);
    loop {
        chunk.clear();
        let mut next = None;
        for entry in entries.by_ref() {
            let entry = entry.map_err(environment)?;
            next = Some(entry.index + 1);
            if matches!(entry.leaf, Leaf::Access(_) | Leaf::Sealed { .. }) {
                match chronicle
                    .open_row(&entry)
                    .and_then(|open| chronicle.payload(&open))
                {
                    Ok(payload) => chunk.push((entry.index, payload)),
                    Err(ChronicleError::Erased) => erased += 1,
                    Err(e) => return Err(environment(e)),
                }
            }
            if chunk.len() == CHUNK {
                break;
            }
        }
        let Some(next) = next else { break };
        for found in shared_out(gate, &chunk, as_of, args.lang) {
            match found {
                Found::Same => same += 1,
                Found::OtherPack => other += 1,
                Found::Different(d) => {
                    different += 1;
                    bar.suspend(|| show(&d, json));
                }
            }
        }
        bar.set_position(next);
        if bar.is_hidden() && next < size {
            eprintln!("{next} of {size} entries");
        }
        if let Some(file) = &args.state {
            std::fs::write(file, format!("{next}\n"))
                .map_err(|e| environment(format!("writing {}: {e}", file.display())))?;
        }
    }
    bar.finish_and_clear();
    if json {
        crate::out!(
            "{}",
            serde_json::json!({"same": same, "different": different, "other_pack": other, "erased": erased})
        );
    } else {
        let by = if as_of.is_some() {
            "that law gives the same verdict"
        } else {
            "the same bytes again"
        };
        crate::out!("{same} decisions: {by}. {different} come out otherwise.");
        if other > 0 {
            crate::out!(
                "{other} were decided under another pack than the one loaded; load that one to replay them (of a demo: \
                 --danger-assumed-law)."
            );
        }
        if erased > 0 {
            crate::out!("{erased} entries are erased and cannot be decided again.");
        }
    }
    // By another day's law a difference is an answer, not a fault.
    if different > 0 && as_of.is_none() {
        Err(Failure::Finding)
    } else {
        Ok(())
    }
}

/// Decides a chunk on all cores; the results stand in the order of the entries.
fn shared_out(
    gate: &Gate,
    chunk: &[(u64, Payload)],
    as_of: Option<Instant>,
    lang: Lang,
) -> Vec<Found> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(0);
    let found = Mutex::new(Vec::with_capacity(chunk.len()));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((index, payload)) =
                        usize::try_from(at).ok().and_then(|at| chunk.get(at))
                    else {
                        return;
                    };
                    if let Some(one) = again(gate, *index, payload, as_of, lang) {
                        found
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner)
                            .push((*index, one));
                    }
                }
            });
        }
    });
    let mut found = found
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, one)| one).collect()
}

/// `None` for what is no decision.
fn again(
    gate: &Gate,
    index: u64,
    payload: &Payload,
    as_of: Option<Instant>,
    lang: Lang,
) -> Option<Found> {
    let record = record_of(payload)?;
    if record.pack != gate.pack() && as_of.is_none() {
        return Some(Found::OtherPack);
    }
    let difference = |again: String, why_again| {
        Found::Different(Difference {
            entry: index,
            recorded: record.verdict.clone(),
            again,
            why_recorded: failing(&record),
            why_again,
        })
    };
    let mut scene = match gate.scene_of(&record) {
        Ok(scene) => scene,
        Err(e) => return Some(difference(format!("cannot be decided: {e}"), Vec::new())),
    };
    if let Some(day) = as_of {
        scene.at = day;
        let decision = gate.decide(scene);
        if decision.verdict.as_str() == record.verdict {
            return Some(Found::Same);
        }
        let why = gate.explain(&decision, lang, false);
        let why = why.reasons.into_iter().map(|r| match (r.source, r.test) {
            ("", "") => r.text.into_owned(),
            (source, "") => format!("{source}: {}", r.text),
            (source, test) => format!("{source} {test}: {}", r.text),
        });
        return Some(difference(
            decision.verdict.as_str().to_owned(),
            why.collect(),
        ));
    }
    let decision = gate.decide(scene.clone());
    let new = gate.record(&scene, &decision, record.who.clone());
    let same = {
        let mut again = payload_of(&new);
        // What is not the gate's: notes of the node and of the register.
        again.kind = payload.kind;
        again.order.clone_from(&payload.order);
        again.deferred_until = payload.deferred_until;
        again.sealed = payload.sealed;
        again.to_cbor() == payload.clone().to_cbor()
    };
    if same {
        return Some(Found::Same);
    }
    let why = failing(&new);
    Some(difference(new.verdict, why))
}

/// The tests that failed, as recorded.
fn failing(record: &Record) -> Vec<String> {
    let failed = |test: &&String| !test.contains("=pass");
    record.tests.iter().filter(failed).cloned().collect()
}

fn show(d: &Difference, json: bool) {
    if json {
        crate::out!("{}", serde_json::json!(d));
        return;
    }
    crate::out!("entry {}: {} then, {} now", d.entry, d.recorded, d.again);
    for (side, why) in [("then", &d.why_recorded), ("now", &d.why_again)] {
        for reason in why {
            crate::out!("  {side}: {reason}");
        }
    }
}
