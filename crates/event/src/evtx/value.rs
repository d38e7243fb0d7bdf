//! Values of BinXML as text and numbers, written as Windows writes them in XML (\[MS-EVEN6\] 2.2.14; the value types are
//! in 2.2.12). A GUID keeps its braces: rules are written against them.

use super::cursor::Cursor;

/// Value types that need a name here.
pub(super) const NULL: u8 = 0x00;
pub(super) const UTF16: u8 = 0x01;
pub(super) const FILETIME: u8 = 0x11;
pub(super) const FRAGMENT: u8 = 0x21;
/// The flag of an array.
pub(super) const ARRAY: u8 = 0x80;

/// A value whose text, if it has one, was appended to a buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    /// From here to the end of the buffer.
    Text(usize),
    Whole(i128),
    Number(f64),
    Bool(bool),
}

/// Reads one value; text is appended to `text`.
pub(super) fn read(kind: u8, bytes: &[u8], text: &mut String) -> Scalar {
    let from = text.len();
    let sized = |length: usize| bytes.len() >= length;
    match kind {
        NULL => return Scalar::Null,
        UTF16 => push_utf16(bytes, text),
        0x02 => push_ansi(bytes, text),
        0x03 if sized(1) => return Scalar::Whole(i128::from(bytes[0].cast_signed())),
        0x04 if sized(1) => return Scalar::Whole(i128::from(bytes[0])),
        0x05 if sized(2) => return Scalar::Whole(unsigned(bytes, 2).map_or(0, |v| i128::from((v as u16).cast_signed()))),
        0x06 if sized(2) => return Scalar::Whole(unsigned(bytes, 2).map_or(0, i128::from)),
        0x07 if sized(4) => return Scalar::Whole(unsigned(bytes, 4).map_or(0, |v| i128::from((v as u32).cast_signed()))),
        0x08 if sized(4) => return Scalar::Whole(unsigned(bytes, 4).map_or(0, i128::from)),
        0x09 if sized(8) => return Scalar::Whole(unsigned(bytes, 8).map_or(0, |v| i128::from(v.cast_signed()))),
        0x0a if sized(8) => return Scalar::Whole(unsigned(bytes, 8).map_or(0, i128::from)),
        0x0b if sized(4) => return Scalar::Number(f64::from(f32::from_bits(unsigned(bytes, 4).unwrap_or(0) as u32))),
        0x0c if sized(8) => return Scalar::Number(f64::from_bits(unsigned(bytes, 8).unwrap_or(0))),
        0x0d if sized(1) => return Scalar::Bool(bytes.iter().any(|b| *b != 0)),
        0x0f if sized(16) => push_guid(bytes, text),
        0x10 if sized(8) => push_hexadecimal(unsigned(bytes, 8), text),
        0x10 | 0x14 if sized(4) => push_hexadecimal(unsigned(bytes, 4), text),
        0x15 if sized(8) => push_hexadecimal(unsigned(bytes, 8), text),
        FILETIME if sized(8) => push_filetime(unsigned(bytes, 8).unwrap_or(0), text),
        0x12 if sized(16) => push_system_time(bytes, text),
        0x13 if sized(8) => push_sid(bytes, text),
        // A number without bytes is as good as none; what else has no meaning here is shown as it stands.
        _ if bytes.is_empty() && kind != 0x0e => return Scalar::Null,
        _ => push_bytes(bytes, text),
    }
    Scalar::Text(from)
}

/// The values of an array, one by one. `None` from `each` stops.
pub(super) fn read_array<'c>(kind: u8, bytes: &'c [u8], each: &mut dyn FnMut(u8, &'c [u8]) -> Option<()>) -> Option<()> {
    let kind = kind & !ARRAY;
    let width = match kind {
        UTF16 => return read_strings(bytes, each),
        0x03 | 0x04 => 1,
        0x05 | 0x06 => 2,
        0x07 | 0x08 | 0x0b | 0x0d | 0x14 => 4,
        0x09 | 0x0a | 0x0c | FILETIME | 0x15 => 8,
        0x0f | 0x12 => 16,
        _ => return each(0x0e, bytes),
    };
    bytes.chunks_exact(width).try_for_each(|item| each(kind, item))
}

/// Strings one behind the other, each ended by a NUL; the last may lack it.
fn read_strings<'c>(bytes: &'c [u8], each: &mut dyn FnMut(u8, &'c [u8]) -> Option<()>) -> Option<()> {
    let mut rest = bytes;
    while rest.len() >= 2 {
        let units = rest.chunks_exact(2).position(|unit| unit == [0, 0]).unwrap_or(rest.len() / 2);
        each(UTF16, &rest[..units * 2])?;
        rest = rest.get(units * 2 + 2..).unwrap_or_default();
    }
    Some(())
}

