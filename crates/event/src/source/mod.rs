//! The formats, one file each, and the choice between them.

pub mod database;
mod draft;
pub mod json;
pub mod mysql_audit;
pub mod mysql_general;
mod pgaudit;
mod postgres;
pub mod postgres_csv;
pub mod postgres_json;
pub mod postgres_text;
pub mod text;
pub mod web;

use crate::{Context, EventError, Framing, Output, Record};

/// One format, reading one artefact. It keeps what it must between records (a statement that goes on in the next
/// line) and nothing else.
pub trait Format {
    /// Its name, as custody records it (`nginx`, `postgresql_csvlog`).
    fn name(&self) -> &'static str;

    /// How its records end.
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    /// Reads one record: events to `output`, or a refusal with its reason.
    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>);

    /// Called after the last record: gives out what was kept.
    fn finish(&mut self, _output: &mut Output<'_>) {}
}

/// The format for an artefact, as the estate says it and its first bytes confirm.
///
/// # Errors
/// If the estate names no format that exists, or describes it wrongly.
pub fn open<'c>(context: &Context<'c>, head: &[u8]) -> Result<Box<dyn Format + 'c>, EventError> {
    match context.source.format.as_str() {
        "nginx" => Ok(Box::new(web::Web::new(context, web::Server::Nginx)?)),
        "apache" => Ok(Box::new(web::Web::new(context, web::Server::Apache)?)),
        "json" => Ok(Box::new(json::Json::new(context)?)),
        "text" => Ok(Box::new(text::Text::new(context)?)),
        _ => Ok(database::open(context, head)?),
    }
}
