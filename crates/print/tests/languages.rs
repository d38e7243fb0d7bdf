//! Letters of every tier in every language on paper: one page each, every character there, the address alone in the window. With
//! `STRANDLINE_PRINTED=FOLDER` the PDFs are kept, for somebody to look at.

mod support;

use strandline_model::exposure::{Basis, Certainty, Exposure};
use strandline_model::register::RegisterEntry;
use strandline_print::{Layout, Printer};
use support::{Case, fonts, person};

/// A name as somebody who reads the language has one.
const NAMES: [(&str, &str); 15] = [
    ("de", "Jürgen Weiß"),
    ("en", "CHAN Siu Ming"),
    ("es", "María Ñúñez"),
    ("fr", "Zoé Lefèvre"),
    ("hi", "राजेश शर्मा"),
    ("id", "Siti Rahayu"),
    ("ja", "佐藤 花子"),
    ("ko", "김민수"),
    ("ne", "सीता गुरुङ"),
    ("pt", "João Gonçalves"),
    ("th", "สมชาย ใจดี"),
    ("tl", "Maria Dela Cruz"),
    ("ur", "محمد علی"),
    ("zh-Hans", "陈小明"),
    ("zh-Hant", "陳小明"),
];

#[test]
#[allow(clippy::print_stdout, reason = "a skipped test says so")]
fn letters_of_every_tier_in_every_language_are_one_page() {
    let Some(fonts) = fonts() else { return };
    let printer = Printer::new(fonts, &Layout::letter()).expect("the layout comes along");
    let mut case = Case::new();
    case.support_page = Some("support.harbour.example.hk");
    let known: Vec<&str> = case.templates.languages().collect();
    assert_eq!(NAMES.map(|(language, _)| language).to_vec(), known, "a language is not looked at");
    let mut wrong = Vec::new();
    for (language, name) in NAMES {
        let entry = person("P00007", name, language);
        let deceased = RegisterEntry { status: Some("deceased".into()), ..entry.clone() };
        let tier = |certainty| case.exposures("P00007", certainty, Basis::Disclosed);
        let letters: [(&str, &RegisterEntry, Vec<Exposure>); 5] = [
            ("confirmed", &entry, tier(Certainty::Confirmed)),
            ("likely", &entry, tier(Certainty::Likely)),
            ("possible", &entry, tier(Certainty::Possible)),
            ("not-reached", &entry, Vec::new()),
            ("deceased", &deceased, tier(Certainty::Confirmed)),
        ];
        for (which, entry, exposures) in letters {
            let letter = case.draft(entry, &exposures);
            let document = letter.document.expose_personal();
            let lacking = printer.lacking(&[document]);
            if !lacking.is_empty() {
                println!("SKIPPED: no font for {language} on this machine (Debian: fonts-noto-core, fonts-noto-cjk)");
                break;
            }
            let pdf = printer.print(document, support::BREAK_IN).unwrap_or_else(|error| panic!("{which} in {language}: {error}"));
            if let Ok(folder) = std::env::var("STRANDLINE_PRINTED") {
                std::fs::write(format!("{folder}/{language}-{which}.pdf"), &pdf.bytes).expect("the folder is there");
            }
            if (pdf.pages, pdf.windows.as_slice()) != (1, [None].as_slice()) {
                wrong.push(format!("{which} in {language}: {} pages, {:?}", pdf.pages, pdf.windows));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