/// An unsigned number of up to eight bytes.
pub(super) fn unsigned(bytes: &[u8], width: usize) -> Option<u64> {
    let mut whole = [0; 8];
    whole.get_mut(..width)?.copy_from_slice(bytes.get(..width)?);
    Some(u64::from_le_bytes(whole))
}

/// A whole number of any type that can hold one, text included: event ids are written both ways.
pub(super) fn whole(kind: u8, bytes: &[u8]) -> Option<u64> {
    match kind {
        UTF16 => {
            let mut text = String::new();
            push_utf16(bytes, &mut text);
            text.trim().parse().ok()
        }
        0x02 => std::str::from_utf8(bytes).ok()?.trim_end_matches('\0').trim().parse().ok(),
        0x03 | 0x04 => unsigned(bytes, 1),
        0x05 | 0x06 => unsigned(bytes, 2),
        0x07 | 0x08 | 0x14 => unsigned(bytes, 4),
        0x09 | 0x0a | 0x15 => unsigned(bytes, 8),
        _ => None,
    }
}

/// Appends UTF-16 text without the NULs that pad its end. A half of a pair reads as U+FFFD.
pub(super) fn push_utf16(mut bytes: &[u8], text: &mut String) {
    /// Bytes looked at in one go.
    const BLOCK: usize = 64;
    bytes = &bytes[..bytes.len() & !1];
    while let [head @ .., 0, 0] = bytes {
        bytes = head;
    }
    text.reserve(bytes.len() / 2);
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        let mut narrow = [0; BLOCK / 2];
        let mut beyond = 0;
        for (place, unit) in narrow.iter_mut().zip(block.chunks_exact(2)) {
            beyond |= unit[0] & 0x80 | unit[1];
            *place = unit[0];
        }
        match std::str::from_utf8(&narrow[..block.len() / 2]) {
            Ok(ascii) if beyond == 0 => text.push_str(ascii),
            _ => {
                // From here on character by character: a pair may stand across two blocks.
                let units = bytes[number * BLOCK..].chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
                return text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
            }
        }
    }
}

/// Windows-1252, the code page of western machines; the record does not say which one it was written with.
fn push_ansi(bytes: &[u8], text: &mut String) {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™',
        'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    text.extend(bytes[..end].iter().map(|byte| match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        other => char::from(*other),
    }));
}

fn push_bytes(bytes: &[u8], text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for block in bytes.chunks(16) {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(block) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        push_ascii(&digits[..block.len() * 2], text);
    }
}

/// Appends bytes that are known to be ASCII.
fn push_ascii(bytes: &[u8], text: &mut String) {
    text.push_str(std::str::from_utf8(bytes).unwrap_or_default());
}

fn push_hexadecimal(value: Option<u64>, text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let (mut rest, mut digits, mut at) = (value.unwrap_or(0), [b'0'; 18], 17);
    loop {
        digits[at] = DIGITS[(rest & 15) as usize];
        rest >>= 4;
        at -= 1;
        if rest == 0 {
            break;
        }
    }
    digits[at] = b'x';
    push_ascii(&digits[at - 1..], text);
}

/// Appends a number of at least `width` digits, with zeros in front.
fn push_decimal(value: u64, width: usize, text: &mut String) {
    let (mut rest, mut digits, mut at) = (value, [b'0'; 20], 20);
    while rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    push_ascii(&digits[at.min(20 - width)..], text);
}

/// `{54849625-5478-4994-A5BA-3E3B0328C30D}`: the first three parts are little-endian.
fn push_guid(bytes: &[u8], text: &mut String) {
    const PARTS: [&[usize]; 5] = [&[3, 2, 1, 0], &[5, 4], &[7, 6], &[8, 9], &[10, 11, 12, 13, 14, 15]];
    for (number, part) in PARTS.iter().enumerate() {
        text.push(if number == 0 { '{' } else { '-' });
        let mut ordered = [0; 6];
        for (place, from) in ordered.iter_mut().zip(*part) {
            *place = bytes[*from];
        }
        push_bytes(&ordered[..part.len()], text);
    }
    text.push('}');
}

/// `S-1-5-18`; \[MS-DTYP\] 2.4.2.2.
fn push_sid(bytes: &[u8], text: &mut String) {
    let authority = bytes[2..8].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    text.push_str("S-");
    push_decimal(u64::from(bytes[0]), 1, text);
    text.push('-');
    push_decimal(authority, 1, text);
    for part in bytes[8..].chunks_exact(4).take(usize::from(bytes[1])) {
        text.push('-');
        push_decimal(unsigned(part, 4).unwrap_or(0), 1, text);
    }
}

/// Between 1601, where FILETIME begins, and 1970, in microseconds.
const EPOCH_MICROS: i64 = 11_644_473_600_000_000;

