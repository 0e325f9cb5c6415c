//! Tests of the store: durability, recovery, publishing, failures.

#[cfg(test)]
mod append;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod book;
#[cfg(test)]
mod check;
#[cfg(test)]
mod closing;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod erase;
#[cfg(test)]
mod failure;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod log;
#[cfg(test)]
mod publish;
#[cfg(test)]
mod rebuild;
#[cfg(test)]
mod saved;
#[cfg(test)]
mod snapshot;
