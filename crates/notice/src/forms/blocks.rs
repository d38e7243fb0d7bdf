//! A form as blocks of the form's own kind, from which its document and its plain text are made.

use std::fmt::Write;

use super::{Form, Ground, Value};

/// One block of a page.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    /// A heading.
    Heading {
        /// 1 for the form, 2 for a part.
        level: u8,
        /// Its text.
        text: String,
    },
    /// A paragraph.
    Paragraph {
        /// Its text.
        text: String,
    },
    /// A labelled field.
    Field {
        /// Its label.
        label: String,
        /// Its text, a line each; begins with "Unknown, because" where the case does not say.
        lines: Vec<String>,
        /// What it rests on, a line each.
        grounds: Vec<String>,
    },
    /// A labelled table.
    Table {
        /// Its label.
        label: String,
        /// Names of the columns.
        columns: Vec<String>,
        /// Rows, each as long as the columns.
        rows: Vec<Vec<String>>,
        /// What must be read with it, a line each.
        notes: Vec<String>,
        /// What it rests on, a line each.
        grounds: Vec<String>,
    },
}

/// The form as blocks, in reading order.
pub(super) fn blocks(form: &Form) -> Vec<Block> {
    let mut blocks = vec![
        Block::Heading { level: 1, text: form.title.to_owned() },
        Block::Paragraph { text: format!("To: {}", form.recipient) },
        Block::Paragraph { text: format!("Case {}. Every number is as of {}.", form.reference, form.as_of.local) },
        Block::Paragraph { text: form.source.to_owned() },
    ];
    for part in &form.parts {
        blocks.push(Block::Heading { level: 2, text: part.heading.to_owned() });
        for field in &part.fields {
            let label = field.label.to_owned();
            let grounds = grounds(&field.grounds);
            let stated = field.stated.as_ref().map(|stated| {
                let who = format!("(stated by {}, recorded {}, ledger entry {})", stated.by, stated.at.local, stated.ledger_entry);
                stated.text.lines().map(str::to_owned).chain([who]).collect::<Vec<_>>()
            });
            let stated = stated.unwrap_or_default();
            blocks.push(match &field.value {
                Value::Lines(lines) => Block::Field { label, lines: lines.iter().cloned().chain(stated).collect(), grounds },
                Value::Stated => Block::Field { label, lines: stated, grounds },
                Value::Unknown { because } => Block::Field { label, lines: vec![format!("Unknown, because {because}")], grounds },
                Value::Table { columns, rows, notes } => {
                    Block::Table { label, columns: columns.clone(), rows: rows.clone(), notes: notes.iter().cloned().chain(stated).collect(), grounds }
                }
            });
        }
    }
    blocks
}

/// One line a ground; all ledger entries together.
fn grounds(grounds: &[Ground]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut entries = Vec::new();
    for ground in grounds {
        lines.push(match ground {
            Ground::Line { first, lines: 1 } => format!("evidence line {first}"),
            Ground::Line { first, lines } => format!("{lines} evidence lines, the first {first}"),
            Ground::Table { table } => format!("table {table} of the case"),
            Ground::Estate { field } => format!("estate file, {field}"),
            Ground::Coverage => "coverage.json of the case".to_owned(),
            Ground::Ledger { entry } => {
                entries.push(entry.to_string());
                continue;
            }
        });
    }
    match entries.as_slice() {
        [] => {}
        [entry] => lines.push(format!("ledger entry {entry}")),
        entries => lines.push(format!("ledger entries {}", entries.join(", "))),
    }
    lines
}

/// The form as plain text.
pub fn plain(form: &Form) -> String {
    let mut text = String::new();
    for block in &blocks(form) {
        // Writing to a String does not fail.
        let _ = match block {
            Block::Heading { level: 1, text: heading } => writeln!(text, "{heading}\n{}\n", "=".repeat(heading.chars().count())),
            Block::Heading { text: heading, .. } => writeln!(text, "\n{heading}\n{}\n", "-".repeat(heading.chars().count())),
            Block::Paragraph { text: paragraph } => writeln!(text, "{}", clean(paragraph)),
            Block::Field { label, lines, grounds } => {
                let _ = writeln!(text, "{label}");
                write_lines(&mut text, lines, grounds)
            }
            Block::Table { label, columns, rows, notes, grounds } => {
                let _ = writeln!(text, "{label}");
                let _ = write_table(&mut text, columns, rows);
                write_lines(&mut text, notes, grounds)
            }
        };
    }
    text
}

fn write_lines(text: &mut String, lines: &[String], grounds: &[String]) -> std::fmt::Result {
    for line in lines {
        writeln!(text, "    {}", clean(line))?;
    }
    for ground in grounds {
        writeln!(text, "    [{ground}]")?;
    }
    writeln!(text)
}

fn write_table(text: &mut String, columns: &[String], rows: &[Vec<String>]) -> std::fmt::Result {
    let mut widths: Vec<usize> = columns.iter().map(|c| c.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(clean(cell).chars().count());
        }
    }
    for row in std::iter::once(columns).chain(rows.iter().map(Vec::as_slice)) {
        let mut line = String::from("   ");
        for (width, cell) in widths.iter().zip(row) {
            let cell = clean(cell);
            write!(line, " {cell}{} ", " ".repeat(width.saturating_sub(cell.chars().count())))?;
        }
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Text on one line, without what could steer a terminal or turn the reading direction around.
fn clean(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}
