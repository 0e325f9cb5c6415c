//! The shell around the gate: HTTP, tokens, registers, the ledger, the start page.

#[macro_use]
mod wording;

pub mod admin;
pub mod answer;
pub mod app;
mod asset;
pub mod audit;
pub mod authzen;
pub mod config;
pub mod conformance;
pub mod desk;
pub mod door;
pub mod endorse;
pub mod evaluate;
mod gatekey;
pub mod json;
pub mod ledger;
pub mod metrics;
pub mod my;
pub mod notices;
pub mod openapi;
pub mod outcome;
pub mod pages;
pub mod people;
pub mod problem;
pub mod register;
pub mod repeat;
pub mod rotation;
pub mod routes;
pub mod serve;
pub mod staging;
pub mod throttle;
pub mod timestamp;
pub mod trust;

pub use app::App;
pub use config::Config;
