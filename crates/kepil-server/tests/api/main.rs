//! The whole interface of a node, over real HTTP.

mod authzen;
mod bad_input;
mod gate;
mod ledger;
mod logs;
mod openapi;
mod reload;
mod repeats;
mod shutdown;
mod support;
mod tokens;
