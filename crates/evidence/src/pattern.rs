//! Which log source of the estate claims a path: glob patterns, seen through rotation and compression suffixes.

use strandline_model::estate::{Estate, LogSource};
use strandline_model::pattern::{Token, fits};

use crate::identify::Content;

/// Whether `path` fits `pattern`: `?` is one character, `*` any within a folder, `**` any at all. Linear in the product.
pub fn matches_pattern(pattern: &str, path: &str) -> bool {
    fits(&tokens(pattern), '/', path)
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        // `**/` also matches no folder at all.
        let (token, length) = match character {
            '*' if rest.starts_with("**/") => (Token::Across, 3),
            '*' if rest.starts_with("**") => (Token::Across, 2),
            '*' => (Token::Within, 1),
            '?' => (Token::AnyOne, 1),
            other => (Token::One(other), other.len_utf8()),
        };
        tokens.push(token);
        rest = &rest[length..];
    }
    tokens
}

/// The path itself, then with one rotation or compression suffix after the other taken off.
pub(crate) fn unrotated(path: &str) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let mut names = vec![name.to_owned()];
    let mut at = name;
    while let Some(shorter) = without_suffix(at) {
        names.push(shorter.to_owned());
        at = shorter;
    }
    if let Some((stem, extension)) = at.rsplit_once('.')
        && let Some(plain) = without_number(stem).or_else(|| without_weekday(stem))
    {
        names.push(format!("{plain}.{extension}"));
    }
    let last = names.last().map_or("", String::as_str);
    if let Some(plain) = without_prefix(last) {
        names.push(plain.to_owned());
    }
    if names.iter().all(|name| name.bytes().all(|b| !b.is_ascii_lowercase())) {
        // A file system that knows no small letters.
        names.extend(names.iter().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>());
    }
    names.into_iter().map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") }).collect()
}

fn without_suffix(name: &str) -> Option<&str> {
    const SUFFIXES: [&str; 12] = [".gz", ".zst", ".zip", ".tar", ".tgz", ".tzst", ".bz2", ".xz", ".old", ".bak", ".orig", ".save"];
    let text = name.strip_suffix(".txt").filter(|log| log.ends_with(".log"));
    let shorter = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).or(text).or_else(|| without_copy(name)).or_else(|| without_number(name))?;
    (!shorter.is_empty()).then_some(shorter)
}

/// `access.log (1)`, as browsers and desktops name a second copy.
fn without_copy(name: &str) -> Option<&str> {
    let (plain, number) = name.strip_suffix(')')?.rsplit_once(" (")?;
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(plain)
}

/// `Copy of access.log`, `20261123-access.log`, `2026-11-23_access.log`
fn without_prefix(name: &str) -> Option<&str> {
    if let Some(plain) = name.strip_prefix("Copy of ") {
        return Some(plain);
    }
    let plain = name.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | 'T'));
    let head = &name[..name.len() - plain.len()];
    let digits = head.bytes().filter(u8::is_ascii_digit).count();
    (head.ends_with(['-', '_', '.']) && matches!(digits, 6 | 8 | 10 | 12 | 14) && !plain.is_empty()).then_some(plain)
}

/// `postgresql-Mon`
fn without_weekday(stem: &str) -> Option<&str> {
    let (plain, day) = stem.rsplit_once(['-', '_', '.'])?;
    let is_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().any(|known| day.eq_ignore_ascii_case(known));
    (is_day && !plain.is_empty()).then_some(plain)
}

/// `access.log.3`, `access.log-20261123`, `access.log.2026-11-23`, `access.log-1795466577`, `access.log.20261123T204255Z`,
/// `access.log.2026W47` without what follows the name.
fn without_number(name: &str) -> Option<&str> {
    let moment = name.strip_suffix('Z').filter(|n| n.ends_with(|c: char| c.is_ascii_digit()) && n.contains('T')).unwrap_or(name);
    let stem = moment.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == moment.len() {
        return None;
    }
    let before = |mark: char, digits: usize| {
        let head = stem.strip_suffix(mark)?;
        let plain = head.trim_end_matches(|c: char| c.is_ascii_digit());
        (head.len() - plain.len() == digits).then_some(plain)
    };
    let stem = date_head(stem, name).or_else(|| before('T', 8)).or_else(|| before('W', 4)).unwrap_or(stem);
    let shorter = stem.strip_suffix(['.', '-', '_'])?;
    (!shorter.is_empty()).then_some(shorter)
}

