//! Names that become file names. They come from stages, and from manifests that anybody may have edited, so that each
//! is checked before it touches a path.

/// Longest name of a table, part or stage. Leaves room for a hash and an extension below the usual 255 bytes.
const NAME_BYTES_LIMIT: usize = 180;

/// Whether `name` can be one path component and nothing else: ASCII letters, digits, `.`, `_`, `-`, and `%` and `~`, with which
/// keys of people become names; no dot in front.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_LIMIT
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'%' | b'~'))
}

/// Whether `path` is a chain of plain names, `/`-separated: it cannot leave the folder that it is joined to.
pub(crate) fn is_plain_path(path: &str) -> bool {
    path.split('/').all(is_plain_name)
}

/// Whether `text` is a SHA-256 digest in lower-case hexadecimal.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

/// The bytes behind lower-case hexadecimal of exactly 32 bytes.
pub(crate) fn digest_from_hexadecimal(text: &str) -> Option<[u8; 32]> {
    if !is_sha256(text) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for (name, plain) in [
            ("events", true),
            ("a1b2-x.y_z", true),
            ("kin%3A17.txt", true),
            ("%2E%2E%2Fx~0123456789abcdef.json", true),
            ("", false),
            ("..", false),
            (".hidden", false),
            ("a/b", false),
            ("a\\b", false),
            ("a\0b", false),
            ("é", false),
        ] {
            assert_eq!(is_plain_name(name), plain, "{name:?}");
        }
        for (path, plain) in [("tables/events/a.parquet", true), ("/etc/passwd", false), ("a/../b", false), ("a//b", false), ("a/", false)] {
            assert_eq!(is_plain_path(path), plain, "{path:?}");
        }
        assert!(!is_plain_name(&"a".repeat(181)));
    }

    #[test]
    fn hexadecimal_survives_the_way_back() {
        let digest: [u8; 32] = std::array::from_fn(|i| (i * 9) as u8);
        assert_eq!(digest_from_hexadecimal(&hexadecimal(&digest)), Some(digest));
        assert_eq!(digest_from_hexadecimal("zz"), None);
    }
}
