//! Original lines: what a step, a link, a detection, a gap or a question stands on, as it stands in the sealed evidence.

use askama::Template;
use strandline_response::ProofLine;
use strandline_response::desk::{CitedBy, cited};

use super::{Frame, frame};
use crate::reply::{Fault, Reply};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "lines.html")]
struct LinesPage<'v> {
    f: Frame<'v>,
    heading: String,
    lines: Vec<ProofLine>,
    shown: String,
    next: Option<usize>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let by = CitedBy::parse(visit.param("by")).ok_or(Fault::NotFound)?;
    let here = match by {
        CitedBy::Gap | CitedBy::Warning => "/evidence",
        CitedBy::Question => "/people",
        CitedBy::Step | CitedBy::Link | CitedBy::Detection | CitedBy::Accesses => "/path",
    };
    let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
    let from = visit.query.number("from").unwrap_or(0);
    let found = cited(&settings, visit.role()?, (by, visit.param("id")), from)?.map_err(|_| Fault::NotFound)?;
    let (f, _) = frame(visit, &overview, here, t.x("lines_title"))?;
    let shown = t.w2("lines_shown", t.n(found.lines.len() as u64), t.n(found.count as u64));
    let page = LinesPage { f, heading: found.title, lines: found.lines, shown, next: found.next };
    Ok(Reply::Page(page.render()?))
}
