//! Whether a message says what a letter of ours says: all of it or some of it, and nothing else.
//!
//! A letter comes back broken anew, quoted, forwarded, copied in part. What may be missing are whole lines; what may be added stands
//! outside of the letter, and names no link, number or account. Anything else makes it another text.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use super::lines::{self, Around, Known, Line};
use super::page::{self, Heads};
use super::tokens::{Kind, Token, WORD, all_tokens_of, as_read, is_turning, items_of, plain_link, tokens_of, weight, without_items, words_of};
use super::{Heading, ReceivedMessage, Shown};

/// What of a message is and is not a letter of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// How many words of the letter it has, of how many.
    pub found: usize,
    /// All of the letter's words.
    pub of: usize,
    /// Lines of the letter, from 1, that are missing or begin to be.
    pub missing: Vec<usize>,
    /// Lines of the message that are not the letter's: words of whoever passed it on, and what programs put around it.
    pub beside: Vec<usize>,
    /// Words of somebody's in those lines, or in a mail around it.
    pub beside_words: usize,
    /// Links and numbers in those words: not ours, whoever wrote them.
    pub beside_names: Vec<String>,
    /// What makes it another text.
    pub differences: Vec<Difference>,
}

/// One place where a message is another text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The message's line, from 1; 0 where it has none.
    pub line: usize,
    /// What it is.
    pub what: What,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A link or mail address that our letter does not have.
    Link(String),
    /// A number that our letter does not have at that place.
    Number(String),
    /// Words that our letter does not have at that place.
    Words,
    /// Words of our letter are left out within a sentence.
    LeftOut,
    /// It keeps something from the reader's eyes and shows pictures instead.
    Hidden,
    /// Its style sheet puts words in.
    Written,
    /// It turns the order of characters round.
    Turned,
    /// It holds too little of the letter to be told.
    TooLittle,
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link(link) => write!(f, "our letter has no {link}"),
            Self::Number(number) => write!(f, "our letter does not have the number {number} there"),
            Self::Words => f.write_str("words that our letter does not have there"),
            Self::LeftOut => f.write_str("words of our letter are left out within a sentence"),
            Self::Hidden => f.write_str("it hides its text and shows pictures or files instead"),
            Self::Written => f.write_str("its style sheet puts words in"),
            Self::Turned => f.write_str("it turns the order of characters round, so that a number is read backwards"),
            Self::TooLittle => f.write_str("it has too little of our letter to be it"),
        }
    }
}

