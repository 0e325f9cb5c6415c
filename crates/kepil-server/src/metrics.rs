//! Prometheus metrics: counts and times, never anything about a person.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

/// The verdict of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct VerdictLabel {
    /// ok, human or deny.
    pub verdict: &'static str,
}

/// A route and the status it answered with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabel {
    /// The route's pattern.
    pub route: &'static str,
    /// The status.
    pub status: u16,
}

/// What became of a permitted use, and which system was to say so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// The asking system, by its register id.
    pub system: String,
    /// released, `not_released` or unknown.
    pub outcome: String,
}

/// Deliveries of notices: by which way, and how far they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeliveryLabel {
    /// space, email or sms.
    pub channel: &'static str,
    /// queued, attempted, handed, delivered or failed.
    pub state: &'static str,
}

/// What is measured.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Decisions by verdict.
    pub decisions: Family<VerdictLabel, Counter>,
    /// Time to decide, seconds.
    pub decide_seconds: Histogram,
    /// Time until the entry was durable, seconds.
    pub record_seconds: Histogram,
    /// Answers by route and status.
    pub answers: Family<RouteLabel, Counter>,
    /// Requests that could not be recorded and were therefore not answered.
    pub unrecorded: Counter,
    /// Tokens issued.
    pub tokens: Counter,
    /// Entries in the log.
    pub entries: Gauge<u64, AtomicU64>,
    /// What became of permitted uses, in the log as it is.
    pub outcomes: Family<OutcomeLabel, Counter>,
    /// Permitted uses that nobody has reported on yet.
    pub open_intents: Gauge<u64, AtomicU64>,
    /// Deliveries of notices.
    pub deliveries: Family<DeliveryLabel, Gauge<u64, AtomicU64>>,
    /// Age of the oldest notice that nothing proves to be delivered, seconds.
    pub oldest_undelivered: Gauge<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("kepil");
        let decisions = Family::default();
        let decide_seconds = Histogram::new(exponential_buckets(1e-6, 2.0, 16));
        let record_seconds = Histogram::new(exponential_buckets(1e-4, 2.0, 14));
        let (answers, unrecorded, tokens, entries) = (
            Family::default(),
            Counter::default(),
            Counter::default(),
            Gauge::default(),
        );
        registry.register(
            "decisions",
            "Decisions by verdict",
            Family::clone(&decisions),
        );
        registry.register("decide_seconds", "Time to decide", decide_seconds.clone());
        registry.register(
            "record_seconds",
            "Time until the entry was durable",
            record_seconds.clone(),
        );
        registry.register(
            "answers",
            "Answers by route and status",
            Family::clone(&answers),
        );
        registry.register(
            "unrecorded",
            "Requests refused because nothing could be recorded",
            unrecorded.clone(),
        );
        registry.register("tokens", "Access tokens issued", tokens.clone());
        let (outcomes, open_intents) = (Family::default(), Gauge::default());
        registry.register(
            "outcomes",
            "What became of permitted uses, by system",
            Family::clone(&outcomes),
        );
        registry.register(
            "open_intents",
            "Permitted uses without an outcome yet",
            open_intents.clone(),
        );
        let (deliveries, oldest_undelivered) = (Family::default(), Gauge::default());
        registry.register(
            "notice_deliveries",
            "Deliveries of notices, by channel and state",
            Family::clone(&deliveries),
        );
        registry.register(
            "notice_oldest_undelivered_seconds",
            "Age of the oldest notice without a proven delivery",
            oldest_undelivered.clone(),
        );
        registry.register("log_entries", "Entries in the log", entries.clone());
        Self {
            registry,
            decisions,
            decide_seconds,
            record_seconds,
            answers,
            unrecorded,
            tokens,
            entries,
            outcomes,
            open_intents,
            deliveries,
            oldest_undelivered,
        }
    }
}

impl Metrics {
    /// The text Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        if prometheus_client::encoding::text::encode(&mut out, &self.registry).is_err() {
            out.clear();
        }
        out
    }
}
