//! Bars over a table: the table is the chart, the picture repeats it.

use super::grouped;
use kepil_terms::Lang;
use maud::{Markup, html};

/// Bars that are drawn at most, the newest.
const MOST: usize = 24;

/// A table of names and counts, with a picture of the same above it.
///
/// The picture is as wide as the page; its text is the table's, so nothing in it scales.
pub(super) fn bars(
    lang: Lang,
    title: &str,
    (name, count): (&str, &str),
    rows: &[(String, u64)],
) -> Markup {
    let rows = rows.get(rows.len().saturating_sub(MOST)..).unwrap_or(rows);
    let most = rows
        .iter()
        .map(|(_, count)| *count)
        .max()
        .unwrap_or(0)
        .max(1);
    let height = |count: u64| count.saturating_mul(100) / most;
    html! {
        @if !rows.is_empty() {
            svg.bars viewBox={"0 0 " (rows.len() * 20) " 100"} preserveAspectRatio="none" role="img" aria-label=(title) {
                @for (at, (_, count)) in rows.iter().enumerate() {
                    @let tall = height(*count).max(u64::from(*count > 0));
                    rect x=(at * 20 + 3) y=(100 - tall) width="14" height=(tall) {}
                }
            }
            div.wide { table {
                thead { tr { th { (name) } th { (count) } } }
                tbody { @for (of, number) in rows.iter().rev() { tr { td data-label=(name) { (of) } td data-label=(count) { (grouped(lang, *number)) } } } }
            } }
        }
    }
}
