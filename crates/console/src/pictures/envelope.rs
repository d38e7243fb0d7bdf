//! The upper part of a printed page behind the window of its envelope: what the window can show, what it always shows, and the address.

use std::fmt::Write;

use strandline_model::window::Window;

use super::escape;
use crate::texts::Texts;

/// Breadth of a page, in tenths of a millimetre.
const A4: u16 = 2100;
const LETTER: u16 = 2159;
/// As much of the page as a window can be in.
const HEIGHT: u16 = 1120;
/// From one line of the address to the next.
const LINE: u16 = 48;
/// Breadth of a letter, on the whole.
const SIGN: u16 = 20;

/// The picture; `lines` are what stands in the window, covered or not.
pub fn envelope(window: &Window, sender: &str, lines: &[String], t: &Texts) -> String {
    let width = if window.paper == "us-letter" { LETTER } else { A4 };
    let (zone, address) = (window.zone, window.address);
    let mut svg = format!(
        "<svg viewBox='0 0 {width} {HEIGHT}' class='envelope' role='img' aria-labelledby='envelope-title'><title id='envelope-title'>{}</title><rect width='{width}' height='{HEIGHT}' class='page'/>",
        escape(&t.w("window_title", &window.name))
    );
    for (zone, class) in [(zone, "window-zone"), (address, "window-address")] {
        let (breadth, height) = (zone.right - zone.left, zone.bottom - zone.top);
        let _ = write!(svg, "<rect x='{}' y='{}' width='{breadth}' height='{height}' class='{class}'/>", zone.left, zone.top);
    }
    for fold in window.folds.iter().filter(|fold| **fold < HEIGHT) {
        let _ = write!(svg, "<line x1='0' y1='{fold}' x2='{width}' y2='{fold}' class='fold'/>");
    }
    let left = address.left + 12;
    let _ = write!(svg, "<text x='{left}' y='{}' class='sender'>{}</text>", address.top + 24, escape(sender));
    // The printer breaks a long line, too.
    let room = usize::from(address.right - left) / usize::from(SIGN);
    for (place, line) in (1_u16..).zip(lines.iter().flat_map(|line| broken(line, room))) {
        let _ = write!(svg, "<text x='{left}' y='{}' class='line'>{}</text>", address.top + 30 + place * LINE, escape(&line));
    }
    svg.push_str("</svg>");
    svg
}

/// A line in pieces that have room, as far as it has blanks to break at.
fn broken(line: &str, room: usize) -> Vec<String> {
    // Signs of Chinese and its like are as broad as two letters.
    let breadth = |text: &str| text.chars().map(|sign| if sign > '\u{2e7f}' { 2 } else { 1 }).sum::<usize>();
    let mut pieces: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        match pieces.last_mut() {
            Some(piece) if breadth(piece) + 1 + breadth(word) <= room => {
                piece.push(' ');
                piece.push_str(word);
            }
            _ => pieces.push(word.to_owned()),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    #[test]
    fn a_long_line_is_broken_and_keeps_its_words() {
        assert_eq!(broken("Room 7, 1/F, 185 Invented Street", 20), ["Room 7, 1/F, 185", "Invented Street"]);
        assert_eq!(broken("香港中環 虛構街一號", 10), ["香港中環", "虛構街一號"]);
    }

    #[test]
    fn every_window_is_drawn_on_its_page_and_no_line_is_markup() {
        let t = Texts::of(Language::English).unwrap();
        for name in strandline_model::window::NAMES {
            let window = Window::named(name).unwrap();
            let svg = envelope(&window, "Us", &["<script>".to_owned(), "1 Road".to_owned()], &t);
            assert!(!svg.contains("<script>") && svg.contains("1 Road") && svg.matches("<rect").count() == 3, "{name}: {svg}");
        }
    }
}
