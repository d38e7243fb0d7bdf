//! People: how many stand where, by category, and a list with filters. Names are masked.

use askama::Template;
use strandline_model::exposure::Certainty;
use strandline_response::desk::{Overview, PeopleFilter, PersonRow};

use super::{Frame, category, frame, letter_state, tier};
use crate::reply::{Fault, Reply};
use crate::texts::Texts;
use crate::visit::Visit;

/// Rows of one page.
const ROWS: usize = 50;
/// The tiers that a list can be asked for.
const TIERS: [&str; 5] = ["confirmed", "likely", "possible", "not_reached", "not_known"];

struct Choice {
    value: String,
    name: String,
    is_chosen: bool,
}

struct Cell {
    sign: &'static str,
    says: String,
    class: &'static str,
}

struct PersonLine {
    handle: String,
    key: String,
    name: String,
    status: String,
    tier: String,
    class: &'static str,
    cells: Vec<Cell>,
    letter: String,
}

struct MatrixLine {
    name: String,
    people: String,
    cells: Vec<(String, String, &'static str)>,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage<'v> {
    f: Frame<'v>,
    headings: Vec<String>,
    matrix: Vec<MatrixLine>,
    tiers: Vec<Choice>,
    categories: Vec<Choice>,
    letters: Vec<Choice>,
    people: Vec<PersonLine>,
    count: String,
    query: String,
    next: Option<usize>,
    before: Option<usize>,
    questions: Vec<(String, String, String, Option<String>)>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let (f, _) = frame(visit, &overview, "/people", t.x("nav_people"))?;
    let filter = filter(visit, &overview);
    let found: Vec<&PersonRow> = overview.people.iter().filter(|row| filter.shows(row)).collect();
    // Others stand in the list of letters alone.
    let of = overview.people.iter().filter(|row| !row.is_other || filter.shows(row)).count();
    let from: usize = visit.query.number("from").unwrap_or(0).min(found.len());
    let page = PeoplePage {
        f,
        headings: overview.categories.iter().map(|count| category(t, &count.name)).collect(),
        matrix: matrix(&overview, t),
        tiers: choices(TIERS.map(|name| (name.to_owned(), tier(t, name).to_owned())), filter.tier.as_deref(), t),
        categories: choices(
            overview.categories.iter().enumerate().map(|(place, count)| (place.to_string(), category(t, &count.name))),
            filter.category.map(|place| place.to_string()).as_deref(),
            t,
        ),
        letters: choices(states(&overview).map(|state| (state.to_owned(), letter_state(t, state))), filter.letter.as_deref(), t),
        count: t.w2("people_shown", t.n(found.len() as u64), t.n(of as u64)),
        query: query(&filter),
        next: (from + ROWS < found.len()).then_some(from + ROWS),
        before: (from > 0).then(|| from.saturating_sub(ROWS)),
        people: found.into_iter().skip(from).take(ROWS).map(|row| line(row, &overview, t)).collect(),
        questions: if filter.tier.as_deref() == Some("not_known") { questions(&overview, t) } else { Vec::new() },
    };
    Ok(Reply::Page(page.render()?))
}

fn filter(visit: &Visit, overview: &Overview) -> PeopleFilter {
    let known = |name: &str, of: &mut dyn FnMut(&str) -> bool| visit.query.filled(name).filter(|value| of(value)).map(str::to_owned);
    PeopleFilter {
        tier: known("tier", &mut |value| TIERS.contains(&value)),
        category: visit.query.number("category").filter(|place| *place < overview.categories.len()),
        letter: known("letter", &mut |value| states(overview).any(|state| state == value)),
    }
}

fn states(overview: &Overview) -> impl Iterator<Item = &str> {
    overview.letters.iter().flat_map(|letters| letters.status.counts.keys()).map(String::as_str)
}

/// The filter as a link carries it; it names no person.
fn query(filter: &PeopleFilter) -> String {
    let parts = [("tier", filter.tier.clone()), ("category", filter.category.map(|place| place.to_string())), ("letter", filter.letter.clone())];
    parts.into_iter().filter_map(|(name, value)| Some(format!("{name}={}&", value?))).collect()
}

fn choices(all: impl IntoIterator<Item = (String, String)>, chosen: Option<&str>, t: &Texts) -> Vec<Choice> {
    let everything = Choice { value: String::new(), name: t.x("filter_all").to_owned(), is_chosen: chosen.is_none() };
    let rest = all.into_iter().map(|(value, name)| Choice { is_chosen: chosen == Some(value.as_str()), value, name });
    std::iter::once(everything).chain(rest).collect()
}

fn line(row: &PersonRow, overview: &Overview, t: &Texts) -> PersonLine {
    let name = standing(row);
    PersonLine {
        handle: row.handle.clone(),
        key: row.data_subject.clone(),
        name: row.masked_name.as_ref().map_or_else(|| t.x("people_no_name").to_owned(), |name| name.expose_personal().clone()),
        status: row.status.clone().unwrap_or_default(),
        tier: tier(t, name).to_owned(),
        class: name,
        cells: row.cells.iter().zip(&overview.categories).map(|(cell, count)| cell_of(*cell, &category(t, &count.name), t)).collect(),
        letter: row.letter.as_deref().map(|state| letter_state(t, state)).unwrap_or_default(),
    }
}

/// The word for where somebody stands.
pub fn standing(row: &PersonRow) -> &'static str {
    match row.strongest {
        _ if row.is_other => "other",
        Some(certainty) => certainty.as_str(),
        None if row.is_cleared => "not_reached",
        None => "not_known",
    }
}

fn cell_of(cell: Option<Certainty>, category: &str, t: &Texts) -> Cell {
    let (sign, class) = match cell {
        Some(Certainty::Confirmed) => ("●", "confirmed"),
        Some(Certainty::Likely) => ("◐", "likely"),
        Some(Certainty::Possible) => ("○", "possible"),
        None => ("·", "none"),
    };
    let says = cell.map_or(t.x("tier_none"), |certainty| tier(t, certainty.as_str()));
    Cell { sign, says: format!("{category}: {says}"), class }
}

/// How many people of each tier have each category in it.
fn matrix(overview: &Overview, t: &Texts) -> Vec<MatrixLine> {
    let tiers = overview.tiers;
    let all = [("confirmed", tiers.confirmed), ("likely", tiers.likely), ("possible", tiers.possible)];
    let line = |(name, people): (&'static str, u64)| MatrixLine {
        name: tier(t, name).to_owned(),
        people: t.n(people),
        cells: overview
            .categories
            .iter()
            .enumerate()
            .map(|(place, count)| {
                let number = match name {
                    "confirmed" => count.tiers.confirmed,
                    "likely" => count.tiers.likely,
                    _ => count.tiers.possible,
                };
                (format!("/people?tier={name}&category={place}"), t.n(number), if number == 0 { "zero" } else { name })
            })
            .collect(),
    };
    all.into_iter().map(line).collect()
}

fn questions(overview: &Overview, t: &Texts) -> Vec<(String, String, String, Option<String>)> {
    let line = |(place, question): (usize, &strandline_model::clearance::Question)| {
        let lines = (!question.proof.is_empty()).then(|| format!("/lines/question/{place}"));
        (question.told(), question.hint.clone(), t.n(question.accesses.unsigned_abs()), lines)
    };
    overview.questions.iter().enumerate().map(line).collect()
}
