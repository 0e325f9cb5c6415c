//! Tests of the witness: what it keeps, what it never signs, and its HTTP.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod folder;
#[cfg(test)]
mod fork;
#[cfg(test)]
mod http;
#[cfg(test)]
mod log;
