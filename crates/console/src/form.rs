//! Fields of a form or a query. Their values can be about a person, so that nothing here prints them.

/// Fields, in their order.
#[derive(Clone, Default)]
pub struct Fields(Vec<(String, String)>);

/// More fields are none that a page of ours sends.
const FIELDS_LIMIT: usize = 64;

impl Fields {
    /// From the encoding of forms.
    pub fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).take(FIELDS_LIMIT).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// A field, without the blanks around it.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// All that is said of a field, blank or not.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// A field that is not blank.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|value| !value.is_empty())
    }

    /// A number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }
}
