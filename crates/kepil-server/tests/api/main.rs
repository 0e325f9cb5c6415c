//! The whole interface of a node, over real HTTP.

#[cfg(test)]
mod authzen;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bad_values;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod counter;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod empty_months;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod forget;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod long_lists;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod openapi;
#[cfg(test)]
#[path = "../../../kepil-notices/tests/notices/peer.rs"]
mod peer;
#[cfg(test)]
mod people;
#[cfg(test)]
mod powers;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod repeats;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod sent_codes;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod stamps;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod uses;
