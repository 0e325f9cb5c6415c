//! Why a benchmark could not be run.

/// A benchmark that could not be run, or whose engines do not agree.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

/// A fault out of anything that can be said.
pub fn fault(e: impl std::fmt::Display) -> Fault {
    Fault(e.to_string())
}

/// A fault with the step in front of it.
pub fn during<E: std::fmt::Display>(step: &str) -> impl Fn(E) -> Fault + '_ {
    move |e| Fault(format!("{step}: {e}"))
}
