//! The fonts at hand. Noto Sans (Latin, Greek, Cyrillic) comes along; those for other scripts are given, since a font that holds
//! Hong Kong's characters has 20 MB.

use std::collections::BTreeSet;

use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

use crate::PrintError;

/// Where Debian and its kin, Fedora, Arch and macOS put fonts with Hong Kong's characters, and Debian those of Devanagari, Thai and Urdu.
/// Libraries read no such place by
/// themselves; a program may try them where it was given no folder.
pub const USUAL_PLACES: [&str; 14] = [
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    "/Library/Fonts/NotoSansCJK-Regular.ttc",
    "/Library/Fonts/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansDevanagari-Bold.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansThai-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansThai-Bold.ttf",
    "/usr/share/fonts/truetype/noto/NotoNaskhArabic-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoNaskhArabic-Bold.ttf",
];

/// Faces of the fonts at hand, in the order they were given.
#[derive(Clone)]
pub struct Fonts {
    faces: Vec<Font>,
    book: LazyHash<FontBook>,
}

impl Fonts {
    /// The fonts that come along: Noto Sans, regular and bold (SIL Open Font License 1.1).
    pub fn built_in() -> Self {
        let files: [&'static [u8]; 2] = [include_bytes!("../fonts/NotoSans-Regular.ttf"), include_bytes!("../fonts/NotoSans-Bold.ttf")];
        let faces = files.into_iter().flat_map(|bytes| Font::iter(Bytes::new(bytes))).collect();
        Self::of(faces)
    }

    fn of(faces: Vec<Font>) -> Self {
        let book = LazyHash::new(FontBook::from_fonts(&faces));
        Self { faces, book }
    }

    /// Adds font files, given as (name, bytes). Give them in a fixed order: where two have a character, the first is taken.
    ///
    /// # Errors
    /// If a file holds no font.
    pub fn with(self, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, PrintError> {
        let mut faces = self.faces;
        for (file, bytes) in files {
            let before = faces.len();
            faces.extend(Font::iter(Bytes::new(bytes)));
            if faces.len() == before {
                return Err(PrintError::NotAFont { file });
            }
        }
        Ok(Self::of(faces))
    }

    /// Whether a file's name says that it is a font.
    pub fn is_font_file(name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        [".ttf", ".otf", ".ttc", ".otc"].iter().any(|ending| lower.ends_with(ending))
    }

    /// The characters of a text that no face has, sorted.
    pub fn lacking<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Vec<char> {
        let characters: BTreeSet<char> = texts.flat_map(str::chars).filter(|c| !is_unseen(*c)).collect();
        let has = |c: &char| self.faces.iter().any(|face| face.info().coverage.contains(u32::from(*c)));
        characters.into_iter().filter(|c| !has(c)).collect()
    }

    pub(crate) fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    pub(crate) fn face(&self, index: usize) -> Option<Font> {
        self.faces.get(index).cloned()
    }
}

/// Characters that need no glyph: blanks, controls, joiners, variation selectors.
fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}
