//! Counts as people read them, as ICU writes them for the language.

use kepil_terms::Lang;

/// A count in groups of three: `1,234,567` in English, with no-break spaces in Russian and Kazakh.
pub(crate) fn grouped(lang: Lang, count: u64) -> String {
    let digits = count.to_string();
    let between = match lang {
        Lang::En => ',',
        Lang::Ru | Lang::Kk => '\u{a0}',
    };
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(between);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;
    use kepil_terms::Lang;

    #[test]
    fn counts_are_grouped_as_the_language_has_it() {
        for (count, en, ru) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (1000, "1,000", "1\u{a0}000"),
            (1_234_567, "1,234,567", "1\u{a0}234\u{a0}567"),
        ] {
            assert_eq!(grouped(Lang::En, count), en);
            assert_eq!(grouped(Lang::Ru, count), ru);
            assert_eq!(grouped(Lang::Kk, count), ru);
        }
    }
}
