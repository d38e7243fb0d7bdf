//! The address of a page as a QR code (ISO/IEC 18004), drawn as SVG. It holds the address alone, and never a code: an address stays in
//! the history of a telephone.

use qrcode::{Color, EcLevel, QrCode};

/// Empty modules around the code, as the standard asks.
const QUIET: usize = 4;

/// The picture of `https://ADDRESS`; `None` for an address that is longer than a code holds.
pub(crate) fn svg(address: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(format!("https://{address}"), EcLevel::M).ok()?;
    let (width, colours) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (row, line) in colours.chunks(width).enumerate() {
        for (column, _) in line.iter().enumerate().filter(|(_, colour)| **colour == Color::Dark) {
            path.push_str(&format!("M{} {}h1v1h-1z", column + QUIET, row + QUIET));
        }
    }
    let side = width + 2 * QUIET;
    Some(format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\"><path d=\"{path}\"/></svg>"))
}

#[cfg(test)]
mod tests {
    use super::svg;

    #[test]
    fn an_address_becomes_a_picture_and_a_novel_does_not() {
        let picture = svg("support.example.org").unwrap_or_default();
        // 29 modules and the quiet zone; the first dark module is a corner's.
        assert!(picture.contains("viewBox=\"0 0 37 37\"") && picture.contains("M4 4h1v1h-1z"));
        assert_eq!(svg(&"x".repeat(5_000)), None);
    }
}