impl Judged {
    /// Whether all that it says as the letter stands in our letter.
    pub fn is_ours(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Words of the letter that a message must have at least, if it is no mere quotation.
const SHARE_MIN_PERCENT: usize = 25;
/// So many words are a missing line of a page; fewer are words left out.
const LINE_MIN_WORDS: usize = 6;
/// A PDF can have the same few letters twice where marks stand on them.
const TWICE_LIMIT: usize = 5;
/// So far a word can move where a camera reads the cells of a table.
const MOVE_LIMIT: usize = 14;
/// Words of their own that people put before or after a letter that they copied, without any mark of it.
const NOTE_LIMIT: usize = 12;
/// A number of so many digits can be called, paid to or signed in with.
const NUMBER_MIN_DIGITS: usize = 5;
/// Marks around a letter can stand within what was taken for it so often.
const RESTORES_LIMIT: usize = 3;
/// How the programs of one maker link what they find in a text.
const FINDERS: &str = "x-apple-data-detectors:";
/// Words in a row that show where in a long message the letter stands.
const RUN: usize = 4;
/// No comparison takes longer; one that is cut short finds more differences, never fewer.
const DEADLINE: Duration = Duration::from_secs(2);
/// Words that a mail program puts before a subject: `Fwd:`, `[EXTERNAL] AW:`.
const BEFORE_SUBJECT_LIMIT: usize = 3;
/// How much of a subject that is not ours is told.
const SUBJECT_CHARS_LIMIT: usize = 80;

/// Judges every way in which a message can be shown. `subject` and `heads` are words of the printed letter that its text does not have,
/// and addresses of ours and the reader's.
pub fn judge(message: &ReceivedMessage, ours: &str, subject: &str, heads: &[String]) -> Judged {
    let letter = Letter::of(ours, subject, heads, message.heading.expose_personal());
    let mut whole = Judged { of: letter.tokens.len(), ..Judged::default() };
    // A mail within another has a head of its own.
    let mut is_passed_on = false;
    for shown in &message.shown {
        let (judged, mark) = letter.judge(shown, !message.files.is_empty());
        is_passed_on |= mark.is_some();
        whole.found = whole.found.max(judged.found);
        whole.missing = if whole.missing.is_empty() { judged.missing } else { whole.missing };
        whole.beside = if whole.beside.is_empty() { judged.beside } else { whole.beside };
        whole.beside_words = whole.beside_words.max(judged.beside_words);
        whole.beside_names.extend(judged.beside_names);
        whole.differences.extend(judged.differences);
    }
    if message.shown.is_empty() {
        whole.differences.push(Difference { line: 0, what: What::TooLittle });
    }
    let around = lines::read(message.around.expose_personal(), &letter.known());
    let around = tokens_of(&around.letters());
    whole.beside_words += words_in(around.iter());
    whole.beside_names.extend(letter.names(&around.iter().collect::<Vec<_>>()));
    letter.judge_heading(message.heading.expose_personal(), is_passed_on, &mut whole);
    whole.beside_names.sort();
    whole.beside_names.dedup();
    whole.differences.sort();
    whole.differences.dedup();
    whole
}

/// How many runs of words a message shares with a letter: finds the letter where nothing names it.
pub fn likeness(message: &ReceivedMessage, ours: &str) -> usize {
    let runs = |text: &str| -> HashSet<Vec<String>> {
        let tokens = words_of(&text.lines().enumerate().map(|(i, line)| lines::unquoted(i + 1, line)).collect::<Vec<_>>());
        tokens.windows(RUN).map(|run| run.iter().map(|token| token.text.clone()).collect()).collect()
    };
    let own = runs(ours);
    message.shown.iter().map(|shown| runs(shown.text.expose_personal()).intersection(&own).count()).max().unwrap_or(0)
}

struct Letter {
    tokens: Vec<Token>,
    /// The orders in which a page can show it, without what stands in its head.
    printed: Vec<Vec<Token>>,
    /// The items of its lists: HTML has their numbers outside of the text.
    items: Vec<(String, String)>,
    links: BTreeSet<String>,
    /// Links, and addresses of the page and the reader.
    own: BTreeSet<String>,
    /// Those, and whom the message itself names.
    addresses: BTreeSet<String>,
    /// Digits that stand together.
    numbers: BTreeSet<String>,
    /// Words of the page beside the text, which a camera reads too.
    heads: Heads,
    subject: Vec<String>,
    sender: Vec<String>,
    lines: BTreeSet<Vec<String>>,
}

impl Letter {
    fn of(ours: &str, subject: &str, heads: &[String], heading: &Heading) -> Self {
        let lines: Vec<Line> = ours.lines().enumerate().map(|(i, line)| lines::unquoted(i + 1, line)).collect();
        let all = all_tokens_of(&lines);
        let items = items_of(&all);
        let tokens = without_items(all, &items);
        let links = page::links_of(&tokens);
        let own: BTreeSet<String> = links.iter().cloned().chain(Heads::links(heads)).collect();
        let mut addresses = own.clone();
        addresses.extend(heading.from.iter().chain(&heading.to).chain(&heading.reply_to).cloned());
        let heads = Heads::of(heads.iter().map(String::as_str).chain([subject]));
        let body = heads.without(&lines);
        let printed = [Some(body.clone()), page::by_columns(&body)].into_iter().flatten();
        let printed = printed.map(|lines| without_items(all_tokens_of(&lines), &items)).collect();
        Self {
            numbers: numbers(&tokens.iter().collect::<Vec<_>>()).into_iter().collect(),
            printed,
            items,
            links,
            own,
            addresses,
            heads,
            subject: lines::words(subject),
            sender: ours.lines().find(|line| !line.trim().is_empty()).map(lines::words).unwrap_or_default(),
            lines: ours.lines().map(lines::words).filter(|line| !line.is_empty()).collect(),
            tokens,
        }
    }

    fn known(&self) -> Known<'_> {
        Known { subject: &self.subject, lines: &self.lines, sender: &self.sender, addresses: &self.addresses }
    }

    /// Judges one way in which a message is shown, and where in it somebody says that what follows was passed on.
    fn judge(&self, shown: &Shown, has_files: bool) -> (Judged, Option<usize>) {
        let mut read = lines::read(shown.text.expose_personal(), &self.known());
        let mut judged = self.compare(&read);
        // What looks like a mark and stands within the letter is somebody's words like all others.
        for _ in 0..RESTORES_LIMIT {
            if !judged.1.is_some_and(|(first, last)| read.restore(first, last)) {
                break;
            }
            judged = self.compare(&read);
        }
        let (mut judged, place) = judged;
        if place.is_some_and(|(first, last)| read.restore(first, last)) {
            judged.differences.push(Difference { line: 0, what: What::Words });
        }
        let mark = place.and_then(|(first, _)| read.mark_before(first));
        self.judge_links(shown, mark.is_some(), &mut judged);
        let kept = [
            (shown.hides && has_files, What::Hidden),
            (shown.writes, What::Written),
            (shown.turns || shown.text.expose_personal().contains(is_turning), What::Turned),
        ];
        judged.differences.extend(kept.into_iter().filter(|(is, _)| *is).map(|(_, what)| Difference { line: 0, what }));
        (judged, mark)
    }

    fn judge_links(&self, shown: &Shown, is_passed_on: bool, judged: &mut Judged) {
        for link in shown.links.iter().map(|link| plain_link(link)).filter(|link| !link.starts_with('#') && !link.is_empty()) {
            if let Some(number) = link.strip_prefix("tel:") {
                let digits: String = number.chars().filter(char::is_ascii_digit).collect();
                let is_ours = self.numbers.iter().any(|own| own.ends_with(&digits)) && digits.len() >= NUMBER_MIN_DIGITS;
                let is_theirs = is_passed_on && judged.beside_names.iter().any(|name| name.ends_with(&digits));
                if !is_ours && !is_theirs {
                    judged.differences.push(Difference { line: 0, what: What::Link(link) });
                }
            } else if !self.links.contains(&link) && !link.starts_with(FINDERS) {
                // Whoever passes it on has links of their own, in a signature; they are told like their words.
                let in_words = judged.beside_names.contains(&link) || judged.differences.iter().any(|d| d.what == What::Link(link.clone()));
                let is_in_marks = is_passed_on && self.addresses.contains(&link);
                if is_passed_on && !is_in_marks && !shown.text.expose_personal().contains(&link) {
                    judged.beside_names.push(link);
                } else if !in_words && !is_in_marks && (!is_passed_on || !link.contains('@')) {
                    judged.differences.push(Difference { line: 0, what: What::Link(link) });
                }
            }
        }
    }

    /// What the mail's own head says and our letter's does not: one that is passed on was sent by whoever passes it on.
    fn judge_heading(&self, heading: &Heading, is_passed_on: bool, judged: &mut Judged) {
        let is_other = |address: &&String| !self.own.contains(*address);
        let told = |label: &str, address: &String| format!("{label}: {address}");
        if !is_passed_on {
            judged.beside_names.extend(heading.from.iter().filter(is_other).map(|address| told("From", address)));
        }
        let answers = heading.reply_to.iter().filter(is_other).filter(|address| !(is_passed_on && heading.from.contains(address)));
        judged.beside_names.extend(answers.map(|address| told("Reply-To", address)));
        let Some(subject) = &heading.subject else { return };
        let line = [lines::unquoted(0, subject)];
        let tokens = tokens_of(&line);
        judged.beside_names.extend(self.names(&tokens.iter().collect::<Vec<_>>()));
        let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
        let has_ours = self.subject.is_empty() || words.windows(self.subject.len()).any(|part| part.iter().eq(self.subject.iter()));
        let is_ours = has_ours && words.len() <= self.subject.len() + BEFORE_SUBJECT_LIMIT;
        if !is_passed_on && !is_ours {
            judged.beside_names.push(format!("Subject: {}", subject.chars().take(SUBJECT_CHARS_LIMIT).collect::<String>()));
        }
    }

    /// Compares a message with the letter's text, and with its page; with that which it is. Between which lines of it the letter stands.
    fn compare(&self, read: &lines::Read) -> (Judged, Option<(usize, usize)>) {
        let as_text = read.letters();
        let told = |(mut judged, place): (Judged, Option<(usize, usize)>)| {
            self.tell_around(read, &mut judged);
            (judged, place)
        };
        let first = self.compare_with(&self.tokens, &as_text, (read, false));
        if first.0.is_ours() {
            return told(first);
        }
        let as_page = self.heads.without(&as_text);
        for printed in &self.printed {
            let found = self.compare_with(printed, &as_page, (read, true));
            if found.0.is_ours() {
                return told(found);
            }
        }
        told(first)
    }

    /// What programs, companies and whoever passed it on put around it.
    fn tell_around(&self, read: &lines::Read, judged: &mut Judged) {
        let around: Vec<Line> = read.lines.iter().filter(|line| read.around.contains_key(&line.number) && !line.text.is_empty()).cloned().collect();
        let tokens = tokens_of(&around);
        let is_words = |token: &&Token| matches!(read.around.get(&token.line), Some(Around::Notice | Around::MarkWithWords));
        judged.beside_words += words_in(tokens.iter().filter(is_words));
        // A day has as many figures as a number; what can be called makes no mark.
        let (of_notices, of_marks): (Vec<&Token>, Vec<&Token>) = tokens.iter().partition(is_words);
        judged.beside_names.extend(self.names(&of_notices));
        let others = of_marks.into_iter().filter(|token| token.kind == Kind::Link && token.text.contains('@') && !self.addresses.contains(&token.text));
        judged.beside_names.extend(others.map(|token| token.text.clone()));
        judged.beside.extend(around.iter().map(|line| line.number));
        judged.beside.sort_unstable();
        judged.beside.dedup();
    }

    fn compare_with(&self, own: &[Token], lines: &[Line], (read, is_page): (&lines::Read, bool)) -> (Judged, Option<(usize, usize)>) {
        let theirs = without_items(all_tokens_of(lines), &self.items);
        let (from, to) = region(own, &theirs);
        let part = &theirs[from..to];
        let mut ids: BTreeMap<String, u32> = BTreeMap::new();
        let mut id = |token: &Token| {
            let next = ids.len() as u32;
            *ids.entry(as_read(token)).or_insert(next)
        };
        let ours: Vec<u32> = own.iter().map(&mut id).collect();
        let them: Vec<u32> = part.iter().map(&mut id).collect();
        let numbers: Vec<usize> = part.iter().map(|token| token.line).collect();
        let sides = Sides { letter: self, own, theirs: &theirs, region: from..to, read, is_page };
        let place = |matched: &[Option<usize>]| {
            let lines = || matched.iter().flatten().map(|at| part[*at].line);
            lines().min().zip(lines().max())
        };
        let matched = matched_by_words(&ours, &them);
        let judged = sides.read(&matched);
        if judged.is_ours() {
            return (judged, place(&matched));
        }
        // Rows that are alike can be paired wrongly word by word; a message of whole lines of ours is ours however they are.
        let by_lines = matched_by_lines(&ours, &them, &numbers);
        let of_lines = sides.read(&by_lines);
        if of_lines.is_ours() { (of_lines, place(&by_lines)) } else { (judged, place(&matched)) }
    }

    /// Links and long numbers among words that are not ours.
    fn names(&self, tokens: &[&Token]) -> Vec<String> {
        let links = tokens.iter().filter(|token| token.kind == Kind::Link && !self.links.contains(&token.text)).map(|token| token.text.clone());
        let is_ours = |number: &String| self.numbers.iter().any(|own| own.contains(number.as_str()));
        let numbers = numbers(tokens).into_iter().filter(|number| number.len() >= NUMBER_MIN_DIGITS && !is_ours(number));
        links.chain(numbers).collect()
    }
}

/// The stretch of a message that can be the letter: of a long one, where most runs of its words stand.
fn region(own: &[Token], theirs: &[Token]) -> (usize, usize) {
    let limit = own.len() * 3 + 200;
    if theirs.len() <= limit {
        return (0, theirs.len());
    }
    let known: HashSet<Vec<&str>> = own.windows(RUN).map(|run| run.iter().map(|t| t.text.as_str()).collect()).collect();
    let hits: Vec<usize> = theirs.windows(RUN).map(|run| usize::from(known.contains(&run.iter().map(|t| t.text.as_str()).collect::<Vec<_>>()))).collect();
    let mut sum: usize = hits.iter().take(limit).sum();
    let (mut best, mut best_at) = (sum, 0);
    for at in 1..hits.len().saturating_sub(limit).max(1) {
        sum = sum + hits.get(at + limit - 1).copied().unwrap_or(0) - hits[at - 1];
        if sum > best {
            (best, best_at) = (sum, at);
        }
    }
    (best_at, (best_at + limit).min(theirs.len()))
}

/// A letter in one order of its words, and a message.
struct Sides<'s> {
    letter: &'s Letter,
    own: &'s [Token],
    theirs: &'s [Token],
    region: std::ops::Range<usize>,
    read: &'s lines::Read,
    /// Whether it is compared as a printed page: all of that is ours.
    is_page: bool,
}

