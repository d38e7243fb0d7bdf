//! `strandline scope`: what did these sessions see, between then and then?

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strandline_case::{Case, Question, Seen};
use strandline_model::exposure::Certainty;
use strandline_model::time::{Instant, Interval};

use crate::cmd::told::WindowArgs;
use crate::cmd::{Common, print_json, zone_of};
use crate::ui::{Format, printable, thousands};

/// Whose data some sessions saw in a time, by category and tier
#[derive(Args)]
pub struct Scope {
    /// The case folder
    case: PathBuf,
    /// A web session or database connection of the trail; more than one may be given
    #[arg(long, value_name = "ID", required = true)]
    session: Vec<String>,
    #[command(flatten)]
    window: WindowArgs,
}

impl Scope {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let case = Case::open_for_reading(&self.case)?;
        let estate = self.case.join("estate.toml");
        let zone = std::fs::read_to_string(&estate).map_or_else(|_| "UTC".to_owned(), |text| zone_of(&text, &estate.display().to_string()));
        let within = self.window.window(&zone)?.unwrap_or(Interval { from: Instant::MIN, to: Instant::MAX });
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let seen = case.scope(&Question { sessions: self.session, within }, threads)?;
        match common.format() {
            Format::Json => print_json(&seen)?,
            Format::Text => print(&seen),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(seen: &[Seen]) {
    let mut people: BTreeMap<&str, BTreeMap<Certainty, BTreeSet<&str>>> = BTreeMap::new();
    for cell in seen {
        if let Some(subject) = cell.data_subject.as_deref() {
            people.entry(&cell.category).or_default().entry(cell.certainty).or_default().insert(subject);
        }
    }
    let all: BTreeSet<&str> = seen.iter().filter_map(|cell| cell.data_subject.as_deref()).collect();
    say!("{:<24} {:>10} {:>10} {:>10}", "people by category", "confirmed", "likely", "possible");
    for (category, tiers) in &people {
        let count = |tier: Certainty| thousands(tiers.get(&tier).map_or(0, BTreeSet::len) as u64);
        say!("{:<24} {:>10} {:>10} {:>10}", printable(category), count(Certainty::Confirmed), count(Certainty::Likely), count(Certainty::Possible));
    }
    say!("{} people, {} cells", thousands(all.len() as u64), thousands(seen.len() as u64));
    for cell in seen.iter().filter(|cell| cell.data_subject.is_none()) {
        let table = printable(cell.of_table.as_deref().unwrap_or_default());
        say!("possible for everybody in {table}: {} ({} statements)", printable(&cell.category), thousands(cell.count));
    }
    say!("What is possible because of a gap in the logs belongs to no session: see the exposures.");
}
