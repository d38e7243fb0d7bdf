//! What stands in the window of the envelope, read from the finished page: the address and the sender's line, and nothing else; and how
//! small the type of the page is, where a law says how small it can be.

use strandline_model::document::Document;
use strandline_model::window::{Window, Zone};
use typst::layout::{Abs, Frame, FrameItem, Point, Transform};

/// What is wrong with what the window shows of a document's first page; `None` if nothing is, or no window was named. Never a value.
pub(crate) fn problem(frame: &Frame, document: &Document) -> Option<String> {
    let window = document.window.as_ref()?;
    let mut pieces = Vec::new();
    collect(frame, Transform::identity(), &mut pieces);
    small_type(&pieces, document).or_else(|| in_window(&pieces, window, document))
}

/// Type outside of the window that is smaller than a law allows the document. What stands in the window is the envelope's.
fn small_type(pieces: &[Piece], document: &Document) -> Option<String> {
    let least = f64::from(document.points?);
    let zone = document.window.as_ref()?.zone;
    let is_small = |piece: &&Piece| piece.points.is_some_and(|points| points < least - 0.05) && !piece.is_within(zone);
    let small = pieces.iter().filter(is_small).count();
    (small > 0).then(|| format!("a law asks for type of {least} points, and {small} pieces of the page are smaller"))
}

fn in_window(pieces: &[Piece], window: &Window, document: &Document) -> Option<String> {
    let allowed: String = [&document.recipient, &document.sender].into_iter().flatten().map(|line| bare(line)).collect();
    let is_in = |piece: &&Piece| {
        piece.right > mm(window.zone.left) && piece.left < mm(window.zone.right) && piece.bottom > mm(window.zone.top) && piece.top < mm(window.zone.bottom)
    };
    let foreign = pieces.iter().filter(is_in).filter(|piece| piece.text.as_ref().is_none_or(|text| !allowed.contains(&bare(text)))).count();
    if foreign > 0 {
        return Some(format!("the window {} of the envelope can show more than the address: {foreign} pieces of the page stand there", window.name));
    }
    let address: String = document.recipient.iter().map(|line| bare(line)).collect();
    let shown: String = pieces.iter().filter(|piece| piece.is_within(window.address)).filter_map(|piece| piece.text.as_deref()).map(bare).collect();
    let hidden = document.recipient.iter().filter(|line| !is_shown(line, &shown)).count();
    (hidden > 0 && !address.is_empty())
        .then(|| format!("the window {} of the envelope does not show {hidden} lines of the address wherever the letter lies", window.name))
}

/// Whether a line of the address is among what is shown. A page has the words of a line that runs from right to left in the order in
/// which they stand from the left, so there each word is looked for.
fn is_shown(line: &str, shown: &str) -> bool {
    let runs_left = line.chars().any(|c| matches!(c, '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'));
    shown.contains(&bare(line)) || (runs_left && line.split_whitespace().all(|word| shown.contains(&bare(word))))
}

/// One run of text, or a picture or line, and where it stands on the page.
struct Piece {
    /// `None` for what is no text.
    text: Option<String>,
    /// The size of its type.
    points: Option<f64>,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Piece {
    fn is_within(&self, zone: Zone) -> bool {
        self.left >= mm(zone.left) - 0.5 && self.right <= mm(zone.right) + 0.5 && self.top >= mm(zone.top) - 0.5 && self.bottom <= mm(zone.bottom) + 0.5
    }
}

/// Tenths of a millimetre in millimetres.
fn mm(tenths: u16) -> f64 {
    f64::from(tenths) / 10.0
}

fn collect(frame: &Frame, at: Transform, pieces: &mut Vec<Piece>) {
    for (place, item) in frame.items() {
        let here = at.pre_concat(Transform::translate(place.x, place.y));
        match item {
            FrameItem::Group(group) => collect(&group.frame, here.pre_concat(group.transform), pieces),
            FrameItem::Text(text) => {
                let words = text.text.trim();
                if !words.is_empty() {
                    // Capitals and tails reach about so far from the line that letters stand on.
                    let (up, down) = (text.size * 0.75, text.size * 0.2);
                    let size = text.size.to_pt();
                    pieces.push(piece(Some((words.to_owned(), size)), here, Point::new(Abs::zero(), -up), Point::new(text.width(), down)));
                }
            }
            FrameItem::Image(_, size, _) => pieces.push(piece(None, here, Point::zero(), Point::new(size.x, size.y))),
            // Lines and boxes tell nothing of anybody; links and tags show nothing.
            FrameItem::Shape(..) | FrameItem::Link(..) | FrameItem::Tag(_) => {}
        }
    }
}

fn piece(text: Option<(String, f64)>, at: Transform, from: Point, to: Point) -> Piece {
    let (from, to) = (from.transform(at), to.transform(at));
    let (text, points) = text.map_or((None, None), |(text, points)| (Some(text), Some(points)));
    Piece { text, points, left: from.x.min(to.x).to_mm(), top: from.y.min(to.y).to_mm(), right: from.x.max(to.x).to_mm(), bottom: from.y.max(to.y).to_mm() }
}

/// A text as its letters and digits: how it is broken and joined by signs does not matter.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}
