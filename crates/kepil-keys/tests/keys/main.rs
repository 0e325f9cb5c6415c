//! Tests of the keys: the vault.

#[cfg(test)]
mod vault;
