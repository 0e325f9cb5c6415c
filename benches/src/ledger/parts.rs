//! The parts: each measures one thing and puts figures, goals and notes into the report.

mod book;
mod log;
mod map;
mod postgres;
mod proof;

use crate::clock::{median, number};
use crate::ledger::Run;
use crate::ledger::disk::{Disk, State};
use crate::ledger::open::Plan;
use crate::ledger::times::Latency;
use crate::report::{Figure, Goal, figure};

impl Run {
    /// Notes the state of the disk in the setting.
    fn looked(&mut self, name: &'static str, disk: &Disk) -> State {
        self.setting.push((name, disk.said()));
        disk.state()
    }
}

/// Arrivals a second as a figure.
fn rate(plan: Plan) -> f64 {
    of_count(plan.per_s)
}

/// A count as a figure.
fn of_count(count: u64) -> f64 {
    number(usize::try_from(count).unwrap_or(usize::MAX))
}

/// The spread of acknowledgements; `limit` is the goal for the 99th percentile.
fn of_acks(key: &str, ack: &Latency, state: State, limit: Option<f64>) -> Vec<Figure> {
    let figures = [
        ("p50", "  acknowledged, median, ms", ack.p50),
        ("p95", "  p95, ms", ack.p95),
        ("p99", "  p99, ms", ack.p99),
        ("max", "  longest, ms", ack.max),
    ];
    let of = |(percent, what, value): (&str, &str, f64)| {
        let mut found = figure(format!("{key}{percent}_ms"), what, value).on(state.as_str());
        if percent == "p99" {
            found.goal = limit.map(Goal::AtMost);
        }
        found
    };
    let mut found: Vec<Figure> = figures.into_iter().map(of).collect();
    let count = number(ack.count);
    found.push(figure(format!("{key}count"), "  of so many", count));
    found
}

/// The runs of one state, the normal one if there are any: a median mixes no states.
fn of_one_state<T: Clone>(runs: &[T], state_of: impl Fn(&T) -> State) -> (State, Vec<T>) {
    for state in [State::Normal, State::Slow] {
        let found: Vec<T> = runs
            .iter()
            .filter(|run| state_of(run) == state)
            .cloned()
            .collect();
        if !found.is_empty() {
            return (state, found);
        }
    }
    (State::Mixed, runs.to_vec())
}

/// The median of one figure of many runs.
fn middle<T>(runs: &[T], get: impl Fn(&T) -> f64) -> f64 {
    median(runs.iter().map(get).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_mixes_no_states() {
        use State::{Mixed, Normal, Slow};
        let of = |runs: &[(State, f64)]| {
            let (state, runs) = of_one_state(runs, |(state, _)| *state);
            (state, middle(&runs, |(_, value)| *value))
        };
        assert_eq!(
            of(&[(Slow, 1.0), (Normal, 9.0), (Mixed, 5.0)]),
            (Normal, 9.0)
        );
        assert_eq!(of(&[(Slow, 1.0), (Mixed, 5.0), (Slow, 2.0)]), (Slow, 1.5));
        assert_eq!(of(&[(Mixed, 5.0)]), (Mixed, 5.0));
    }
}
