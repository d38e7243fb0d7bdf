//! What some bytes are, by their content alone. Names and extensions are never asked: an intruder chooses those.
//!
//! Signatures: xz file format 1.2 section 2.1.1.1, bzip2 its manual's section 4, gzip RFC 1952 section 2.3.1, Zstandard RFC 8878 section 3.1, zip APPNOTE 6.3.10 section 4.3,
//! tar POSIX.1-2017 pax section "ustar Interchange Format", Parquet format.md, EVTX `ElfFile`, ELF gABI.

use strandline_model::evidence::Container;

/// How many bytes are looked at.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;

/// How bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// gzip
    Gzip,
    /// Zstandard
    Zstd,
    /// A zip archive.
    Zip,
    /// A tar archive.
    Tar,
    /// xz
    Xz,
    /// bzip2
    Bzip2,
    /// Not packed, or in a way that is not opened (7z, rar).
    None,
}

impl Packing {
    /// How such bytes are packed as one stream; archives are none.
    pub(crate) fn container(self) -> Container {
        match self {
            Self::Gzip => Container::Gzip,
            Self::Zstd => Container::Zstd,
            Self::Xz => Container::Xz,
            Self::Bzip2 => Container::Bzip2,
            Self::Zip | Self::Tar | Self::None => Container::None,
        }
    }
}

/// What unpacked bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// No bytes at all.
    Empty,
    /// A log of a known format, by its first lines.
    Log(&'static str),
    /// A database snapshot of a known format.
    Snapshot(&'static str),
    /// Text of no known format.
    Text,
    /// Binary of a known or unknown format.
    Binary(Option<&'static str>),
}

/// How the bytes that start with `head` are packed.
pub fn identify_packing(head: &[u8]) -> Packing {
    if head.starts_with(&[0x1f, 0x8b, 8]) {
        Packing::Gzip
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || is_skippable_zstd(head) {
        Packing::Zstd
    } else if head.starts_with(b"\xfd7zXZ\0") {
        Packing::Xz
    } else if is_bzip2(head) {
        Packing::Bzip2
    } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        Packing::Zip
    } else if crate::tar::is_header(head) {
        Packing::Tar
    } else {
        Packing::None
    }
}

/// `BZh`, the size of blocks, and then a block or the end of an empty file.
fn is_bzip2(head: &[u8]) -> bool {
    let Some(rest) = head.strip_prefix(b"BZh") else { return false };
    rest.first().is_some_and(|size| (b'1'..=b'9').contains(size)) && (rest[1..].starts_with(b"1AY&SY") || rest[1..].starts_with(b"\x17\x72\x45\x38\x50\x90"))
}

/// A skippable frame counts only if a real one follows within sight.
fn is_skippable_zstd(head: &[u8]) -> bool {
    let Some(&[low, 0x2a, 0x4d, 0x18, a, b, c, d]) = head.first_chunk::<8>() else { return false };
    let next = 8usize.saturating_add(u32::from_le_bytes([a, b, c, d]) as usize);
    (0x50..=0x5f).contains(&low) && head.get(next..).is_some_and(|rest| rest.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]))
}

/// What the unpacked bytes that start with `head` are.
pub fn identify_content(head: &[u8]) -> Content {
    const BINARY: [(&[u8], &str); 7] = [
        (b"\x7fELF", "elf"),
        (b"SQLite format 3\0", "sqlite"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh", "bzip2"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!\x1a\x07", "rar"),
        (b"MZ", "pe"),
    ];
    if head.is_empty() {
        return Content::Empty;
    }
    if head.starts_with(b"PAR1") {
        return Content::Snapshot("parquet");
    }
    // An archive of pg_dump, or the table of contents of one that lies in several files.
    if head.starts_with(b"PGDMP") {
        return Content::Snapshot("pg_dump_archive");
    }
    // The header of a Windows event log, or of a chunk of one where the file has lost its own.
    if head.starts_with(b"ElfFile\0") || head.starts_with(b"ElfChnk\0") {
        return Content::Log("evtx");
    }
    // A crash, or a file that was cut while it was written to, leaves NULs in front of the first line.
    let text = &head[head.iter().take_while(|b| **b == 0).count()..];
    let head = if text.is_empty() { head } else { text };
    let binary = !is_text(head);
    for (magic, name) in BINARY {
        if head.starts_with(magic) && (binary || magic.len() > 3) {
            return Content::Binary(Some(name));
        }
    }
    if binary {
        return Content::Binary(None);
    }
    text_content(head)
}

