//! `strandline contain`: what would cut the intruder off, what each cut would have refused, and what is left open.

mod acting;
mod secrets;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use strandline_model::containment::{ActionRow, FootholdRow, LeftOpen, Refusal};
use strandline_model::since::{ReturnRow, SinceRow};
use strandline_response::{ActionView, Containment, Response};

use self::acting::Acting;
pub use self::secrets::keys;
use crate::cmd::{Common, print_json};
use crate::ui::{Format, Screen, printable, thousands};

/// The exit code that says: done, and something is left open.
const LEFT_OPEN: u8 = 3;
/// Accounts, batch jobs and hours that are shown of one kind.
const SHOWN: usize = 12;

/// What would cut the intruder off, what each cut would have refused, and what is left open
#[derive(Args)]
pub struct Contain {
    /// The case folder
    case: PathBuf,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// List the candidates by foothold, narrowest first, and what is left open (the default)
    List,
    /// Show one candidate: what it does and does not reach, and what it would have refused
    Show {
        /// Its id, or the beginning of it
        action: String,
    },
    #[command(flatten)]
    Acting(Acting),
}

impl Contain {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        if let Some(Verb::Acting(acting)) = self.verb {
            return acting.run(&self.case, common);
        }
        let settings = common.settings(&self.case);
        let mut screen = Screen::new(common.format());
        // Somebody may look while another run works on the case; only a proposal that is not there yet must be made.
        let mut response = Response::look(&settings, &mut screen)?;
        if !response.is_containment_proposed() {
            drop(response);
            response = Response::resume(&settings, &mut screen)?;
            response.propose_containment()?;
            response.compare_with_cuts()?;
        }
        if let Some(Verb::Show { action }) = self.verb {
            let view = response.candidate(&action)?;
            drop(response);
            drop(screen);
            return show(common, &view);
        }
        let found = response.containment()?;
        drop(response);
        drop(screen);
        list(common, &found)
    }
}

fn list(common: &Common, found: &Containment) -> anyhow::Result<ExitCode> {
    match common.format() {
        Format::Json => print_json(found)?,
        Format::Text => print_list(found),
    }
    Ok(if found.left_open.is_empty() && !found.is_back() { ExitCode::SUCCESS } else { ExitCode::from(LEFT_OPEN) })
}

fn print_list(found: &Containment) {
    if found.footholds.is_empty() {
        say!("The trail holds nothing that could be cut: pin what is known, or confirm a detection, and trace again.");
    }
    for foothold in &found.footholds {
        let whose = if foothold.is_open { "records that may be the intruder's" } else { "records of the intruder" };
        say!("{}  {}: {} {whose}", foothold.id, printable(&foothold.name), thousands(foothold.records.unsigned_abs()));
        for action in found.actions.iter().filter(|a| a.foothold == foothold.id) {
            print_candidate(foothold, action);
        }
        if let Some(reason) = &foothold.reason {
            say!("      {}", printable(reason));
        }
    }
    print_left_open(&found.left_open);
    for row in found.since.iter().filter(|row| row.refused + row.served + row.unclear > 0) {
        say!("{} at {} ({}): {}", printable(&row.action), printable(&row.target), printable(&row.foothold), after_in_words(row));
    }
    print_returns(&found.returns);
    for note in &found.notes {
        say!("note: {}", printable(note));
    }
    if !found.actions.is_empty() {
        say!("One candidate in full: strandline contain CASE show ID");
    }
}

/// `refused since: 14 (last 2026-…)`.
fn after_in_words(row: &SinceRow) -> String {
    let count = |number: i64| thousands(number.unsigned_abs());
    let last = |at: Option<strandline_model::time::Instant>| at.map(|at| format!(" (last {at})")).unwrap_or_default();
    let mut text = format!("refused since: {}{}", count(row.refused), last(row.last_refused));
    if row.served > 0 {
        text.push_str(&format!("; HE IS BACK, or still in: {} that carry it were served{}", count(row.served), last(row.last_served)));
    }
    if row.running > 0 {
        text.push_str(&format!("; {} had begun before and ended after", count(row.running)));
    }
    if row.unclear > 0 {
        text.push_str(&format!("; of {} no log tells whether they were", count(row.unclear)));
    }
    text
}

/// Ways by which he was served after the last cut, other than what was cut.
fn print_returns(returns: &[ReturnRow]) {
    for row in returns {
        let known = if row.is_new { "a new way" } else { "a way that was left open" };
        let because = if row.because.is_empty() { String::new() } else { format!("; by {}", printable(&row.because.join(", "))) };
        say!(
            "HE IS BACK, or still in: {}, {known}: {} records served, {} to {}{because}",
            printable(&row.what),
            thousands(row.records.unsigned_abs()),
            row.first,
            row.last
        );
    }
}