/// Microseconds since 1970 of a FILETIME: tenths of microseconds since 1601.
pub(super) fn micros(filetime: u64) -> i64 {
    i64::try_from(filetime / 10).unwrap_or(i64::MAX) - EPOCH_MICROS
}

/// `2016-07-08T18:12:51.6816402Z`
fn push_filetime(filetime: u64, text: &mut String) {
    let (seconds, tenths) = (filetime / 10_000_000, filetime % 10_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    push_time([year, month, day, second / 3600, second / 60 % 60, second % 60], (tenths, 7), text);
}

/// Parts from the year down to the second, then a fraction and its digits.
fn push_time(parts: [u64; 6], fraction: (u64, usize), text: &mut String) {
    for ((part, width), behind) in parts.into_iter().zip([4, 2, 2, 2, 2, 2]).zip(['-', '-', 'T', ':', ':', '.']) {
        push_decimal(part, width, text);
        text.push(behind);
    }
    push_decimal(fraction.0, fraction.1, text);
    text.push('Z');
}

/// The Gregorian date of a day since 1 January 1601, which begins a cycle of 400 years.
fn date(days: u64) -> (u64, u64, u64) {
    // Years that begin in March put the leap day at their end; 1 March 1600 lies 306 days before.
    let shifted = days + 306;
    let (cycle, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let in_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (1600 + cycle * 400 + year + carry, month, day)
}

/// SYSTEMTIME: sixteen bits each for year, month, weekday, day, hour, minute, second and millisecond.
fn push_system_time(bytes: &[u8], text: &mut String) {
    let mut cursor = Cursor::new(bytes, 0, bytes.len());
    let parts: [u16; 8] = std::array::from_fn(|_| cursor.u16().unwrap_or(0));
    let [year, month, _, day, hour, minute, second, milli] = parts.map(u64::from);
    push_time([year, month, day, hour, minute, second], (milli, 3), text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: u8, bytes: &[u8], expected: &str) {
        let mut text = String::new();
        let shown = match read(kind, bytes, &mut text) {
            Scalar::Null => "null".to_owned(),
            Scalar::Text(from) => text[from..].to_owned(),
            Scalar::Whole(value) => value.to_string(),
            Scalar::Number(value) => value.to_string(),
            Scalar::Bool(value) => value.to_string(),
        };
        assert_eq!(shown, expected, "type {kind:#x}");
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn values_read_as_windows_writes_them() {
        check(UTF16, &wide("a plain text longer than one block\0\0"), "a plain text longer than one block");
        check(UTF16, &wide("twelve units then é 漢 𝄞"), "twelve units then é 漢 𝄞");
        check(UTF16, &[0x00, 0xd8, b'a', 0, 9], "\u{fffd}a");
        check(0x02, b"caf\xe9 \x80\0", "café €");
        check(0x03, &[0xff], "-1");
        check(0x06, &4624_u16.to_le_bytes(), "4624");
        check(0x0a, &u64::MAX.to_le_bytes(), "18446744073709551615");
        check(0x0d, &[1, 0, 0, 0], "true");
        check(0x0e, &[0xab, 0x01], "AB01");
        check(0x14, &0x3e7_u32.to_le_bytes(), "0x3e7");
        check(0x10, &[1, 0, 0, 0], "0x1");
        check(0x13, &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0], "S-1-5-18");
        check(0x13, &[1, 255, 0, 0, 0, 0, 0, 5], "S-1-5");
        check(0x0f, &[0x25, 0x96, 0x84, 0x54, 0x78, 0x54, 0x94, 0x49, 0xa5, 0xba, 0x3e, 0x3b, 3, 0x28, 0xc3, 0x0d], "{54849625-5478-4994-A5BA-3E3B0328C30D}");
        check(0x12, &[0xea, 7, 11, 0, 1, 0, 23, 0, 20, 0, 42, 0, 55, 0, 7, 0], "2026-11-23T20:42:55.007Z");
        check(0x08, &[], "null");
        check(0x08, &[1], "01");
        check(0x77, &[1], "01");
    }

    #[test]
    fn file_times_are_dates_of_the_calendar() {
        let check = |filetime: u64, expected: &str| {
            check(FILETIME, &filetime.to_le_bytes(), expected);
        };
        check(0, "1601-01-01T00:00:00.0000000Z");
        check(116_444_736_000_000_000, "1970-01-01T00:00:00.0000000Z");
        check(131_124_751_716_816_402, "2016-07-08T18:12:51.6816402Z");
        check(125_962_560_000_000_000, "2000-02-29T00:00:00.0000000Z");
        check(u64::MAX, "60056-05-28T05:36:10.9551615Z");
        assert_eq!(micros(116_444_736_000_000_010), 1);
    }
}
