//! People: how many stand where, by category, and a list with filters. Names are masked.

use std::collections::BTreeSet;

use askama::Template;
use strandline_model::exposure::Certainty;
use strandline_response::desk::{Overview, PeopleFilter, PersonRow, Standing, resting_on};

use super::letters::{language_name, letter_kind};
use super::{Frame, category, frame, letter_state, preview, tier};
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
    href: String,
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
    /// Whose list it is, where it is one of a link or of a finding.
    among: Option<String>,
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
    let among = among(visit, &overview)?;
    let is_found = |row: &&PersonRow| among.as_ref().map_or_else(|| filter.shows(row), |among| among.people.contains(&row.data_subject));
    let found: Vec<&PersonRow> = overview.people.iter().filter(is_found).collect();
    // Others stand in the list of letters alone.
    let of = overview.people.iter().filter(|row| !row.is_other || is_found(row)).count();
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
        query: among.as_ref().map_or_else(|| query(&filter), |among| among.query.clone()),
        among: among.map(|among| among.says),
        next: (from + ROWS < found.len()).then_some(from + ROWS),
        before: (from > 0).then(|| from.saturating_sub(ROWS)),
        people: found.into_iter().skip(from).take(ROWS).map(|row| line(row, &overview, t)).collect(),
        questions: if filter.tier.as_deref() == Some("not_known") { questions(&overview, t) } else { Vec::new() },
    };
    Ok(Reply::Page(page.render()?))
}

/// People whom something else names: a link's, or a finding's.
struct Among {
    people: BTreeSet<String>,
    /// What list it is, in words.
    says: String,
    /// As a link carries it; it names nobody.
    query: String,
}

fn among(visit: &Visit, overview: &Overview) -> Result<Option<Among>, Fault> {
    let t = visit.t();
    if let Some(link) = visit.query.filled("link") {
        let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
        let resting = resting_on(&settings, visit.role()?, link)?.ok_or(Fault::NotFound)?;
        let alone = visit.query.text("alone").is_some();
        let (people, says) = if alone { (resting.by_nothing_else, "people_alone") } else { (resting.all, "people_link") };
        // The id is one of the trail's.
        return Ok(Some(Among { people, says: t.w(says, link), query: format!("link={link}&{}", if alone { "alone&" } else { "" }) }));
    }
    if let Some(among) = in_batch(visit, overview)? {
        return Ok(Some(among));
    }
    if let Some(target) = visit.query.filled("preview") {
        return moved(visit, target).map(Some);
    }
    let Some(place) = visit.query.number::<usize>("lint") else { return Ok(None) };
    let lint = visit.console.known_lint(overview).ok_or(Fault::NotFound)?;
    let line = lint.get(place).ok_or(Fault::NotFound)?;
    Ok(Some(Among { people: line.people.clone(), says: t.w2("people_lint", line.rule, &line.problem), query: format!("lint={place}&") }))
}

/// Whose letters go in one lot, are held for one reason, or are made from one template.
fn in_batch(visit: &Visit, overview: &Overview) -> Result<Option<Among>, Fault> {
    let t = visit.t();
    let Some(batches) = overview.letters.as_ref().map(|letters| &letters.batches) else { return Ok(None) };
    if let Some(word) = visit.query.filled("batch") {
        let held = || batches.held.values().flatten();
        let people = match word {
            "other_channel" => batches.other_channel.clone(),
            "send_again" => batches.send_again.clone(),
            "all" => {
                let settled = overview.people.iter().filter(|row| matches!(row.letter.as_deref(), Some("by_hand" | "nobody")));
                let others: BTreeSet<&String> = held().chain(settled.map(|row| &row.data_subject)).collect();
                let all = batches.templates.values().flatten();
                all.filter(|key| !others.contains(key)).cloned().collect()
            }
            channel => batches.by_channel.get(channel).cloned().unwrap_or_default(),
        };
        let name = t.find(&format!("batch_{word}")).ok_or(Fault::NotFound)?.to_owned();
        return Ok(Some(Among { people, says: name, query: format!("batch={word}&") }));
    }
    if let Some(place) = visit.query.number::<usize>("held") {
        let (reason, people) = batches.held.iter().nth(place).ok_or(Fault::NotFound)?;
        return Ok(Some(Among { people: people.clone(), says: t.w("batch_held", reason), query: format!("held={place}&") }));
    }
    let Some((kind, language)) = visit.query.filled("template").and_then(|word| word.split_once('.')) else { return Ok(None) };
    let people = batches.templates.get(&(kind.to_owned(), language.to_owned())).ok_or(Fault::NotFound)?.clone();
    let says = format!("{} · {}", letter_kind(t, kind), language_name(language));
    Ok(Some(Among { people, says, query: format!("template={kind}.{language}&") }))
}

/// People who would stand elsewhere after a judgement.
fn moved(visit: &Visit, target: &str) -> Result<Among, Fault> {
    let t = visit.t();
    let word = visit.query.text("verdict").unwrap_or_default();
    let (preview, _) = visit.console.known_preview(&preview::trying(target, preview::verdict(word)?))?.ok_or(Fault::NotFound)?;
    let standing = |name: &str| Standing::ALL.into_iter().find(|standing| visit.query.text(name) == Some(standing.as_str())).ok_or(Fault::NotFound);
    let (before, after) = (standing("before")?, standing("after")?);
    let says = if before == after {
        t.w("preview_cells_of", tier(t, before.as_str()))
    } else {
        t.w2("preview_from_to", tier(t, before.as_str()), tier(t, after.as_str()))
    };
    // The id is one that a preview was made of.
    let query = format!("preview={target}&verdict={word}&before={}&after={}&", before.as_str(), after.as_str());
    Ok(Among { people: preview.movers((before, after)), says: format!("{}: {says}", preview::says(t, target, word)), query })
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
        href: format!("/people?tier={name}"),
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
