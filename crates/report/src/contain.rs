//! What would cut the intruder off: each foothold with its candidates, what each would have refused, and what is left open.

use strandline_model::containment::{ActionRow, FootholdRow};

use crate::html::{Page, escape};
use crate::{Input, Zone, thousands};

/// Candidates that are shown of one foothold; `strandline contain` lists all.
const CANDIDATES_SHOWN: usize = 6;
/// Footholds that are shown.
const FOOTHOLDS_SHOWN: usize = 100;

pub(crate) fn write(page: &mut Page, input: &Input<'_>, zone: &Zone) {
    if input.footholds.is_empty() {
        return;
    }
    page.heading("What would cut the intruder off");
    page.paragraph(
        "For each thing that the intruder holds, the actions that would cut it, narrowest first. Refused are what the recorded events hold: had the action been in \
         force, so many of his and so many lawful ones would have been refused. The log is the past; it does not tell who comes next week.",
    );
    page.raw(
        "<table><thead><tr><th>Foothold<th>Action<th class=n>Closes<th class=n>His<th class=n>Lawful<th class=n>Open<th>Of<th>Last lawful<th>Seen<th>Undo<th>Target</tr></thead><tbody>",
    );
    for foothold in input.footholds.iter().take(FOOTHOLDS_SHOWN) {
        let own: Vec<&ActionRow> = input.actions.iter().filter(|a| a.foothold == foothold.id).collect();
        if own.is_empty() {
            let reason = foothold.reason.as_deref().unwrap_or("no action is known");
            page.raw(&format!("<tr><td>{}<td colspan=10>{}</tr>", name(foothold), escape(reason)));
        }
        for action in own.iter().take(CANDIDATES_SHOWN) {
            page.raw(&row(foothold, action, zone));
        }
    }
    page.raw("</tbody></table>");
    let beyond = input.footholds.len().saturating_sub(FOOTHOLDS_SHOWN);
    if beyond > 0 {
        page.paragraph(&format!("{} further footholds: see strandline contain.", thousands(beyond as u64)));
    }
    write_left_open(page, input);
    write_since(page, input, zone);
}

fn name(foothold: &FootholdRow) -> String {
    let whose = if foothold.is_open { "<br><span class=ref>may be the intruder's: pin it, or strike its link, before it is cut</span>" } else { "" };
    format!("{}{whose}", escape(&foothold.name))
}

fn row(foothold: &FootholdRow, action: &ActionRow, zone: &Zone) -> String {
    let count = |number: i64| thousands(number.unsigned_abs());
    let of_each = |which: usize| action.by_unit().map(|(_, figures)| count(figures[which])).collect::<Vec<_>>().join("<br>");
    let seen = match action.notices.as_str() {
        "quiet" => "quiet",
        "next_login" => "at next login",
        _ => "at once",
    };
    format!(
        "<tr><td>{}<td>{}{}<br><span class=ref>{}</span><td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td>{}<td>{}<td>{seen}<td>{}<td>{}</tr>",
        name(foothold),
        escape(&action.reaches),
        action.system.as_ref().map(|system| format!(" ({})", escape(system))).unwrap_or_default(),
        escape(&action.id),
        count(action.closes),
        of_each(0),
        of_each(1),
        of_each(2),
        action.by_unit().map(|(unit, _)| escape(&unit.replace('_', "-"))).collect::<Vec<_>>().join("<br>"),
        action.lawful_last.map(|at| zone.full(at)).unwrap_or_default(),
        if action.undo_exact { "exact" } else { "not exact" },
        escape(action.target.as_deref().unwrap_or("none"))
    )
}

fn write_left_open(page: &mut Page, input: &Input<'_>) {
    if input.left_open.is_empty() {
        page.paragraph("Every foothold is closed by an action that was verified as effective.");
        return;
    }
    page.paragraph("Left open: no action that was verified as effective closes these, or not all of them.");
    page.raw("<table><thead><tr><th>Foothold<th class=n>Records left open<th class=n>Of<th>Why</tr></thead><tbody>");
    for open in input.left_open.iter().take(FOOTHOLDS_SHOWN) {
        let (records, of) = (thousands(open.records.unsigned_abs()), thousands(open.of.unsigned_abs()));
        page.raw(&format!("<tr><td>{}<td class=n>{records}<td class=n>{of}<td>{}</tr>", escape(&open.name), escape(&open.reason)));
    }
    page.raw("</tbody></table>");
}

/// What the evidence says since the cuts: who was refused, and whether he is back.
fn write_since(page: &mut Page, input: &Input<'_>, zone: &Zone) {
    if input.since.is_empty() && input.returns.is_empty() {
        return;
    }
    page.heading("Since the cut");
    let is_back = !input.returns.is_empty() || input.since.iter().any(|row| row.served > 0);
    page.paragraph(if is_back {
        "The intruder is back, or still in: records that are newer than the cut carry what was cut, or what the trail knows him by, and were served."
    } else {
        "Of the records that are newer than the cut none carries what was cut and was served, and by none does the trail know him."
    });
    page.raw(
        "<table><thead><tr><th>Cut<th>At<th>Applied<th class=n>Refused since<th>Last<th class=n>Served since<th>Last<th class=n>Not told</tr></thead><tbody>",
    );
    let time = |at: Option<strandline_model::time::Instant>| at.map(|at| zone.full(at)).unwrap_or_default();
    for row in input.since.iter().take(FOOTHOLDS_SHOWN) {
        let count = |number: i64| thousands(number.unsigned_abs());
        page.raw(&format!(
            "<tr><td>{}<br><span class=ref>{}</span><td>{}<td>{}<td class=n>{}<td>{}<td class=n>{}<td>{}<td class=n>{}</tr>",
            escape(&row.foothold),
            escape(&row.action),
            escape(&row.target),
            zone.full(row.since),
            count(row.refused),
            time(row.last_refused),
            count(row.served),
            time(row.last_served),
            count(row.unclear)
        ));
    }
    page.raw("</tbody></table>");
    if !input.returns.is_empty() {
        page.raw("<table><thead><tr><th>He was served by<th class=n>Records<th>First<th>Last<th>Known before<th>Because</tr></thead><tbody>");
        for row in input.returns.iter().take(FOOTHOLDS_SHOWN) {
            page.raw(&format!(
                "<tr><td>{}<td class=n>{}<td>{}<td>{}<td>{}<td>{}</tr>",
                escape(&row.what),
                thousands(row.records.unsigned_abs()),
                zone.full(row.first),
                zone.full(row.last),
                if row.is_new { "no: new" } else { "yes: left open" },
                escape(&row.because.join(", "))
            ));
        }
        page.raw("</tbody></table>");
    }
}
