//! Log sources: which evidence a rule's `logsource` means. The table is `logsources.toml`; a log source that is not in it
//! leads to no evidence, and the rule is reported as one that cannot match, never tried on everything.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::document::LogSource;
use super::text::fold;

/// The table that comes with this version.
const TABLE: &str = include_str!("logsources.toml");

/// The channel that means every Windows channel.
const EVERY_CHANNEL: &str = "*";

/// One way in which evidence answers to a log source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    product: Option<String>,
    category: Option<String>,
    service: Option<String>,
    /// Folded channel names.
    pub channels: Vec<String>,
    /// The event ids, if not all.
    pub event_ids: Option<Vec<u32>>,
    /// The rule's field, and the field of this evidence that it is read from. Both folded.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    source: Vec<Source>,
}

/// The table of log sources.
#[derive(Debug)]
pub struct Sources {
    entries: Vec<Source>,
}

/// What a log source means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// Entries of the table.
    pub sources: Vec<usize>,
    /// Where the entries name fields differently, the number of their own space of names; otherwise 0.
    pub space: u16,
}

impl Sources {
    /// The table that comes with this version.
    pub fn built_in() -> &'static Self {
        static SOURCES: OnceLock<Sources> = OnceLock::new();
        SOURCES.get_or_init(Self::read)
    }

    fn read() -> Self {
        let table: Table = toml::from_str(TABLE).expect("the table of log sources is part of the program and was tested with it");
        let folded = |mut source: Source| {
            source.channels = source.channels.iter().map(|channel| fold(channel)).collect();
            source.names = source.names.iter().map(|(rule, log)| (fold(rule), fold(log))).collect();
            source
        };
        Self { entries: table.source.into_iter().map(folded).collect() }
    }

    /// An entry.
    pub fn entry(&self, at: usize) -> &Source {
        &self.entries[at]
    }

    /// What a log source means; nothing if the table does not have it.
    pub fn meaning(&self, wanted: &LogSource) -> Meaning {
        let exact = self.find(&wanted.product, &wanted.category, &wanted.service);
        let sources = if exact.is_empty() && wanted.category.is_some() && wanted.service.is_some() {
            let service = self.find(&wanted.product, &None, &wanted.service);
            let shares = |at: &usize| service.iter().any(|other| self.share_channel(*at, *other));
            self.find(&wanted.product, &wanted.category, &None).into_iter().filter(shares).collect()
        } else {
            exact
        };
        let names_differ = sources.iter().any(|at| !self.entries[*at].names.is_empty());
        // The first entry's number names the space; all rules of this log source find the same one.
        let space = if names_differ { sources.first().map_or(0, |at| u16::try_from(at + 1).unwrap_or(0)) } else { 0 };
        Meaning { sources, space }
    }

    fn find(&self, product: &Option<String>, category: &Option<String>, service: &Option<String>) -> Vec<usize> {
        if product.is_none() && category.is_none() && service.is_none() {
            return Vec::new();
        }
        let is_same = |source: &Source| source.product == *product && source.category == *category && source.service == *service;
        (0..self.entries.len()).filter(|at| is_same(&self.entries[*at])).collect()
    }

    fn share_channel(&self, one: usize, other: usize) -> bool {
        self.entries[one].channels.iter().any(|channel| self.entries[other].channels.contains(channel))
    }
}

impl Source {
    /// Whether it means every Windows channel.
    pub fn is_every_channel(&self) -> bool {
        self.channels.iter().any(|channel| channel == EVERY_CHANNEL)
    }

    /// Whether it means this event id.
    pub fn takes(&self, event_id: Option<u32>) -> bool {
        self.event_ids.as_ref().is_none_or(|ids| event_id.is_some_and(|id| ids.contains(&id)))
    }

    /// Which fields of a rule are read from this field of the evidence (folded).
    pub fn rule_names<'s>(&'s self, log_name: &'s str) -> impl Iterator<Item = &'s str> {
        let renamed = self.names.iter().filter(move |(_, log)| *log == log_name).map(|(rule, _)| rule.as_str());
        renamed.chain((!self.names.contains_key(log_name)).then_some(log_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(product: &str, category: &str, service: &str, channels: &[&str]) {
        let some = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
        let sources = Sources::built_in();
        let meaning = sources.meaning(&LogSource { product: some(product), category: some(category), service: some(service) });
        let found: Vec<&str> = meaning.sources.iter().flat_map(|at| sources.entry(*at).channels.iter().map(String::as_str)).collect();
        assert_eq!(found, channels, "{product} {category} {service}");
    }

    #[test]
    fn log_sources_lead_to_channels() {
        check("windows", "process_creation", "", &["microsoft-windows-sysmon/operational", "security"]);
        check("windows", "process_creation", "sysmon", &["microsoft-windows-sysmon/operational"]);
        check("windows", "", "security", &["security"]);
        check("windows", "", "", &["*"]);
        check("", "webserver", "", &["@web"]);
        check("aws", "", "cloudtrail", &[]);
        check("", "", "", &[]);
        check("", "process_creation", "", &[]);
    }

    #[test]
    fn process_creation_is_read_under_two_sets_of_names() {
        let sources = Sources::built_in();
        let meaning = sources.meaning(&LogSource { product: Some("windows".into()), category: Some("process_creation".into()), service: None });
        assert_ne!(meaning.space, 0);
        let audit = sources.entry(meaning.sources[1]);
        assert_eq!(audit.rule_names("newprocessname").collect::<Vec<_>>(), ["image", "newprocessname"]);
        assert_eq!(audit.rule_names("processid").collect::<Vec<_>>(), ["parentprocessid"]);
        assert_eq!(audit.rule_names("commandline").collect::<Vec<_>>(), ["commandline"]);
    }
}
