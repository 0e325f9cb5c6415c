//! Strict JSON: no repeated keys, no deep nesting, no surprises.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Deeper documents are refused.
pub const MAX_DEPTH: usize = 32;

/// Reads a JSON document strictly.
///
/// # Errors
/// With a sentence that says what is wrong and where.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("the body is empty; send a JSON object".into());
    }
    let mut de = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(MAX_DEPTH)
        .deserialize(&mut de)
        .map_err(|e| said(&e))?;
    de.end().map_err(|e| said(&e))?;
    Ok(value)
}

fn said(e: &serde_json::Error) -> String {
    if e.is_eof() {
        return format!(
            "the JSON ends too early, at line {} column {}",
            e.line(),
            e.column()
        );
    }
    format!("the body is not the JSON expected: {e}")
}

struct Strict(usize);

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self
            .0
            .checked_sub(1)
            .ok_or_else(|| A::Error::custom(format!("nested more than {MAX_DEPTH} deep")))?;
        let mut out = Vec::new();
        while let Some(v) = seq.next_element_seed(Strict(inner))? {
            out.push(v);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self
            .0
            .checked_sub(1)
            .ok_or_else(|| A::Error::custom(format!("nested more than {MAX_DEPTH} deep")))?;
        let mut out = Map::new();
        while let Some(key) = map.next_key::<Key>()? {
            let value = map.next_value_seed(Strict(inner))?;
            if out.contains_key(&key.0) {
                let shown: String = key.0.chars().take(40).collect();
                return Err(A::Error::custom(format!(
                    "the key `{shown}` stands twice in one object"
                )));
            }
            out.insert(key.0, value);
        }
        Ok(Value::Object(out))
    }
}

struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d).map(Key)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_is_not_strict_json_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "empty"),
            ("   ", "empty"),
            ("{\"a\":1", "ends too early"),
            ("{\"a\":1,\"a\":2}", "`a` stands twice"),
            ("{\"x\":{\"b\":1,\"b\":2}}", "`b` stands twice"),
            ("{\"a\":1} x", "trailing"),
            ("{'a':1}", "not the JSON"),
            ("{\"a\":NaN}", "not the JSON"),
        ] {
            let e = parse(text.as_bytes()).unwrap_err();
            assert!(e.contains(reason), "{text}: {e}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(parse(deep.as_bytes()).unwrap_err().contains("deep"));
        assert!(parse(b"\xff\xfe").is_err());
        assert!(parse(br#"{"a":[1,2.5,null,true,"x"]}"#).is_ok());
    }
}
