//! A PDF made smaller. Typst writes each object by itself, and a letter has a hundred small ones that say how it is to be read
//! aloud; here they lie together in compressed object streams (ISO 32000-1:2008, 7.5.7), and the table of where each object is
//! becomes a stream too (7.5.8). Nothing that a reader sees or hears changes.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Objects in one object stream: a reader unpacks a whole one to get at a single object.
const TOGETHER: usize = 200;
/// Bytes of a line of the table of objects (7.5.4).
const TABLE_LINE: usize = 20;

/// The file with its small objects packed; as it was, where it is not built as Typst builds one, or is longer than four bytes can say.
pub fn packed(pdf: Vec<u8>) -> Vec<u8> {
    match Plain::read(&pdf) {
        Some(plain) if u32::try_from(pdf.len()).is_ok() => plain.pack(),
        _ => pdf,
    }
}

/// A file with one table of objects, none of them packed.
struct Plain<'a> {
    /// What stands before the first object.
    head: &'a [u8],
    /// Number and content of each object, in the order of the file.
    objects: Vec<(usize, &'a [u8])>,
    /// Lines of the table: one more than the highest number.
    size: usize,
    /// The trailer's dictionary, without its brackets and `/Size`.
    trailer: &'a [u8],
}

impl<'a> Plain<'a> {
    fn read(pdf: &'a [u8]) -> Option<Self> {
        let (_, tail) = split_last(pdf, b"startxref\n")?;
        let table_at: usize = std::str::from_utf8(tail.strip_suffix(b"\n%%EOF")?).ok()?.parse().ok()?;
        let table = pdf.get(table_at..)?.strip_prefix(b"xref\n0 ")?;
        let (size_text, lines) = split_first(table, b"\n")?;
        let size: usize = std::str::from_utf8(size_text).ok()?.parse().ok()?;
        let trailer = lines.get(size.checked_mul(TABLE_LINE)?..)?;
        let (trailer, _) = split_first(trailer.strip_prefix(b"trailer\n<</Size ")?.strip_prefix(size_text)?, b">>\nstartxref\n")?;

        let mut places: Vec<(usize, usize)> = Vec::new();
        for (number, line) in lines.chunks_exact(TABLE_LINE).take(size).enumerate() {
            if line[17] == b'n' {
                places.push((std::str::from_utf8(&line[..10]).ok()?.parse().ok()?, number));
            }
        }
        places.sort_unstable();
        let ends = places.iter().skip(1).map(|(place, _)| *place).chain([table_at]);
        let content = |((place, number), end): (&(usize, usize), usize)| {
            let object = pdf.get(*place..end)?.strip_prefix(format!("{number} 0 obj\n").as_bytes())?.trim_ascii_end();
            Some((*number, object.strip_suffix(b"endobj")?.trim_ascii_end()))
        };
        let objects = places.iter().zip(ends).map(content).collect::<Option<_>>()?;
        Some(Self { head: &pdf[..places.first()?.0], objects, size, trailer })
    }

    fn pack(&self) -> Vec<u8> {
        let is_stream = |content: &[u8]| content.ends_with(b"endstream");
        let mut file = self.head.to_vec();
        let mut entries = vec![Entry::Free; self.size];
        for (number, content) in self.objects.iter().filter(|(_, content)| is_stream(content)) {
            entries[*number] = Entry::At(file.len());
            write_object(&mut file, *number, &[content]);
        }
        let small: Vec<&(usize, &[u8])> = self.objects.iter().filter(|(_, content)| !is_stream(content)).collect();
        for together in small.chunks(TOGETHER) {
            let (mut places, mut contents) = (String::new(), Vec::new());
            for (index, (number, content)) in together.iter().enumerate() {
                places.push_str(&format!("{number} {} ", contents.len()));
                contents.extend_from_slice(content);
                contents.push(b'\n');
                entries[*number] = Entry::In { stream: entries.len(), index };
            }
            let head = format!("/Type/ObjStm/N {}/First {}", together.len(), places.len());
            entries.push(Entry::At(file.len()));
            write_stream(&mut file, entries.len() - 1, head.as_bytes(), &[places.into_bytes(), contents].concat());
        }
        let table_at = file.len();
        entries.push(Entry::At(table_at));
        let lines: Vec<u8> = entries.iter().flat_map(Entry::line).collect();
        let head = [format!("/Type/XRef/Size {}/W[1 4 2]", entries.len()).as_bytes(), self.trailer].concat();
        write_stream(&mut file, entries.len() - 1, &head, &lines);
        file.extend_from_slice(format!("startxref\n{table_at}\n%%EOF").as_bytes());
        file
    }
}

