//! OpenID AuthZEN Authorization API 1.0: what is read, and how batches behave.

use crate::problem::Problem;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// One evaluation, read and checked; unknown members are ignored as the standard demands.
///
/// It borrows from the body: a batch of a thousand copies nothing of its defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation<'a> {
    /// `subject.type`.
    pub subject_type: &'a str,
    /// `subject.id`.
    pub subject_id: &'a str,
    /// `subject.properties`.
    pub subject: &'a Map<String, Value>,
    /// `action.name`.
    pub action: &'a str,
    /// `action.properties`.
    pub action_properties: &'a Map<String, Value>,
    /// `resource.type`.
    pub resource_type: &'a str,
    /// `resource.id`.
    pub resource_id: &'a str,
    /// `resource.properties`.
    pub resource: &'a Map<String, Value>,
    /// `context`.
    pub context: &'a Map<String, Value>,
}

static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// `options.evaluations_semantic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Semantic {
    /// All are evaluated.
    ExecuteAll,
    /// The first denial ends the batch.
    DenyOnFirstDeny,
    /// The first permit ends the batch.
    PermitOnFirstPermit,
}

impl Semantic {
    /// Whether an answer ends the batch.
    #[must_use]
    pub fn ends(self, permitted: bool) -> bool {
        match self {
            Semantic::ExecuteAll => false,
            Semantic::DenyOnFirstDeny => !permitted,
            Semantic::PermitOnFirstPermit => permitted,
        }
    }
}

/// A batch, or a single evaluation sent to the batch endpoint.
#[derive(Debug, Clone)]
pub enum Batch<'a> {
    /// No `evaluations`: behaves as a single evaluation.
    Single(Box<Evaluation<'a>>),
    /// The items; one that cannot be read is an error of its own.
    Many(Vec<Result<Evaluation<'a>, String>>, Semantic),
}

/// Reads a single evaluation.
///
/// # Errors
/// 400 with what is missing or mistyped.
pub fn evaluation(body: &Value) -> Result<Evaluation<'_>, Problem> {
    let map = object(body, "the body").map_err(Problem::bad_request)?;
    read(|key| map.get(key)).map_err(Problem::bad_request)
}

/// Reads a batch.
///
/// # Errors
/// 400 when the batch itself cannot be read, or is longer than `most`.
pub fn batch(body: &Value, most: usize) -> Result<Batch<'_>, Problem> {
    let map = object(body, "the body").map_err(Problem::bad_request)?;
    let items = match map.get("evaluations") {
        None => {
            return Ok(Batch::Single(Box::new(
                read(|key| map.get(key)).map_err(Problem::bad_request)?,
            )));
        }
        Some(Value::Array(items)) if items.is_empty() => {
            return Ok(Batch::Single(Box::new(
                read(|key| map.get(key)).map_err(Problem::bad_request)?,
            )));
        }
        Some(Value::Array(items)) => items,
        Some(_) => return Err(Problem::bad_request("`evaluations` must be a list")),
    };
    if items.len() > most {
        return Err(Problem::too_large(format!(
            "a batch may hold {most} evaluations; this one holds {}",
            items.len()
        )));
    }
    let semantic = match map
        .get("options")
        .and_then(|o| o.get("evaluations_semantic"))
    {
        None => Semantic::ExecuteAll,
        Some(v) => match v.as_str() {
            Some("execute_all") => Semantic::ExecuteAll,
            Some("deny_on_first_deny") => Semantic::DenyOnFirstDeny,
            Some("permit_on_first_permit") => Semantic::PermitOnFirstPermit,
            _ => {
                return Err(Problem::bad_request(
                    "`options.evaluations_semantic` must be execute_all, deny_on_first_deny or permit_on_first_permit",
                ));
            }
        },
    };
    let out = items
        .iter()
        .map(|item| {
            let item = object(item, "an item of `evaluations`")?;
            // An item replaces whole objects of the defaults; there is no deep merge.
            read(|key| item.get(key).or_else(|| map.get(key)))
        })
        .collect();
    Ok(Batch::Many(out, semantic))
}

fn object<'a>(v: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    v.as_object()
        .ok_or_else(|| format!("{what} must be a JSON object"))
}

