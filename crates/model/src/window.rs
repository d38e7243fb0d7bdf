//! Windows of envelopes: where on the page an address can be read from outside, and what else could be.
//!
//! A letter slides in its envelope. So there are two rectangles: `zone`, all that the window can show of the page, and `address`, what it
//! shows wherever the letter lies. The address stands in the second, and nothing but the address and the sender's line in the first.

use serde::{Deserialize, Serialize};

/// A rectangle on the page, in tenths of a millimetre from its left and upper edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Zone {
    /// Left edge.
    pub left: u16,
    /// Upper edge.
    pub top: u16,
    /// Right edge.
    pub right: u16,
    /// Lower edge.
    pub bottom: u16,
}

impl Zone {
    const fn of(left: u16, top: u16, right: u16, bottom: u16) -> Self {
        Self { left, top, right, bottom }
    }
}

/// A window as a layout is told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Its name in the estate file.
    pub name: String,
    /// `a4` or `us-letter`.
    pub paper: String,
    /// All that it can show.
    pub zone: Zone,
    /// What it always shows.
    pub address: Zone,
    /// Where the page is folded, from its upper edge.
    pub folds: Vec<u16>,
}

/// The window that letters are set for where the estate names none: what the windows of DL and C5/6 envelopes of DIN 5008 form B, Britain
/// and Hong Kong have in common.
pub const USUAL: &str = "dl";

/// The windows that there are, by the measures that such envelopes are sold with. DIN 5008 (2020) with DIN 680 (90 by 45 mm, 20 mm from the
/// left); British and Hong Kong DL (BS 4264: 90 by 35 mm, 20 mm from the left, 18 mm from the lower edge of an envelope of 220 by 110 mm; a
/// page folded to 99 mm slides by 11 mm); C5, 229 by 162 mm, in which a page folded once slides by 13.5 mm up and down and by 19 mm
/// sidewards: Central European (90 by 45 mm, 20 mm from the left, 60 mm from the lower edge) and, wide, Scandinavian (105 by 35 mm, 15 mm
/// from the left, 44 mm from the upper edge); United States #10 (4½ by 1⅛ in, ⅞ in from the left, ½ in from the lower edge of 9½ by 4⅛ in; a page folded to 93 mm slides by 12 mm).
pub const NAMES: [&str; 8] = [USUAL, "din5008-a", "din5008-b", "uk-dl", "hk-dl", "c5", "c5-wide", "us-10"];

impl Window {
    /// By its name in the estate file.
    pub fn named(name: &str) -> Option<Self> {
        let british = (Zone::of(100, 460, 1100, 920), Zone::of(200, 570, 1000, 810), vec![990, 1980]);
        let (paper, (zone, address, folds)) = match name {
            USUAL => ("a4", (Zone::of(100, 450, 1100, 920), Zone::of(200, 570, 1000, 810), vec![990, 1980])),
            "din5008-a" => ("a4", (Zone::of(150, 270, 1100, 720), Zone::of(200, 270, 1050, 720), vec![870, 1920])),
            "din5008-b" => ("a4", (Zone::of(150, 450, 1100, 900), Zone::of(200, 450, 1050, 900), vec![1050, 2100])),
            "uk-dl" | "hk-dl" => ("a4", british),
            "c5" => ("a4", (Zone::of(10, 435, 1100, 1020), Zone::of(200, 570, 910, 885), vec![1485])),
            "c5-wide" => ("a4", (Zone::of(0, 305, 1200, 790), Zone::of(150, 440, 1010, 655), vec![1485])),
            "us-10" => ("us-letter", (Zone::of(0, 518, 1365, 921), Zone::of(222, 635, 1111, 804), vec![931, 1862])),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), paper: paper.to_owned(), zone, address, folds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estates_page_names_every_window() {
        let page = include_str!("../../../docs/estate.md");
        for name in NAMES {
            assert!(page.contains(&format!("`{name}`")), "docs/estate.md lacks {name}");
        }
    }

    #[test]
    fn an_address_stands_where_its_window_always_shows_it() {
        for name in NAMES {
            let window = Window::named(name).expect("a window of the list");
            let (zone, address) = (window.zone, window.address);
            assert!(zone.left <= address.left && zone.top <= address.top && address.right <= zone.right && address.bottom <= zone.bottom, "{name}");
            assert!(address.bottom - address.top >= 165, "{name}: too low for an address");
        }
        assert_eq!(Window::named("letterbox"), None);
    }
}
