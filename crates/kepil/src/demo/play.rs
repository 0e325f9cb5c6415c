//! Plays the scenes over HTTP and tells each in two lines.

use super::stage::Stage;
use crate::client::Client;
use crate::exit::{Failure, environment};
use kepil_terms::{Instant, Lang};
use serde_json::Value;

/// Plays everything; true when every verdict came out as the law says.
pub fn play(
    stage: &Stage,
    base: &str,
    turn: &(dyn Fn(u64) + Sync),
    lang: Lang,
    json: bool,
) -> Result<bool, Failure> {
    let client = Client::new(base);
    let book = stage.gate.book();
    let label = |ty: &str, id: &str| book.vocab.label(ty, id, lang);
    let (mut right, mut counts) = (true, [0u32; 3]);
    for s in &stage.scenes {
        turn(s.at_ms);
        let keys = stage
            .keys
            .iter()
            .find(|(id, _)| *id == s.system)
            .map(|(_, k)| k);
        let keys = keys.ok_or_else(|| environment("a system without keys"))?;
        let token = client.token(&s.system, keys)?;
        let answer = client.evaluate(&token, lang.code(), &s.request)?;
        let context = answer.get("context").cloned().unwrap_or_default();
        let verdict = context
            .get("verdict")
            .and_then(Value::as_str)
            .unwrap_or("none")
            .to_owned();
        let expected = s.expected.iter().any(|v| v.as_str() == verdict);
        right &= expected;
        for (c, v) in counts.iter_mut().zip(["ok", "human", "deny"]) {
            *c += u32::from(verdict == v);
        }
        if verdict == "ok"
            && let Some(entry) = context.pointer("/entry/index")
        {
            let outcome = serde_json::json!({"entry": entry, "outcome": "released"});
            client.post("/access/v1/outcome", &token, &outcome)?;
        }
        let receipt = context
            .pointer("/entry/receipt")
            .cloned()
            .unwrap_or_default();
        std::fs::write(&stage.receipt, receipt.to_string())
            .map_err(|e| environment(format!("writing the receipt: {e}")))?;
        if json {
            crate::out!(
                "{}",
                serde_json::json!({"case": s.id, "verdict": verdict, "as_expected": expected, "answer": answer})
            );
            continue;
        }
        let (actor, operation, data, purpose) = &s.asked;
        let data: Vec<String> = data.iter().map(|c| label("Category", c)).collect();
        let when: String = Instant::from_ms(i64::try_from(s.at_ms).unwrap_or(0))
            .to_rfc3339()
            .chars()
            .take(16)
            .map(|c| if c == 'T' { ' ' } else { c })
            .collect();
        crate::out!("\n{}", s.words);
        crate::out!(
            "  {when}  {} · {}: {} · {}",
            label("Actor", actor),
            label("Action", operation),
            if data.is_empty() {
                "–".to_owned()
            } else {
                data.join(", ")
            },
            label("Purpose", purpose)
        );
        crate::out!(
            "  {} {}",
            mark(&verdict, lang),
            why(&context, &verdict, &s.decisive)
        );
        if !expected {
            crate::out!("  UNEXPECTED: the law cases say otherwise; the answer was {answer}");
        }
    }
    if !json {
        let [ok, human, deny] = counts;
        crate::out!(
            "\n{} requests: {ok} allowed, {human} for a person to decide, {deny} refused; each stands in the log.",
            stage.scenes.len()
        );
    }
    Ok(right)
}

fn mark(verdict: &str, lang: Lang) -> &'static str {
    match (verdict, lang) {
        ("ok", Lang::En) => "ALLOWED",
        ("ok", Lang::Ru) => "РАЗРЕШЕНО",
        ("ok", Lang::Kk) => "РҰҚСАТ",
        ("human", Lang::En) => "A PERSON DECIDES",
        ("human", Lang::Ru) => "РЕШАЕТ ЧЕЛОВЕК",
        ("human", Lang::Kk) => "АДАМ ШЕШЕДІ",
        ("deny", Lang::En) => "REFUSED",
        ("deny", Lang::Ru) => "ОТКАЗАНО",
        ("deny", Lang::Kk) => "БАС ТАРТЫЛДЫ",
        _ => "NO ANSWER",
    }
}

/// The deciding article and its sentence.
fn why(context: &Value, verdict: &str, decisive: &[String]) -> String {
    let text = |v: &Value, k: &str| {
        v.get(k)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let reasons = context
        .get("reasons")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if verdict != "ok" {
        let failing: Vec<&Value> = reasons
            .iter()
            .filter(|r| !text(r, "test").is_empty())
            .collect();
        // The case names the tests that decide; the others failed too.
        let deciding = decisive
            .iter()
            .find_map(|d| failing.iter().find(|r| text(r, "test") == *d));
        if let Some(first) = deciding.or(failing.first()) {
            let more = failing.len() - 1;
            let rest = if more > 0 {
                format!(" (+{more})")
            } else {
                String::new()
            };
            return format!(
                "{} {}: {}{rest}",
                text(first, "source"),
                text(first, "test"),
                text(first, "text")
            );
        }
        return reasons.first().map(|r| text(r, "text")).unwrap_or_default();
    }
    let grounds = context
        .get("grounds")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    grounds
        .first()
        .map(|g| format!("{}: {}", text(g, "source"), text(g, "text")))
        .unwrap_or_default()
}
