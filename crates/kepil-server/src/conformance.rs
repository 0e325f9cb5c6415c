//! The AuthZEN conformance tenant: a small policy over invented users and records, on a path of
//! its own. It has no law, no purpose and no record, so no gate in service may switch it on.

use crate::authzen::Evaluation;
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use serde_json::{Map, Value, json};

/// The tenant.
#[derive(Debug)]
pub struct Conformance {
    policies: PolicySet,
    entities: Entities,
    authorizer: Authorizer,
}

impl Conformance {
    /// Loads the conformance pack.
    ///
    /// # Errors
    /// When the pack inside the binary is broken.
    pub fn load() -> Result<Self, String> {
        let files = kepil_packs::conformance();
        let get = |name: &str| {
            files
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, t)| t.clone())
                .ok_or_else(|| format!("the conformance pack lacks {name}"))
        };
        let policies = get("policies.cedar")?
            .parse::<PolicySet>()
            .map_err(|e| e.to_string())?;
        let entities =
            Entities::from_json_str(&get("entities.json")?, None).map_err(|e| e.to_string())?;
        Ok(Self {
            policies,
            entities,
            authorizer: Authorizer::new(),
        })
    }

    /// Decides; whatever cannot be evaluated is a denial.
    #[must_use]
    pub fn decide(&self, e: &Evaluation<'_>) -> bool {
        let Some(request) = request(e) else {
            return false;
        };
        let answer = self
            .authorizer
            .is_authorized(&request, &self.policies, &self.entities);
        answer.decision() == Decision::Allow && answer.diagnostics().errors().next().is_none()
    }
}

fn request(e: &Evaluation<'_>) -> Option<Request> {
    let uid = |ty: &str, id: &str| EntityUid::from_json(json!({"type": ty, "id": id})).ok();
    let context = json!({
        "subject_type": e.subject_type,
        "resource_type": e.resource_type,
        "resource_id": e.resource_id,
        "subject": plain(e.subject),
        "action": plain(e.action_properties),
        "resource": plain(e.resource),
    });
    let context = Context::from_json_value(context, None).ok()?;
    Request::new(
        uid("Subject", e.subject_id)?,
        uid("Action", e.action)?,
        uid("Resource", e.resource_id)?,
        context,
        None,
    )
    .ok()
}

/// Only texts and yes-or-no values: the policies look at nothing else.
fn plain(map: &Map<String, Value>) -> Value {
    Value::Object(
        map.iter()
            .filter(|(_, v)| v.is_string() || v.is_boolean())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    )
}
