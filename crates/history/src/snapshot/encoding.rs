//! Which letters a dump's bytes stand for, by what the dump says of itself. What cannot be decoded is not known.
//!
//! Names: PostgreSQL 17 documentation, "Character Set Support", table 23.3; MySQL 8.4 Reference Manual, "Supported
//! Character Sets and Collations".

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{Decoder, Encoding, UTF_16BE, UTF_16LE};

use crate::Dialect;

/// How the bytes of a dump stand for letters.
#[derive(Clone, Copy)]
pub(super) enum TextEncoding {
    /// UTF-8.
    Utf8,
    /// ISO 8859-1: each byte is the letter of that number.
    Latin1,
    /// Bytes of no stated encoding (`SQL_ASCII`, `binary`): known where they are ASCII or could be nothing but UTF-8.
    Bytes,
    /// One of the Encoding Standard, and where the server takes the same bytes for other letters.
    Standard(&'static Encoding, &'static Differing),
}

/// Bytes that the Encoding Standard and a server take for different letters: which one the database holds is not known.
/// Found by asking PostgreSQL 15 and MariaDB 10.11 for every byte and pair of bytes.
pub(super) struct Differing {
    /// Letters of one byte.
    single: &'static [std::ops::RangeInclusive<u8>],
    /// Letters of two bytes.
    pairs: &'static [[u8; 2]],
    /// First bytes of letters of two.
    leads: &'static [std::ops::RangeInclusive<u8>],
}

const SAME: Differing = Differing { single: &[], pairs: &[], leads: &[] };
const LATIN5: Differing = Differing { single: &[0x80..=0x9f], ..SAME };
const KOI8U: Differing = Differing { single: &[0x95..=0x95, 0xae..=0xae, 0xbe..=0xbe], ..SAME };
const CP866: Differing = Differing { single: &[0xfc..=0xfd], ..SAME };
const GREEK: Differing = Differing { single: &[0xa1..=0xa2], ..SAME };
const HEBREW: Differing = Differing { single: &[0xaf..=0xaf], ..SAME };
const TIS620: Differing = Differing { single: &[0x80..=0xa0], ..SAME };
const GB2312: Differing = Differing { pairs: &[[0xa1, 0xa4], [0xa1, 0xaa]], ..SAME };
const GB18030: Differing = Differing { pairs: &[[0xa3, 0xa0], [0xa8, 0xbc]], leads: &[0xa6..=0xa6, 0xfe..=0xfe], ..SAME };
const BIG5: Differing = Differing {
    pairs: &[
        [0xa1, 0x45],
        [0xa1, 0x4e],
        [0xa1, 0x5a],
        [0xa1, 0xc2],
        [0xa1, 0xc3],
        [0xa1, 0xc5],
        [0xa1, 0xe3],
        [0xa1, 0xf2],
        [0xa1, 0xf3],
        [0xa1, 0xfe],
        [0xa2, 0x40],
        [0xa2, 0x41],
        [0xa2, 0x42],
        [0xa2, 0x44],
        [0xa2, 0x46],
        [0xa2, 0x47],
        [0xa2, 0xcc],
        [0xa2, 0xce],
    ],
    leads: &[0xc6..=0xc8],
    ..SAME
};
const MYSQL_SJIS: Differing = Differing { pairs: &[[0x81, 0x5f], [0x81, 0x60], [0x81, 0x61], [0x81, 0x7c], [0x81, 0x91], [0x81, 0x92], [0x81, 0xca]], ..SAME };
const MYSQL_UJIS: Differing = Differing {
    pairs: &[[0xa1, 0xc0], [0xa1, 0xc1], [0xa1, 0xc2], [0xa1, 0xdd], [0xa1, 0xf1], [0xa1, 0xf2], [0xa2, 0xcc]],
    // Letters of three bytes begin with 0x8f.
    leads: &[0x8f..=0x8f, 0xf5..=0xfe],
    ..SAME
};