/// Text may hold a few bytes of any kind, as logs of an attacked server do; it may not be made of them.
fn is_text(head: &[u8]) -> bool {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    let odd = head.iter().filter(|&&b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)).count();
    let undecodable: usize = head.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    odd * 50 <= head.len() && undecodable * 4 <= head.len()
}

fn text_content(head: &[u8]) -> Content {
    if head.starts_with(b"--\n-- PostgreSQL database dump") || head.starts_with(b"-- PostgreSQL database dump") {
        return Content::Snapshot("pg_dump");
    }
    // Since 2024 mariadb-dump begins with a line that keeps its reader from running commands.
    let sandboxed = head.strip_prefix(b"/*M!999999\\- ").and_then(|rest| rest.iter().position(|&b| b == b'\n').map(|end| &rest[end + 1..]));
    if [b"-- MySQL dump".as_slice(), b"-- MariaDB dump"].iter().any(|words| sandboxed.unwrap_or(head).starts_with(words)) {
        return Content::Snapshot("mysqldump");
    }
    let mut votes: Vec<(&'static str, usize)> = Vec::new();
    let mut lines = 0;
    for line in head.split(|&b| b == b'\n').filter(|l| !l.is_empty()).take(50) {
        lines += 1;
        if let Some(format) = line_format(line) {
            match votes.iter_mut().find(|(name, _)| *name == format) {
                Some((_, count)) => *count += 1,
                None => votes.push((format, 1)),
            }
        }
    }
    // Records over several lines (statements) leave continuation lines that fit no format: two in five must fit.
    votes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    match votes.first() {
        Some((format, count)) if count * 5 >= lines * 2 => Content::Log(format),
        _ => Content::Text,
    }
}

/// The format that one line speaks for.
fn line_format(line: &[u8]) -> Option<&'static str> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.first() == Some(&b'{') {
        return Some(if has(line, b"\"__REALTIME_TIMESTAMP\"") {
            "journald"
        } else if has(line, b"\"action_id\"") && has(line, b"principal_name\"") {
            "sqlserver"
        } else if has(line, b"\"DBUSERNAME\"") && has(line, b"\"ACTION_NAME\"") {
            "oracle"
        } else if has(line, b"\"session_start\"") && has(line, b"\"error_severity\"") {
            "postgresql_jsonlog"
        } else {
            "json"
        });
    }
    if is_iso_date(line) {
        return iso_line_format(line);
    }
    if has(line, b"] \"") && bracketed_clf_time(line) {
        return Some("nginx");
    }
    if is_syslog_stamp(line) {
        return Some("linux_auth");
    }
    (line.starts_with(b"#Fields:") || has(line, b" HTTP/1.") || has(line, b" HTTP/2")).then_some("web")
}

fn iso_line_format(line: &[u8]) -> Option<&'static str> {
    const SEVERITIES: [&[u8]; 9] = [b"LOG:  ", b"ERROR:  ", b"FATAL:  ", b"DETAIL:  ", b"STATEMENT:  ", b"WARNING:  ", b"HINT:  ", b"PANIC:  ", b"NOTICE:  "];
    const MYSQL: [&[u8]; 5] = [b"Query\t", b"Connect\t", b"Quit", b"Execute\t", b"Prepare\t"];
    let separators = line.iter().filter(|&&b| b == b',').count();
    if separators >= 11 && [&b",LOG,"[..], b",ERROR,", b",FATAL,", b",WARNING,", b",NOTICE,", b",PANIC,"].iter().any(|s| has(line, s)) {
        Some("postgresql_csvlog")
    } else if SEVERITIES.iter().any(|s| has(line, s)) {
        Some("postgresql_stderr")
    } else if line.get(10) == Some(&b'T') && MYSQL.iter().any(|s| has(line, s)) {
        Some("mysql_general")
    } else if line.get(10) == Some(&b'T') && (has(line, b" sshd[") || has(line, b" sudo") || has(line, b"pam_unix(")) {
        Some("linux_auth")
    } else if has(line, b" HTTP/1.") || has(line, b" HTTP/2") {
        Some("web")
    } else if line.get(19).is_some() {
        Some("text")
    } else {
        None
    }
}