/// Where `name` ends in `YYYY-MM-DD` (or with more fields after it), the part before the date.
fn date_head<'n>(stem: &str, name: &'n str) -> Option<&'n str> {
    let bytes = name.as_bytes();
    let is_date =
        |at: usize| bytes.get(at..at + 10).is_some_and(|d| d[4] == b'-' && d[7] == b'-' && [0, 1, 2, 3, 5, 6, 8, 9].iter().all(|&i| d[i].is_ascii_digit()));
    let tail_is_numbers = |at: usize| bytes[at..].iter().all(|b| b.is_ascii_digit() || b"-_.:T".contains(b));
    (0..stem.len()).find(|&at| is_date(at) && tail_is_numbers(at)).and_then(|at| name.get(..at))
}

/// The source that claims an artefact, by its path and, where that is not enough, by its content.
pub(crate) fn claim<'e>(estate: &'e Estate, path: &str, content: Content) -> Option<&'e LogSource> {
    let paths = candidate_paths(path);
    let by_path = |source: &&LogSource| source.path.iter().any(|pattern| paths.iter().any(|path| matches_pattern(pattern, path)));
    let matching: Vec<&LogSource> = estate.sources.iter().filter(by_path).collect();
    match matching[..] {
        [] => claim_by_content(estate, &paths, content),
        [source] => Some(source),
        // `min_by_key` keeps the first of equals: the estate's own order is the tie-break.
        _ => matching.into_iter().min_by_key(|source| (!speaks(source, content), usize::MAX - literal_length(source))),
    }
}

/// A path inside an archive counts as it stands in the archive, with or without the folders around the archive.
fn candidate_paths(path: &str) -> Vec<String> {
    let mut paths = unrotated(&path.replace("!/", "/"));
    let mut inner = path;
    while let Some((outer, rest)) = inner.split_once("!/") {
        paths.extend(unrotated(rest));
        if let Some((folder, _)) = outer.rsplit_once('/') {
            paths.extend(unrotated(&format!("{folder}/{rest}")));
        }
        inner = rest;
    }
    paths
}

/// No pattern fits: the name alone may still, and a log of a database or of Windows is rare enough for its format to say
/// enough.
fn claim_by_content<'e>(estate: &'e Estate, paths: &[String], content: Content) -> Option<&'e LogSource> {
    let Content::Log(format) = content else { return None };
    let speaking: Vec<&LogSource> = estate.sources.iter().filter(|source| speaks(source, content)).collect();
    let file_name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let named: Vec<&LogSource> = speaking
        .iter()
        .copied()
        .filter(|source| source.path.iter().any(|pattern| paths.iter().any(|path| matches_pattern(&file_name(pattern), &file_name(path)))))
        .collect();
    match (&named[..], &speaking[..]) {
        ([only], _) => Some(only),
        ([], [only]) if format.starts_with("postgresql") || format.starts_with("mysql") || format == "evtx" => Some(only),
        _ => None,
    }
}

/// Whether a source's format is one that such content could be.
fn speaks(source: &LogSource, content: Content) -> bool {
    let Content::Log(format) = content else { return false };
    match source.format.as_str() {
        "apache" | "nginx" | "web" => matches!(format, "nginx" | "web"),
        "postgresql" => format.starts_with("postgresql"),
        other => other == format,
    }
}

fn literal_length(source: &LogSource) -> usize {
    source.path.iter().map(|pattern| pattern.chars().filter(|c| !matches!(c, '*' | '?')).count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, path: &str, expected: bool) {
        let fits = unrotated(path).iter().any(|path| matches_pattern(pattern, path));
        assert_eq!(fits, expected, "{pattern} against {path}");
    }

    #[test]
    fn patterns_look_through_rotation_and_compression() {
        for path in [
            "kms/access.log",
            "kms/access.log.1",
            "kms/access.log.2.gz",
            "kms/access.log-20261123.gz",
            "kms/access.log-2026-11-23.zst",
            "kms/access-20261123.log",
            "kms/20261123-access.log",
            "kms/access.log.20261123T204255Z",
            "kms/access.20261123T204255.log",
            "kms/access.log.2026W47",
            "kms/access.log (1)",
            "kms/Copy of access.log",
            "kms/ACCESS.LOG",
            "kms/access.log.txt",
            "kms/access-Mon.log",
        ] {
            check("kms/access.log", path, true);
        }
        check("kms/access.log", "hrs/access.log", false);
        check("kms/access.log", "kms/other_access.log", false);
        check("**/access.log", "a/b/access.log.1", true);
        check("**/access.log", "access.log", true);
        check("db/postgresql.*", "db/postgresql.csv", true);
        check("db/*.csv", "db/sub/x.csv", false);
        check("a?c", "abc", true);
        check("", "x", false);
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        check(&"*a".repeat(40), &"a".repeat(400), true);
        check(&"*a".repeat(40), &"b".repeat(400), false);
    }
}
