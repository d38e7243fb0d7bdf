//! `strandline scope`: what did these sessions see, between then and then?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strandline_response::desk::{ScopeForm, Scoped, role_in, scope};

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
        let settings = common.settings(&self.case);
        let estate = self.case.join("estate.toml");
        let zone = std::fs::read_to_string(&estate).map_or_else(|_| "UTC".to_owned(), |text| zone_of(&text, &estate.display().to_string()));
        let [from, to] = self.window.ends();
        let question = ScopeForm { sessions: self.session, from, to }.question(&zone)?;
        let seen = scope(&settings, role_in(&self.case, &settings.responder)?, &question)?;
        match common.format() {
            Format::Json => print_json(&seen.cells)?,
            Format::Text => print(&seen),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(seen: &Scoped) {
    say!("{:<24} {:>10} {:>10} {:>10}", "people by category", "confirmed", "likely", "possible");
    for category in &seen.categories {
        let tiers = category.tiers;
        say!("{:<24} {:>10} {:>10} {:>10}", printable(&category.name), thousands(tiers.confirmed), thousands(tiers.likely), thousands(tiers.possible));
    }
    say!("{} people, {} cells", thousands(seen.people.len() as u64), thousands(seen.cells.len() as u64));
    for cell in seen.everybody() {
        let table = printable(cell.of_table.as_deref().unwrap_or_default());
        say!("possible for everybody in {table}: {} ({} statements)", printable(&cell.category), thousands(cell.count));
    }
    say!("What is possible because of a gap in the logs belongs to no session: see the exposures.");
}
