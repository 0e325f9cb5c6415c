//! The gate over Kazakhstan's law, held against things we did not write: the law cases, Cedar's
//! own evaluator, and properties that must hold for every request.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod release;
#[cfg(test)]
mod support;
#[cfg(test)]
mod toggles;
#[cfg(test)]
mod traps;
