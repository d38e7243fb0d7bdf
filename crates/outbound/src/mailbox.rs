//! Messages out of a Maildir, an mbox file, a folder of `.eml` files or one such file, or events out of a file of JSON, one at a time and
//! each with a limit.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;

use crate::bounce::REPORT_BYTES_LIMIT;

/// A mailbox that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read: give a Maildir, an mbox file, a folder of .eml files, one of them, or a mail service's events as JSON", path.display())]
pub struct MailboxError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The file.
    pub file: &'a Path,
    /// Which of its messages, from 1.
    pub number: u64,
}

/// What takes messages.
type Each<'e> = &'e mut dyn FnMut(Source<'_>, &[u8]);

/// Gives each message to `each`, in the order of file names; no more than the first mebibyte of each. A file of JSON gives each of its
/// objects: events of a mail service. Returns how many there were. Links are not followed.
///
/// # Errors
/// The file or folder that cannot be read.
pub fn read_messages(path: &Path, each: Each<'_>) -> Result<u64, MailboxError> {
    let at = |source| MailboxError { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(at)?.is_dir() {
        return read_file(path, each);
    }
    let mut files = Vec::new();
    for folder in folders(path).map_err(at)? {
        for entry in fs::read_dir(folder).map_err(at)? {
            let entry = entry.map_err(at)?;
            if entry.file_type().map_err(at)?.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files.iter().try_fold(0, |count, file| Ok(count + read_file(file, each)?))
}

fn read_file(path: &Path, each: Each<'_>) -> Result<u64, MailboxError> {
    let at = |source| MailboxError { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(at)?);
    // Dovecot compresses each message, and people the files that they send.
    if reader.fill_buf().map_err(at)?.starts_with(&GZIP) {
        return read_stream(path, BufReader::new(MultiGzDecoder::new(reader)), each).map_err(at);
    }
    read_stream(path, reader, each).map_err(at)
}

fn read_stream(file: &Path, mut reader: impl BufRead, each: Each<'_>) -> io::Result<u64> {
    // Programs put a mark or an empty line first.
    let mut first = Vec::new();
    loop {
        let ahead = reader.fill_buf()?;
        let Some(byte) = ahead.first().copied() else { break };
        if !(byte.is_ascii_whitespace() || (first.len() < BOM.len() && byte == BOM[first.len()])) || first.len() >= LEAD_LIMIT {
            break;
        }
        first.push(byte);
        reader.consume(1);
    }
    if reader.fill_buf()?.starts_with(b"From ") {
        return split_mbox(file, reader, each);
    }
    if reader.fill_buf()?.first().is_some_and(|byte| matches!(byte, b'{' | b'[')) {
        return read_events(file, reader, each);
    }
    let mut message = if first.starts_with(&BOM) { Vec::new() } else { first };
    reader.take(REPORT_BYTES_LIMIT as u64).read_to_end(&mut message)?;
    each(Source { file, number: 1 }, &message);
    Ok(1)
}

/// The objects of a file of JSON: one behind the other, a line each, or in a list. What is no JSON is a message, whose first word stands
/// in brackets.
fn read_events(file: &Path, reader: impl BufRead, each: Each<'_>) -> io::Result<u64> {
    let mut text = Vec::new();
    reader.take(EVENTS_BYTES_LIMIT).read_to_end(&mut text)?;
    let parsed: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(&text).into_iter().collect();
    let events: Option<Vec<Value>> = parsed.ok().map(|values| {
        let lists = values.into_iter().flat_map(|value| if let Value::Array(list) = value { list } else { vec![value] });
        lists.flat_map(unpacked).collect()
    });
    match events.filter(|events| events.iter().all(Value::is_object)) {
        None if text.len() as u64 == EVENTS_BYTES_LIMIT => Err(io::Error::other("events of more than 64 MiB in one file; split it")),
        None => {
            each(Source { file, number: 1 }, &text[..text.len().min(REPORT_BYTES_LIMIT)]);
            Ok(1)
        }
        Some(events) => {
            drop(text);
            for (at, event) in events.iter().enumerate() {
                each(Source { file, number: at as u64 + 1 }, event.to_string().as_bytes());
            }
            Ok(events.len() as u64)
        }
    }
}

/// What a queue gave out in one piece (`Messages`), or a function was called with (`Records`), one by one.
fn unpacked(value: Value) -> Vec<Value> {
    match value.get("Messages").or_else(|| value.get("Records")).and_then(Value::as_array) {
        Some(list) if list.iter().all(Value::is_object) => list.clone(),
        _ => vec![value],
    }
}

/// So much of a file of events is read: it is held as a whole.
const EVENTS_BYTES_LIMIT: u64 = 64 << 20;

/// The folders of a mailbox: a Maildir's own and those of its subfolders (`.Bounces`), where filters put reports.
fn folders(path: &Path) -> io::Result<Vec<PathBuf>> {
    let of_maildir = |path: &Path| ["cur", "new"].map(|name| path.join(name)).into_iter().filter(|folder| folder.is_dir()).collect::<Vec<_>>();
    let mut found = of_maildir(path);
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && !matches!(entry.file_name().to_str(), Some("cur" | "new" | "tmp")) {
            found.extend(of_maildir(&entry.path()));
        }
    }
    if found.is_empty() {
        found.push(path.to_owned());
    }
    found.sort();
    Ok(found)
}

/// How gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The mark of UTF-8.
const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];
/// So much may stand before a message.
const LEAD_LIMIT: usize = 64;

/// An mbox (RFC 4155): a message begins at a line `From ` that follows an empty line. `>From ` loses its mark.
fn split_mbox(file: &Path, mut reader: impl BufRead, each: Each<'_>) -> io::Result<u64> {
    let (mut message, mut line, mut count) = (Vec::new(), Vec::new(), 0);
    let (mut after_empty, mut line_begins) = (true, true);
    loop {
        line.clear();
        // A line without an end comes in pieces.
        if reader.by_ref().take(1 << 16).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line_begins && after_empty && line.starts_with(b"From ") {
            if count > 0 {
                each(Source { file, number: count }, &message);
            }
            message.clear();
            count += 1;
        } else {
            let marks = line.iter().take_while(|b| **b == b'>').count();
            let quoted = line_begins && marks > 0 && line[marks..].starts_with(b"From ");
            let kept = if quoted { &line[1..] } else { &line[..] };
            let room = REPORT_BYTES_LIMIT - message.len().min(REPORT_BYTES_LIMIT);
            message.extend_from_slice(&kept[..kept.len().min(room)]);
        }
        after_empty = line_begins && matches!(&line[..], b"\n" | b"\r\n");
        line_begins = line.ends_with(b"\n");
    }
    if count > 0 {
        each(Source { file, number: count }, &message);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Vec<String> {
        let mut messages = Vec::new();
        let count = read_messages(path, &mut |_, m| messages.push(String::from_utf8_lossy(m).into_owned())).unwrap();
        assert_eq!(count, messages.len() as u64);
        messages
    }

    #[test]
    fn each_kind_of_mailbox_gives_its_messages() {
        let folder = tempfile::tempdir().unwrap();
        let mbox = folder.path().join("mbox");
        fs::write(&mbox, "From a Mon\nSubject: 1\n\n>From x\nFrom y\n\nFrom b Tue\nSubject: 2\n\n").unwrap();
        assert_eq!(read(&mbox), ["Subject: 1\n\nFrom x\nFrom y\n\n", "Subject: 2\n\n"]);
        let maildir = folder.path().join("maildir");
        for name in ["cur", "new", "tmp"] {
            fs::create_dir_all(maildir.join(name)).unwrap();
            fs::write(maildir.join(name).join("1"), name).unwrap();
        }
        assert_eq!(read(&maildir), ["cur", "new"]);
        assert_eq!(read(&maildir.join("cur")), ["cur"]);
        assert!(read_messages(&folder.path().join("absent"), &mut |_, _| ()).is_err());
    }

    #[test]
    fn a_mailbox_that_programs_packed_or_sorted_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let gzip = |text: &str| {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
            packed.finish().unwrap()
        };
        let maildir = folder.path().join("maildir");
        for name in ["cur", "new", "tmp", ".Bounces/cur", ".Bounces.Old/new", ".Empty"] {
            fs::create_dir_all(maildir.join(name)).unwrap();
        }
        fs::write(maildir.join("cur/1.h,S=9:2,SZ"), gzip("Subject: packed\n\n")).unwrap();
        fs::write(maildir.join(".Bounces/cur/1"), "Subject: sorted\n\n").unwrap();
        fs::write(maildir.join(".Bounces.Old/new/1"), "Subject: old\n\n").unwrap();
        assert_eq!(read(&maildir), ["Subject: sorted\n\n", "Subject: old\n\n", "Subject: packed\n\n"]);
        for lead in ["\n", "\u{feff}", "\r\n\r\n"] {
            let mbox = folder.path().join("lead.mbox");
            fs::write(&mbox, format!("{lead}From a Mon\nSubject: 1\n\nFrom b Tue\nSubject: 2\n")).unwrap();
            assert_eq!(read(&mbox).len(), 2, "{lead:?}");
        }
        let mbox = folder.path().join("all.mbox.gz");
        fs::write(&mbox, gzip("From a Mon\nSubject: 1\n\nFrom b Tue\nSubject: 2\n")).unwrap();
        assert_eq!(read(&mbox).len(), 2);
        let bomb = folder.path().join("bomb.gz");
        fs::write(&bomb, gzip(&"x".repeat(64 << 20))).unwrap();
        assert_eq!(read(&bomb)[0].len(), REPORT_BYTES_LIMIT);
        fs::write(&bomb, [0x1f, 0x8b, 1, 2, 3]).unwrap();
        assert!(read_messages(&bomb, &mut |_, _| ()).is_err());
    }

    #[test]
    fn a_queues_messages_are_read_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue.json");
        fs::write(&path, r#"{"Messages": [{"Body": "{}"}, {"Body": "[]"}]}"#).unwrap();
        assert_eq!(read(&path), [r#"{"Body":"{}"}"#, r#"{"Body":"[]"}"#]);
    }

    #[test]
    fn a_long_message_is_cut_and_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        fs::write(&path, format!("From a\n{}\n\nFrom b\nx\n", "y".repeat(3 << 20))).unwrap();
        let messages = read(&path);
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].len(), REPORT_BYTES_LIMIT);
    }
}