impl Differing {
    fn stands_in(&self, bytes: &[u8]) -> bool {
        if self.pairs.is_empty() && self.leads.is_empty() {
            return bytes.iter().any(|byte| self.single.iter().any(|range| range.contains(byte)));
        }
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at].is_ascii() {
                at += 1;
                continue;
            }
            if self.leads.iter().any(|range| range.contains(&bytes[at])) || self.pairs.iter().any(|pair| bytes[at..].starts_with(pair)) {
                return true;
            }
            at += 2;
        }
        false
    }
}

impl TextEncoding {
    /// The encoding of that name at a server; `None` if it is not read here.
    pub fn named(name: &str, dialect: Dialect) -> Option<Self> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        if dialect == Dialect::PostgreSql { postgresql(&plain) } else { mysql(&plain) }
    }

    /// The text; `None` if the bytes are none in this encoding.
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf8 | Self::Bytes => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Latin1 if bytes.is_ascii() => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Latin1 => Some(Cow::Owned(bytes.iter().map(|b| char::from(*b)).collect())),
            Self::Standard(_, differing) if !bytes.is_ascii() && differing.stands_in(bytes) => None,
            Self::Standard(encoding, _) => encoding.decode_without_bom_handling_and_without_replacement(bytes),
        }
    }

    /// The text. Bytes that are none in it, or may be another letter, become marks ([`is_mark`]).
    pub fn decode_marked(self, bytes: &[u8]) -> Cow<'_, str> {
        if let Some(text) = self.decode(bytes) {
            return text;
        }
        if let Self::Standard(encoding, _) = self {
            // A letter in doubt spoils what is not ASCII around it: quotes and brackets must stay where they are.
            let (text, _) = encoding.decode_without_bom_handling(bytes);
            return Cow::Owned(text.chars().map(|c| if c.is_ascii() { c } else { MARKS_FROM }).collect());
        }
        let mut text = String::new();
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|byte| mark(*byte)));
        }
        Cow::Owned(text)
    }
}

/// First of the marks; the last 256 code points, which no letter will ever have.
const MARKS_FROM: char = '\u{10ff00}';

fn mark(byte: u8) -> char {
    char::from_u32(u32::from(MARKS_FROM) + u32::from(byte)).unwrap_or(MARKS_FROM)
}

/// Whether a character stands for a byte that is no letter.
pub(super) fn is_mark(c: char) -> bool {
    c >= MARKS_FROM
}

/// The bytes that a marked text was made of.
pub(super) fn bytes_of_marked(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        // The last byte of a mark's number is the byte.
        if is_mark(c) { bytes.push((u32::from(c) & 0xff) as u8) } else { bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()) }
    }
    bytes
}

