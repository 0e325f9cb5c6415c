//! Tests of the ledger's formats, proofs and checks.

#[cfg(test)]
mod keytree;
#[cfg(test)]
mod log;
#[cfg(test)]
mod note;
#[cfg(test)]
mod oracle;
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
