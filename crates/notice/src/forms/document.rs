//! A form as the document that is printed. What it says is decided in `super::blocks`.

use strandline_model::document::{self, Document};

use super::{Block, Form, blocks};

/// The form as a document: each field with its value and what it rests on.
pub fn document(form: &Form) -> Document {
    let mut document = Document { language: "en".to_owned(), title: form.title.to_owned(), ..Document::default() };
    // The first heading is the title.
    for block in blocks(form).into_iter().skip(1).flat_map(printed) {
        // Fields that follow each other are one list.
        if let (Some(document::Block::Fields { fields: list }), document::Block::Fields { fields }) = (document.blocks.last_mut(), &block) {
            list.extend(fields.iter().cloned());
        } else {
            document.blocks.push(block);
        }
    }
    document
}

fn printed(block: Block) -> Vec<document::Block> {
    let field = |label: String, lines: &[String], grounds: &[String]| {
        let note = Some(grounds.join("\n")).filter(|note| !note.is_empty());
        document::Block::Fields { fields: vec![document::Field { label, value: lines.join("\n"), note: note.or(Some(String::new())) }] }
    };
    match block {
        Block::Heading { level, text } => vec![document::Block::Heading { level: level.saturating_sub(1).max(1), text }],
        Block::Paragraph { text } => vec![document::Block::paragraph(text)],
        Block::Field { label, lines, grounds } => vec![field(label, &lines, &grounds)],
        Block::Table { label, columns, rows, notes, grounds } => {
            let whole = rows.into_iter().filter(|row| row.len() == columns.len()).collect();
            vec![field(label, &notes, &grounds), document::Block::Table { columns, rows: whole }]
        }
    }
}
