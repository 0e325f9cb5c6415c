//! Moments as people read them.

use kepil_terms::Instant;

/// A moment as people write it here: day, time, and the offset of Kazakhstan.
pub(crate) fn at(secs: u64) -> String {
    let ms = i64::try_from(secs.saturating_mul(1000)).unwrap_or(i64::MAX);
    let text = Instant::from_ms(ms).to_rfc3339();
    let (date, rest) = text.split_once('T').unwrap_or((&text, ""));
    let time: String = rest.chars().take(5).collect();
    let offset = rest.get(rest.len().saturating_sub(6)..).unwrap_or_default();
    let parts: Vec<&str> = date.split('-').collect();
    match parts.as_slice() {
        [year, month, day] => format!("{day}.{month}.{year} {time} ({offset})"),
        _ => text,
    }
}
