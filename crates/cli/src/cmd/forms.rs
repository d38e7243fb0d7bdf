//! `strandline forms`: an authority's form, filled from the case; each field with its evidence, or "unknown, because …".

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use strandline_response::notice::{FormId, plain, questions};
use strandline_response::{Page, Response};

use crate::cmd::{Common, print_json};
use crate::ui::{Format, Screen, put};

/// Fill an authority's form from the case
#[derive(Args)]
pub struct Forms {
    /// The case folder
    case: PathBuf,
    /// The form; without one, the forms and the questions that only a person can answer are listed
    #[arg(value_name = "FORM")]
    form: Option<String>,
    /// Print it as well, as forms/FORM.pdf
    #[arg(long)]
    pdf: bool,
    /// A folder of fonts; without it, the fonts of the system that hold Chinese
    #[arg(long, value_name = "DIR", requires = "pdf")]
    fonts: Option<PathBuf>,
}

impl Forms {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let Some(written) = &self.form else {
            list(common)?;
            return Ok(ExitCode::SUCCESS);
        };
        let Some(id) = FormId::of(written) else {
            let known: Vec<&str> = FormId::ALL.iter().map(|id| id.as_str()).collect();
            bail!("there is no form {written:?}: there are {}", known.join(", "));
        };
        let page = self.pdf.then(|| Page { layout: None, fonts: self.fonts.clone() });
        let settings = common.settings(&self.case);
        let mut screen = Screen::new(common.format());
        let mut response = Response::resume(&settings, &mut screen)?;
        let form = response.write_form(id, page.as_ref())?;
        drop(response);
        drop(screen);
        match common.format() {
            Format::Json => print_json(&form)?,
            Format::Text => {
                put(&plain(&form).lines().map(str::to_owned).collect::<Vec<_>>())?;
                let kinds = if self.pdf { ".json, .txt and .pdf" } else { ".json and .txt" };
                for (label, way) in form.ways() {
                    tell!("to state {label:?}: {way}");
                }
                tell!("kept as {}{kinds}", self.case.join("forms").join(id.as_str()).display());
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(common: &Common) -> anyhow::Result<()> {
    let forms: Vec<&str> = FormId::ALL.iter().map(|id| id.as_str()).collect();
    if common.format() == Format::Json {
        return print_json(&serde_json::json!({ "forms": forms, "questions": questions().into_iter().collect::<std::collections::BTreeMap<_, _>>() }));
    }
    say!("Forms: {}", forms.join(", "));
    say!("\nFields (strandline decide CASE answer FIELD --text \"…\" states one)");
    for (id, label) in questions() {
        say!("  {id:<26}{label}");
    }
    Ok(())
}
