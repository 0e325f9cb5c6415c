//! The relying services in `clients.json`, and whether the gate can decide about them.

use crate::app::Law;
use crate::config::Config;
use crate::serve::ServeError;
use kepil_ledger::error::in_one_line;
use kepil_oidc::client::{Entry, Register};
use kepil_oidc::id::Norm;

/// Reads the clients, where the data folder names any.
///
/// # Errors
/// When the file is broken, or a client names attributes and not how the gate knows it.
pub(super) fn read(config: &Config) -> Result<Option<(Vec<Entry>, Register)>, ServeError> {
    let path = config.data_dir.join("clients.json");
    let Ok(bytes) = std::fs::read(&path) else {
        return Ok(None);
    };
    let say = |e: &dyn std::error::Error| {
        ServeError::Environment(format!("{}: {}", path.display(), in_one_line(e)))
    };
    let entries: Vec<Entry> = serde_json::from_slice(&bytes).map_err(|e| say(&e))?;
    let register = Register::new(entries.clone()).map_err(|e| say(&e))?;
    if let Some(entry) = entries.iter().find(|entry| !is_at_gate(entry)) {
        return Err(ServeError::Environment(format!(
            "{}: the client `{}` names attributes or `iin_release`, and no `gate`: say `\"gate\": {{\"system\": …, \"purpose\": …}}` (and `agreement`, if there is one), by which the gate decides about each release",
            path.display(),
            entry.client_id.as_str()
        )));
    }
    Ok(Some((entries, register)))
}

/// Whether the gate can decide about what a client may be told.
fn is_at_gate(entry: &Entry) -> bool {
    entry.gate.is_some() || (entry.attributes.is_empty() && entry.iin_release.is_none())
}

/// Checks the clients of a configuration against law and registers; says what will let the gate
/// refuse every release.
///
/// # Errors
/// When the file is broken.
pub fn doubts(config: &Config, law: &Law) -> Result<Vec<String>, ServeError> {
    let Some((entries, _)) = read(config)? else {
        return Ok(Vec::new());
    };
    let mut doubts = Vec::new();
    for entry in &entries {
        let Some(at) = &entry.gate else { continue };
        let client = entry.client_id.as_str();
        let mut doubt = |what: String| {
            doubts.push(format!(
                "clients.json: the client `{client}` {what}; the gate will release nothing to it"
            ));
        };
        if law.register.system(&at.system).is_none() {
            doubt(format!(
                "is the system `{}`, which is in no register",
                at.system
            ));
        }
        if law.gate.book().vocab.find("Purpose", &at.purpose).is_none() {
            doubt(format!(
                "names the purpose `{}`, which the law's vocabulary has not",
                at.purpose
            ));
        }
        if let Some(agreement) = &at.agreement
            && law.register.record("agreement", agreement).is_none()
        {
            doubt(format!(
                "names the agreement `{agreement}`, which is in no register"
            ));
        }
        let norms = entry.attributes.iter().map(|attribute| &attribute.norm);
        for norm in norms.chain(&entry.iin_release).map(Norm::as_str) {
            if law.gate.book().provision(norm).is_none() {
                doubt(format!("names the norm `{norm}`, which the pack has not"));
            }
        }
    }
    Ok(doubts)
}
