//! Tests of the chronicle: sealing, proving, keeping back, erasing, rebuilding.

#[cfg(test)]
mod erase;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod support;