impl Sides<'_> {
    fn read(&self, matched: &[Option<usize>]) -> Judged {
        let part = &self.theirs[self.region.clone()];
        let found = matched.iter().filter(|m| m.is_some()).count();
        let mut judged = Judged { found, of: self.own.len(), ..Judged::default() };
        let theirs_of: BTreeSet<usize> = matched.iter().flatten().copied().collect();
        let (Some(first), Some(last)) = (theirs_of.first().copied(), theirs_of.last().copied()) else {
            judged.differences.push(Difference { line: 0, what: What::TooLittle });
            return judged;
        };
        let added = runs((first..=last).filter(|at| !theirs_of.contains(at)));
        let gone = runs((0..self.own.len()).filter(|at| matched[*at].is_none()));
        let moved = self.moved(part, &added, &gone, matched);
        let is_twice = |run: &std::ops::Range<usize>| {
            let is_short = run.len() <= TWICE_LIMIT && part[run.clone()].iter().all(|token| token.kind == Kind::Letter);
            let same = |other: Option<&[Token]>| other.is_some_and(|other| other.iter().map(|t| &t.text).eq(part[run.clone()].iter().map(|t| &t.text)));
            is_short && (same(run.start.checked_sub(run.len()).and_then(|from| part.get(from..run.start))) || same(part.get(run.end..run.end + run.len())))
        };
        for run in added.iter().filter(|run| !is_twice(run)).filter(|run| !moved.contains(&part[run.start].text.as_str()) || run.len() > 3) {
            judged.differences.extend(self.added(&part[run.clone()]));
        }
        for run in &gone {
            self.gone(run, &moved, matched, &mut judged, part);
        }
        // Words that gave way to others are told by those.
        let told: BTreeSet<usize> = judged.differences.iter().filter(|d| d.what != What::LeftOut).map(|d| d.line).collect();
        judged.differences.retain(|d| d.what != What::LeftOut || !(told.contains(&d.line) || told.contains(&(d.line + 1))));
        let outside: Vec<&Token> = self.theirs[..self.region.start + first].iter().chain(&self.theirs[self.region.start + last + 1..]).collect();
        self.outside(&outside, (part, &theirs_of), &mut judged);
        self.weigh(&theirs_of, outside.len(), &mut judged);
        judged
    }

    /// Words that only changed their place by a little: cells of a table, read by a camera.
    fn moved<'t>(&self, part: &'t [Token], added: &[std::ops::Range<usize>], gone: &[std::ops::Range<usize>], matched: &[Option<usize>]) -> BTreeSet<&'t str> {
        let place = |at: usize| matched[..at].iter().rev().find_map(|m| *m).unwrap_or(0);
        let mut moved = BTreeSet::new();
        for run in added.iter().filter(|run| run.len() <= 3) {
            let words: Vec<&str> = part[run.clone()].iter().map(|t| t.text.as_str()).collect();
            let is_it = |other: &&std::ops::Range<usize>| {
                other.len() == run.len()
                    && self.own[(*other).clone()].iter().map(|t| t.text.as_str()).eq(words.iter().copied())
                    && place(other.start).abs_diff(run.start) <= MOVE_LIMIT
            };
            let digits = part[run.clone()].iter().any(|t| t.kind == Kind::Link || t.text.chars().any(|c| c.is_ascii_digit()));
            if !digits && gone.iter().any(|other| is_it(&other)) {
                moved.extend(words);
            }
        }
        moved
    }

    /// What stands within the letter and is not ours.
    fn added(&self, run: &[Token]) -> Vec<Difference> {
        if run.iter().all(|token| token.kind == Kind::Link && self.letter.links.contains(&token.text)) || self.letter.heads.are_whole(run) {
            return Vec::new();
        }
        let mut found: Vec<Difference> = run
            .iter()
            .filter(|token| token.kind == Kind::Link && !self.letter.links.contains(&token.text))
            .map(|token| Difference { line: token.line, what: What::Link(token.text.clone()) })
            .collect();
        let digits: Vec<&str> = run.iter().filter(|t| t.kind == Kind::Word && t.text.chars().any(|c| c.is_ascii_digit())).map(|t| t.text.as_str()).collect();
        if !digits.is_empty() {
            found.push(Difference { line: run[0].line, what: What::Number(digits.join(" ")) });
        }
        if found.is_empty() {
            found.push(Difference { line: run[0].line, what: What::Words });
        }
        found
    }

    fn gone(&self, run: &std::ops::Range<usize>, moved: &BTreeSet<&str>, matched: &[Option<usize>], judged: &mut Judged, part: &[Token]) {
        let tokens = &self.own[run.clone()];
        let (first, last) = (&tokens[0], &tokens[tokens.len() - 1]);
        if run.len() <= 3 && tokens.iter().all(|token| moved.contains(token.text.as_str())) {
            return;
        }
        let at_an_end = matched[..run.start].iter().all(Option::is_none) || matched[run.end..].iter().all(Option::is_none);
        let long = tokens.iter().map(weight).sum::<usize>() >= LINE_MIN_WORDS * WORD;
        // The last printed line of a paragraph can be short.
        let ends_a_paragraph = self.own.get(run.end).is_none_or(|next| next.line != last.line);
        if at_an_end || long || ends_a_paragraph || (first.begins && last.ends) {
            judged.missing.extend(tokens.iter().map(|token| token.line));
            judged.missing.dedup();
        } else {
            let before = matched[..run.start].iter().rev().find_map(|m| *m);
            judged.differences.push(Difference { line: before.map_or(0, |at| part[at].line), what: What::LeftOut });
        }
    }

    /// What stands before and after the letter.
    fn outside(&self, outside: &[&Token], (part, theirs_of): (&[Token], &BTreeSet<usize>), judged: &mut Judged) {
        let first = theirs_of.first().map_or(0, |at| part[*at].line);
        let mark = self.read.mark_before(first);
        let depth = theirs_of.iter().map(|at| part[*at].depth).min().unwrap_or(0);
        let mut by_line: BTreeMap<usize, Vec<Token>> = BTreeMap::new();
        outside.iter().for_each(|token| by_line.entry(token.line).or_default().push((*token).clone()));
        // The address and the heads of a printed page, as a camera reads them.
        by_line.retain(|_, line| !self.letter.heads.are_pieces(line));
        let outside = outside.iter().copied().filter(|token| by_line.contains_key(&token.line));
        let (passed_on, flat): (Vec<&Token>, Vec<&Token>) = outside.partition(|token| token.depth < depth || mark.is_some_and(|mark| token.line < mark));
        judged.beside = by_line.into_keys().collect();
        judged.beside_words = words_in(passed_on.iter().chain(&flat).copied().filter(|token| !self.letter.links.contains(&token.text)));
        judged.beside_names = self.letter.names(&passed_on);
        for name in self.letter.names(&flat) {
            let line = flat.iter().find(|token| name.contains(&token.text)).map_or(0, |token| token.line);
            let what = if name.chars().any(char::is_alphabetic) { What::Link(name) } else { What::Number(name) };
            judged.differences.push(Difference { line, what });
        }
        for side in [flat.iter().filter(|t| t.line < first).collect::<Vec<_>>(), flat.iter().filter(|t| t.line >= first).collect()] {
            let not_ours: usize = side.iter().filter(|token| !self.letter.links.contains(&token.text)).map(|token| weight(token)).sum();
            let limit = if self.is_page { 0 } else { NOTE_LIMIT * WORD };
            if not_ours > limit {
                judged.differences.push(Difference { line: side[0].line, what: What::Words });
            }
        }
    }

    /// A few words of ours among others are no letter of ours.
    fn weigh(&self, theirs_of: &BTreeSet<usize>, outside: usize, judged: &mut Judged) {
        let enough = judged.found * 100 >= self.own.len() * SHARE_MIN_PERCENT;
        if !enough && (outside > NOTE_LIMIT / 2 || theirs_of.len() < RUN) {
            judged.differences.push(Difference { line: 0, what: What::TooLittle });
        }
    }
}

