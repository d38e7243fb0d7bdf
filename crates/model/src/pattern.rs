//! Patterns of paths: what `*`, `**` and `?` stand for, over one kind of separator. How a pattern is written is for its reader.
//!
//! Not `globset`: there `[` and `{` are wildcards too, which stand in paths of logs and in names of shares, and `**` is one between
//! two separators only.

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// This character.
    One(char),
    /// Any character but a separator.
    AnyOne,
    /// Any text within a folder.
    Within,
    /// Any text.
    Across,
}

/// Whether a pattern fits all of a path. Linear in the product of their lengths, whatever they hold.
pub fn fits(tokens: &[Token], separator: char, path: &str) -> bool {
    let mut reached = vec![false; tokens.len() + 1];
    reached[0] = true;
    spread(tokens, &mut reached);
    for character in path.chars() {
        let mut next = vec![false; tokens.len() + 1];
        for (at, token) in tokens.iter().enumerate().filter(|&(at, _)| reached[at]) {
            match token {
                Token::One(c) => next[at + 1] |= *c == character,
                Token::AnyOne => next[at + 1] |= character != separator,
                Token::Within => next[at] |= character != separator,
                Token::Across => next[at] = true,
            }
        }
        spread(tokens, &mut next);
        reached = next;
    }
    reached[tokens.len()]
}

/// Stars may stand for nothing.
fn spread(tokens: &[Token], reached: &mut [bool]) {
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Within | Token::Across => reached[at + 1] |= reached[at],
            Token::One(_) | Token::AnyOne => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_at_the_separator_they_are_given() {
        let one = [Token::One('a'), Token::Within, Token::One('b')];
        let any = [Token::One('a'), Token::Across, Token::One('b')];
        for (tokens, separator, path, expected) in [
            (&one, '/', "axb", true),
            (&one, '/', "ab", true),
            (&one, '/', "ax/yb", false),
            (&one, '\\', "ax/yb", true),
            (&any, '/', "ax/yb", true),
            (&any, '/', "axc", false),
        ] {
            assert_eq!(fits(tokens, separator, path), expected, "{path} by {separator}");
        }
        assert!(fits(&[], '/', "") && !fits(&[], '/', "x") && !fits(&[Token::AnyOne], '/', "/"));
    }
}