fn part<'a>(found: Option<&'a Value>, name: &str) -> Result<&'a Map<String, Value>, String> {
    match found {
        None => Err(format!("`{name}` is missing")),
        Some(v) => object(v, &format!("`{name}`")),
    }
}

fn text<'a>(map: &'a Map<String, Value>, of: &str, name: &str) -> Result<&'a str, String> {
    match map.get(name) {
        None => Err(format!("`{of}.{name}` is missing")),
        Some(Value::String(s)) if s.is_empty() => Err(format!("`{of}.{name}` is empty")),
        Some(Value::String(s)) if s.len() > 512 => {
            Err(format!("`{of}.{name}` is longer than 512 bytes"))
        }
        Some(Value::String(s)) => Ok(s),
        Some(_) => Err(format!("`{of}.{name}` must be a string")),
    }
}

fn optional<'a>(found: Option<&'a Value>, name: &str) -> Result<&'a Map<String, Value>, String> {
    match found {
        None | Some(Value::Null) => Ok(&NOTHING),
        Some(Value::Object(o)) => Ok(o),
        Some(_) => Err(format!("`{name}` must be a JSON object")),
    }
}

fn read<'a>(get: impl Fn(&str) -> Option<&'a Value>) -> Result<Evaluation<'a>, String> {
    let (subject, action, resource) = (
        part(get("subject"), "subject")?,
        part(get("action"), "action")?,
        part(get("resource"), "resource")?,
    );
    Ok(Evaluation {
        subject_type: text(subject, "subject", "type")?,
        subject_id: text(subject, "subject", "id")?,
        subject: optional(subject.get("properties"), "subject.properties")?,
        action: text(action, "action", "name")?,
        action_properties: optional(action.get("properties"), "action.properties")?,
        resource_type: text(resource, "resource", "type")?,
        resource_id: text(resource, "resource", "id")?,
        resource: optional(resource.get("properties"), "resource.properties")?,
        context: optional(get("context"), "context")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({"subject": {"type": "user", "id": "a"}, "action": {"name": "read"}, "resource": {"type": "record", "id": "1"}})
    }

    #[test]
    fn every_missing_or_mistyped_member_is_a_400_that_names_it() {
        for path in [
            "subject",
            "action",
            "resource",
            "subject.type",
            "subject.id",
            "action.name",
            "resource.type",
            "resource.id",
        ] {
            let mut gone = good();
            let mut wrong = good();
            match path.split_once('.') {
                None => {
                    gone.as_object_mut().unwrap().remove(path);
                    wrong[path] = json!("text");
                }
                Some((p, m)) => {
                    gone[p].as_object_mut().unwrap().remove(m);
                    wrong[p][m] = json!(5);
                }
            }
            for v in [gone, wrong] {
                let e = evaluation(&v).unwrap_err();
                assert_eq!(e.status, 400);
                assert!(e.detail.contains(path), "{path}: {}", e.detail);
            }
        }
        assert_eq!(evaluation(&json!([])).unwrap_err().status, 400);
    }

    #[test]
    fn unknown_members_are_ignored() {
        let mut v = good();
        v["extra"] = json!({"deep": [1]});
        v["subject"]["nickname"] = json!("x");
        assert_eq!(evaluation(&v).unwrap(), evaluation(&good()).unwrap());
    }

    #[test]
    fn items_replace_whole_objects_and_inherit_the_rest() {
        let mut v = good();
        v["context"] = json!({"purpose": "x", "case": "1"});
        v["evaluations"] =
            json!([{}, {"context": {"purpose": "y"}}, {"resource": {"id": "no type"}}]);
        let Batch::Many(items, Semantic::ExecuteAll) = batch(&v, 50).unwrap() else {
            panic!()
        };
        assert_eq!(items[0].as_ref().unwrap().context.len(), 2);
        assert_eq!(items[1].as_ref().unwrap().context.len(), 1);
        assert!(items[2].as_ref().unwrap_err().contains("resource.type"));
        v["evaluations"] = json!([]);
        assert!(matches!(batch(&v, 50).unwrap(), Batch::Single(_)));
        v["evaluations"] = json!([{}, {}, {}]);
        assert_eq!(batch(&v, 2).unwrap_err().status, 413);
        v["options"] = json!({"evaluations_semantic": "sometimes"});
        assert_eq!(batch(&v, 50).unwrap_err().status, 400);
    }
}
