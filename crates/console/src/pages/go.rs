//! The palette: one field that finds pages, what can be done, steps, links, duties, and people by key. What is looked for stands in no address line.

use askama::Template;
use strandline_response::Right;

use super::{Frame, frame};
use crate::commands::{Command, Way, commands};
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

/// What can be done, as a link or as a form.
struct CommandLine {
    name: String,
    href: Option<String>,
    action: &'static str,
    fields: Vec<(&'static str, String)>,
}

impl CommandLine {
    fn of(Command { name, way }: Command) -> Self {
        match way {
            Way::Page(href) => Self { name, href: Some(href), action: "", fields: Vec::new() },
            Way::Form(action, fields) => Self { name, href: None, action, fields },
        }
    }
}

#[derive(Template)]
#[template(path = "go.html")]
struct GoPage<'v> {
    f: Frame<'v>,
    wanted: String,
    commands: Vec<CommandLine>,
    found: Vec<Found>,
    count: String,
}

/// All pages, and all that can be done.
pub fn all(visit: &Visit) -> Result<Reply, Fault> {
    found(visit, String::new())
}

/// What fits; straight to it where it is the only one, unless it does something: that takes one more press. An empty field lists all.
pub fn find(visit: &Visit) -> Result<Reply, Fault> {
    found(visit, visit.form.text("go").unwrap_or_default().to_lowercase())
}

fn found(visit: &Visit, wanted: String) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
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
    let mut commands = commands(visit, &overview, &wanted);
    match (wanted.is_empty(), found.as_slice(), commands.as_slice()) {
        (false, [one], []) => return Ok(Reply::Goto(one.href.clone())),
        (false, [], [Command { way: Way::Page(href), .. }]) => return Ok(Reply::Goto(href.clone())),
        _ => {}
    }
    let count = t.n((found.len() + commands.len()) as u64);
    found.truncate(SHOWN);
    commands.truncate(SHOWN);
    let commands = commands.into_iter().map(CommandLine::of).collect();
    Ok(Reply::Page(GoPage { f, wanted, commands, found, count }.render()?))
}