fn postgresql(name: &str) -> Option<TextEncoding> {
    use TextEncoding::{Bytes, Latin1, Standard, Utf8};
    Some(match name {
        "utf8" | "unicode" => Utf8,
        "sqlascii" => Bytes,
        "latin1" | "iso88591" => Latin1,
        "latin2" | "iso88592" => Standard(encoding_rs::ISO_8859_2, &SAME),
        "latin3" | "iso88593" => Standard(encoding_rs::ISO_8859_3, &SAME),
        "latin4" | "iso88594" => Standard(encoding_rs::ISO_8859_4, &SAME),
        "iso88595" => Standard(encoding_rs::ISO_8859_5, &SAME),
        "iso88596" => Standard(encoding_rs::ISO_8859_6, &SAME),
        "iso88597" => Standard(encoding_rs::ISO_8859_7, &SAME),
        "iso88598" => Standard(encoding_rs::ISO_8859_8, &SAME),
        "latin5" | "iso88599" => Standard(encoding_rs::WINDOWS_1254, &LATIN5),
        "latin6" | "iso885910" => Standard(encoding_rs::ISO_8859_10, &SAME),
        "latin7" | "iso885913" => Standard(encoding_rs::ISO_8859_13, &SAME),
        "latin8" | "iso885914" => Standard(encoding_rs::ISO_8859_14, &SAME),
        "latin9" | "iso885915" => Standard(encoding_rs::ISO_8859_15, &SAME),
        "latin10" | "iso885916" => Standard(encoding_rs::ISO_8859_16, &SAME),
        "win1250" => Standard(encoding_rs::WINDOWS_1250, &SAME),
        "win1251" | "win" => Standard(encoding_rs::WINDOWS_1251, &SAME),
        "win1252" => Standard(encoding_rs::WINDOWS_1252, &SAME),
        "win1253" => Standard(encoding_rs::WINDOWS_1253, &SAME),
        "win1254" => Standard(encoding_rs::WINDOWS_1254, &SAME),
        "win1255" => Standard(encoding_rs::WINDOWS_1255, &SAME),
        "win1256" => Standard(encoding_rs::WINDOWS_1256, &SAME),
        "win1257" => Standard(encoding_rs::WINDOWS_1257, &SAME),
        "win1258" | "abc" | "tcvn" | "tcvn5712" | "vscii" => Standard(encoding_rs::WINDOWS_1258, &SAME),
        "win866" | "alt" => Standard(encoding_rs::IBM866, &SAME),
        "win874" => Standard(encoding_rs::WINDOWS_874, &SAME),
        "koi8r" | "koi8" => Standard(encoding_rs::KOI8_R, &SAME),
        "koi8u" => Standard(encoding_rs::KOI8_U, &KOI8U),
        "eucjp" => Standard(encoding_rs::EUC_JP, &SAME),
        "sjis" | "mskanji" | "shiftjis" | "win932" | "windows932" => Standard(encoding_rs::SHIFT_JIS, &SAME),
        "euccn" => Standard(encoding_rs::GBK, &GB2312),
        "gbk" | "win936" | "windows936" => Standard(encoding_rs::GBK, &SAME),
        "gb18030" => Standard(encoding_rs::GB18030, &GB18030),
        "big5" | "win950" | "windows950" => Standard(encoding_rs::BIG5, &BIG5),
        "euckr" | "uhc" | "win949" | "windows949" => Standard(encoding_rs::EUC_KR, &SAME),
        _ => return None,
    })
}

fn mysql(name: &str) -> Option<TextEncoding> {
    use TextEncoding::{Bytes, Standard, Utf8};
    Some(match name {
        "utf8" | "utf8mb3" | "utf8mb4" => Utf8,
        "binary" | "ascii" => Bytes,
        // What MySQL calls Latin-1 is what others call Windows-1252.
        "latin1" => Standard(encoding_rs::WINDOWS_1252, &SAME),
        "latin2" => Standard(encoding_rs::ISO_8859_2, &SAME),
        "latin5" => Standard(encoding_rs::WINDOWS_1254, &LATIN5),
        "latin7" => Standard(encoding_rs::ISO_8859_13, &SAME),
        "greek" => Standard(encoding_rs::ISO_8859_7, &GREEK),
        "hebrew" => Standard(encoding_rs::ISO_8859_8, &HEBREW),
        "tis620" => Standard(encoding_rs::WINDOWS_874, &TIS620),
        "cp1250" => Standard(encoding_rs::WINDOWS_1250, &SAME),
        "cp1251" => Standard(encoding_rs::WINDOWS_1251, &SAME),
        "cp1256" => Standard(encoding_rs::WINDOWS_1256, &SAME),
        "cp1257" => Standard(encoding_rs::WINDOWS_1257, &SAME),
        "cp866" => Standard(encoding_rs::IBM866, &CP866),
        "koi8r" => Standard(encoding_rs::KOI8_R, &SAME),
        "koi8u" => Standard(encoding_rs::KOI8_U, &KOI8U),
        "ujis" | "eucjpms" => Standard(encoding_rs::EUC_JP, &MYSQL_UJIS),
        "sjis" => Standard(encoding_rs::SHIFT_JIS, &MYSQL_SJIS),
        "cp932" => Standard(encoding_rs::SHIFT_JIS, &SAME),
        "gbk" => Standard(encoding_rs::GBK, &SAME),
        "gb2312" => Standard(encoding_rs::GBK, &GB2312),
        "gb18030" => Standard(encoding_rs::GB18030, &GB18030),
        "big5" => Standard(encoding_rs::BIG5, &BIG5),
        "euckr" => Standard(encoding_rs::EUC_KR, &SAME),
        _ => return None,
    })
}

