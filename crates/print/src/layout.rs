//! A layout: one Typst file with the page, and the pictures that it shows. Typst's own files only; nothing is fetched.

use std::collections::BTreeMap;

/// The name of a layout's file within its folder.
const FILE: &str = "layout.typ";

/// How a page looks.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What the layout's file is called in errors.
    pub(crate) name: String,
    /// Its files by path, with a slash in front.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) aim: Aim,
}

/// How many pages a document should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// One: it is set tighter until it fits, as far as the layout can.
    OnePage,
    /// As many as it needs.
    AnyPages,
}

impl Layout {
    /// The page of a letter, as it comes along.
    pub fn letter() -> Self {
        Self::one("letters/default/layout.typ", include_str!("../../../letters/default/layout.typ"), Aim::OnePage)
    }

    /// The page of an authority's form.
    pub fn form() -> Self {
        Self::one("form.typ", include_str!("../layouts/form.typ"), Aim::AnyPages)
    }

    /// An organisation's own folder, given as (path within it, bytes): the `layout.typ` nearest to the top, or else the page that
    /// comes along, and whatever stands beside it. `import "/blocks.typ"` works in it; it defines `page-of(document, tightness: 0)`.
    pub fn letter_with(files: &[(String, Vec<u8>)]) -> Self {
        let depth = |path: &str| path.matches('/').count();
        let own = files.iter().filter(|(path, _)| path.rsplit('/').next() == Some(FILE)).min_by(|a, b| depth(&a.0).cmp(&depth(&b.0)).then(a.0.cmp(&b.0)));
        let Some((path, _)) = own else { return Self::letter() };
        let folder = path.strip_suffix(FILE).unwrap_or_default();
        let beside = files.iter().filter_map(|(file, bytes)| Some((format!("/{}", file.strip_prefix(folder)?), bytes.clone())));
        Self { name: path.clone(), files: beside.collect(), aim: Aim::OnePage }
    }

    fn one(name: &str, text: &str, aim: Aim) -> Self {
        Self { name: name.to_owned(), files: BTreeMap::from([(format!("/{FILE}"), text.as_bytes().to_vec())]), aim }
    }
}
