//! `strandline expose`: whose data, which categories, how sure; and for one person, why.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strandline_model::clearance::{Clearance, Question};
use strandline_response::{ExplainedCategory, Explanation, Response, explain};

use crate::cmd::{Common, print_json};
use crate::ui::{Format, Screen, printable, thousands};

/// Work out whose data was exposed; explain one person
#[derive(Args)]
pub struct Expose {
    /// The case folder
    case: PathBuf,
    /// A person's key: print each category, tier and statement, and the original log lines
    #[arg(long, value_name = "KEY")]
    explain: Option<String>,
}

impl Expose {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let settings = common.settings(&self.case);
        let mut screen = Screen::new(common.format());
        let mut response = Response::resume(&settings, &mut screen)?;
        if let Some(key) = &self.explain {
            let explanation = explain(&response, key)?;
            match common.format() {
                Format::Json => print_json(&explanation)?,
                Format::Text => print(&explanation),
            }
            return Ok(ExitCode::SUCCESS);
        }
        response.expose()?;
        let outcome = response.finish();
        drop(screen);
        match common.format() {
            Format::Json => print_json(&outcome)?,
            Format::Text => {
                let tiers = outcome.tiers;
                say!(
                    "{} confirmed, {} likely, {} possible, {} not reached, {} not known yet",
                    thousands(tiers.confirmed),
                    thousands(tiers.likely),
                    thousands(tiers.possible),
                    thousands(outcome.not_reached),
                    thousands(outcome.not_known)
                );
                outcome.open.iter().for_each(|question| say!("  open: {}", printable(question)));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(explanation: &Explanation) {
    say!("{}", printable(&explanation.data_subject));
    print_categories(&explanation.categories);
    explanation.clearance.iter().for_each(print_clearance);
    if explanation.categories.is_empty() && explanation.clearance.is_none() {
        say!("  in no tier, and not cleared: do not say \"not reached\"");
        print_questions(&explanation.open);
    }
}

/// What *not reached* rests on.
pub fn print_clearance(clearance: &Clearance) {
    say!("  not reached: of {} accesses, {} were replayed without this person", clearance.accesses, clearance.replayed);
    clearance.reasons.iter().for_each(|reason| say!("      {}", printable(reason)));
}

/// What keeps people from being cleared.
pub fn print_questions(questions: &[Question]) {
    for question in questions {
        say!("  open: {} ({} accesses)", printable(&question.told()), question.accesses);
        say!("        hint: {}", question.hint);
    }
}

/// Each category, its tier, the statements behind it, and the original log lines.
pub fn print_categories(categories: &[ExplainedCategory]) {
    for category in categories {
        say!("\n{} — {} ({}), through {} access(es)", category.category, category.certainty, category.basis, category.access_count);
        if !category.columns.is_empty() {
            say!("  columns: {}", category.columns.join(", "));
        }
        if let Some(missing) = &category.missing_proof {
            say!("  not surer because: {missing}");
        }
        for access in &category.accesses {
            say!("  {}  {}", access.time, printable(&access.statement));
            if !access.parameters.is_empty() {
                let values: Vec<String> = access.parameters.iter().map(|p| p.as_deref().map_or("NULL".to_owned(), printable)).collect();
                say!("      with {}", values.join(", "));
            }
            say!("      rows: {}", access.rows);
            say!("      the intruder's because: {}", printable(&access.reason));
            for line in &access.lines {
                say!("      | {}\n      |   {}", printable(&line.place), line.line.trim_end().replace('\n', "\n      |   "));
            }
        }
    }
}
