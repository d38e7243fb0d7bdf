//! Namesakes in one household: two people of one name at one address can open each other's letters, so each says which record it is about.

use std::collections::BTreeMap;

use strandline_model::register::RegisterEntry;

use super::cleaning;

/// Characters of the key that are shown, where so many are enough to tell them apart: the key itself can be an identity number.
const ENDING_CHARS: usize = 4;

/// For each person who shares a name and a postal address with another: how the key ends, as far as it tells them apart.
pub fn record_endings<'a>(people: impl Iterator<Item = &'a RegisterEntry>) -> BTreeMap<String, String> {
    let mut groups: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for person in people {
        let Some(address) = person.postal_address.as_ref().map(|a| folded(a.expose_personal())).filter(|a| !a.is_empty()) else { continue };
        for name in person.names.values().map(|n| folded(n.expose_personal())).filter(|n| !n.is_empty()) {
            groups.entry((name, address.clone())).or_default().push(&person.key);
        }
    }
    let mut endings = BTreeMap::new();
    for mut keys in groups.into_values() {
        // The same name in two languages puts a person into a group twice.
        keys.sort_unstable();
        keys.dedup();
        if keys.len() < 2 {
            continue;
        }
        let longest = keys.iter().map(|key| key.chars().count()).max().unwrap_or_default();
        let length = (ENDING_CHARS..longest).find(|length| distinct(&keys, *length)).unwrap_or(longest.max(ENDING_CHARS));
        for key in keys {
            let ending = ending(key, length);
            let kept: &mut String = endings.entry(key.to_owned()).or_default();
            if ending.len() > kept.len() {
                *kept = ending;
            }
        }
    }
    endings
}

fn distinct(keys: &[&str], length: usize) -> bool {
    let mut endings: Vec<String> = keys.iter().map(|key| ending(key, length)).collect();
    endings.sort_unstable();
    endings.windows(2).all(|pair| pair[0] != pair[1])
}

fn ending(key: &str, length: usize) -> String {
    let skip = key.chars().count().saturating_sub(length);
    cleaning::line(&key.chars().skip(skip).collect::<String>(), length).text
}

/// A value as people compare it: case, blanks and punctuation do not count.
fn folded(value: &str) -> String {
    value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
