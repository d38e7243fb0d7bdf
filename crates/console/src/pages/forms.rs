//! An authority's form, filled from the case, to read and to print. What only a person can answer is said so; nothing is kept.

use askama::Template;
use strandline_model::document::Block;
use strandline_response::desk::form;
use strandline_response::notice::{FormId, document};

use super::{Frame, frame};
use crate::reply::{Fault, Reply};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "form.html")]
struct FormPage<'v> {
    f: Frame<'v>,
    id: &'static str,
    blocks: Vec<Block>,
    ways: Vec<(String, String)>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let id = FormId::of(visit.param("id")).ok_or(Fault::NotFound)?;
    let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
    let filled = form(&settings, visit.role()?, id)?;
    let (f, _) = frame(visit, &overview, "/clocks", filled.title)?;
    let ways = filled.ways().map(|(label, way)| (label.to_owned(), way.to_owned())).collect();
    let page = FormPage { f, id: id.as_str(), ways, blocks: document(&filled).blocks };
    Ok(Reply::Page(page.render()?))
}
