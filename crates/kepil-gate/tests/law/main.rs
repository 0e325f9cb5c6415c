//! The gate over Kazakhstan's law, held against things we did not write: the law cases, Cedar's
//! own evaluator, and properties that must hold for every request.

mod cases;
mod differential;
mod properties;
mod support;
mod toggles;
mod traps;
