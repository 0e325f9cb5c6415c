//! A whole node over HTTP, with durable entries, the load on the same machine.

mod load;
mod node;

use crate::fault::{Fault, during};
use crate::report::{Figure, Report, figure};
use crate::setting::{Setting, load_average};
use load::{Load, drive};
use node::Node;
use std::path::PathBuf;
use std::time::Duration;

/// Connections that ask at once.
const CONNECTIONS: usize = 64;
/// Evaluations in one batch.
const BATCH: usize = 50;

/// Measures singles, batches, start, memory and size.
///
/// # Errors
/// When the node cannot be started, an answer is not one, or an answered decision is not in the log.
pub fn run(quick: bool, binary: Option<PathBuf>) -> Result<Report, Fault> {
    let mut setting = Setting::look();
    let seconds = if quick { 2 } else { 10 };
    let binary = node::binary(binary)?;
    let size_mb = std::fs::metadata(&binary)
        .map_err(during("looking at the binary"))?
        .len();
    eprintln!("starting a node …");
    let node = Node::start(&binary)?;
    let probe_before = node.sync_probe_us()?;
    let idle_kb = node.memory_kb()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(during("starting the load"))?;
    let long = Duration::from_secs(seconds);
    eprintln!("singles: {CONNECTIONS} connections, {seconds} s …");
    let singles = runtime.block_on(drive(&node, CONNECTIONS, 1, long))?;
    eprintln!("batches of {BATCH}: {CONNECTIONS} connections, {seconds} s …");
    let batches = runtime.block_on(drive(&node, CONNECTIONS, BATCH, long))?;
    let probe_after = node.sync_probe_us()?;
    let loaded_kb = node.memory_kb()?;
    let (ready_ms, origin) = (node.ready_ms, node.folder());
    eprintln!("checking that every answer stands in the log …");
    let answered = singles.evaluations + batches.evaluations;
    let entries = node.stop_and_count()?;
    if entries != answered {
        return Err(Fault(format!(
            "{answered} decisions were answered and {entries} stand in the log of {origin}: the figures are void"
        )));
    }
    setting.lines.push((
        "disk sync before and after, µs",
        format!("{probe_before:.0}, {probe_after:.0}"),
    ));
    setting.lines.push(("load average after", load_average()));
    Ok(Report {
        title: format!("A node over HTTP: {CONNECTIONS} connections, closed loop, load generator on the same machine"),
        ratios: vec![
            figure("single_over_target", "singles a second, against 10,000", singles.per_s / 10_000.0),
            figure("batch_over_target", "evaluations in batches a second, against 25,000", batches.per_s / 25_000.0),
        ],
        figures: figures(&singles, &batches, &[
            ("idle_memory_mb", "resident memory when idle, MB", mb(idle_kb)),
            ("loaded_memory_mb", "resident memory after the load, MB", mb(loaded_kb)),
            ("start_to_ready_ms", "start to ready, ms", ready_ms),
            ("binary_mb", "size of the release binary, MB", crate::clock::number(usize::try_from(size_mb).unwrap_or(0)) / 1e6),
        ]),
        notes: vec![
            format!("Every answer was durable before it was sent, and all {answered} stand in the log."),
            "Each request carries a token, is parsed strictly, decided by all tests and answered with reasons and a signed receipt.".into(),
            "Singles carry the whole record in their receipt, batches only its commitment.".into(),
        ],
        setting,
    })
}

fn mb(kb: u64) -> f64 {
    crate::clock::number(usize::try_from(kb).unwrap_or(0)) / 1000.0
}

fn figures(singles: &Load, batches: &Load, rest: &[(&str, &str, f64)]) -> Vec<Figure> {
    let mut out = vec![
        figure("single_per_s", "single evaluations a second", singles.per_s),
        figure(
            "http_p50_ms",
            "singles, half took at most, ms",
            singles.p50_ms,
        ),
        figure(
            "http_p99_ms",
            "singles, 99 of 100 took at most, ms",
            singles.p99_ms,
        ),
        figure(
            "batch_per_s",
            "evaluations a second in batches of 50",
            batches.per_s,
        ),
        figure(
            "batch_p50_ms",
            "batches, half took at most, ms",
            batches.p50_ms,
        ),
        figure(
            "batch_p99_ms",
            "batches, 99 of 100 took at most, ms",
            batches.p99_ms,
        ),
    ];
    out.extend(rest.iter().map(|(k, w, v)| figure(*k, *w, *v)));
    out
}