/// About how many words tokens are.
fn words_in<'t>(tokens: impl Iterator<Item = &'t Token>) -> usize {
    tokens.map(weight).sum::<usize>().div_ceil(WORD)
}

/// For each of our tokens, its place in theirs: line after line of theirs, each as a run of ours behind the one before.
fn matched_by_lines(own: &[u32], them: &[u32], lines: &[usize]) -> Vec<Option<usize>> {
    let mut matched = vec![None; own.len()];
    let (mut from, mut at) = (0, 0);
    while at < them.len() {
        let end = at + lines[at..].iter().take_while(|line| **line == lines[at]).count();
        let run = &them[at..end];
        if let Some(found) = own[from..].windows(run.len()).position(|window| window == run) {
            (0..run.len()).for_each(|step| matched[from + found + step] = Some(at + step));
            from += found + run.len();
        }
        at = end;
    }
    matched
}

/// For each of our tokens, its place in theirs, in order.
fn matched_by_words(own: &[u32], them: &[u32]) -> Vec<Option<usize>> {
    let mut matched = vec![None; own.len()];
    let deadline = Instant::now().checked_add(DEADLINE);
    for op in capture_diff_slices_deadline(Algorithm::Myers, own, them, deadline) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            (0..len).for_each(|step| matched[old_index + step] = Some(new_index + step));
        }
    }
    slide(own, them, &mut matched);
    matched
}