/// The stream as UTF-8 where it begins with the mark of UTF-16, and whether it did. A mark of UTF-8 is taken off.
pub(super) fn without_mark<'r>(mut reader: BufReader<Box<dyn Read + 'r>>) -> io::Result<(Box<dyn BufRead + 'r>, bool)> {
    let mut head = [0; 3];
    let mut filled = 0;
    while filled < head.len() {
        match reader.read(&mut head[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    let head = &head[..filled];
    let encoding = match head {
        [0xff, 0xfe, ..] => UTF_16LE,
        [0xfe, 0xff, ..] => UTF_16BE,
        [0xef, 0xbb, 0xbf] => return Ok((Box::new(reader), false)),
        _ => return Ok((Box::new(io::Cursor::new(head.to_vec()).chain(reader)), false)),
    };
    let inner = io::Cursor::new(head[2..].to_vec()).chain(reader);
    let utf16 = Utf16 { inner, decoder: encoding.new_decoder_without_bom_handling(), pending: Vec::new(), at: 0, ended: false };
    Ok((Box::new(BufReader::with_capacity(1 << 16, utf16)), true))
}

/// UTF-16 read as UTF-8. What is no UTF-16 becomes U+FFFD.
struct Utf16<R> {
    inner: R,
    decoder: Decoder,
    pending: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Utf16<R> {
    fn refill(&mut self) -> io::Result<()> {
        let mut raw = [0; 1 << 14];
        let read = self.inner.read(&mut raw)?;
        self.ended = read == 0;
        let room = self.decoder.max_utf8_buffer_length(read).unwrap_or(1 << 16);
        self.pending.resize(room, 0);
        let (_, _, written, _) = self.decoder.decode_to_utf8(&raw[..read], &mut self.pending, self.ended);
        self.pending.truncate(written);
        self.at = 0;
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.pending.len() && !self.ended {
            self.refill()?;
        }
        let take = buffer.len().min(self.pending.len() - self.at);
        buffer[..take].copy_from_slice(&self.pending[self.at..self.at + take]);
        self.at += take;
        Ok(take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, dialect: Dialect, bytes: &[u8], expected: Option<&str>) {
        let encoding = TextEncoding::named(name, dialect).expect("it is read");
        assert_eq!(encoding.decode(bytes).as_deref(), expected, "{name}");
    }

    #[test]
    fn letters_are_those_of_the_encoding_that_is_named() {
        check("EUC_JP", Dialect::PostgreSql, b"\xbb\xb3\xc5\xc4P1", Some("山田P1"));
        check("WIN1251", Dialect::PostgreSql, b"\xc8\xe2\xe0\xed", Some("Иван"));
        check("BIG5", Dialect::PostgreSql, b"\xb3\xaf", Some("陳"));
        check("GBK", Dialect::PostgreSql, b"\xd5\xc5", Some("张"));
        check("LATIN1", Dialect::PostgreSql, b"J\xf6rg\x85", Some("Jörg\u{85}"));
        check("latin1", Dialect::MySql, b"\x80", Some("€"));
        check("UTF8", Dialect::PostgreSql, b"\xff", None);
        check("SQL_ASCII", Dialect::PostgreSql, b"\xe9", None);
        check("EUC_JP", Dialect::PostgreSql, b"\xbb", None);
        check("BIG5", Dialect::PostgreSql, b"\xa4\x51", Some("十"));
        check("BIG5", Dialect::PostgreSql, b"\xa2\xcc", None);
        check("KOI8U", Dialect::PostgreSql, b"\xae", None);
        assert!(TextEncoding::named("EUC_JIS_2004", Dialect::PostgreSql).is_none());
    }

    #[test]
    fn utf16_reads_as_utf8() {
        let text = "山田\nJörg 😀";
        for (mark, bytes) in [
            (b"\xff\xfe", text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
            (b"\xfe\xff", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ] {
            let whole: Box<dyn Read> = Box::new(io::Cursor::new([mark.as_slice(), &bytes].concat()));
            let (mut reader, converted) = without_mark(BufReader::new(whole)).expect("in memory");
            let mut read = String::new();
            reader.read_to_string(&mut read).expect("in memory");
            assert_eq!((read.as_str(), converted), (text, true));
        }
    }
}
