//! Plain words out of words from outside: what a header, a terminal or a manifest may show.

/// One line of visible text: control and direction characters, and line and paragraph separators, become spaces; spaces are
/// joined; what is longer than `limit` characters is cut.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let visible = text.chars().map(|c| if is_steering(c) { ' ' } else { c }).collect::<String>();
    visible.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(limit).collect::<String>().trim_end().to_owned()
}

/// Characters that steer a terminal, a reader or a header: controls, line separators, and the direction marks of Unicode
/// UAX #9 (the trick of a name that reads backwards).
fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// What a server said, fit to be kept: addresses in it are masked, since it goes to screens and reports.
pub(crate) fn without_addresses(text: &str, limit: usize) -> String {
    let words = text.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '(' | ')' | '"' | ':' | '\''));
    let mut masked = String::new();
    for word in words {
        if word.contains('@') {
            masked.push_str("[address]");
            masked.extend(word.chars().last().filter(|c| !c.is_alphanumeric()));
        } else {
            masked.push_str(word);
        }
    }
    one_line(&masked, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_comes_through() {
        assert_eq!(one_line("CHAN\r\nBcc: x\t Tai \u{202e}Man\u{0}", 100), "CHAN Bcc: x Tai Man");
        assert_eq!(one_line("陳大文", 2), "陳大");
    }

    #[test]
    fn a_servers_words_lose_their_addresses() {
        assert_eq!(without_addresses("5.1.1 <a.b@c.org>: no such user", 100), "5.1.1 <[address]>: no such user");
        assert_eq!(without_addresses("user a@b.c, d@e.f", 100), "user [address], [address]");
    }
}
