//! A letter as a mail, in plain text and in HTML, from the same parts as the printed one. Builds no MIME and sends nothing.

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

/// The same as HTML: headings that are headings, a table that is a table, and nothing that is fetched when it is read.
pub(super) fn html(document: &Document) -> String {
    let language = escape(&document.language);
    let direction = if is_right_to_left(&document.language) { " dir=\"rtl\"" } else { "" };
    let mut html =
        format!("<!DOCTYPE html>\n<html lang=\"{language}\"{direction}>\n<head><meta charset=\"utf-8\"><title>{}</title></head>\n", escape(&document.title));
    html.push_str("<body style=\"font-family: sans-serif; font-size: 16px; line-height: 1.5; max-width: 40em\">\n");
    let mut sender = document.sender.iter().map(|line| escape(line));
    html.push_str(&format!(
        "<p><strong>{}</strong>{}</p>\n",
        sender.next().unwrap_or_default(),
        sender.map(|line| format!("<br>\n{line}")).collect::<String>()
    ));
    html.push_str(&html_fields(&document.head));
    document.blocks.iter().for_each(|block| html.push_str(&html_block(block)));
    html.push_str(&format!("<p>{}</p>\n</body>\n</html>\n", document.sender.first().map(|line| escape(line)).unwrap_or_default()));
    html
}

fn html_block(block: &Block) -> String {
    let items = |items: &[String]| items.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect::<String>();
    match block {
        Block::Heading { text, .. } => format!("<h2 style=\"font-size: 18px\">{}</h2>\n", escape(text)),
        Block::Paragraph { text, language: Some(language) } => {
            let direction = if is_right_to_left(language) { "rtl" } else { "ltr" };
            format!("<p lang=\"{}\" dir=\"{direction}\">{}</p>\n", escape(language), escape(text))
        }
        Block::Paragraph { text, language: None } => format!("<p>{}</p>\n", escape(text)),
        Block::Numbered { items: list } => format!("<ol>\n{}</ol>\n", items(list)),
        Block::Bulleted { items: list } => format!("<ul>\n{}</ul>\n", items(list)),
        Block::Fields { fields } => html_fields(fields),
        Block::Table { columns, rows } => {
            let cell = |name: &str, text: &String| format!("<{name} style=\"text-align: start; padding: 2px 12px 2px 0\">{}</{name}>", escape(text));
            let row = |name: &str, cells: &[String]| format!("<tr>{}</tr>\n", cells.iter().map(|text| cell(name, text)).collect::<String>());
            format!("<table>\n{}{}</table>\n", row("th", columns), rows.iter().map(|cells| row("td", cells)).collect::<String>())
        }
    }
}

fn html_fields(fields: &[Field]) -> String {
    let lines: Vec<String> = fields.iter().map(|field| escape(&labelled(&field.label, &field.value))).collect();
    if lines.is_empty() { String::new() } else { format!("<p>{}</p>\n", lines.join("<br>\n")) }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Whether a language is written from right to left.
pub(super) fn is_right_to_left(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default().to_ascii_lowercase();
    let latin = parts.any(|part| part.eq_ignore_ascii_case("Latn"));
    !latin && ["ar", "ur", "fa", "he", "ps", "sd", "ug", "yi", "dv", "ckb"].contains(&language.as_str())
}

pub(super) fn block(block: &Block) -> String {
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
