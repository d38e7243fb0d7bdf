//! `strandline sql`: any question to the tables of a case.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use strandline_case::Case;

use crate::cmd::Common;
use crate::ui::{Format, printable};

/// Ask the case's tables anything, in SQL
#[derive(Args)]
pub struct Sql {
    /// The case folder
    case: PathBuf,
    /// A query over events, detections, links, steps, accesses, splits, exposures, sightings, replays, data_subjects, gaps, warnings
    query: String,
}

impl Sql {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let case = Case::open_for_reading(&self.case)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let batches = runtime.block_on(async {
            let state = SessionStateBuilder::new_with_default_features().with_config(SessionConfig::new().with_information_schema(true));
            let context = SessionContext::new_with_state(state.with_physical_optimizer_rules(strandline_provenance::physical_rules()).build());
            for table in case.tables() {
                let files: Vec<String> = case.table_files(&table).iter().map(|path| path.display().to_string()).collect();
                let frame = context.read_parquet(files, ParquetReadOptions::default()).await.with_context(|| format!("the table {table} cannot be opened"))?;
                context.register_table(table.as_str(), frame.into_view())?;
            }
            let options = datafusion::execution::context::SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
            let frame = context.sql_with_options(&self.query, options).await.with_context(|| format!("tables: {}", case.tables().join(", ")))?;
            anyhow::Ok(frame.collect().await?)
        })?;
        match common.format() {
            Format::Json => {
                let mut writer = LineDelimitedWriter::new(std::io::stdout().lock());
                writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
                writer.finish()?;
            }
            Format::Text => say!("{}", printable(&pretty_format_batches(&batches)?.to_string())),
        }
        Ok(ExitCode::SUCCESS)
    }
}
