//! Documents to PDF: letters and forms, set by the Typst library. It prints nothing on paper and opens no file: layouts, fonts and
//! pictures are given to it.
//!
//! Every PDF conforms to PDF/UA-1 (ISO 14289-1:2014), so that a screen reader can read it and a character without a glyph is an
//! error, not a box.

mod code_picture;
mod fonts;
mod layout;
mod pack;
mod printer;
mod window;
mod world;

use strandline_model::personal::Personal;
use thiserror::Error;

pub use fonts::{Fonts, USUAL_PLACES};
pub use layout::Layout;
pub use printer::{Pdf, Printer};

/// Why something cannot be printed.
#[derive(Debug, Error)]
pub enum PrintError {
    /// A file is no font. The file is to blame.
    #[error("{file} holds no font that can be read; give TrueType or OpenType files (.ttf, .otf, .ttc)")]
    NotAFont {
        /// The file.
        file: String,
    },
    /// No font at hand has a character of the document. The fonts are to blame.
    #[error(
        "the fonts at hand lack {} of the characters of this document. For Chinese install Debian's fonts-noto-cjk, or put NotoSansHK-Regular.ttf and \
         NotoSansHK-Bold.ttf into a folder and name it with --fonts; for Hindi, Nepali, Thai and Urdu fonts-noto-core; for other scripts the Noto Sans \
         font of that script",
        characters.expose_personal().len()
    )]
    NoGlyph {
        /// The characters, sorted. They are of a person's name.
        characters: Personal<Vec<char>>,
    },
    /// A layout has a mistake. The layout's file is to blame.
    #[error("{file} line {line}: {problem}")]
    Layout {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What Typst says of it.
        problem: String,
    },
    /// A document could not be set by a layout that can set others. Which words were at fault is not said, since they are about a person.
    #[error("{file} line {line}: this document cannot be set, or would not be accessible; other documents can")]
    Document {
        /// The layout's file, or `the document`.
        file: String,
        /// The line, from 1; 0 where none is known.
        line: usize,
    },
    /// Nothing was given to print.
    #[error("there is no document to print")]
    Nothing,
}
