//! Letters and forms on paper. Where `pdftotext` is installed their text is read back by it, a tool that knows nothing of us.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use strandline_model::document::{Block, Document, Field};
use strandline_model::exposure::{Basis, Certainty};
use strandline_model::time::Instant;
use strandline_notice::forms::{CaseFacts, FormId, fill};
use strandline_print::{Fonts, Layout, Pdf, PrintError, Printer};
use support::{Case, fonts, person};

fn printer(fonts: Fonts, layout: &Layout) -> Printer {
    Printer::new(fonts, layout).expect("the layout comes along")
}

/// The text of a PDF as another program reads it; `None` where it is not installed.
fn read_back(pdf: &Pdf) -> Option<String> {
    let mut child = Command::new("pdftotext").args(["-raw", "-", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut input = child.stdin.take().expect("it was asked for");
    let bytes = pdf.bytes.clone();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().ok()?;
    let _ = writer.join();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Prints the letter of one tier to a person and looks at what came out.
fn check_letter(printer: &Printer, name: &str, language: &str, exposures: &dyn Fn(&Case) -> Vec<strandline_model::exposure::Exposure>) {
    let case = Case::new();
    let letter = case.draft(&person("P00007", name, language), &exposures(&case));
    let document = letter.document.expose_personal();
    let pdf = printer.print(document, support::BREAK_IN).expect("the letter can be printed");
    if let Ok(folder) = std::env::var("STRANDLINE_PRINTED") {
        std::fs::write(
            format!("{folder}/{}-{}-{language}.pdf", letter.subject.len(), exposures(&case).first().map_or("none", |e| e.basis.as_str())),
            &pdf.bytes,
        )
        .expect("the folder is there");
    }
    assert_eq!((pdf.pages, pdf.first_pages.as_slice()), (1, [1].as_slice()), "{:?} in {language}", letter.kind);
    assert_eq!(pdf.windows, [None], "the window of the envelope shows something else");
    assert!(pdf.bytes.len() < 100_000, "{} bytes", pdf.bytes.len());
    let again = printer.print(document, support::BREAK_IN).expect("it was printed before");
    assert!(pdf.bytes == again.bytes, "the same letter gives other bytes");
    if let Some(text) = read_back(&pdf) {
        let unbroken = |text: &str| text.split(|c: char| c.is_whitespace() || c == '\u{200b}').collect::<String>();
        assert!(unbroken(&text).contains(&unbroken(name)), "the name cannot be read back");
        assert!(text.contains("7K2M-QX4D-9RTV-H3"), "the code cannot be read back");
    }
}

#[test]
fn each_letter_fits_its_page_in_each_language() {
    let Some(fonts) = fonts() else { return };
    let printer = printer(fonts, &Layout::letter());
    for (name, language) in [("CHAN Siu Ming", "en"), ("陳小明", "zh-Hant")] {
        for (certainty, basis) in [
            (Certainty::Confirmed, Basis::Disclosed),
            (Certainty::Confirmed, Basis::Inferred),
            (Certainty::Likely, Basis::Disclosed),
            (Certainty::Possible, Basis::Disclosed),
        ] {
            check_letter(&printer, name, language, &|case| case.exposures("P00007", certainty, basis));
        }
        check_letter(&printer, name, language, &|_| Vec::new());
    }
}

#[test]
fn paper_leads_to_the_support_page_by_a_picture_that_says_what_it_is() {
    let Some(fonts) = fonts() else { return };
    let printer = printer(fonts, &Layout::letter());
    for language in ["en", "zh-Hant"] {
        let mut case = Case::new();
        case.support_page = Some("support.harbour.example.hk");
        let letter = case.draft(&person("P00007", "CHAN Siu Ming", language), &case.exposures("P00007", Certainty::Confirmed, Basis::Disclosed));
        let document = letter.document.expose_personal();
        let pdf = printer.print(document, support::BREAK_IN).expect("the letter can be printed");
        assert_eq!((pdf.pages, pdf.windows.as_slice()), (1, [None].as_slice()), "in {language}");
        let without = Document { page: None, ..document.clone() };
        let plain = printer.print(&without, support::BREAK_IN).expect("the letter can be printed");
        assert!(pdf.bytes.len() > plain.bytes.len(), "there is no picture");
        if let Some(text) = read_back(&pdf) {
            assert_eq!(text.matches("support.harbour.example.hk").count(), 2, "the address stands in the text and under its picture");
        }
        read_picture(&pdf, "https://support.harbour.example.hk");
    }
}

/// Reads the picture as a telephone does, where `pdftoppm` and `zbarimg` are installed.
fn read_picture(pdf: &Pdf, expected: &str) {
    let folder = std::env::temp_dir().join(format!("strandline-picture-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("letter.pdf"), &pdf.bytes).expect("a file");
    let run = |program: &str, arguments: &[&str]| Command::new(program).args(arguments).current_dir(&folder).output().ok();
    let drawn = run("pdftoppm", &["-r", "200", "-png", "-singlefile", "letter.pdf", "letter"]);
    let read = drawn.filter(|drawn| drawn.status.success()).and_then(|_| run("zbarimg", &["--quiet", "--raw", "letter.png"]));
    let _ = std::fs::remove_dir_all(&folder);
    if let Some(read) = read {
        assert_eq!(String::from_utf8_lossy(&read.stdout).trim(), expected, "the picture leads elsewhere");
    }
}

#[test]
fn a_rare_character_is_printed_and_read_back() {
    let Some(fonts) = fonts() else { return };
    let printer = printer(fonts, &Layout::letter());
    for name in ["𠮷田𨋢", "㗎嘅咗冚鰂涌邨啲𥄫衞説", "Nguyễn Thị Hồng Ánh", "Ярослав Müller-Łukasz", "#eval(\"x\") *b* $x$ `r` @a <l> // c"]
    {
        check_letter(&printer, name, "en", &|case| case.exposures("P00007", Certainty::Confirmed, Basis::Disclosed));
    }
}

#[test]
fn a_character_without_a_glyph_is_an_error_that_does_not_print_it() {
    let check = |name: &str, characters: usize| {
        let printer = printer(Fonts::built_in(), &Layout::letter());
        let letter = Case::new().draft(&person("P00007", name, "en"), &[]);
        let Err(error) = printer.print(letter.document.expose_personal(), Instant(0)) else { panic!("a box was printed") };
        let PrintError::NoGlyph { characters: lacking } = &error else { panic!("another error") };
        assert_eq!(lacking.expose_personal().len(), characters);
        assert!(error.to_string().contains("fonts-noto-cjk") && !format!("{error} {error:?}").contains(name), "the error prints the name");
    };
    check("陳明", 2);
    check("محمد", 3);
}

#[test]
fn a_name_longer_than_the_line_stays_on_the_page() {
    let printer = printer(Fonts::built_in(), &Layout::letter());
    let name = format!("{} {}", "Wolfeschlegelsteinhausenbergerdorff".repeat(2), "Maximilian Jakob".repeat(2));
    check_letter(&printer, &name[..100], "en", &|_| Vec::new());
    let letter = Case::new().draft(&person("P00007", &"W".repeat(120), "en"), &[]);
    assert_eq!(printer.print(letter.document.expose_personal(), Instant(0)).map(|pdf| pdf.pages).ok(), Some(1));
}

#[test]
fn a_batch_knows_where_each_letter_begins() {
    let printer = printer(Fonts::built_in(), &Layout::letter());
    let case = Case::new();
    let letters: Vec<_> = (0..7).map(|n| case.draft(&person(&format!("P{n}"), &format!("Person {n}"), "en"), &[])).collect();
    let documents: Vec<&Document> = letters.iter().map(|letter| letter.document.expose_personal()).collect();
    let pdf = printer.print_all(&documents, Instant(0)).expect("they can be printed");
    assert_eq!((pdf.pages, pdf.first_pages), (7, (1..=7).collect::<Vec<_>>()));
    assert!(matches!(printer.print_all(&[], Instant(0)), Err(PrintError::Nothing)));
}

/// A letter to an address of so many lines, for an envelope with this window.
fn for_window(name: &str, lines: usize) -> Document {
    Document {
        language: "en".into(),
        title: "An intruder saw data about you".into(),
        sender: vec!["Harbour Hospital".into(), "1 Harbour Road".into(), "Hong Kong".into()],
        recipient: (1..=lines).map(|line| format!("Line {line} of a long address in a long street")).collect(),
        head: vec![Field { label: "Reference".into(), value: "481-207".into(), note: None }],
        blocks: vec![Block::paragraph("Dear reader,"), Block::paragraph("Somebody broke into our systems.")],
        window: strandline_model::window::Window::named(name),
        points: None,
        page: None,
    }
}

#[test]
fn every_window_shows_the_address_and_nothing_else() {
    let printer = printer(Fonts::built_in(), &Layout::letter());
    for name in strandline_model::window::NAMES {
        // Seventeen millimetres hold no more in the United States, nor twenty-one in Scandinavia.
        for lines in if ["us-10", "c5-wide"].contains(&name) { [1, 4, 6] } else { [1, 4, 8] } {
            let pdf = printer.print(&for_window(name, lines), Instant(0)).expect("the letter can be printed");
            assert_eq!(pdf.windows, [None], "{name}, {lines} lines");
            if let Ok(folder) = std::env::var("STRANDLINE_PRINTED") {
                std::fs::write(format!("{folder}/window-{name}-{lines}.pdf"), &pdf.bytes).expect("the folder is there");
            }
        }
    }
}

#[test]
fn a_letter_that_a_law_gives_a_size_of_type_is_never_set_smaller() {
    let printer = printer(Fonts::built_in(), &Layout::letter());
    let long = |points| Document {
        points,
        blocks: vec![
            Block::Table { columns: vec!["Data".into(), "State".into()], rows: vec![vec!["Name".into(), "Seen".into()]; 20] },
            Block::paragraph("Somebody broke into our systems. ".repeat(60)),
        ],
        ..for_window("us-10", 3)
    };
    let set = |points| printer.print(&long(points), Instant(0)).map(|pdf| (pdf.pages, pdf.windows)).expect("the letter can be printed");
    assert_eq!(set(None), (1, vec![None]), "it is set smaller until it fits");
    assert_eq!(set(Some(10)), (2, vec![None]));
    let small = "#let page-of(document, tightness: 0) = { set page(margin: 0pt); set text(font: \"Noto Sans\", size: 9pt); place(dx: 25mm, dy: 65mm, document.recipient.join(linebreak())); place(dx: 25mm, dy: 120mm, document.title) }";
    let own = Layout::letter_with(&[("layout.typ".to_owned(), small.as_bytes().to_vec())]);
    let found = Printer::new(Fonts::built_in(), &own).expect("a layout").print(&long(Some(10)), Instant(0)).expect("it can be printed").windows;
    assert!(found[0].as_ref().is_some_and(|problem| problem.contains("type of 10 points")), "{found:?}");
}

#[test]
fn a_layout_that_shows_the_letter_in_the_window_is_found() {
    let check = |page: &str, expected: &str| {
        let text = format!("#let page-of(document, tightness: 0) = {{ set page(margin: 0pt); set text(font: \"Noto Sans\", size: 9pt); {page} }}");
        let layout = Layout::letter_with(&[("layout.typ".to_owned(), text.into_bytes())]);
        let pdf = printer(Fonts::built_in(), &layout).print(&for_window("dl", 2), Instant(0)).expect("the letter can be printed");
        let found = pdf.windows.into_iter().flatten().next().unwrap_or_default();
        assert!(found.contains(expected) && (expected.is_empty() == found.is_empty()), "{found}");
        assert!(!found.contains("Line 1"), "a finding tells a value");
    };
    let address = "place(dx: 25mm, dy: 60mm, document.recipient.join(linebreak()));";
    check(address, "");
    check(&format!("{address} place(dx: 25mm, dy: 75mm, document.title);"), "more than the address");
    check(&format!("{address} place(dx: 105mm, dy: 47mm, document.title);"), "more than the address");
    check(&format!("{address} place(dx: 25mm, dy: 100mm, document.title);"), "");
    check("place(dx: 25mm, dy: 20mm, document.recipient.join(linebreak()));", "does not show 2 lines");
}

#[test]
fn a_form_runs_over_pages_with_its_tables() {
    let printer = printer(Fonts::built_in(), &Layout::form());
    let field = |n: usize| Field {
        label: format!("{n}. What was reached"),
        value: "6,790 people".into(),
        note: n.is_multiple_of(2).then(|| "unknown, because the log of 02:10 to 02:50 is missing".into()),
    };
    let document = Document {
        language: "en".into(),
        title: "Preliminary report".into(),
        sender: vec!["Harbour Hospital".into()],
        head: vec![Field { label: "As of".into(), value: "24 November 2026, 09:00".into(), note: None }],
        blocks: vec![
            Block::Heading { level: 1, text: "What happened".into() },
            Block::Heading { level: 2, text: "Figures".into() },
            Block::Fields { fields: (1..60).map(field).collect() },
            Block::Table {
                columns: vec!["Tier".into(), "Staff".into(), "Citizens".into()],
                rows: vec![vec!["confirmed".into(), "12".into(), "6,778".into()]; 40],
            },
        ],
        ..Document::default()
    };
    let pdf = printer.print(&document, Instant(0)).expect("the form can be printed");
    assert!(pdf.pages > 2, "{} pages", pdf.pages);
    if let Ok(folder) = std::env::var("STRANDLINE_PRINTED") {
        std::fs::write(format!("{folder}/form.pdf"), &pdf.bytes).expect("the folder is there");
    }
    if let Some(text) = read_back(&pdf) {
        assert!(text.contains("59. What was reached") && text.contains("6,778"));
    }
}

#[test]
fn every_authority_form_can_be_printed() {
    let printer = printer(Fonts::built_in(), &Layout::form());
    let facts = CaseFacts::empty(support::BREAK_IN);
    for id in FormId::ALL {
        let form = strandline_notice::forms::document(&fill(id, &facts));
        let pdf = printer.print(&form, Instant(0)).unwrap_or_else(|error| panic!("{}: {error}", id.as_str()));
        if let Ok(folder) = std::env::var("STRANDLINE_PRINTED") {
            std::fs::write(format!("{folder}/{}.pdf", id.as_str()), &pdf.bytes).expect("the folder is there");
        }
        if let Some(text) = read_back(&pdf) {
            assert!(text.contains("Unknown, because"), "{} does not say what it lacks", id.as_str());
        }
    }
}

#[test]
fn a_mistake_in_a_layout_names_its_line() {
    let check = |text: &str, expected: &str| {
        let layout = Layout::letter_with(&[("own/layout.typ".to_owned(), text.as_bytes().to_vec())]);
        let Err(error) = Printer::new(Fonts::built_in(), &layout) else { panic!("it was taken") };
        assert!(error.to_string().contains(expected), "{error} should say {expected:?}");
    };
    check("#let page-of(document, tightness: 0) = {\n  oops\n}", "own/layout.typ line 2: unknown variable: oops");
    check("#let page-of(document, tightness: 0) = [#document.nobody]", "own/layout.typ line 1: dictionary does not contain key");
    check("#let page-of(document, tightness: 0) = read(\"/etc/passwd\")", "own/layout.typ line 1: file not found");
    check("#let page-of(document, tightness: 0) = read(\"../../x\")", "own/layout.typ line 1");
    check("#import \"@preview/letter:1.0.0\": page-of", "own/layout.typ line 1");
    check("#let other = 1", "own/layout.typ line 1: unresolved import; a layout defines page-of(document, tightness: 0)");
    check("#let page-of(document) = []", "own/layout.typ line 1: unexpected argument: tightness");
    check("#let page-of(document, tightness: 0) = {\n  image(\"logo.svg\")\n}", "own/layout.typ line 2: file not found");
}

#[test]
fn an_organisation_brings_its_letterhead() {
    let logo = r#"<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" height="10" fill="red"/></svg>"#;
    let layout = |alt: &str| {
        let text = format!("#import \"/blocks.typ\": flow\n#let page-of(document, tightness: 0) = {{\n  image(\"logo.svg\"{alt})\n  flow(document.blocks)\n}}");
        Layout::letter_with(&[("letters/default/layout.typ".into(), text.into_bytes()), ("letters/default/logo.svg".into(), logo.as_bytes().to_vec())])
    };
    let printer = printer(Fonts::built_in(), &layout(", alt: \"Harbour Hospital\""));
    let letter = Case::new().draft(&person("P1", "A Chan", "en"), &[]);
    assert!(printer.print(letter.document.expose_personal(), Instant(0)).is_ok());
    let Err(error) = Printer::new(Fonts::built_in(), &layout("")) else { panic!("a picture without a description was taken") };
    assert!(error.to_string().contains("letters/default/layout.typ line 3"), "{error}");
}

#[test]
fn a_file_that_is_no_font_is_named() {
    let error = Fonts::built_in().with([("fonts/readme.ttf".to_owned(), b"hello".to_vec())]).err().map(|error| error.to_string());
    assert!(error.is_some_and(|text| text.starts_with("fonts/readme.ttf holds no font")));
    assert!(Fonts::is_font_file("A.TTC") && !Fonts::is_font_file("ttf"));
}
