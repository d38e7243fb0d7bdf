//! What a mail program shows of HTML: the words, where links really lead, and whether something is kept from the reader's eyes.

use mail_parser::decoders::html::html_to_text;
use strandline_model::personal::Personal;

use super::{NAMES_LIMIT, Shown};

/// Elements that begin or end a line.
const BREAKING: [&str; 19] =
    ["div", "td", "th", "tr", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "section", "article", "p", "hr"];

/// Attributes that hold an address which is followed or fetched.
const LEADING: [&str; 5] = ["href", "src", "action", "background", "formaction"];

/// Attributes whose words a reader sees, or hears.
const WORDS: [&str; 6] = ["alt", "value", "placeholder", "title", "aria-label", "label"];

/// Ways to keep a text from the eyes of a reader while programs read it; blanks and capitals left out.
const HIDING: [&str; 22] = [
    "display:none",
    "visibility:hidden",
    "visibility:collapse",
    "opacity:0",
    "max-height:0",
    "max-width:0",
    "line-height:0",
    "height:0",
    "width:0",
    "height:1px",
    "width:1px",
    "clip:rect(0",
    "clip:rect(1px",
    "clip-path:",
    "scale(0",
    "z-index:-",
    "mso-hide:all",
    "fill-color:transparent",
    "color:#fff",
    "color:white",
    "color:transparent",
    "color:rgb",
];

/// Ways to put a text off the page: followed by a length.
const MOVING: [&str; 8] = ["left:-", "right:-", "top:-", "bottom:-", "text-indent:-", "translate(-", "translatex(-", "translatey(-"];

/// A text that is put off by so much of any unit is off the page.
const OFF_PAGE: f64 = 100.0;
/// Type of so many points or pixels is nobody's to read.
const TYPE_MIN: f64 = 4.0;

/// Reads HTML.
pub(super) fn of_html(html: &str) -> Shown {
    let plain: String = html.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let tags: Vec<Tag> = tags(html);
    Shown {
        text: Personal::new(html_to_text(&with_breaks(html, &tags))),
        links: links(html),
        hides: hides(&plain) || tags.iter().any(is_hiding),
        writes: writes(&plain),
        turns: plain.contains("bidi-override") || plain.contains("isolate-override") || tags.iter().any(|tag| tag.name == "bdo"),
    }
}

/// A tag: where it begins and ends, its name, its attributes.
struct Tag {
    begins: usize,
    ends: usize,
    name: String,
    attributes: Vec<(String, String)>,
}

/// The tags of HTML, as far as a program would take them for tags.
fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = html[from..].find('<').map(|at| from + at) {
        let rest = html[at + 1..].trim_start_matches('/');
        let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).take(12).collect::<String>().to_ascii_lowercase();
        from = at + 1;
        if name.is_empty() {
            continue;
        }
        let (attributes, end) = attributes(&rest[name.len()..]);
        let ends = html.len() - rest.len() + name.len() + end;
        found.push(Tag { begins: at, ends, name, attributes });
        from = ends;
    }
    found
}

/// The attributes of a tag, and where it ends.
fn attributes(text: &str) -> (Vec<(String, String)>, usize) {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let length = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/')).unwrap_or(rest.len());
        let name = rest[..length].to_ascii_lowercase();
        rest = rest[length..].trim_start();
        if let Some(value) = rest.strip_prefix('=').map(str::trim_start) {
            let (value, after) = match value.chars().next() {
                Some(mark @ ('"' | '\'')) => value[1..].split_once(mark).unwrap_or((&value[1..], "")),
                _ => value.split_at(value.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(value.len())),
            };
            found.push((name, value.to_owned()));
            rest = after;
        } else if !name.is_empty() {
            found.push((name, String::new()));
        }
        if rest.is_empty() || rest.starts_with('>') {
            return (found, text.len() - rest.len() + usize::from(!rest.is_empty()));
        }
    }
}

/// Whether a style keeps something from a reader's eyes. A ground has colours, too.
fn hides(plain: &str) -> bool {
    let is_property = |at: usize| !plain[..at].ends_with('-');
    let cuts_off = plain.contains("overflow:hidden");
    let by_word = HIDING.iter().any(|way| {
        plain.match_indices(way).any(|(at, found)| {
            let after = &plain[at + found.len()..];
            let colour = !found.starts_with("color:rgb") || after.trim_start_matches(['a', '(']).starts_with("255,255,255");
            let of_size = found.starts_with("height:") || found.starts_with("width:");
            is_property(at)
                && colour
                && (cuts_off || !of_size)
                && !(found.ends_with('0') && after.starts_with(['.', '1', '2', '3', '4', '5', '6', '7', '8', '9']))
        })
    });
    let length = |at: usize| plain[at..].chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect::<String>().parse::<f64>().ok();
    let by_place = MOVING.iter().any(|way| plain.match_indices(way).any(|(at, found)| length(at + found.len()).is_some_and(|far| far >= OFF_PAGE)));
    let small = |at: usize| {
        let unit = plain[at..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        length(at).is_some_and(|size| size == 0.0 || (size < TYPE_MIN && (unit.starts_with("px") || unit.starts_with("pt"))))
    };
    by_word || by_place || plain.match_indices("font-size:").any(|(at, found)| small(at + found.len()))
}

/// Whether a tag hides what is in it by itself.
fn is_hiding(tag: &Tag) -> bool {
    let is_white = |value: &str| matches!(value.to_ascii_lowercase().trim(), "#fff" | "#ffffff" | "white" | "transparent");
    tag.attributes.iter().any(|(name, value)| name == "hidden" || (name == "color" && is_white(value)))
}

/// Whether a style sheet puts words in: `content: "Call …"`.
fn writes(plain: &str) -> bool {
    plain.match_indices("content:").any(|(at, found)| {
        let value = &plain[at + found.len()..];
        let quoted = value.strip_prefix(['"', '\'']).and_then(|text| text.split(['"', '\'']).next());
        let is_property = plain[..at].ends_with(['{', ';', '/', '"', '\'']);
        is_property && (value.starts_with("attr(") || value.starts_with("url(") || quoted.is_some_and(|text| text.chars().any(char::is_alphanumeric)))
    })
}

/// The same HTML with a line's end wherever a reader sees one: else words of two cells become one. The words of attributes stand where
/// they are shown.
fn with_breaks(html: &str, tags: &[Tag]) -> String {
    let mut text = String::with_capacity(html.len());
    let mut from = 0;
    for tag in tags {
        text.push_str(&html[from..tag.begins]);
        if BREAKING.contains(&tag.name.as_str()) {
            text.push_str("<br>");
        }
        text.push_str(&html[tag.begins..tag.ends]);
        for (_, words) in tag.attributes.iter().filter(|(name, words)| WORDS.contains(&name.as_str()) && words.chars().any(char::is_alphanumeric)) {
            text.push_str(&format!("<br>{}<br>", words.replace('<', "&lt;")));
        }
        from = tag.ends;
    }
    text.push_str(&html[from..]);
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
