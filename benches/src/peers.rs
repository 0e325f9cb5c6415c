//! The other engines, asked the same questions.

pub mod casbin;
pub mod cedar;
pub mod regorus;

use crate::Fault;
use std::collections::BTreeSet;

/// An engine that is asked the questions of a mix.
pub trait Peer {
    /// Asks all questions of one scene and gives back how many answers there were: what is timed.
    ///
    /// # Errors
    /// When the engine fails.
    fn ask(&mut self, scene: usize) -> Result<usize, Fault>;

    /// The ids of the rules that fire, for each question of one scene: what is compared.
    ///
    /// # Errors
    /// When the engine fails.
    fn fired(&mut self, scene: usize) -> Result<Vec<BTreeSet<String>>, Fault>;
}
