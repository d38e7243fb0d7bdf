//! What a printed page, or a picture of one, has beside the words of its letter, and in which order it may show them: the names and
//! addresses of its head, the heads of its table, and the table read column by column.

use std::collections::BTreeSet;

use super::lines::{Line, words};
use super::tokens::{Kind, Token, all_tokens_of};

/// Blanks that divide what stands side by side.
const GAP: &str = "   ";

/// Words of the page beside the text.
pub(super) struct Heads(Vec<Vec<String>>);

impl Heads {
    pub(super) fn of<'h>(heads: impl Iterator<Item = &'h str>) -> Self {
        Self(heads.map(words).filter(|head| !head.is_empty()).collect())
    }

    /// Addresses and hosts among them.
    pub(super) fn links(heads: &[String]) -> impl Iterator<Item = String> {
        let lines = heads.iter().map(|head| Line { number: 0, depth: 0, text: head.clone() });
        lines.flat_map(|line| all_tokens_of(&[line])).filter(|token| token.kind == Kind::Link).map(|token| token.text)
    }

    /// Whether words are whole heads of the page, one after the other.
    pub(super) fn are_whole(&self, run: &[Token]) -> bool {
        let mut rest: Vec<&str> = run.iter().map(|token| token.text.as_str()).collect();
        while !rest.is_empty() {
            let begins = |head: &&Vec<String>| rest.starts_with(&head.iter().map(String::as_str).collect::<Vec<_>>());
            let Some(head) = self.0.iter().filter(begins).max_by_key(|head| head.len()) else { return false };
            rest.drain(..head.len());
        }
        true
    }

    /// Whether words are heads of the page, or pieces of them as a narrow window breaks them: a number never stands alone.
    pub(super) fn are_pieces(&self, run: &[Token]) -> bool {
        let mut rest: Vec<&str> = run.iter().map(|token| token.text.as_str()).collect();
        while !rest.is_empty() {
            let length = self.0.iter().map(|head| longest(head, &rest)).max().unwrap_or(0);
            let is_number = length == 1 && rest[0].chars().any(|c| c.is_ascii_digit());
            if length == 0 || (is_number && !self.0.iter().any(|head| head.len() == 1 && head[0] == rest[0])) {
                return false;
            }
            rest.drain(..length);
        }
        true
    }

    /// Lines without those that are heads of the page, side by side with others or not.
    pub(super) fn without(&self, lines: &[Line]) -> Vec<Line> {
        let pieces = lines.iter().flat_map(|line| line.text.split(GAP).map(|text| Line { text: text.trim().to_owned(), ..line.clone() }).collect::<Vec<_>>());
        pieces.filter(|line| !self.are_pieces(&all_tokens_of(std::slice::from_ref(line)))).collect()
    }
}

/// How many words of a head, in a row, others begin with.
fn longest(head: &[String], rest: &[&str]) -> usize {
    (0..head.len()).map(|from| head[from..].iter().zip(rest).take_while(|(own, their)| own == their).count()).max().unwrap_or(0)
}

/// The lines of a letter with its tables read column by column: all the names, then what was done, then how it is known. `None` where it
/// has no table.
pub(super) fn by_columns(lines: &[Line]) -> Option<Vec<Line>> {
    let mut ordered: Vec<Line> = Vec::new();
    let mut tables = 0;
    let mut at = 0;
    while at < lines.len() {
        let rows: Vec<[String; 3]> = lines[at..].iter().map_while(|line| cells(&line.text)).collect();
        if rows.len() < 2 {
            ordered.push(lines[at].clone());
            at += 1;
            continue;
        }
        tables += 1;
        for column in 0..3 {
            ordered.extend(rows.iter().zip(&lines[at..]).map(|(row, line)| Line { text: row[column].clone(), ..line.clone() }));
        }
        at += rows.len();
    }
    (tables > 0).then_some(ordered)
}

/// The cells of a row as the letter's text has them: `- name: what they did. how we know`.
fn cells(row: &str) -> Option<[String; 3]> {
    let (name, rest) = row.strip_prefix("- ")?.split_once([':', '：'])?;
    let (state, why) = rest.split_once(['。', '।']).or_else(|| rest.split_once(". "))?;
    Some([name, state, why].map(|cell| cell.trim().to_owned()))
}

/// Addresses and hosts of a letter, as programs make links of them.
pub(super) fn links_of(tokens: &[Token]) -> BTreeSet<String> {
    let mut links: BTreeSet<String> = tokens.iter().filter(|token| token.kind == Kind::Link).map(|token| token.text.clone()).collect();
    // Programs make a link of an address or a host that the text names.
    let hosts: Vec<String> = links.iter().filter_map(|link| link.rsplit(['@']).next()?.split('/').next().map(str::to_owned)).collect();
    links.extend(hosts);
    links
}
