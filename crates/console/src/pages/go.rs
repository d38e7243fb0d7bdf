//! The palette: one field that finds pages, steps, links, duties, and people by key. What is looked for stands in no address line.

use askama::Template;
use strandline_response::Right;

use super::{Frame, frame};
use crate::reply::{Fault, Reply};
use crate::visit::Visit;

/// Findings of one page.
const SHOWN: usize = 40;

/// Something that was found.
struct Found {
    href: String,
    name: String,
    kind: String,
}

#[derive(Template)]
#[template(path = "go.html")]
struct GoPage<'v> {
    f: Frame<'v>,
    found: Vec<Found>,
    count: String,
}

/// What fits; straight to it where it is the only one. An empty field lists the pages.
pub fn find(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let wanted = visit.form.text("go").unwrap_or_default().to_lowercase();
    let (f, clocks) = frame(visit, &overview, "/go", t.x("go_title"))?;
    let fits = |text: &str| text.to_lowercase().contains(&wanted);
    let found_as = |href: String, name: String, kind: &str| Found { href, name, kind: t.x(kind).to_owned() };
    let mut found: Vec<Found> = f.nav.iter().filter(|item| fits(&item.name)).map(|item| found_as(item.href.to_owned(), item.name.clone(), "go_page")).collect();
    if !wanted.is_empty() && visit.may(Right::SeeCase) {
        let path = &overview.path;
        let steps = path.steps.iter().filter(|step| step.id.to_lowercase() == wanted || fits(&step.summary) || fits(&step.technique_name));
        found.extend(steps.map(|step| found_as(format!("/lines/step/{}", step.id), format!("{}: {}", step.id, step.summary), "kind_step")));
        let links = path.links.iter().map(|view| &view.link).filter(|link| fits(&link.id) || fits(&link.from) || fits(&link.to));
        found.extend(links.map(|link| found_as(format!("/path/{}", link.id), format!("{} → {}", link.from, link.to), "kind_link")));
        let duties = clocks.duties.duties.duties.iter().filter(|view| fits(&view.duty.id) || fits(&view.duty.title));
        found.extend(duties.map(|view| found_as("/clocks".to_owned(), view.duty.title.clone(), "clocks_duty")));
    }
    if !wanted.is_empty() && visit.may(Right::SeePeople) {
        let people = overview.people.iter().filter(|row| row.data_subject.to_lowercase().starts_with(&wanted)).take(SHOWN);
        found.extend(people.map(|row| found_as(format!("/people/{}", row.handle), row.data_subject.clone(), "person_title")));
    }
    if let (false, [one]) = (wanted.is_empty(), found.as_slice()) {
        return Ok(Reply::Goto(one.href.clone()));
    }
    let count = t.n(found.len() as u64);
    found.truncate(SHOWN);
    Ok(Reply::Page(GoPage { f, found, count }.render()?))
}
