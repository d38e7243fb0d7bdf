//! A template, and beside it a real letter that was made from it, and the window of its envelope. Names are covered until somebody says why
//! they look.

use askama::Template;
use strandline_response::Names;
use strandline_response::desk::{Envelope, InWindow, Overview, PersonRow, beside, masked_letter, whole_letter};

use super::letters::{language_name, letter_kind};
use super::{Frame, frame};
use crate::pictures::envelope::envelope;
use crate::reply::{Fault, Reply};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "beside.html")]
struct BesidePage<'v> {
    f: Frame<'v>,
    handle: String,
    key: String,
    is_shown: bool,
    kind: String,
    language: String,
    language_name: String,
    /// The file, whose it is, its subject lines and its text.
    template: Option<(String, String, Vec<String>, String)>,
    subject: String,
    text: String,
    /// Of the envelope: the picture, the lines, what the printer saw there.
    window: Option<(String, String)>,
    lines: Vec<String>,
    printed: String,
    is_clean: bool,
    found: Vec<String>,
    /// The letters of this template before and after this one.
    before: Option<String>,
    next: Option<String>,
    place: String,
}

/// The path of a template's page that a form came from, with the letter that stood beside it; nothing for any other path.
pub fn back(overview: &Overview, path: &str, handle: &str) -> Option<String> {
    let (kind, language) = path.split('?').next()?.strip_prefix("/letters/template/")?.split_once('/')?;
    let is_known = overview.letters.as_ref()?.batches.templates.contains_key(&(kind.to_owned(), language.to_owned()));
    is_known.then(|| format!("/letters/template/{kind}/{language}?of={handle}"))
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let (kind, language) = (visit.param("kind").to_owned(), visit.param("language").to_owned());
    let batches = overview.letters.as_ref().map(|letters| &letters.batches).ok_or(Fault::NotFound)?;
    let people = batches.templates.get(&(kind.clone(), language.clone())).ok_or(Fault::NotFound)?;
    let rows: Vec<&PersonRow> = people.iter().filter_map(|key| overview.person_of_key(key)).collect();
    let place = match visit.query.filled("of") {
        Some(of) => rows.iter().position(|row| row.handle == of).ok_or(Fault::NotFound)?,
        None => 0,
    };
    let row = rows.get(place).ok_or(Fault::NotFound)?;
    let (f, _) = frame(visit, &overview, "/letters", t.x("template"))?;
    let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
    let is_shown = visit.sees(&row.handle);
    let role = visit.role()?;
    let letter = if is_shown { whole_letter(&settings, role, &row.data_subject)? } else { masked_letter(&settings, &row.data_subject)? };
    let found = beside(&settings, role, &row.data_subject, if is_shown { Names::Shown } else { Names::Masked })?;
    let lines: Vec<String> = found.envelope.address.iter().map(|line| line.expose_personal().clone()).collect();
    let (printed, is_clean, problems) = printed(visit, &found.envelope);
    let another = |place: Option<usize>| place.and_then(|place| rows.get(place)).map(|row| format!("?of={}", row.handle));
    let page = BesidePage {
        f,
        handle: row.handle.clone(),
        key: row.data_subject.clone(),
        is_shown,
        kind: letter_kind(t, &kind),
        language_name: language_name(&language),
        language,
        template: found.template.map(|source| {
            let whose = if source.is_own { "template_own" } else { "template_built_in" };
            (source.path, t.x(whose).to_owned(), source.subjects, source.text)
        }),
        subject: letter.subject.into_personal(),
        text: letter.text.into_personal(),
        window: found.envelope.window.as_ref().map(|window| {
            let sender = found.envelope.sender.first().cloned().unwrap_or_default();
            (window.name.clone(), envelope(window, &sender, &lines, t))
        }),
        lines,
        printed,
        is_clean,
        found: problems,
        before: another(place.checked_sub(1)),
        next: another(place.checked_add(1)),
        place: t.w2("lines_shown", t.n(place as u64 + 1), t.n(rows.len() as u64)),
    };
    Ok(Reply::Page(page.render()?))
}

/// What the printer saw in the window, in words; whether nothing is wrong with it; and what is.
fn printed(visit: &Visit, envelope: &Envelope) -> (String, bool, Vec<String>) {
    let t = visit.t();
    match &envelope.printed {
        InWindow::NotPrinted => (t.x("window_not_printed").to_owned(), false, Vec::new()),
        InWindow::NoPage => (t.x("window_no_page").to_owned(), false, Vec::new()),
        InWindow::AddressAlone => (t.x("window_clean").to_owned(), true, Vec::new()),
        InWindow::Found(found) => (t.x("window_found").to_owned(), false, found.clone()),
    }
}
