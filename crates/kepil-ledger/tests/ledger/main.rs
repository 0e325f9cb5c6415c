//! Tests of the ledger's formats, proofs and checks.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod completeness;
#[cfg(test)]
mod cosignature;
#[cfg(test)]
mod keytree;
#[cfg(test)]
mod log;
#[cfg(test)]
mod map;
#[cfg(test)]
mod note;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod receipt;
#[cfg(test)]
mod tile;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod witness;
