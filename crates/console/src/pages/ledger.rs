//! Ledger: what was done, by whom, signed by whom; the checkpoint to keep outside; and whether all of it holds.

use askama::Template;
use strandline_response::desk::{checkpoint as read_checkpoint, entries};

use super::{Frame, frame, zone};
use crate::reply::{Fault, Reply};
use crate::visit::Visit;

struct EntryLine {
    index: u64,
    time: String,
    actor: String,
    kind: String,
    stage: String,
    signed: String,
    version: String,
}

struct CheckLine {
    is_sound: bool,
    says: String,
    problems: Vec<(String, String)>,
    notes: Vec<String>,
}

#[derive(Template)]
#[template(path = "ledger.html")]
struct LedgerPage<'v> {
    f: Frame<'v>,
    origin: String,
    size: String,
    entries: Vec<EntryLine>,
    next: Option<u64>,
    checkpoint: String,
    check: Option<CheckLine>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let (t, zone) = (visit.t(), zone(&overview));
    let (f, _) = frame(visit, &overview, "/ledger", t.x("nav_ledger"))?;
    let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
    let view = entries(&settings, visit.query.number("before"))?;
    let line = |entry: &strandline_response::desk::EntryView| EntryLine {
        index: entry.index,
        time: zone.full(entry.entry.time),
        actor: entry.entry.actor.clone(),
        kind: t.find(&format!("entry_{}", kind(entry.entry.kind))).unwrap_or_default().to_owned(),
        stage: entry.entry.stage.clone().unwrap_or_default(),
        signed: match (&entry.signed_by, &entry.entry.signature) {
            (Some(name), _) => t.w("ledger_signed_by", name),
            (None, Some(_)) => t.x("ledger_signature_wrong").to_owned(),
            (None, None) => String::new(),
        },
        version: entry.entry.version.clone(),
    };
    let check = visit.console.known_check().map(|report| CheckLine {
        is_sound: report.is_sound(),
        says: t.w2("ledger_checked", t.n(report.files), t.n(report.bytes)),
        problems: report.problems.iter().map(|problem| (problem.file.clone(), problem.meaning.clone())).collect(),
        notes: report.notes.clone(),
    });
    let page = LedgerPage {
        f,
        origin: view.origin.clone(),
        size: t.n(view.size),
        entries: view.entries.iter().map(line).collect(),
        next: view.next,
        checkpoint: view.checkpoint.clone(),
        check,
    };
    Ok(Reply::Page(page.render()?))
}

fn kind(kind: strandline_response::EntryKind) -> &'static str {
    match kind {
        strandline_response::EntryKind::MachineRun => "machine_run",
        strandline_response::EntryKind::Decision => "decision",
        strandline_response::EntryKind::Custody => "custody",
        strandline_response::EntryKind::Export => "export",
        strandline_response::EntryKind::Action => "action",
    }
}

/// The checkpoint as a file, to be kept by somebody else.
pub fn checkpoint(visit: &Visit) -> Result<Reply, Fault> {
    let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
    Ok(Reply::File("checkpoint.txt".to_owned(), read_checkpoint(&settings)?))
}
