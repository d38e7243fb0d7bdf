//! What whoever is in can do in this case now, as the palette offers it: each with the right that it takes, and only where there is something
//! to do it to. Nothing is decided here: a command leads to its form, or is a form itself.

use strandline_response::Right;
use strandline_response::desk::{Need, Overview};

use crate::visit::Visit;

/// What somebody does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A page, or a form on it.
    Page(String),
    /// A form of its own: where it is sent, and what it says beside the session's token.
    Form(&'static str, Vec<(&'static str, String)>),
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its name, in the language of the page.
    pub name: String,
    /// How it is done.
    pub way: Way,
}

/// What a row of the table asks of the case.
type Condition = fn(&Overview) -> bool;

enum To {
    Page(&'static str),
    Work(&'static str),
}

const ALWAYS: Condition = |_| true;
const HAS_TRAIL: Condition = |overview| !overview.path.steps.is_empty();
const HAS_FOOTHOLDS: Condition = |overview| !overview.containment.footholds.is_empty();
const HAS_LETTERS: Condition = |overview| overview.letters.is_some();

/// Every command that needs nothing said: its name among the texts, what it takes, when there is anything to do, and where.
const ALL: [(&str, Right, Condition, To); 25] = [
    ("do_renew", Right::Decide, |overview| overview.needs.iter().any(|need| matches!(need, Need::Renew { .. })), To::Work("renew")),
    ("do_judge", Right::Decide, |overview| !overview.path.links.is_empty() || !overview.path.detections.is_empty(), To::Page("/path#links")),
    ("do_pin", Right::Decide, ALWAYS, To::Page("/path#pins")),
    ("do_scope", Right::SeeCase, HAS_TRAIL, To::Page("/path#scope")),
    ("do_holes", Right::SeeCase, |overview| !overview.coverage.gaps.is_empty(), To::Page("/evidence#gaps")),
    ("do_find", Right::SeePeople, ALWAYS, To::Page("/people#who")),
    ("do_call", Right::Desk, HAS_LETTERS, To::Page("/desk#code")),
    ("do_answer", Right::Desk, ALWAYS, To::Page("/desk")),
    ("do_duty", Right::Duties, ALWAYS, To::Page("/clocks")),
    ("do_form", Right::Duties, ALWAYS, To::Page("/clocks#forms")),
    ("do_letters", Right::Letters, HAS_LETTERS, To::Page("/letters")),
    ("do_lint", Right::Letters, HAS_LETTERS, To::Work("lint")),
    ("do_rehearse", Right::Letters, HAS_LETTERS, To::Work("rehearse")),
    ("do_print", Right::Letters, HAS_LETTERS, To::Work("print")),
    ("do_send", Right::Letters, HAS_LETTERS, To::Page("/letters")),
    ("do_publish", Right::Letters, HAS_LETTERS, To::Work("publish")),
    ("do_collect", Right::Desk, HAS_LETTERS, To::Work("collect")),
    ("do_approve", Right::Approve, |overview| overview.needs.iter().any(|need| matches!(need, Need::Approval { .. })), To::Page("/letters")),
    ("do_approve_cut", Right::Approve, HAS_FOOTHOLDS, To::Page("/contain")),
    ("do_cut", Right::Decide, HAS_FOOTHOLDS, To::Page("/contain")),
    ("do_verify_cuts", Right::Decide, HAS_FOOTHOLDS, To::Work("verify_cuts")),
    ("do_verify", Right::Check, ALWAYS, To::Work("verify")),
    ("do_checkpoint", Right::SeeCase, ALWAYS, To::Page("/ledger/checkpoint")),
    ("do_admit", Right::Admit, ALWAYS, To::Page("/access")),
    ("do_work", Right::SeeCase, ALWAYS, To::Page("/work")),
];

/// What fits these words, of what is theirs to do; blank: all of it. Of links and detections, those whose name was written.
pub fn commands(visit: &Visit, overview: &Overview, wanted: &str) -> Vec<Command> {
    let t = visit.t();
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let fits = |name: &str| words.iter().all(|word| name.to_lowercase().contains(word));
    let mut found: Vec<Command> = ALL
        .iter()
        .filter(|(_, right, condition, _)| visit.may(*right) && condition(overview))
        .map(|(name, _, _, to)| Command {
            name: t.x(name).to_owned(),
            way: match to {
                To::Page(href) => Way::Page((*href).to_owned()),
                To::Work(work) => Way::Form("/act/work", vec![("work", (*work).to_owned())]),
            },
        })
        .filter(|command| fits(&command.name))
        .collect();
    if visit.may(Right::Decide) {
        let links = overview.path.links.iter().map(|view| &view.link.id);
        for target in links.chain(overview.path.detections.iter().map(|detection| &detection.id)) {
            // Only of what was named: a trail has thousands.
            if !words.iter().any(|word| word.len() > 1 && target.to_lowercase().starts_with(word)) {
                continue;
            }
            for (verdict, key) in [("struck", "preview_struck"), ("confirmed", "preview_confirmed")] {
                let name = t.w(key, target);
                if fits(&name) {
                    found.push(Command { name, way: Way::Form("/act/preview", vec![("target", target.clone()), ("verdict", verdict.to_owned())]) });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::ALL;
    use crate::texts::{Language, Texts};

    #[test]
    fn every_command_has_its_name_and_leads_to_a_place_that_is_there() {
        let texts = Texts::of(Language::English).unwrap();
        let templates = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/templates")).unwrap();
        let templates: String = templates.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
        for (name, _, _, to) in &ALL {
            assert!(texts.find(name).is_some(), "{name} has no text");
            if let super::To::Page(href) = to
                && let Some((_, place)) = href.split_once('#')
            {
                assert!(templates.contains(&format!("id=\"{place}\"")), "{href} is no place");
            }
        }
    }
}