/// Words at the letter's ends that also stand in what is around it are taken for the nearer ones, so that the letter is in one piece.
fn slide(own: &[u32], them: &[u32], matched: &mut [Option<usize>]) {
    let places: Vec<usize> = (0..own.len()).filter(|at| matched[*at].is_some()).collect();
    for pair in places.windows(2).rev() {
        let (here, next) = (pair[0], pair[1]);
        if let (Some(at), Some(after)) = (matched[here], matched[next])
            && next == here + 1
            && after > at + 1
            && own[here] == them[after - 1]
            && only_begins(matched, here)
        {
            matched[here] = Some(after - 1);
        }
    }
    for pair in places.windows(2) {
        let (here, next) = (pair[0], pair[1]);
        if let (Some(at), Some(after)) = (matched[here], matched[next])
            && next == here + 1
            && after > at + 1
            && own[next] == them[at + 1]
            && own.len() - next <= NOTE_LIMIT
        {
            matched[next] = Some(at + 1);
        }
    }
}

/// Whether a place is among the first of the letter, so that what precedes it may be around the letter.
fn only_begins(matched: &[Option<usize>], here: usize) -> bool {
    matched[..here].iter().filter(|m| m.is_some()).count() <= NOTE_LIMIT
}

/// Numbers next to each other, joined.
fn runs(numbers: impl Iterator<Item = usize>) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => runs.push(number..number + 1),
        }
    }
    runs
}

/// Numbers that can be called or paid to: digits that stand together in a line, with what people put between them. A date is none.
fn numbers(tokens: &[&Token]) -> Vec<String> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    let mut last_line = None;
    for token in tokens {
        let digits = token.text.chars().filter(char::is_ascii_digit).count();
        let is_number = token.kind == Kind::Word && digits > 0 && token.text.chars().filter(|c| c.is_alphabetic()).count() <= 4;
        match found.last_mut() {
            Some(number) if is_number && last_line == Some(token.line) => number.push(&token.text),
            _ if is_number => found.push(vec![&token.text]),
            _ => {}
        }
        last_line = is_number.then_some(token.line);
    }
    let is_year = |part: &str| part.len() == 4 && (part.starts_with("19") || part.starts_with("20"));
    let is_date = |parts: &[&str]| parts.iter().any(|part| is_year(part)) && parts.iter().all(|part| part.len() <= 2 || is_year(part));
    let joined = |parts: Vec<&str>| parts.concat().chars().filter(char::is_ascii_digit).collect();
    found.into_iter().filter(|parts| !is_date(parts)).map(joined).collect()
}
