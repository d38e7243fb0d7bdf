//! A document as neutral blocks: what a letter or a form says, without how it looks.
//!
//! One stage writes it; `print` sets it as a PDF and a mail writes it as plain text, so that all of them say the same. No type
//! here prints its text by `Debug`, since a letter is about a person.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::window::Window;

/// A letter or a form.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Document {
    /// Its language, a BCP 47 tag.
    pub language: String,
    /// Its title: the subject line of a letter.
    pub title: String,
    /// Who writes, a line each; the first is the name.
    pub sender: Vec<String>,
    /// To whom, a line each; empty for a form.
    pub recipient: Vec<String>,
    /// Reference, date: what stands in the head.
    pub head: Vec<Field>,
    /// The text, in order.
    pub blocks: Vec<Block>,
    /// The window of the envelope that it goes into; none for a form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The smallest type that a law allows it, in points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<u32>,
    /// A page that paper leads to by a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PageLink>,
}

/// A page on the web that a printed document leads to.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PageLink {
    /// Its address, without `https://`.
    pub address: String,
    /// What the picture says to whoever does not see it.
    pub says: String,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("language", &self.language).field("blocks", &self.blocks.len()).finish_non_exhaustive()
    }
}

/// A label and what stands beside it.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    /// The label.
    pub label: String,
    /// The value.
    pub value: String,
    /// What the value rests on, or why it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One piece of a document's text.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    /// A heading.
    Heading {
        /// 1 for a section, 2 for a part of one.
        level: u8,
        /// Its text.
        text: String,
    },
    /// A paragraph.
    Paragraph {
        /// Its text, one line.
        text: String,
        /// Its language where it is not the document's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
    },
    /// A list whose order counts.
    Numbered {
        /// The items, a line each.
        items: Vec<String>,
    },
    /// A list whose order does not count.
    Bulleted {
        /// The items, a line each.
        items: Vec<String>,
    },
    /// Labels and values.
    Fields {
        /// A line each.
        fields: Vec<Field>,
    },
    /// A table.
    Table {
        /// The heads of the columns.
        columns: Vec<String>,
        /// The rows; each has as many cells as there are columns.
        rows: Vec<Vec<String>>,
    },
}

impl Block {
    /// A paragraph in the document's language.
    pub fn paragraph(text: impl Into<String>) -> Self {
        Self::Paragraph { text: text.into(), language: None }
    }
}