/// Where an object is.
#[derive(Clone, Copy)]
enum Entry {
    Free,
    At(usize),
    In { stream: usize, index: usize },
}

impl Entry {
    /// One byte for the kind, four for the place or the stream, two for the index in it.
    fn line(&self) -> [u8; 7] {
        let (kind, place, index) = match *self {
            Self::Free => (0, 0, usize::from(u16::MAX)),
            Self::At(place) => (1, place, 0),
            Self::In { stream, index } => (2, stream, index),
        };
        // A packed file is shorter than it was, and has at most `TOGETHER` objects in a stream.
        let [a, b, c, d] = u32::try_from(place).expect("a place is within the file").to_be_bytes();
        let [e, f] = u16::try_from(index).expect("an index is below the limit").to_be_bytes();
        [kind, a, b, c, d, e, f]
    }
}

fn write_object(file: &mut Vec<u8>, number: usize, content: &[&[u8]]) {
    file.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
    content.iter().for_each(|part| file.extend_from_slice(part));
    file.extend_from_slice(b"\nendobj\n");
}

fn write_stream(file: &mut Vec<u8>, number: usize, head: &[u8], content: &[u8]) {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(content.len() / 3), Compression::default());
    let compressed = encoder.write_all(content).and_then(|()| encoder.finish()).expect("memory takes every byte");
    let length = format!("/Length {}/Filter/FlateDecode>>\nstream\n", compressed.len());
    write_object(file, number, &[b"<<", head, length.as_bytes(), &compressed, b"\nendstream"]);
}

fn split_first<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

fn split_last<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).rposition(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of three objects, as Typst would write it.
    fn plain() -> Vec<u8> {
        let mut file = b"%PDF-1.7\n%\x80\x80\x80\x80\n\n".to_vec();
        let mut table = b"xref\n0 4\n0000000000 65535 f\r\n".to_vec();
        for (number, content) in
            ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 0/Kids[]/Title(endstream)>>", "<</Length 2>>\nstream\nhi\nendstream"].iter().enumerate()
        {
            table.extend_from_slice(format!("{:010} 00000 n\r\n", file.len()).as_bytes());
            write_object(&mut file, number + 1, &[content.as_bytes()]);
        }
        let at = file.len();
        file.extend_from_slice(&table);
        file.extend_from_slice(format!("trailer\n<</Size 4/Root 1 0 R/ID[(a)(b)]>>\nstartxref\n{at}\n%%EOF").as_bytes());
        file
    }

    #[test]
    fn small_objects_lie_together_and_streams_stay() {
        let file = packed(plain());
        let has = |text: &[u8]| split_first(&file, text).is_some();
        assert!(has(b"3 0 obj\n<</Length 2>>\nstream\nhi\nendstream\nendobj"));
        assert!(has(b"4 0 obj\n<</Type/ObjStm/N 2/First 9/Length "));
        assert!(has(b"5 0 obj\n<</Type/XRef/Size 6/W[1 4 2]/Root 1 0 R/ID[(a)(b)]/Length "));
        assert!(!has(b"/Catalog"), "the catalogue is packed");
    }

    #[test]
    fn what_is_built_otherwise_stays_as_it_was() {
        let whole = plain();
        for cut in 0..whole.len() {
            assert_eq!(packed(whole[..cut].to_vec()), whole[..cut]);
        }
        let once = packed(whole.clone());
        assert_eq!(packed(once.clone()), once);
        for at in 0..whole.len() {
            let mut wrong = whole.clone();
            wrong[at] ^= 0x11;
            packed(wrong);
        }
    }
}
