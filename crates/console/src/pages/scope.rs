//! Whose data some sessions of the trail saw in a time: a question, put by a form, so that no session stands in an address line.

use askama::Template;
use strandline_response::desk::{CategoryCount, PersonRow, ScopeForm, scope};

use super::{Frame, category, frame, tier};
use crate::acts::unusable;
use crate::reply::{Fault, Reply};
use crate::visit::Visit;

/// People of one page.
const SHOWN: usize = 200;

struct CategoryLine {
    name: String,
    counts: [String; 3],
}

struct PersonLine {
    handle: String,
    key: String,
    name: String,
    tier: String,
}

#[derive(Template)]
#[template(path = "scope.html")]
struct ScopePage<'v> {
    f: Frame<'v>,
    asked: String,
    categories: Vec<CategoryLine>,
    everybody: Vec<String>,
    count: String,
    people: Vec<PersonLine>,
    rest: Option<String>,
}

/// The answer.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let field = |name: &str| visit.form.filled(name).map(str::to_owned);
    let form = ScopeForm { sessions: visit.form.all("session").map(str::to_owned).collect(), from: field("from"), to: field("to") };
    let question = form.question(&overview.time_zone).map_err(|error| unusable(visit, &error))?;
    let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
    let seen = scope(&settings, visit.role()?, &question)?;
    let (f, _) = frame(visit, &overview, "/path", t.x("scope_title"))?;
    let line = |(key, certainty): (&String, &strandline_model::exposure::Certainty)| {
        let row: Option<&PersonRow> = overview.person_of_key(key);
        PersonLine {
            handle: row.map(|row| row.handle.clone()).unwrap_or_default(),
            key: key.clone(),
            name: row.and_then(|row| row.masked_name.as_ref()).map_or_else(|| t.x("people_no_name").to_owned(), |name| name.expose_personal().clone()),
            tier: tier(t, certainty.as_str()).to_owned(),
        }
    };
    let people: Vec<PersonLine> = if f.sees_people() { seen.people.iter().take(SHOWN).map(line).collect() } else { Vec::new() };
    let of = |count: &CategoryCount| CategoryLine {
        name: category(t, &count.name),
        counts: [count.tiers.confirmed, count.tiers.likely, count.tiers.possible].map(|number| t.n(number)),
    };
    let ends = [form.from, form.to].map(|end| end.unwrap_or_else(|| "…".to_owned()));
    let page = ScopePage {
        asked: format!("{}: {} – {}", question.sessions.join(", "), ends[0], ends[1]),
        categories: seen.categories.iter().map(of).collect(),
        everybody: seen.everybody().map(|cell| t.w2("scope_everybody", category(t, &cell.category), cell.of_table.clone().unwrap_or_default())).collect(),
        count: t.w("scope_people", t.n(seen.people.len() as u64)),
        rest: (f.sees_people() && seen.people.len() > SHOWN).then(|| t.w("more_rows", t.n((seen.people.len() - SHOWN) as u64))),
        people,
        f,
    };
    Ok(Reply::Page(page.render()?))
}
