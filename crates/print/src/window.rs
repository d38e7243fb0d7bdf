//! What stands in the window of the envelope, read from the finished page: the address and the sender's line, and nothing else.

use strandline_model::document::Document;
use strandline_model::window::Zone;
use typst::layout::{Abs, Frame, FrameItem, Point, Transform};

/// What is wrong with what the window shows of a document's first page; `None` if nothing is, or no window was named. Never a value.
pub(crate) fn problem(frame: &Frame, document: &Document) -> Option<String> {
    let window = document.window.as_ref()?;
    let mut pieces = Vec::new();
    collect(frame, Transform::identity(), &mut pieces);
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
    let hidden = document.recipient.iter().map(|line| bare(line)).filter(|line| !line.is_empty() && !shown.contains(line)).count();
    (hidden > 0 && !address.is_empty())
        .then(|| format!("the window {} of the envelope does not show {hidden} lines of the address wherever the letter lies", window.name))
}

/// One run of text, or a picture or line, and where it stands on the page.
struct Piece {
    /// `None` for what is no text.
    text: Option<String>,
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
                    pieces.push(piece(Some(words.to_owned()), here, Point::new(Abs::zero(), -up), Point::new(text.width(), down)));
                }
            }
            FrameItem::Image(_, size, _) => pieces.push(piece(None, here, Point::zero(), Point::new(size.x, size.y))),
            // Lines and boxes tell nothing of anybody; links and tags show nothing.
            FrameItem::Shape(..) | FrameItem::Link(..) | FrameItem::Tag(_) => {}
        }
    }
}

fn piece(text: Option<String>, at: Transform, from: Point, to: Point) -> Piece {
    let (from, to) = (from.transform(at), to.transform(at));
    Piece { text, left: from.x.min(to.x).to_mm(), top: from.y.min(to.y).to_mm(), right: from.x.max(to.x).to_mm(), bottom: from.y.max(to.y).to_mm() }
}

/// A text as its letters and digits: how it is broken and joined by signs does not matter.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}
