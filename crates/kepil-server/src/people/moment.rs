//! Moments and days as people read them: in words, in the order of the language, with the zone.

use kepil_terms::{Day, Instant, Lang};

const EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const RU: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];
const KK: [&str; 12] = [
    "қаңтар",
    "ақпан",
    "наурыз",
    "сәуір",
    "мамыр",
    "маусым",
    "шілде",
    "тамыз",
    "қыркүйек",
    "қазан",
    "қараша",
    "желтоқсан",
];

/// The numbers of a day written as 2026-07-12.
fn numbers(text: &str) -> Option<(&str, usize, u32)> {
    let mut parts = text.splitn(3, '-');
    let (year, month) = (parts.next()?, parts.next()?);
    Some((year, month.parse().ok()?, parts.next()?.parse().ok()?))
}

fn in_words(lang: Lang, text: &str) -> String {
    let Some((year, month, day)) = numbers(text) else {
        return text.to_owned();
    };
    let names = match lang {
        Lang::En => &EN,
        Lang::Ru => &RU,
        Lang::Kk => &KK,
    };
    let Some(month) = month.checked_sub(1).and_then(|at| names.get(at)) else {
        return text.to_owned();
    };
    match lang {
        Lang::En => format!("{day} {month} {year}"),
        Lang::Ru => format!("{day} {month} {year} г."),
        Lang::Kk => format!("{year} ж. {day} {month}"),
    }
}

/// A day in words.
pub(crate) fn day(lang: Lang, day: Day) -> String {
    in_words(lang, &day.to_string())
}

/// A moment in words: the day, the time, and how far Kazakhstan was from UTC then.
pub(crate) fn at(lang: Lang, secs: u64) -> String {
    let ms = i64::try_from(secs.saturating_mul(1000)).unwrap_or(i64::MAX);
    let instant = Instant::from_ms(ms);
    let text = instant.to_rfc3339();
    let (date, rest) = text.split_once('T').unwrap_or((&text, ""));
    let time: String = rest.chars().take(5).collect();
    let offset = instant.kz_offset_hours();
    format!("{}, {time} (UTC+{offset})", in_words(lang, date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_said_in_the_order_of_the_language() {
        // 12 July 2026, 10:05 in Astana; and a day before the country had one zone.
        let secs = 1_783_832_700;
        assert_eq!(at(Lang::En, secs), "12 July 2026, 10:05 (UTC+5)");
        assert_eq!(at(Lang::Ru, secs), "12 июля 2026 г., 10:05 (UTC+5)");
        assert_eq!(at(Lang::Kk, secs), "2026 ж. 12 шілде, 10:05 (UTC+5)");
        assert_eq!(at(Lang::En, 1_586_487_600), "10 April 2020, 09:00 (UTC+6)");
        let last = Day::parse("2026-12-31").unwrap();
        assert_eq!(day(Lang::Ru, last), "31 декабря 2026 г.");
        assert_eq!(day(Lang::Kk, last), "2026 ж. 31 желтоқсан");
    }
}