fn has(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|w| w == part)
}

/// `2026-11-23` and then a `T` or a space.
fn is_iso_date(line: &[u8]) -> bool {
    fits(line, b"0000-00-00") && matches!(line.get(10), Some(b'T' | b' ')) && fits(line.get(11..).unwrap_or_default(), b"00:00:00")
}

/// `[23/Nov/2026:20:42:55 +0000]` somewhere.
fn bracketed_clf_time(line: &[u8]) -> bool {
    line.iter().enumerate().filter(|&(_, &b)| b == b'[').any(|(at, _)| fits(&line[at + 1..], b"00/aaa/0000:00:00:00 "))
}

/// `Nov 23 20:42:55 host`
fn is_syslog_stamp(line: &[u8]) -> bool {
    fits(line, b"aaa 00 00:00:00 ") || fits(line, b"aaa  0 00:00:00 ")
}

/// Whether the bytes start like the shape: `0` stands for a digit, `a` for a letter, anything else for itself.
fn fits(bytes: &[u8], shape: &[u8]) -> bool {
    bytes.len() >= shape.len()
        && bytes.iter().zip(shape).all(|(&byte, &kind)| match kind {
            b'0' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_alphabetic(),
            other => byte == other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], expected: Content) {
        assert_eq!(identify_content(head), expected, "{:?}", String::from_utf8_lossy(&head[..head.len().min(60)]));
    }

    #[test]
    fn contents_are_told_apart() {
        check(b"", Content::Empty);
        check(b"PAR1....", Content::Snapshot("parquet"));
        check(b"PGDMP\x01\x0e\x00\x04\x08\x01", Content::Snapshot("pg_dump_archive"));
        check(b"ElfFile\0\0\0\0\0", Content::Log("evtx"));
        check(b"ElfChnk\0\x01\0\0\0", Content::Log("evtx"));
        check(b"--\n-- PostgreSQL database dump\n--\n", Content::Snapshot("pg_dump"));
        check(b"-- MySQL dump 10.13  Distrib 8.0.36\n", Content::Snapshot("mysqldump"));
        check(b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB\n", Content::Snapshot("mysqldump"));
        check(b"10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n", Content::Log("nginx"));
        check(b"2026-01-01 00:00:00.000 UTC,\"a\",\"b\",1,\"x\",s,1,\"S\",t,1/1,0,LOG,00000,\"m\",,,,\n", Content::Log("postgresql_csvlog"));
        check(b"{\"timestamp\":\"x\",\"session_start\":\"y\",\"error_severity\":\"LOG\"}\n", Content::Log("postgresql_jsonlog"));
        check(b"2026-01-01 00:00:00 UTC [1] LOG:  statement: SELECT 1\n\tFROM x\n", Content::Log("postgresql_stderr"));
        check(b"Jan  3 10:00:00 host sshd[1]: Accepted publickey\n", Content::Log("linux_auth"));
        check(b"#Version: 1.0\n#Fields: date time c-ip\n", Content::Log("web"));
        check(b"2026-11-23T20:42:55.1Z front 10.0.0.1:5 - 0 0 0 200 200 0 9 \"GET http://a:80/ HTTP/1.1\" \"x\" - -\n", Content::Log("web"));
        check(b"Dear all,\nplease find attached\n", Content::Text);
        check(b"MZ is how this letter starts\n", Content::Text);
        check(&[0, 1, 2, 3, 0, 0, 0, 9], Content::Binary(None));
        check(b"\0\0\0\0\0\0\0\0Jan  3 10:00:00 host sshd[1]: Accepted publickey\n", Content::Log("linux_auth"));
    }

    #[test]
    fn a_few_nul_bytes_in_a_log_do_not_make_it_binary() {
        let mut log = b"10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1\n".repeat(20);
        log.extend_from_slice(b"\0\0\0\xff\xff\n");
        check(&log, Content::Log("nginx"));
    }
}
