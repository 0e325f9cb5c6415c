//! Statute books of any size: the pack, with further laws that permit further things.
//!
//! What grows in a country's law is its grounds: laws, agreements and decrees that permit one body
//! something for one purpose. The tests are a fixed catalogue. So the further rules are permits,
//! varied over actor classes, operations, categories, purposes, conditions and dates, by a fixed
//! generator: the same size is always the same book.

use kepil_law::StatuteBook;
use kepil_law::pack::File;
use std::fmt::Write as _;

const RULES_IN_A_LAW: usize = 100;

/// Days on which further provisions begin, and half of them end ten years later.
const DAYS: [&str; 12] = [
    "2016-01-01",
    "2017-03-01",
    "2018-01-01",
    "2018-09-01",
    "2019-01-01",
    "2020-02-01",
    "2020-10-01",
    "2021-07-01",
    "2023-01-01",
    "2024-05-01",
    "2026-01-01",
    "2026-08-01",
];

const CONDITIONS: [&str; 5] = [
    "context.person.listed",
    "context.request.subjects == 1",
    "context.request.precision <= 2",
    "context has case && context.case.open",
    "context.person.age >= 18",
];

struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % n.max(1)
    }

    fn of<'a>(&mut self, list: &'a [String]) -> &'a str {
        list.get(self.below(list.len())).map_or("", String::as_str)
    }

    /// One operation mostly, for every fourth rule a few.
    fn operations(&mut self, list: &[String]) -> String {
        if self.below(4) > 0 {
            return format!("action == Action::\"{}\"", self.of(list));
        }
        let mut ids: Vec<&str> = (0..2 + self.below(3)).map(|_| self.of(list)).collect();
        ids.sort_unstable();
        ids.dedup();
        let ids: Vec<String> = ids
            .into_iter()
            .map(|id| format!("Action::\"{id}\""))
            .collect();
        format!("action in [{}]", ids.join(", "))
    }

    /// One category mostly, for every eighth rule a class of them.
    fn categories(&mut self, list: &[String], classes: &[String]) -> String {
        if self.below(8) > 0 {
            return format!("resource == Category::\"{}\"", self.of(list));
        }
        format!("resource in CategoryClass::\"{}\"", self.of(classes))
    }
}

/// What the rules are varied over.
struct Words {
    actors: Vec<String>,
    operations: Vec<String>,
    categories: Vec<String>,
    category_classes: Vec<String>,
    purposes: Vec<String>,
}

/// The pack's files with enough further laws to hold `rules` rules in all.
#[must_use]
pub fn pack(base: &[File], book: &StatuteBook, rules: usize) -> Vec<File> {
    let ids = |ty: &str| -> Vec<String> {
        let found = book.vocab.types().iter().find(|t| t.name == ty);
        found
            .map(|t| t.terms.iter().map(|d| d.id.clone()).collect())
            .unwrap_or_default()
    };
    let classes = |of: &str| -> Vec<String> {
        book.vocab
            .classes()
            .filter(|(ty, ..)| *ty == of)
            .map(|(_, id, ..)| id.to_owned())
            .collect()
    };
    let words = Words {
        actors: classes("ActorClass"),
        category_classes: classes("CategoryClass"),
        operations: ids("Action"),
        categories: ids("Category"),
        purposes: ids("Purpose"),
    };
    let mut files = base.to_vec();
    let mut draw = Draw(42);
    let mut left = rules.saturating_sub(book.rules.len());
    let mut law = 0;
    while left > 0 {
        law += 1;
        let here = left.min(RULES_IN_A_LAW);
        files.push((
            format!("zz-further-{law:03}.md"),
            further_law(law, here, &words, &mut draw),
        ));
        left -= here;
    }
    files
}

fn further_law(number: usize, rules: usize, words: &Words, draw: &mut Draw) -> String {
    let mut out = format!(
        "---\nid: KZ-FURTHER-{number:03}\nkind: law\nrank: 4\nnumber: \"{number}\"\nvalid_from: 2016-01-01\n\
         confidence: primary\nneeds_text: false\nreal: true\n\
         title: {{en: \"Further law {number}\", ru: \"Further law {number}\", kk: \"Further law {number}\"}}\n---\n"
    );
    for article in 1..=rules {
        let from = DAYS
            .get(draw.below(DAYS.len()))
            .copied()
            .unwrap_or("2016-01-01");
        let year: u32 = from.get(..4).and_then(|y| y.parse().ok()).unwrap_or(2016);
        let to = if draw.below(2) == 0 {
            format!(
                "valid_to: {}{}\n",
                year + 10,
                from.get(4..).unwrap_or_default()
            )
        } else {
            String::new()
        };
        let condition = CONDITIONS
            .get(draw.below(CONDITIONS.len()))
            .copied()
            .unwrap_or("true");
        let _ = write!(
            out,
            "\n## {article} Further ground\n\n```provision\nmodality: permission\nvalid_from: {from}\n{to}```\n\n\
             - **en** A body may work with data for one purpose.\n\
             - **ru** A body may work with data for one purpose.\n\
             - **kk** A body may work with data for one purpose.\n\n\
             ```cedar\npermit (principal in ActorClass::\"{}\", {}, {})\n\
             when {{ context.request.purpose == Purpose::\"{}\" && {condition} && context.now < datetime(\"{}-07-01T00:00:00+0500\") }};\n```\n",
            draw.of(&words.actors),
            draw.operations(&words.operations),
            draw.categories(&words.categories, &words.category_classes),
            draw.of(&words.purposes),
            2027 + draw.below(10),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Mix;

    #[test]
    fn a_book_of_a_size_holds_that_many_rules_and_decides_the_cases_alike() {
        let base = kepil_packs::kz();
        let small = Mix::load(&base, false).unwrap();
        let files = pack(&base, small.book(), 600);
        assert_eq!(files, pack(&base, small.book(), 600));
        let large = Mix::load(&files, true).unwrap();
        assert_eq!(large.book().rules.len(), 600);
        for ((name, a), (_, b)) in small.scenes.iter().zip(&large.scenes) {
            assert_eq!(
                small.gate.decide(a.clone()).verdict,
                large.gate.decide(b.clone()).verdict,
                "{name}"
            );
        }
    }
}
