//! OpenID AuthZEN Authorization API 1.0: what is read, and how batches behave.

use crate::problem::Problem;
use serde_json::{Map, Value};

/// One evaluation, read and checked; unknown members are ignored as the standard demands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// `subject.type`.
    pub subject_type: String,
    /// `subject.id`.
    pub subject_id: String,
    /// `subject.properties`.
    pub subject: Map<String, Value>,
    /// `action.name`.
    pub action: String,
    /// `action.properties`.
    pub action_properties: Map<String, Value>,
    /// `resource.type`.
    pub resource_type: String,
    /// `resource.id`.
    pub resource_id: String,
    /// `resource.properties`.
    pub resource: Map<String, Value>,
    /// `context`.
    pub context: Map<String, Value>,
}

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

/// A batch, or a single evaluation sent to the batch endpoint.
#[derive(Debug, Clone)]
pub enum Batch {
    /// No `evaluations`: behaves as a single evaluation.
    Single(Box<Evaluation>),
    /// The items; one that cannot be read is an error of its own.
    Many(Vec<Result<Evaluation, String>>, Semantic),
}

/// Reads a single evaluation.
///
/// # Errors
/// 400 with what is missing or mistyped.
pub fn evaluation(body: &Value) -> Result<Evaluation, Problem> {
    let map = object(body, "the body").map_err(Problem::bad_request)?;
    read(map).map_err(Problem::bad_request)
}

/// Reads a batch.
///
/// # Errors
/// 400 when the batch itself cannot be read, or is longer than `most`.
pub fn batch(body: &Value, most: usize) -> Result<Batch, Problem> {
    let map = object(body, "the body").map_err(Problem::bad_request)?;
    let items = match map.get("evaluations") {
        None => {
            return Ok(Batch::Single(Box::new(
                read(map).map_err(Problem::bad_request)?,
            )));
        }
        Some(Value::Array(items)) if items.is_empty() => {
            return Ok(Batch::Single(Box::new(
                read(map).map_err(Problem::bad_request)?,
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
            let mut merged = Map::new();
            for key in ["subject", "action", "resource", "context"] {
                if let Some(v) = item.get(key).or_else(|| map.get(key)) {
                    merged.insert(key.to_owned(), v.clone());
                }
            }
            read(&merged)
        })
        .collect();
    Ok(Batch::Many(out, semantic))
}

fn object<'a>(v: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    v.as_object()
        .ok_or_else(|| format!("{what} must be a JSON object"))
}

fn part<'a>(map: &'a Map<String, Value>, name: &str) -> Result<&'a Map<String, Value>, String> {
    match map.get(name) {
        None => Err(format!("`{name}` is missing")),
        Some(v) => object(v, &format!("`{name}`")),
    }
}

fn text(map: &Map<String, Value>, of: &str, name: &str) -> Result<String, String> {
    match map.get(name) {
        None => Err(format!("`{of}.{name}` is missing")),
        Some(Value::String(s)) if s.is_empty() => Err(format!("`{of}.{name}` is empty")),
        Some(Value::String(s)) if s.len() > 512 => {
            Err(format!("`{of}.{name}` is longer than 512 bytes"))
        }
        Some(Value::String(s)) => Ok(s.clone()),
        Some(_) => Err(format!("`{of}.{name}` must be a string")),
    }
}

fn optional(map: &Map<String, Value>, of: &str, name: &str) -> Result<Map<String, Value>, String> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(o)) => Ok(o.clone()),
        Some(_) => Err(if of.is_empty() {
            format!("`{name}` must be a JSON object")
        } else {
            format!("`{of}.{name}` must be a JSON object")
        }),
    }
}

fn read(map: &Map<String, Value>) -> Result<Evaluation, String> {
    let (subject, action, resource) = (
        part(map, "subject")?,
        part(map, "action")?,
        part(map, "resource")?,
    );
    Ok(Evaluation {
        subject_type: text(subject, "subject", "type")?,
        subject_id: text(subject, "subject", "id")?,
        subject: optional(subject, "subject", "properties")?,
        action: text(action, "action", "name")?,
        action_properties: optional(action, "action", "properties")?,
        resource_type: text(resource, "resource", "type")?,
        resource_id: text(resource, "resource", "id")?,
        resource: optional(resource, "resource", "properties")?,
        context: optional(map, "", "context")?,
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