fn print_candidate(foothold: &FootholdRow, action: &ActionRow) {
    let closes = match action.closes {
        0 => "closes nothing by itself".to_owned(),
        all if all == foothold.records => "closes all".to_owned(),
        part => format!("closes {} of {}", thousands(part.unsigned_abs()), thousands(foothold.records.unsigned_abs())),
    };
    let system = action.system.as_ref().map(|s| format!(" ({})", printable(s))).unwrap_or_default();
    say!("  {:>2}  {}  {}{system}", action.rank, action.id, printable(&action.reaches));
    say!(
        "      refused: {}; {closes}; {}; undo {}; {}",
        figures(action),
        seen(&action.notices),
        if action.undo_exact { "exact" } else { "not exact" },
        action.target.as_ref().map_or("no target of the estate can do it".to_owned(), |t| format!("target {}", printable(t)))
    );
}

fn print_left_open(open: &[LeftOpen]) {
    if open.is_empty() {
        return;
    }
    say!("\nLeft open: no action that was verified as effective closes these, or not all of them");
    for left in open {
        let (records, of) = (thousands(left.records.unsigned_abs()), thousands(left.of.unsigned_abs()));
        say!("  {}: {records} of {of} records; {}", printable(&left.name), printable(&left.reason));
    }
    say!("");
}

/// `546 requests of the intruder, 25 lawful; 2 sign-ins of the intruder, 0 lawful`: all that it would have refused anything of.
fn figures(action: &ActionRow) -> String {
    let count = |number: i64| thousands(number.unsigned_abs());
    let of_unit = |(unit, [intruder, lawful, open]): (&str, [i64; 3])| {
        let unit = match unit {
            "requests" => "requests",
            "statements" => "records of statements",
            "sign_ins" => "sign-ins",
            _ => "files",
        };
        let open = if open > 0 { format!(", {} of which it is open whose they are", count(open)) } else { String::new() };
        format!("{} {unit} of the intruder, {} lawful{open}", count(intruder), count(lawful))
    };
    action.by_unit().map(of_unit).collect::<Vec<_>>().join("; ")
}

fn seen(notices: &str) -> &'static str {
    match notices {
        "quiet" => "quiet",
        "next_login" => "seen at next login",
        _ => "seen at once",
    }
}

fn show(common: &Common, view: &ActionView) -> anyhow::Result<ExitCode> {
    if common.format() == Format::Json {
        print_json(view)?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = &view.row;
    let count = |number: i64| thousands(number.unsigned_abs());
    say!("{}  {}", row.id, printable(&row.reaches));
    say!("  for        {}", view.foothold.as_ref().map_or("-".to_owned(), |f| printable(&f.name)));
    say!("  effect     {}{}", printable(&row.effect), row.system.as_ref().map(|s| format!(" on {}", printable(s))).unwrap_or_default());
    say!("  target     {}", row.target.as_ref().map_or("none of the estate can do it".to_owned(), |t| printable(t)));
    say!("  intruder   {}", seen(&row.notices));
    say!("  undo       {}", row.undo_reason.as_ref().map_or("exact, from what is read and kept before".to_owned(), |r| format!("not exact: {}", printable(r))));
    for text in &row.cannot_reach {
        say!("  not reached: {}", printable(text));
    }
    say!("\nHad it been in force, it would have refused {}", figures(row));
    say!("  lawful ones by hour: {} in the median hour of use, {} in the worst", count(row.lawful_hour_median), count(row.lawful_hour_worst));
    say!("  last lawful use: {}", row.lawful_last.map_or("none".to_owned(), |at| at.to_string()));
    say!("  {} of {} records in its reach carry the key", count(row.carries), count(row.of));
    say!("  {} accounts behind it, {} of them seen from another address, too", count(row.accounts), count(row.accounts_elsewhere));
    for limit in &row.limits {
        say!("  note: {}", printable(limit));
    }
    for (by, heading) in [("system", "By system"), ("account", "By account"), ("batch", "Batch jobs"), ("hour", "By hour, the worst first")] {
        print_refusals(&view.refusals, by, heading);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_refusals(refusals: &[Refusal], by: &str, heading: &str) {
    let mut of_it: Vec<&Refusal> = refusals.iter().filter(|r| r.by == by).collect();
    if of_it.is_empty() {
        return;
    }
    // Lawful ones first, the most first: they are what a cut costs.
    of_it.sort_by_key(|r| (r.whose == "intruder", std::cmp::Reverse(r.count), r.key.clone(), r.unit.clone()));
    say!("\n{heading}");
    for refusal in of_it.iter().take(SHOWN) {
        let unit = refusal.unit.replace('_', "-");
        say!("  {:>9}  {:<10} {:<9} {}", thousands(refusal.count.unsigned_abs()), unit, refusal.whose, printable(&refusal.key));
    }
    if of_it.len() > SHOWN {
        say!("  … and {} more: --json has all of them", of_it.len() - SHOWN);
    }
}
