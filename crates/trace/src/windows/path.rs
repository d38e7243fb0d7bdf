//! Paths of shares and disks as Windows logs write them, against the patterns of the estate.

use strandline_model::pattern::{self, Token};

/// Whether a path fits a pattern: `*` is any text within a folder, `**` any text, `?` one character; case and the kind of
/// slash do not matter. A share's log names its own host as `*`, so the host of a pattern is not compared.
/// Linear in the product of the lengths.
pub(super) fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (plain(pattern), plain(path));
    pattern::fits(&tokens(&pattern), '\\', &path)
}

/// Lower case, one kind of slash, without the host of a share and without the `\??\` of a device path.
fn plain(path: &str) -> String {
    let path = path.to_lowercase().replace('/', "\\");
    if let Some(rest) = path.strip_prefix("\\??\\") {
        return rest.to_owned();
    }
    match path.strip_prefix("\\\\").and_then(|rest| rest.split_once('\\')) {
        Some((_, share)) => format!("\\\\{share}"),
        None => path,
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' if characters.next_if_eq(&'*').is_some() => Token::Across,
            '*' => Token::Within,
            '?' => Token::AnyOne,
            other => Token::One(other),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_pattern_fits_paths_as_they_are_logged() {
        for (pattern, path, expected) in [
            (r"\\*\HR$\exports\staff*.csv", r"\\*\HR$\exports\Staff-2026.CSV", true),
            (r"\\fs1.example.org\HR$\exports\staff*.csv", r"\\*\hr$\exports\staff.csv", true),
            (r"\\*\HR$\exports\staff*.csv", r"\\*\HR$\exports\old\staff.csv", false),
            (r"\\*\HR$\**\staff.csv", r"\\*\HR$\a\b\staff.csv", true),
            (r"\\*\HR$\exports\staff.csv", r"\\*\HR$\exports\staff.csv.bak", false),
            (r"D:\hr\exports\staff?.csv", r"\??\D:\hr\exports\staff1.csv", true),
            (r"D:/hr/exports/*", r"D:\hr\exports\staff.csv", true),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} on {path}");
        }
    }
}
