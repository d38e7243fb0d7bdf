//! What the conductor and the printer say to each other: the printer is a program of its own, since it takes minutes to build and
//! reads fonts and layouts that others wrote.
//!
//! One JSON object a line on the printer's standard input, one on its standard output; an answer with `bytes` is followed by so
//! many bytes of PDF.

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::time::Instant;

/// Documents for one PDF, each from a new page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PrintJob {
    /// The documents.
    pub documents: Vec<Document>,
    /// When the file says that it was made.
    pub at: Instant,
}

/// What the printer answers: first that it is ready, then once a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum PrintAnswer {
    /// Layout and fonts are read, and jobs may come.
    Ready {
        /// SHA-256 over them: the same page gives the same PDF.
        page_sha256: String,
    },
    /// A PDF follows.
    Printed {
        /// Its length.
        bytes: u64,
        /// Its pages.
        pages: u32,
        /// The first page of each document, from 1.
        first_pages: Vec<u32>,
        /// What is wrong with what the envelope's window shows of each; never a value.
        #[serde(default)]
        windows: Vec<Option<String>>,
    },
    /// No PDF, and why. Never a value of the document.
    Failed {
        /// Why, and the way out.
        reason: String,
    },
}
