//! Tests of the keys: vault, store, erasure, crashes.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod store;
#[cfg(test)]
mod vault;
