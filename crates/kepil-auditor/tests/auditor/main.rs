//! Tests of the auditor: a node that misbehaves in every way there is, over real HTTP.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod others;
#[cfg(test)]
mod published;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod site;
#[cfg(test)]
#[expect(dead_code, reason = "the tests of the replay use more of it")]
#[path = "../../../kepil-ledger/tests/ledger/audit/world.rs"]
mod world;
