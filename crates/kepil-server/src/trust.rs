//! Signatures under checkpoints that this node has verified already: the pages of many people rest
//! on the same few checkpoints.

use kepil_ledger::checkpoint::SignedCheckpoint;
use kepil_ledger::completeness::{Before, Expectation, Fault, vouched};
use kepil_ledger::entry::Commitment;
use kepil_ledger::policy::Policy;
use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Checkpoints that are remembered: the newest, and those that closed months.
const MOST: usize = 32;

/// Rows that are remembered; then it begins anew.
const MOST_ROWS: usize = 200_000;

/// What was verified.
#[derive(Debug, Default)]
pub struct Trust {
    policy: Mutex<Option<(Vec<u8>, Arc<Policy>)>>,
    known: Mutex<VecDeque<Known>>,
    /// Rows whose gate's signature holds.
    rows: Mutex<HashSet<Commitment>>,
}

/// A checkpoint that was verified under a policy.
#[derive(Debug)]
struct Known {
    checkpoint: SignedCheckpoint,
    policy: Arc<Policy>,
    until: Option<u64>,
}

impl Trust {
    /// The published policy, read anew when its file changed.
    pub fn policy(&self, public: &Path) -> Option<Arc<Policy>> {
        let bytes = std::fs::read(public.join("policy")).unwrap_or_default();
        let mut policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, parsed)) = policy.as_ref()
            && *of == bytes
        {
            return Some(Arc::clone(parsed));
        }
        let parsed = Arc::new(Policy::parse(&bytes).ok()?);
        *policy = Some((bytes, Arc::clone(&parsed)));
        Some(parsed)
    }

    /// Until when the quorum of a policy vouches for a checkpoint; its signatures are verified
    /// once. `expected` names the same policy.
    ///
    /// # Errors
    /// With the step that failed; a failure is not remembered.
    pub fn vouched(
        &self,
        signed: &SignedCheckpoint,
        policy: &Arc<Policy>,
        expected: &Expectation<'_>,
    ) -> Result<Option<u64>, Fault> {
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let same = |one: &&Known| Arc::ptr_eq(&one.policy, policy) && one.checkpoint == *signed;
            if let Some(one) = known.iter().find(same) {
                return Ok(one.until);
            }
        }
        let until = vouched(signed, expected)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.push_front(Known {
            checkpoint: signed.clone(),
            policy: Arc::clone(policy),
            until,
        });
        known.truncate(MOST);
        Ok(until)
    }
}

/// What this node verified before, for one check.
#[derive(Debug)]
pub struct Seen<'a> {
    /// What is remembered.
    pub trust: &'a Trust,
    /// The policy of the check.
    pub policy: &'a Arc<Policy>,
    /// The check.
    pub expected: &'a Expectation<'a>,
}

impl Before for Seen<'_> {
    fn checkpoint(&self, signed: &SignedCheckpoint) -> Result<Option<u64>, Fault> {
        self.trust.vouched(signed, self.policy, self.expected)
    }

    fn knows_row(&self, commitment: &Commitment) -> bool {
        let rows = &self.trust.rows;
        let rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.contains(commitment)
    }

    fn saw_row(&self, commitment: &Commitment) {
        let rows = &self.trust.rows;
        let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= MOST_ROWS {
            rows.clear();
        }
        rows.insert(*commitment);
    }
}
