//! The small language of the templates: sections, lines, slots. Knows nothing of letters but the names of their slots.

use super::template::TemplateError;

/// Slots of a body that stand within a line.
pub(super) const INLINE_SLOTS: [&str; 24] = [
    "organisation",
    "domain",
    "reference",
    "date",
    "salutation",
    "name",
    "account",
    "intrusion",
    "found",
    "stopped",
    "opening",
    "checked",
    "next",
    "page",
    "next_update",
    "code",
    "namesake",
    "departed",
    "leads_to",
    "about",
    "because",
    "others",
    "news",
    "value",
];

/// Slots of a body that are blocks, each on a line of its own.
pub(super) const BLOCK_SLOTS: [&str; 5] = ["table", "measures", "actions", "contacts", "offers"];

/// A line of text with slots.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Slot(&'static str),
}

impl Pattern {
    /// Reads a line whose slots are among `known`. `{{` and `}}` are braces to be printed.
    pub(super) fn read(file: &str, line: usize, text: &str, known: &[&'static str]) -> Result<Self, TemplateError> {
        let brace = || TemplateError::Brace { file: file.to_owned(), line };
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let tail = &rest[at..];
            if let Some(after) = tail.strip_prefix("{{").or_else(|| tail.strip_prefix("}}")) {
                plain.push_str(&tail[..1]);
                rest = after;
                continue;
            }
            let inner = tail.strip_prefix('{').ok_or_else(brace)?;
            let (slot, after) = inner.split_once('}').ok_or_else(brace)?;
            let Some(slot) = known.iter().copied().find(|name| *name == slot) else {
                let known = if known.is_empty() { "no slot".to_owned() } else { known.join(", ") };
                return Err(TemplateError::UnknownSlot { file: file.to_owned(), line, slot: shortened(slot), known });
            };
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Slot(slot));
            rest = after;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// Fills the slots in one pass, so that a value that looks like a slot stays what it is. `None` where a slot has no value.
    pub(super) fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Slot(slot) => filled.push_str(value(slot).filter(|text| !text.is_empty())?),
            }
        }
        Some(filled)
    }

    /// The text of a pattern that has no slots.
    pub(super) fn plain(&self) -> String {
        self.fill(|_| None).unwrap_or_default()
    }
}

/// A named part of a file.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// The file.
    pub(super) file: String,
    /// The line of its name, from 1.
    pub(super) line: usize,
    /// Its name.
    pub(super) name: String,
    /// Its lines that are not empty, with their numbers.
    pub(super) lines: Vec<(usize, String)>,
}

impl Section {
    /// Its lines as one text.
    pub(super) fn joined(&self) -> String {
        join_lines(self.lines.iter().map(|(_, line)| line.as_str()))
    }

    /// The number of its first line of text.
    pub(super) fn first_line(&self) -> usize {
        self.lines.first().map_or(self.line, |(line, _)| *line)
    }
}

/// Joins the lines of a paragraph: with a blank where the script uses blanks between sentences.
pub(super) fn join_lines<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
        // A full-width stop carries its own space.
        if text.chars().next_back().is_some_and(|last| !is_wide(last)) {
            text.push(' ');
        }
        text.push_str(line);
    }
    text
}

/// Whether a character belongs to a script that is written without blanks.
pub(super) fn is_wide(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Reads `[name]` sections. A line that begins with `//` is a comment.
pub(super) fn read_sections(file: &str, text: &str) -> Result<Vec<Section>, TemplateError> {
    let mut sections: Vec<Section> = Vec::new();
    for (line, content) in content_lines(text) {
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            if sections.iter().any(|section| section.name == name) {
                return Err(TemplateError::BadSection { file: file.to_owned(), line, section: shortened(&name) });
            }
            sections.push(Section { file: file.to_owned(), line, name, lines: Vec::new() });
        } else if !content.is_empty() {
            let section = sections.last_mut().ok_or_else(|| TemplateError::NoSection { file: file.to_owned(), line })?;
            section.lines.push((line, content.to_owned()));
        }
    }
    match sections.iter().find(|section| section.lines.is_empty()) {
        Some(empty) => Err(TemplateError::BadSection { file: file.to_owned(), line: empty.line, section: shortened(&empty.name) }),
        None => Ok(sections),
    }
}

/// A letter's text before anything is filled in.
#[derive(Clone, Debug)]
pub(super) struct Body(pub(super) Vec<BodyItem>);

/// One piece of a body.
#[derive(Clone, Debug)]
pub(super) enum BodyItem {
    /// A heading.
    Heading(Pattern),
    /// Lines that make one paragraph.
    Paragraph(Vec<Pattern>),
    /// A block slot.
    Block(&'static str),
}

/// Reads a body: `# ` begins a heading, lines that stand together make a paragraph, a block slot has a line of its own.
pub(super) fn read_body(file: &str, text: &str) -> Result<Body, TemplateError> {
    let mut items = Vec::new();
    let mut paragraph: Vec<Pattern> = Vec::new();
    for (line, content) in content_lines(text) {
        let block = BLOCK_SLOTS.iter().copied().find(|slot| content.strip_prefix('{').and_then(|c| c.strip_suffix('}')) == Some(slot));
        if (block.is_some() || content.is_empty() || content.starts_with("# ")) && !paragraph.is_empty() {
            items.push(BodyItem::Paragraph(std::mem::take(&mut paragraph)));
        }
        if let Some(slot) = block {
            items.push(BodyItem::Block(slot));
        } else if let Some(heading) = content.strip_prefix("# ") {
            items.push(BodyItem::Heading(inline(file, line, heading.trim())?));
        } else if !content.is_empty() {
            paragraph.push(inline(file, line, content)?);
        }
    }
    if !paragraph.is_empty() {
        items.push(BodyItem::Paragraph(paragraph));
    }
    Ok(Body(items))
}

fn inline(file: &str, line: usize, text: &str) -> Result<Pattern, TemplateError> {
    if let Some(slot) = BLOCK_SLOTS.iter().copied().find(|slot| text.contains(&format!("{{{slot}}}"))) {
        return Err(TemplateError::BlockWithinLine { file: file.to_owned(), line, slot });
    }
    Pattern::read(file, line, text, &INLINE_SLOTS).map_err(|error| match error {
        TemplateError::UnknownSlot { file, line, slot, known } => {
            TemplateError::UnknownSlot { file, line, slot, known: format!("{known}, and on a line of its own {}", BLOCK_SLOTS.join(", ")) }
        }
        other => other,
    })
}

/// Lines with their numbers, trimmed, without comments. A byte order mark is looked through.
fn content_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().enumerate().map(|(i, line)| (i + 1, line.trim())).filter(|(_, line)| !line.starts_with("//"))
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
