//! A letter as a plain-text mail, from the same parts as the printed one. Builds no MIME and sends nothing.

use strandline_model::document::{Block, Document, Field};
use strandline_model::personal::Personal;

use super::pattern::is_wide;

/// A letter as a mail.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The one address, fit for a header.
    pub to: Personal<String>,
    /// The subject line: one line that holds nothing of the person.
    pub subject: String,
    /// The text, UTF-8, `\n` line ends.
    pub text: Personal<String>,
}

/// The text of a document: the envelope's lines are left out, since a mail has its own.
pub(super) fn plain_text(document: &Document) -> String {
    let mut parts: Vec<String> = vec![document.sender.join("\n")];
    parts.push(lines(&document.head));
    parts.extend(document.blocks.iter().map(block));
    let mut text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
    text.push_str("\n\n");
    text.push_str(document.sender.first().map_or("", String::as_str));
    text.push('\n');
    text
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading { text, .. } => text.to_uppercase(),
        Block::Paragraph { text, .. } => text.clone(),
        Block::Numbered { items } => items.iter().enumerate().map(|(i, item)| format!("{}. {item}", i + 1)).collect::<Vec<_>>().join("\n"),
        Block::Bulleted { items } => items.iter().map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n"),
        Block::Fields { fields } => lines(fields),
        Block::Table { rows, .. } => rows.iter().map(|row| table_row(row)).collect::<Vec<_>>().join("\n"),
    }
}

fn lines(fields: &[Field]) -> String {
    fields.iter().map(|field| labelled(&field.label, &field.value)).collect::<Vec<_>>().join("\n")
}

fn table_row(cells: &[String]) -> String {
    let Some((first, rest)) = cells.split_first() else { return String::new() };
    let rest = match rest {
        [state, why] if state.ends_with(is_wide) => format!("{state}。{why}"),
        [state, why] => format!("{state}. {why}"),
        other => other.join(" "),
    };
    format!("- {}", labelled(first, &rest))
}

fn labelled(label: &str, value: &str) -> String {
    if label.ends_with(is_wide) { format!("{label}：{value}") } else { format!("{label}: {value}") }
}
