//! Drafts, lints and prints letters to made-up people, and says how long each took: `many_letters [count] [threads] [folder]`.
//! With a folder, each letter's PDF is kept there beside the values that it may hold, for other programs to check.
#![allow(clippy::print_stdout, reason = "a measurement speaks to the person who runs it")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant as Clock;

use strandline_model::exposure::{Basis, Certainty, Exposure};
use strandline_model::letter_word::Gate;
use strandline_model::register::RegisterEntry;
use strandline_notice::letter::lint::{Strangers, lint};
use strandline_notice::letter::{Letter, Mailbox, Recipient};
use strandline_print::{Layout, Printer};
use support::{BREAK_IN, Case, fonts, person};

const FAMILY: [&str; 10] = ["CHAN", "LEE", "WONG", "HO", "LAM", "NG", "YIP", "TANG", "FUNG", "MOK"];
const GIVEN: [&str; 10] = ["Siu", "Ka", "Wai", "Chi", "Man", "Kwok", "Yuk", "Lai", "Ho", "Mei"];
const HAN: [char; 20] = ['陳', '李', '黃', '何', '林', '吳', '葉', '鄧', '馮', '莫', '小', '嘉', '慧', '志', '敏', '國', '玉', '麗', '浩', '美'];

fn name(n: usize, language: &str) -> String {
    let digit = |place: u32| n / 10_usize.pow(place) % 10;
    match language {
        "en" => format!("{} {} {} {}", FAMILY[digit(0)], GIVEN[digit(1)], GIVEN[digit(2)].to_lowercase(), GIVEN[digit(3)].to_lowercase()),
        _ => [HAN[digit(0)], HAN[10 + digit(1)], HAN[10 + digit(2)], HAN[10 + digit(3)]].iter().collect(),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (count, threads) = (number(0, 1_000), number(1, 1).max(1));
    let Some(fonts) = fonts() else { return };
    let case = Case::new();
    let language = |n: usize| if n.is_multiple_of(3) { "en" } else { "zh-Hant" };
    let people: Vec<RegisterEntry> = (0..count).map(|n| person(&format!("K{n:06}"), &name(n, language(n)), language(n))).collect();

    let clock = Clock::now();
    let letters: Vec<Letter> = people.iter().enumerate().map(|(n, entry)| case.draft(entry, &exposures(&case, n, &entry.key))).collect();
    println!("drafted {count} in {:.2} s", clock.elapsed().as_secs_f64());
    let clock = Clock::now();
    let strangers = Strangers::of(people.iter(), &case.facts(), &case.templates);
    println!("indexed {count} people in {:.2} s", clock.elapsed().as_secs_f64());
    let clock = Clock::now();
    let findings: usize = people.iter().zip(&letters).enumerate().map(|(n, (entry, letter))| findings(&case, n, entry, letter, &strangers)).sum();
    println!("linted {count} in {:.2} s, {findings} findings", clock.elapsed().as_secs_f64());

    let printer = Printer::new(fonts, &Layout::letter()).expect("the layout comes along");
    let clock = Clock::now();
    let (bytes, pages) = print_all(&printer, &letters, threads, arguments.get(2).map(String::as_str));
    let seconds = clock.elapsed().as_secs_f64();
    println!(
        "printed {count} letters, {pages} pages, {:.1} KB each, in {seconds:.2} s: {:.0} a second",
        bytes as f64 / 1e3 / count as f64,
        count as f64 / seconds
    );
}

/// What the person of a number is told: each of the tiers in turn, and nothing.
fn exposures(case: &Case, n: usize, key: &str) -> Vec<Exposure> {
    match n % 5 {
        0 => case.exposures(key, Certainty::Confirmed, Basis::Disclosed),
        1 => case.exposures(key, Certainty::Likely, Basis::Disclosed).into_iter().take(4).collect(),
        2 => case.exposures(key, Certainty::Possible, Basis::Disclosed),
        3 => case.exposures(key, Certainty::Confirmed, Basis::Inferred).into_iter().skip(5).collect(),
        _ => Vec::new(),
    }
}

fn findings(case: &Case, n: usize, entry: &RegisterEntry, letter: &Letter, strangers: &Strangers) -> usize {
    let exposures = exposures(case, n, &entry.key);
    let recipient = Recipient {
        key: &entry.key,
        entry: Some(entry),
        exposures: &exposures,
        code: Some("7K2M-QX4D-9RTV-H3"),
        record_ending: None,
        gate: Gate::Unset,
        mailbox: Mailbox::Own,
        tells: &[],
        before: None,
    };
    lint(letter, &recipient, &case.facts(), &case.templates, strangers).len()
}

/// Prints all of them, shared out among threads. Returns bytes and pages.
fn print_all(printer: &Printer, letters: &[Letter], threads: usize, folder: Option<&str>) -> (usize, usize) {
    let share = letters.len().div_ceil(threads).max(1);
    let totals: Vec<(usize, usize)> = std::thread::scope(|scope| {
        let workers: Vec<_> = letters.chunks(share).map(|chunk| scope.spawn(move || print_some(printer, chunk, folder))).collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
    });
    totals.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

fn print_some(printer: &Printer, letters: &[Letter], folder: Option<&str>) -> (usize, usize) {
    let mut totals = (0, 0);
    for letter in letters {
        let pdf = printer.print(letter.document.expose_personal(), BREAK_IN).expect("every letter can be printed");
        totals = (totals.0 + pdf.bytes.len(), totals.1 + pdf.pages);
        if let Some(folder) = folder {
            let stem = format!("{folder}/{}", letter.data_subject);
            std::fs::write(format!("{stem}.pdf"), &pdf.bytes).expect("the folder is there");
            std::fs::write(format!("{stem}.txt"), letter.plain_text().expose_personal()).expect("the folder is there");
        }
    }
    totals
}
