//! What a mail program shows of HTML: the words, where links really lead, and whether something is kept from the reader's eyes.

use mail_parser::decoders::html::html_to_text;
use strandline_model::personal::Personal;

use super::{NAMES_LIMIT, Shown};

/// Elements that begin or end a line.
const BREAKING: [&str; 19] =
    ["div", "td", "th", "tr", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "section", "article", "p", "hr"];

/// Attributes that hold an address which is followed or fetched.
const LEADING: [&str; 5] = ["href", "src", "action", "background", "formaction"];

/// Ways to keep a text from the eyes of a reader while programs read it.
const HIDING: [&str; 5] = ["display:none", "visibility:hidden", "font-size:0", "opacity:0", "max-height:0"];

/// Reads HTML.
pub(super) fn of_html(html: &str) -> Shown {
    let plain: String = html.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    Shown {
        text: Personal::new(html_to_text(&with_breaks(html))),
        links: links(html),
        hides: HIDING.iter().any(|way| plain.match_indices(way).any(|(at, found)| !plain[at + found.len()..].starts_with(['.', '1', '2', '3']))),
    }
}

/// The same HTML with a line's end wherever a reader sees one: else words of two cells become one.
fn with_breaks(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let tag = rest[at + 1..].trim_start_matches('/');
        let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).take(12).collect::<String>().to_ascii_lowercase();
        if BREAKING.contains(&name.as_str()) {
            text.push_str("<br>");
        }
        text.push('<');
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
    text
}

/// The values of attributes that lead somewhere.
fn links(html: &str) -> Vec<String> {
    let lower = html.to_ascii_lowercase();
    let mut found = Vec::new();
    for name in LEADING {
        for (at, _) in lower.match_indices(name).take(NAMES_LIMIT) {
            let value = html[at + name.len()..].trim_start();
            let Some(value) = value.strip_prefix('=').map(str::trim_start) else { continue };
            let end: &[char] = match value.chars().next() {
                Some('"') => &['"'],
                Some('\'') => &['\''],
                _ => &[' ', '>', '\t', '\r', '\n'],
            };
            let value = value.trim_start_matches(['"', '\'']);
            let value = value.split(end).next().unwrap_or_default();
            let decoded = html_to_text(value);
            // A picture that comes with the message is one of its files.
            if !decoded.trim().is_empty() && !decoded.trim_start().to_ascii_lowercase().starts_with("cid:") {
                found.push(decoded.trim().to_owned());
            }
        }
    }
    found
}
