//! An auditor of a log: follows it, replays it, and may cosign what held.
//!
//! [`Follower`] reads a log's public files, and with a token its records, rebuilds the tree
//! and replays every entry ([`kepil_ledger::audit`]). It remembers every checkpoint it has
//! seen and compares with witnesses and mirrors, so that a log cannot show two histories.
//! What is wrong comes out as a [`Report`]; it never stops at the first fault.
//!
//! [`Auditor`] cosigns as well, by the protocol of witnesses and with keys of its own: a
//! checkpoint is cosigned once its entries were replayed and held. [`serve`] puts it on HTTP.

mod auditor;
mod evidence;
mod follower;
mod hashes;
mod http;
mod report;
mod run;
mod seen;
mod source;

pub use auditor::{Auditor, AuditorError, CosignRefusal};
pub use follower::{FollowError, Follower, Settings};
pub use http::serve;
pub use report::{Finding, Kind, LogFault, Report, Size};
pub use run::{AuditArgs, RunError, ServeArgs, open_auditor, run_audit, run_serve};
pub use source::{FolderLog, HttpLog, Log, Place, RecordsError};
