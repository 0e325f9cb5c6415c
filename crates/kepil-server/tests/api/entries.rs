//! What the tests ask of a node's ledger.

use crate::support::{Call, Node, Reply, WALL_SECS, index};
use kepil_gate::record::Record;
use kepil_ledger::record::RecordKind;
use kepil_server::App;
use serde_json::Value;

/// Decisions in the log of a node.
pub fn decisions(app: &App) -> u64 {
    let chronicle = &app.ledger.chronicle;
    let is_decision = |entry: &kepil_store::log::Entry| {
        chronicle
            .open_row(entry)
            .is_ok_and(|open| open.row.record.facts.kind == RecordKind::Access)
    };
    let entries = chronicle.reader().records(0).map(Result::unwrap);
    entries.filter(is_decision).count() as u64
}

/// A decision's record in the log of a node.
pub fn record(app: &App, index: u64) -> Record {
    let chronicle = &app.ledger.chronicle;
    let payload = chronicle.payload(&chronicle.row(index).unwrap()).unwrap();
    kepil_chronicle::record_of(&payload).unwrap()
}

impl Node {
    /// Decisions in the log.
    pub fn entries(&self) -> u64 {
        decisions(&self.app)
    }

    /// Place of an answer's decision among the decisions of the log.
    pub fn place(&self, answer: &Value) -> u64 {
        let chronicle = &self.app.ledger.chronicle;
        let before = chronicle.reader().records(0).map(Result::unwrap);
        let before = before.take_while(|entry| entry.index < index(answer));
        let is_decision = |entry: &kepil_store::log::Entry| {
            matches!(entry.leaf, kepil_ledger::entry::Leaf::Access(_))
        };
        before.filter(is_decision).count() as u64
    }

    /// Leaves in the log: decisions, and what the log says of itself.
    pub fn leaves(&self) -> u64 {
        self.app.ledger.chronicle.reader().size()
    }

    /// The record of an answer's decision, opened with the node's keys.
    pub fn record(&self, answer: &Value) -> Record {
        record(&self.app, index(answer))
    }

    /// A request of a person with the own secret.
    pub fn of_person(&self, person: &str, path: &str) -> Call {
        let keys = self
            .app
            .ledger
            .chronicle
            .person(&format!("person:{person}"));
        let time = WALL_SECS.to_string();
        let mac = kepil_server::my::code(keys.unwrap().request_key(), path, &time);
        let value = format!("Kepil-Person subject=\"{person}\", time=\"{time}\", mac=\"{mac}\"");
        self.call("get", path).header("authorization", &value)
    }

    /// A request of the operator.
    pub fn operator(&self, order: &Value) -> Reply {
        let path = self.app.config.data_dir.join("operator.token");
        let token = std::fs::read_to_string(path).unwrap();
        self.call("post", "/admin/v1/orders")
            .token(token.trim())
            .json(order)
            .send()
    }
}
