//! The page around the content. Style is inlined; there is no script and no request to anywhere.

/// Text made safe for HTML, attribute values included. Bidirectional controls are shown as what they are: an address or a
/// path in a log must not be able to turn the page around.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            c if c.is_control() && c != '\n' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

const STYLE: &str = "
:root{--ink:#0b0c0c;--soft:#505a5f;--line:#b1b4b6;--confirmed:#942514;--likely:#c8730a;--possible:#1d70b8;--none:#00703c}
*{box-sizing:border-box}body{font:16px/1.45 system-ui,'Noto Sans','Noto Sans HK',sans-serif;color:var(--ink);margin:0 auto;max-width:1120px;padding:24px}
h1{font-size:28px;margin:0 0 16px}h2{font-size:20px;margin:36px 0 8px;border-top:2px solid var(--ink);padding-top:8px}
p{max-width:75ch}table{border-collapse:collapse;width:100%;font-size:14px}th{text-align:left;border-bottom:2px solid var(--ink);vertical-align:bottom}
td,th{padding:4px 8px}td{border-bottom:1px solid var(--line);vertical-align:top}.n{text-align:right;font-variant-numeric:tabular-nums}
.ref{font:12px/1.4 ui-monospace,monospace;overflow-wrap:anywhere;color:var(--soft)}
.answer{display:flex;gap:12px;flex-wrap:wrap;margin:0 0 12px}.tier{flex:1 1 150px;border:2px solid;padding:12px 16px;border-left-width:12px}
.tier b{font-size:34px;display:block;line-height:1.1;font-variant-numeric:tabular-nums}.tier span{color:var(--ink)}
.tier.confirmed,.matrix .confirmed{color:var(--confirmed)}.tier.likely,.matrix .likely{color:var(--likely)}.tier.possible,.matrix .possible{color:var(--possible)}.tier.none{color:var(--none)}
.matrix{width:auto}.matrix td{text-align:center;font-size:16px}.matrix td.n{text-align:right;font-size:14px}.matrix th span{writing-mode:vertical-rl;transform:rotate(180deg);font-weight:600}
figure{margin:24px 0;overflow-x:auto}figcaption{font-weight:700;margin-bottom:8px}svg{max-width:100%;height:auto;display:block}em{color:var(--confirmed);font-style:normal}
@media print{body{max-width:none;padding:0;font-size:11pt}h2{break-after:avoid}tr,figure{break-inside:avoid}thead{display:table-header-group}}
";

/// A page being written.
pub struct Page {
    text: String,
}

impl Page {
    /// Begins the page.
    pub fn new(title: &str) -> Self {
        let title = escape(title);
        Self {
            text: format!(
                "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>\
                 <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">\
                 <title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
            ),
        }
    }

    /// A section's heading.
    pub fn heading(&mut self, title: &str) {
        self.raw(&format!("<h2>{}</h2>", escape(title)));
    }

    /// A paragraph of text.
    pub fn paragraph(&mut self, text: &str) {
        self.raw(&format!("<p>{}</p>", escape(text)));
    }

    /// A picture with its caption.
    pub fn figure(&mut self, caption: &str, svg: &str) {
        self.raw(&format!("<figure><figcaption>{}</figcaption>{svg}</figure>", escape(caption)));
    }

    /// Markup as it stands: whatever came from evidence has been through [`escape`].
    pub fn raw(&mut self, markup: &str) {
        self.text.push_str(markup);
        self.text.push('\n');
    }

    /// The whole page.
    pub fn finish(mut self) -> String {
        self.text.push_str("</body></html>\n");
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn evidence_cannot_write_markup() {
        assert_eq!(escape("<img src=x onerror='a'>&\u{202e}\u{7}"), "&lt;img src=x onerror=&#39;a&#39;&gt;&amp;\u{fffd}\u{fffd}");
    }
}
