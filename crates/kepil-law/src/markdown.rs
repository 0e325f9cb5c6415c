//! Cuts a literate law file into front matter, provisions, texts and blocks, with line numbers.

use crate::error::Faults;
use kepil_terms::{Lang, Text};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

/// A fenced block: what language, what text, on which line it starts.
#[derive(Debug, Clone)]
pub struct Block {
    /// `provision`, `cedar` or `case`.
    pub kind: String,
    /// Its text.
    pub text: String,
    /// The line of its first line of text.
    pub line: usize,
}

/// One heading with what stands under it.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// The number, as in `77.4`.
    pub number: String,
    /// The short English name.
    pub name: String,
    /// The line of the heading.
    pub line: usize,
    /// The plain text in three languages.
    pub text: Text,
    /// The blocks.
    pub blocks: Vec<Block>,
}

/// A file cut into its parts.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The front matter (YAML), if any, which starts on line 2.
    pub front: Option<String>,
    /// The headings.
    pub sections: Vec<Section>,
    /// Blocks before the first heading.
    pub stray: Vec<Block>,
}

/// Cuts `text`.
pub(crate) fn cut(file: &str, text: &str, faults: &mut Faults) -> Document {
    let mut doc = Document::default();
    let (front, body, first_line) = split_front(text);
    doc.front = front.map(str::to_owned);
    let starts = line_starts(body);
    let line_of = |offset: usize| starts.partition_point(|s| *s <= offset) + first_line - 1;

    let mut heading: Option<(usize, String)> = None;
    let mut item: Option<(usize, String, usize)> = None;
    let mut block: Option<Block> = None;
    let mut depth = 0usize;
    for (event, range) in Parser::new(body).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading {
                level: HeadingLevel::H2,
                ..
            }) => heading = Some((line_of(range.start), String::new())),
            Event::End(TagEnd::Heading(HeadingLevel::H2)) => {
                if let Some((line, title)) = heading.take() {
                    let title = title.trim();
                    let (number, name) =
                        title.split_once(char::is_whitespace).unwrap_or((title, ""));
                    doc.sections.push(Section {
                        number: number.to_owned(),
                        name: name.trim().to_owned(),
                        line,
                        ..Section::default()
                    });
                }
            }
            Event::Start(Tag::Item) => {
                depth += 1;
                if depth == 1 {
                    item = Some((line_of(range.start), String::new(), 0));
                }
            }
            Event::End(TagEnd::Item) => {
                depth = depth.saturating_sub(1);
                if depth == 0
                    && let Some((line, text, _)) = item.take()
                {
                    add_text(file, line, &text, doc.sections.last_mut(), faults);
                }
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let line = line_of(range.start) + 1;
                block = Some(Block {
                    kind: info.trim().to_owned(),
                    text: String::new(),
                    line,
                });
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some(b) = block.take() {
                    match doc.sections.last_mut() {
                        Some(s) => s.blocks.push(b),
                        None => doc.stray.push(b),
                    }
                }
            }
            Event::Text(t) | Event::Code(t) => {
                if let Some(b) = block.as_mut() {
                    b.text.push_str(&t);
                } else if let Some((_, title)) = heading.as_mut() {
                    title.push_str(&t);
                } else if let Some((_, text, _)) = item.as_mut() {
                    text.push_str(&t);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some((_, text, _)) = item.as_mut() {
                    text.push(' ');
                }
            }
            _ => {}
        }
    }
    doc
}

fn add_text(
    file: &str,
    line: usize,
    text: &str,
    section: Option<&mut Section>,
    faults: &mut Faults,
) {
    let trimmed = text.trim();
    let Some((tag, rest)) = trimmed.split_once(' ') else {
        return;
    };
    let (Some(lang), Some(section)) = (Lang::from_code(tag), section) else {
        return;
    };
    if !section.text.get(lang).is_empty() {
        faults.add(
            file,
            line,
            format!(
                "the text in `{tag}` stands twice under `{}`",
                section.number
            ),
            "keep one",
        );
        return;
    }
    section.text.set(lang, rest.trim().to_owned());
}

fn split_front(text: &str) -> (Option<&str>, &str, usize) {
    let Some(rest) = text.strip_prefix("---\n") else {
        return (None, text, 1);
    };
    let Some((front, body)) = rest.split_once("\n---\n") else {
        return (None, text, 1);
    };
    (Some(front), body, front.lines().count() + 3)
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(
            text.bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(i, _)| i + 1),
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_with_its_lines() {
        let text = "---\nid: X\nrank: 3\n---\n\n# Title\n\n## 77.4 An event\n\n```provision\nmodality: duty\n```\n\n- **en** One, `two`\n  three.\n- **ru** Раз.\n- **kk** Бір.\n\n```cedar\npermit(principal, action, resource);\n```\n";
        let mut faults = Faults::default();
        let doc = cut("x.md", text, &mut faults);
        assert!(faults.0.is_empty());
        assert_eq!(doc.front.as_deref(), Some("id: X\nrank: 3"));
        let s = &doc.sections[0];
        assert_eq!(
            (s.number.as_str(), s.name.as_str(), s.line),
            ("77.4", "An event", 8)
        );
        assert_eq!(s.text.en, "One, two three.");
        assert_eq!(s.text.kk, "Бір.");
        assert_eq!(s.blocks[1].kind, "cedar");
        assert_eq!(s.blocks[1].line, 20);
    }
}
