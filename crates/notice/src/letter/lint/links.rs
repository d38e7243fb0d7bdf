//! Links: a letter may point at the organisation's own domain, at those that the estate names, and at nothing else, since a lookalike is
//! registered within a day.

use strandline_model::estate::Organisation;

use super::prose::Passage;
use super::{Finding, Rule, finding};

/// Finds links, domains and mail addresses that are not the organisation's.
pub(super) fn check(passages: &[Passage], subject: &str, organisation: &Organisation, findings: &mut Vec<Finding>) {
    let texts = passages.iter().map(|p| (p.place.as_str(), p.struck.as_str())).chain([("the subject", subject)]);
    for (place, text) in texts {
        if tokens(text).any(|token| is_foreign(token, organisation)) {
            let problem = match &organisation.domain {
                Some(domain) => {
                    format!("a link leads outside {domain}; leave it out, name the page on your own site, or allow its domain: link_domains of [organisation]")
                }
                None => "a link stands there, but the estate file has no organisation.domain".to_owned(),
            };
            findings.push(finding(Rule::ForeignLink, place, problem));
        }
    }
}

/// Runs of characters that a link can be made of. A character beyond ASCII ends one, so that a lookalike letter gives a lookalike away.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_graphic() || "<>\"'()[]{},;|\\`".contains(c)).map(|token| token.trim_matches(['.', ':', '!', '?']))
}

fn is_foreign(token: &str, organisation: &Organisation) -> bool {
    let lower = token.to_ascii_lowercase();
    let own: Vec<String> = organisation.domain.iter().chain(&organisation.link_domains).map(|domain| domain.to_ascii_lowercase()).collect();
    let is_own = |host: &str| own.iter().any(|own| host == own || host.strip_suffix(own.as_str()).is_some_and(|sub| sub.ends_with('.')));
    if let Some((_, rest)) = lower.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // What stands before an @ only looks like the host.
        return authority.contains('@') || !is_own(host(authority));
    }
    let mail = lower.strip_prefix("mailto:").unwrap_or(&lower);
    if let Some((_, domain)) = mail.rsplit_once('@') {
        let contacts = [&organisation.contact, &organisation.safety_contact];
        let named = contacts.into_iter().flatten().filter_map(|c| c.email.as_deref()).any(|email| email.eq_ignore_ascii_case(mail));
        return !named && !is_own(domain);
    }
    let host = host(lower.split(['/', '?', '#']).next().unwrap_or_default());
    looks_like_host(host) && !is_own(host)
}

fn host(authority: &str) -> &str {
    authority.split(':').next().unwrap_or_default().trim_end_matches('.')
}

/// `www.example.org`, `example.org`: labels with a dot between, the last of letters.
fn looks_like_host(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let fits = |label: &&str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    labels.len() >= 2 && labels.iter().all(fits) && labels.last().is_some_and(|last| last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic()))
}
