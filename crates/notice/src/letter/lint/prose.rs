//! A letter as passages of text with names for their places, and the recipient's own values struck out for the word checks.

use strandline_model::document::{Block, Document};

/// What stands for a value of the recipient: it ends words and sentences of nothing.
pub(super) const STRUCK: char = '\u{1}';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Heading,
    Paragraph,
    Item,
    Cell,
    Label,
    Foreign,
}

/// One passage of a letter.
pub(super) struct Passage {
    /// Where it stands.
    pub(super) place: String,
    /// Its text.
    text: String,
    /// Its text with the recipient's own values struck out.
    pub(super) struck: String,
    sort: Sort,
}

impl Passage {
    fn new(place: String, text: &str, sort: Sort, own: &[String]) -> Self {
        Self { place, struck: strike(text, own), text: text.to_owned(), sort }
    }

    /// Whether it is read as sentences of the letter's language.
    pub(super) fn is_prose(&self) -> bool {
        matches!(self.sort, Sort::Paragraph | Sort::Item)
    }

    pub(super) fn is_cell(&self) -> bool {
        self.sort == Sort::Cell
    }

    /// Its text without the time that closes an action.
    pub(super) fn prose(&self) -> &str {
        match self.sort {
            Sort::Item => time_of(&self.text).map_or(&self.text, |(action, _)| action),
            _ => &self.text,
        }
    }
}

/// Splits an action into what to do and the time it takes: the bracket at its end.
pub(super) fn time_of(action: &str) -> Option<(&str, &str)> {
    let inner = action.trim_end().strip_suffix([')', '）'])?;
    let open = inner.rfind(['(', '（'])?;
    let width = inner[open..].chars().next().map_or(1, char::len_utf8);
    Some((inner[..open].trim_end(), &inner[open + width..]))
}

/// The passages of a letter. The envelope's lines are not among them: they are compared with the register as they stand.
pub(super) fn passages(document: &Document, own: &[String]) -> Vec<Passage> {
    let mut passages = Vec::new();
    for field in &document.head {
        passages.push(Passage::new("the head".to_owned(), &format!("{}: {}", field.label, field.value), Sort::Label, own));
    }
    let (mut paragraphs, mut items) = (0, 0);
    for block in &document.blocks {
        match block {
            Block::Heading { text, .. } => passages.push(Passage::new("a heading".to_owned(), text, Sort::Heading, own)),
            Block::Paragraph { text, language } => {
                paragraphs += 1;
                let sort = if language.is_some() { Sort::Foreign } else { Sort::Paragraph };
                passages.push(Passage::new(format!("paragraph {paragraphs}"), text, sort, own));
            }
            Block::Numbered { items: list } | Block::Bulleted { items: list } => {
                let name = if matches!(block, Block::Numbered { .. }) { "action" } else { "measure" };
                for item in list {
                    items += 1;
                    passages.push(Passage::new(format!("{name} {items}"), item, Sort::Item, own));
                }
                items = 0;
            }
            Block::Fields { fields } => {
                passages.extend(fields.iter().map(|f| Passage::new("the contacts".to_owned(), &format!("{}: {}", f.label, f.value), Sort::Label, own)));
            }
            Block::Table { rows, .. } => {
                for (number, row) in rows.iter().enumerate() {
                    passages.extend(row.iter().map(|cell| Passage::new(format!("table row {}", number + 1), cell, Sort::Cell, own)));
                }
            }
        }
    }
    passages
}

/// Strikes out values where they stand as whole words, or anywhere in a script without blanks.
fn strike(text: &str, values: &[String]) -> String {
    let mut struck = text.to_owned();
    for value in values {
        let mut from = 0;
        while let Some(at) = struck[from..].find(value.as_str()).map(|at| at + from) {
            let end = at + value.len();
            if is_edge(&struck, at) && is_edge(&struck, end) {
                struck.replace_range(at..end, &STRUCK.to_string());
                from = at + 1;
            } else {
                from = at + value.chars().next().map_or(1, char::len_utf8);
            }
        }
    }
    struck
}

/// Whether a word can begin or end at a place: no two letters of a script with blanks meet there.
fn is_edge(text: &str, at: usize) -> bool {
    let narrow = |c: char| c.is_alphanumeric() && !super::super::pattern::is_wide(c);
    let before = text[..at].chars().next_back().is_some_and(narrow);
    let after = text[at..].chars().next().is_some_and(narrow);
    !(before && after)
}
