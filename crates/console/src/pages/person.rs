//! One person: each category, its tier, and why, down to the log line. The name is masked until somebody says why they look, and
//! that stands in the ledger before the name stands here.

use askama::Template;
use strandline_model::time::Instant;
use strandline_response::desk::{Quiet, names_of};
use strandline_response::{ExplainedCategory, PersonFile, Response, Right};

use super::people::standing;
use super::{Frame, category, frame, letter_state, tier, zone};
use crate::pictures::Zone;
use crate::reply::{Fault, Reply};
use crate::texts::Texts;
use crate::visit::Visit;

struct ProofCard {
    category: String,
    tier: String,
    class: &'static str,
    basis: String,
    missing: String,
    columns: String,
    count: String,
    accesses: Vec<strandline_response::ExplainedAccess>,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage<'v> {
    f: Frame<'v>,
    handle: String,
    key: String,
    name: String,
    is_shown: bool,
    status: String,
    tier: String,
    class: &'static str,
    ways: String,
    cards: Vec<ProofCard>,
    checked: Option<String>,
    clearance: Option<(String, Vec<String>)>,
    open: Vec<(String, String)>,
    letter: Option<String>,
    events: Vec<String>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let (t, zone) = (visit.t(), zone(&overview));
    let row = overview.person(visit.param("handle")).ok_or(Fault::NotFound)?;
    let (f, _) = frame(visit, &overview, "/people", t.x("person_title"))?;
    let session = visit.session()?;
    let settings = visit.console.settings(&session.who.name, &visit.console.options.now);
    let mut quiet = Quiet;
    let file = Response::look(&settings, &mut quiet)?.person(&row.data_subject)?;
    let is_shown = visit.sees(&row.handle);
    let name = if is_shown {
        names_of(&settings, visit.role()?, &row.data_subject)?.into_iter().map(|(_, name)| name.into_personal()).collect::<Vec<_>>().join(" / ")
    } else {
        row.masked_name.as_ref().map(|name| name.expose_personal().clone()).unwrap_or_default()
    };
    let name = if name.is_empty() { t.x("people_no_name").to_owned() } else { name };
    let class = standing(row);
    let event = |event: &strandline_response::PersonEvent| {
        let answer = event.answer.as_ref().map(|answer| format!(": {answer}")).unwrap_or_default();
        format!("{} · {} · {}{answer}", zone.full(event.at), event.channel.as_str(), letter_state(t, &event.state))
    };
    let page = PersonPage {
        f,
        handle: row.handle.clone(),
        key: row.data_subject.clone(),
        name,
        is_shown,
        status: row.status.clone().unwrap_or_default(),
        tier: tier(t, class).to_owned(),
        class,
        ways: ways(&file, t),
        checked: file.checked.map(|span| t.w2("from_to", zone.full(span.from), zone.full(span.to))),
        clearance: file
            .clearance
            .as_ref()
            .map(|c| (t.w2("person_clearance", t.n(c.accesses.unsigned_abs()), t.n(c.replayed.unsigned_abs())), c.reasons.clone())),
        open: file.open.iter().map(|question| (question.told(), question.hint.clone())).collect(),
        letter: row.letter.as_deref().map(|state| letter_state(t, state)),
        events: file.events.iter().map(event).collect(),
        cards: file.categories.into_iter().map(|found| card(visible(found, visit), &zone, t)).collect(),
    };
    Ok(Reply::Page(page.render()?))
}

fn ways(file: &PersonFile, t: &Texts) -> String {
    let Some(line) = &file.register else { return t.x("person_not_in_register").to_owned() };
    let all = [(line.has_email, t.x("way_email")), (line.has_postal_address, t.x("way_post")), (line.has_phone, t.x("way_phone"))];
    let has: Vec<&str> = all.into_iter().filter(|(has, _)| *has).map(|(_, way)| way).collect();
    if has.is_empty() { t.x("person_no_way").to_owned() } else { has.join(" · ") }
}

/// An access with its time in the organisation's zone.
fn in_zone(mut access: strandline_response::ExplainedAccess, zone: &Zone) -> strandline_response::ExplainedAccess {
    if let Some(time) = Instant::of_rfc3339(&access.time) {
        access.time = zone.full(time);
    }
    access
}

/// What whoever looks may see of a proof: values and original lines can name people.
fn visible(mut found: ExplainedCategory, visit: &Visit) -> ExplainedCategory {
    if !visit.may(Right::SeeLines) {
        found.accesses.clear();
    }
    found
}

fn card(found: ExplainedCategory, zone: &Zone, t: &Texts) -> ProofCard {
    ProofCard {
        category: category(t, &found.category),
        tier: tier(t, found.certainty).to_owned(),
        class: found.certainty,
        basis: if found.basis == "inferred" { t.x("basis_inferred") } else { t.x("basis_disclosed") }.to_owned(),
        missing: found.missing_proof.unwrap_or_default(),
        columns: found.columns.join(", "),
        count: t.n(found.access_count.unsigned_abs()),
        accesses: found.accesses.into_iter().map(|access| in_zone(access, zone)).collect(),
    }
}
