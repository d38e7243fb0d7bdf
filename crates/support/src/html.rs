//! HTML by hand: what is written through [`Text`] is text, whatever it holds.

use std::fmt;

/// A text within HTML, or within a quoted attribute.
pub(crate) struct Text<'t>(pub(crate) &'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Marks that turn the direction of what follows could make one text look like another.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
                c if c.is_control() && c != '\n' && c != '\t' => {}
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn text_stays_text() {
        let hostile = "<svg onload=\"x('1')\">&\u{202e}\u{0}";
        assert_eq!(Text(hostile).to_string(), "&lt;svg onload=&quot;x(&#39;1&#39;)&quot;&gt;&amp;");
    }
}
