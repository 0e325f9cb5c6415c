//! The command as people and programs use it.

#[cfg(test)]
mod archive;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod node;
#[cfg(test)]
mod stamps;
#[cfg(test)]
mod support;
