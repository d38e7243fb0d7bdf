//! The pages, as HTML that an old telephone, a text browser and a screen reader can read. No script, no picture, one style file.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::civil::Date;
use strandline_model::document::{Block, Field};
use strandline_model::personal::Personal;

use crate::bundle::{Contact, Manifest, Own};
use crate::card::{Card, CardLetter, Handling, Promise, Round};
use crate::html::Text;
use crate::message::{Kind, MessageId, Way};
use crate::words::{LANGUAGES, Words};

/// What all pages share.
pub(crate) struct View<'v> {
    /// In this language.
    pub(crate) words: &'static Words,
    pub(crate) manifest: &'v Manifest,
    /// The path of the page.
    pub(crate) here: &'v str,
    /// Whether somebody asked for that language: the form of the code passes it on.
    pub(crate) is_chosen: bool,
    /// The token of the forms, once a code was right.
    pub(crate) token: Option<&'v str>,
}

/// The parts that a code opens: path, and the name of its words.
const PARTS: [(&str, &str); 7] = [
    ("/letter", "nav.letter"),
    ("/todo", "nav.todo"),
    ("/updates", "nav.updates"),
    ("/check", "nav.check"),
    ("/ask", "nav.ask"),
    ("/safety", "nav.safety"),
    ("/moved", "nav.moved"),
];

/// Languages that stand at the head of each page.
const NEAR: [&str; 3] = ["en", "zh-Hant", "zh-Hans"];

/// What somebody wrote that is shown to them again.
#[derive(Clone, Default)]
pub(crate) struct Draft {
    pub(crate) text: String,
    pub(crate) reach: String,
    pub(crate) way: Option<Way>,
    pub(crate) kind: Option<Kind>,
}

impl View<'_> {
    fn say(&self, name: &str) -> Text<'static> {
        Text(self.words.say(name))
    }

    /// The text of whichever language is nearest to the reader's.
    fn named<'t>(&self, texts: &'t BTreeMap<String, String>) -> &'t str {
        let own = self.words.language;
        // Who reads one Chinese reads the other; everybody else is likelier to read English.
        let near = if own.starts_with("zh") { [own, "zh-Hant", "zh-Hans", "en"] } else { [own, "en", "zh-Hant", "zh-Hans"] };
        near.iter().find_map(|tag| texts.get(*tag)).or_else(|| texts.values().next()).map_or("", String::as_str)
    }

    fn frame(&self, title: &str, problem: bool, main: &str) -> String {
        let organisation = self.named(&self.manifest.organisation);
        let mut page = String::with_capacity(main.len() + 4096);
        let head = if problem { format!("{}: ", self.words.say("error.title")) } else { String::new() };
        let _ = write!(
            page,
            "<!DOCTYPE html>\n<html lang=\"{}\" dir=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}{} – {}</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">{}</a>\n<div class=\"band\"><header>\n<p class=\"name\">{}</p>\n<p>{}</p>\n{}</header></div>\n",
            self.words.language,
            direction(self.words.language),
            Text(&head),
            Text(title),
            Text(organisation),
            self.say("skip"),
            Text(organisation),
            self.say("site"),
            self.languages(),
        );
        if let Some(token) = self.token {
            page.push_str(&self.parts(token));
        }
        let _ = write!(
            page,
            "<main id=\"main\" tabindex=\"-1\">\n<h1>{}</h1>\n{main}{}</main>\n{}</body>\n</html>\n",
            Text(title),
            self.unchecked(),
            self.footer(problem)
        );
        page
    }

    /// That no speaker of the language has read these words, where that is so.
    fn unchecked(&self) -> String {
        self.words.unchecked().map(|said| format!("<p class=\"note\">{}</p>\n", Text(said))).unwrap_or_default()
    }

    /// The languages of most readers as links; all others one step away, so that the code's field is not below a page of names. A browser
    /// gets its own language by itself.
    fn languages(&self) -> String {
        let link = |language: &str| {
            let name = Text(Words::of(language).say("language"));
            let direction = direction(language);
            format!("<li><a href=\"{}?l={language}\" lang=\"{language}\" hreflang=\"{language}\" dir=\"{direction}\">{name}</a></li>\n", Text(self.here))
        };
        let (near, far): (Vec<&str>, Vec<&str>) =
            LANGUAGES.into_iter().filter(|language| *language != self.words.language).partition(|language| NEAR.contains(language));
        let list = |languages: &[&str]| languages.iter().map(|language| link(language)).collect::<String>();
        let (near, far, say) = (list(&near), list(&far), self.say("languages"));
        format!(
            "<ul class=\"languages\" aria-label=\"{say}\">\n{near}</ul>\n<details class=\"languages\"><summary>{say} <span lang=\"en\" aria-hidden=\"true\">· Language</span></summary>\n<ul class=\"languages\">\n{far}</ul></details>\n"
        )
    }

    fn parts(&self, token: &str) -> String {
        let mut list = format!("<div class=\"parts\"><nav aria-label=\"{}\"><ul>\n", self.say("nav"));
        for (path, name) in PARTS {
            let current = if path == self.here { " aria-current=\"page\"" } else { "" };
            let urgent = if path == "/safety" { " class=\"urgent\"" } else { "" };
            let _ = writeln!(list, "<li><a href=\"{path}\"{urgent}{current}>{}</a></li>", self.say(name));
        }
        let _ = write!(
            list,
            "<li><form class=\"leave\" method=\"post\" action=\"/leave\">{}<button>{}</button></form></li>\n</ul></nav></div>\n",
            hidden(token),
            self.say("leave")
        );
        list
    }

    /// Before a code was right, nothing shows that the contacts are ours: beside a problem, which says to call the number in the
    /// letter, none is shown.
    fn footer(&self, problem: bool) -> String {
        let mut footer = String::from("<footer>\n");
        if let Some(contact) = self.manifest.contact.as_ref().filter(|_| self.token.is_some() || !problem) {
            let _ = write!(footer, "<h2>{}</h2>\n{}", self.say(if self.token.is_some() { "footer.help" } else { "front.help" }), self.contact(contact));
        }
        let _ = write!(footer, "<p>{} <bdi dir=\"ltr\">{}</bdi></p>\n</footer>\n", self.say("footer"), Text(&self.manifest.reference));
        footer
    }

    fn contact(&self, contact: &Contact) -> String {
        let mut lines = vec![format!("<bdi>{}</bdi>", Text(self.named(&contact.name)))];
        if let Some(phone) = &contact.phone {
            let dial: String = phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
            lines.push(format!("{} <a href=\"tel:{}\" dir=\"ltr\">{}</a>", self.say("call"), Text(&dial), Text(phone)));
        }
        if let Some(email) = &contact.email {
            lines.push(format!("{} <bdi>{}</bdi>", self.say("email"), Text(email)));
        }
        let hours = self.named(&contact.hours);
        if !hours.is_empty() {
            lines.push(format!("{} <bdi>{}</bdi>", self.say("hours"), Text(hours)));
        }
        format!("<p>{}</p>\n", lines.join("<br>\n"))
    }

    fn safety_contact(&self) -> String {
        let Some(contact) = &self.manifest.safety else { return String::new() };
        format!("<h2>{}</h2>\n{}", self.say("safety.officer"), self.contact(contact))
    }

    fn problem(&self, problem: Option<&str>) -> String {
        let Some(problem) = problem else { return String::new() };
        format!("<div class=\"error\" role=\"alert\" id=\"problem\">\n<h2>{}</h2>\n<p>{}</p>\n</div>\n", self.say("error.title"), self.say(problem))
    }

    /// The first page: where the code is entered. `unsent` is what somebody wrote whose page had closed.
    pub(crate) fn front(&self, problem: Option<&str>, note: Option<&str>, unsent: Option<&str>) -> String {
        let mut main = self.problem(problem);
        if let Some(note) = note {
            let _ = writeln!(main, "<p class=\"note\" role=\"status\">{}</p>", self.say(note));
        }
        let invalid = if problem.is_some() { " aria-invalid=\"true\" aria-describedby=\"hint problem\"" } else { " aria-describedby=\"hint\"" };
        let _ = write!(
            main,
            "<p>{}</p>\n<form method=\"post\" action=\"/enter\">\n<input type=\"hidden\" name=\"l\" value=\"{}\">\n<label for=\"code\">{}</label>\n<p class=\"hint\" id=\"hint\">{}</p>\n<input class=\"code\" dir=\"ltr\" type=\"text\" id=\"code\" name=\"code\" size=\"24\" maxlength=\"80\" autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" required{invalid}>\n<br><button>{}</button>\n</form>\n",
            self.say("front.lead"),
            if self.is_chosen { self.words.language } else { "" },
            self.say("front.label"),
            self.say("front.hint"),
            self.say("front.button"),
        );
        if let Some(unsent) = unsent.filter(|text| !text.is_empty()) {
            let _ = write!(
                main,
                "<label for=\"unsent\">{}</label>\n<textarea id=\"unsent\" dir=\"auto\" readonly>{}</textarea>\n",
                self.say("front.unsent"),
                Text(unsent)
            );
        }
        let _ = write!(
            main,
            "<p class=\"note\">{}</p>\n<h2>{}</h2>\n<p class=\"danger\">{}</p>\n",
            self.say("front.never"),
            self.say("nav.safety"),
            self.say("safety.now")
        );
        if let Some(contact) = self.manifest.safety.as_ref().filter(|_| problem.is_none()) {
            main.push_str(&self.contact(contact));
        }
        self.frame(self.words.say("front.title"), problem.is_some(), &main)
    }

    /// A page that says what went wrong, and no more.
    pub(crate) fn failure(&self, problem: &str) -> String {
        let main = format!(
            "{}<p><a href=\"{}\">{}</a></p>\n",
            self.problem(Some(problem)),
            if self.token.is_some() { "/letter" } else { "/" },
            self.say(if self.token.is_some() { "nav.letter" } else { "front.title" })
        );
        self.frame(self.words.say("site"), true, &main)
    }

    /// What the letter says.
    pub(crate) fn letter(&self, card: &Card) -> String {
        let mut main = format!("<p>{}</p>\n", self.say("letter.lead"));
        let first = self.in_my_language(card);
        if first.is_some_and(|letter| card.letters.first().is_some_and(|held| held.language != letter.language)) {
            let _ = writeln!(main, "<p class=\"note\">{}</p>", self.say("letter.translation"));
        }
        if let Some(letter) = first {
            main.push_str(&one_letter(letter));
            let _ = writeln!(main, "<p><a href=\"/todo\">{}</a></p>", self.say("letter.next"));
        }
        for letter in card.letters.iter().filter(|letter| first.is_some_and(|first| first.language != letter.language)) {
            let name = Text(Words::of(&letter.language).say("language"));
            let _ = write!(
                main,
                "<details>\n<summary>{}: <span lang=\"{}\">{name}</span></summary>\n{}</details>\n",
                self.say("letter.other"),
                Text(&letter.language),
                one_letter(letter)
            );
        }
        self.frame(self.words.say("letter.title"), false, &main)
    }

    fn in_my_language<'c>(&self, card: &'c Card) -> Option<&'c CardLetter> {
        card.letters.iter().find(|letter| letter.language == self.words.language).or(card.letters.first())
    }

    /// What the person can do, to be ticked off.
    pub(crate) fn todo(&self, card: &Card, own: &Own, saved: bool) -> String {
        let mut main = String::new();
        if saved {
            let _ = writeln!(main, "<p class=\"done\" role=\"status\">{}</p>", self.say("todo.saved"));
        }
        let (actions, language) = self.in_my_language(card).map_or((&[][..], ""), |letter| (letter.actions(), letter.language.as_str()));
        if actions.is_empty() {
            // A list that is not known as one here may stand in the letter all the same: nothing says that there is none.
            let _ = write!(main, "<p>{}</p>\n<p><a href=\"/letter\">{}</a></p>\n", self.say("todo.none"), self.say("nav.letter"));
            return self.frame(self.words.say("todo.title"), false, &main);
        }
        let is_done = |place: usize| own.done.contains(&done_name(card, place));
        let done = (0..actions.len()).filter(|place| is_done(*place)).count();
        let counted = self.words.fill("todo.done", &[("done", &done.to_string()), ("all", &actions.len().to_string())]);
        let _ = write!(
            main,
            "<p>{}</p>\n<p>{}</p>\n<form method=\"post\" action=\"/todo\">{}\n<fieldset lang=\"{}\" dir=\"{}\">\n<legend class=\"unseen\" lang=\"{}\">{}</legend>\n",
            self.say("todo.lead"),
            Text(&counted),
            hidden(self.token.unwrap_or_default()),
            Text(language),
            direction(language),
            self.words.language,
            self.say("todo.title"),
        );
        for (place, action) in actions.iter().enumerate() {
            let checked = if is_done(place) { " checked" } else { "" };
            let _ = writeln!(
                main,
                "<p class=\"tick\"><input type=\"checkbox\" id=\"done{place}\" name=\"done\" value=\"{place}\"{checked}><label for=\"done{place}\">{}</label></p>",
                Text(action)
            );
        }
        let _ = write!(main, "</fieldset>\n<button>{}</button>\n</form>\n{}", self.say("todo.save"), self.safety_contact());
        self.frame(self.words.say("todo.title"), false, &main)
    }

    /// Letters, messages and answers. `received` is what was sent a moment ago; `taken` tells whether the desk has a message.
    pub(crate) fn updates(&self, card: &Card, own: &Own, received: Option<Kind>, (today, taken): (Date, &dyn Fn(&MessageId) -> bool)) -> String {
        let mut main = String::new();
        if let Some(kind) = received {
            let words = if kind == Kind::Safety { "updates.received_safety" } else { "updates.received" };
            let _ = writeln!(main, "<p class=\"done\" role=\"status\">{}</p>", self.say(words));
        }
        let published = day_of(self.manifest.published_at, &self.manifest.time_zone);
        let _ = writeln!(main, "<p>{}</p>", Text(&self.words.fill("updates.as_of", &[("day", &self.words.day(published))])));
        let _ = writeln!(main, "<h2>{}</h2>", self.say("updates.letters"));
        for (place, round) in card.rounds.iter().enumerate().rev() {
            main.push_str(&self.round(round, card.rounds.get(place + 1), (today, published)));
        }
        let _ = writeln!(main, "<h2>{}</h2>", self.say("updates.messages"));
        let answered = |id: &MessageId| card.answers.iter().any(|answer| answer.message == *id);
        // Whoever has the letter reads this list: that somebody fears for their safety stands in it only with an answer that they chose
        // to have here.
        let listed: Vec<_> = own.sent.iter().rev().filter(|note| note.kind != Kind::Safety || answered(&note.id)).collect();
        if listed.is_empty() && card.answers.is_empty() {
            let _ = writeln!(main, "<p>{}</p>", self.say("updates.nothing"));
        }
        for note in listed {
            let answered = answered(&note.id);
            let day = self.words.day(day_of(note.at, &self.manifest.time_zone));
            let title = self.words.fill("updates.message", &[("kind", self.kind(note.kind)), ("day", &day)]);
            let _ = writeln!(main, "<h3>{}</h3>", Text(&title));
            if !answered {
                let handled = card.handled.iter().find(|handled| handled.message == note.id).map(|handled| handled.how);
                let word = match handled {
                    Some(Handling::ByPost) => "updates.by_post",
                    Some(Handling::ByPhone) => "updates.by_phone",
                    Some(Handling::Closed) => "updates.closed",
                    Some(Handling::Taken) => "updates.taken",
                    None if taken(&note.id) => "updates.taken",
                    None => "updates.waiting",
                };
                let _ = writeln!(main, "<p>{}</p>", self.say(word));
            }
            main.push_str(&self.answers(card, &note.id));
        }
        // What was sent before the list was cut, or from another copy of the host.
        for answer in card.answers.iter().filter(|answer| !own.sent.iter().any(|note| note.id == answer.message)) {
            let _ = write!(main, "<h3>{}</h3>\n{}", Text(self.kind(answer.kind)), self.answer(answer.day, &answer.text));
        }
        if card.is_cut {
            let _ = writeln!(main, "<p>{}</p>", self.say("updates.cut"));
        }
        self.frame(self.words.say("updates.title"), false, &main)
    }

    fn answers(&self, card: &Card, id: &MessageId) -> String {
        card.answers.iter().filter(|answer| answer.message == *id).map(|answer| self.answer(answer.day, &answer.text)).collect()
    }

    fn answer(&self, day: Date, text: &Personal<String>) -> String {
        let head = self.words.fill("updates.answer", &[("day", &self.words.day(day))]);
        format!("<p>{}</p>\n<div class=\"said paper\" dir=\"auto\">{}</div>\n", Text(&head), Text(text.expose_personal()))
    }

    fn round(&self, round: &Round, next: Option<&Round>, days: (Date, Date)) -> String {
        let number = self.words.fill("updates.round", &[("number", &round.number.to_string())]);
        let sent = match round.sent {
            Some(day) => self.words.fill("updates.sent", &[("day", &self.words.day(day))]),
            None if round.is_refused => self.words.say("updates.refused").to_owned(),
            None => self.words.say("updates.soon").to_owned(),
        };
        let language = Text(&round.language);
        let mut text = format!("<h3>{}: <bdi lang=\"{language}\">{}</bdi></h3>\n<p>{}</p>\n", Text(&number), Text(&round.title), Text(&sent));
        match round.promise {
            Promise::Open => {}
            Promise::Last => {
                let _ = writeln!(text, "<p>{}</p>", self.say("updates.last"));
            }
            Promise::By(day) => {
                let (class, word) = match kept(day, next, days) {
                    Kept::Yes => ("", "updates.kept"),
                    Kept::No => (" class=\"broken\"", "updates.broken"),
                    Kept::Open => ("", "updates.wait"),
                    Kept::Unknown => ("", "updates.unknown"),
                };
                let by = self.words.fill("updates.by", &[("day", &self.words.day(day))]);
                let _ = writeln!(text, "<p>{} <span{class}>{}</span></p>", Text(&by), self.say(word));
            }
        }
        if let Some(letter) = &round.text {
            let _ = write!(
                text,
                "<details>\n<summary>{}</summary>\n<div class=\"paper\" lang=\"{language}\" dir=\"auto\">{}</div>\n</details>\n",
                self.say("updates.text"),
                Text(letter.expose_personal())
            );
        }
        text
    }

    fn kind(&self, kind: Kind) -> &'static str {
        self.words.say(&format!("kind.{}", kind.as_str()))
    }

    /// How to tell a false message from one of ours.
    pub(crate) fn check(&self, card: &Card, problem: Option<&str>, draft: &Draft) -> String {
        let mut main = format!("{}<p>{}</p>\n<ul>\n", self.problem(problem), self.say("check.lead"));
        let mut rule = |text: &str| {
            let _ = writeln!(main, "<li>{}</li>", Text(text));
        };
        rule(self.words.say("check.rule_code"));
        if let Some(domain) = &self.manifest.domain {
            rule(&self.words.fill("check.rule_domain", &[("domain", domain)]));
        }
        ["check.rule_money", "check.rule_identity", "check.rule_call"].into_iter().for_each(|name| rule(self.words.say(name)));
        let published = self.words.day(day_of(self.manifest.published_at, &self.manifest.time_zone));
        let _ = write!(main, "</ul>\n<p>{}</p>\n<ul>\n", Text(&self.words.fill("check.sent", &[("day", &published)])));
        for (round, day) in card.rounds.iter().filter_map(|round| Some((round, self.words.day(round.sent?)))) {
            let _ = writeln!(main, "<li>{}: <bdi lang=\"{}\">{}</bdi></li>", Text(&day), Text(&round.language), Text(&round.title));
        }
        main.push_str("</ul>\n");
        main.push_str(&self.form(Kind::Check, &["check.label", "check.hint", "check.button"], problem, draft, &self.ways(draft)));
        self.frame(self.words.say("check.title"), problem.is_some(), &main)
    }

    /// A question.
    pub(crate) fn ask(&self, problem: Option<&str>, draft: &Draft) -> String {
        let form = self.form(Kind::Question, &["ask.label", "", "ask.button"], problem, draft, &self.ways(draft));
        let main = format!("{}<p>{}</p>\n{form}", self.problem(problem), self.say("ask.lead"));
        self.frame(self.words.say("ask.title"), problem.is_some(), &main)
    }

    /// Somebody fears for their safety. The number comes first.
    pub(crate) fn safety(&self, problem: Option<&str>, draft: &Draft) -> String {
        let reach = format!(
            "<label for=\"reach\">{}</label>\n<p class=\"hint\" id=\"reach-hint\">{}</p>\n<input type=\"text\" id=\"reach\" name=\"reach\" maxlength=\"200\" autocomplete=\"off\" aria-describedby=\"reach-hint\" value=\"{}\">\n<input type=\"hidden\" name=\"way\" value=\"phone\">\n",
            self.say("safety.reach"),
            self.say("safety.reach_hint"),
            Text(&draft.reach)
        );
        let form = self.form(Kind::Safety, &["safety.label", "", "safety.button"], problem, draft, &reach);
        let main = format!(
            "{}<p class=\"danger\">{}</p>\n{}<p>{}</p>\n<p class=\"note\">{}</p>\n{form}",
            self.problem(problem),
            self.say("safety.now"),
            self.safety_contact(),
            self.say("safety.lead"),
            self.say("safety.private")
        );
        self.frame(self.words.say("safety.title"), problem.is_some(), &main)
    }

    /// The letter is somebody else's, or the address is old.
    pub(crate) fn moved(&self, problem: Option<&str>, draft: &Draft) -> String {
        // Neither is chosen beforehand: whoever has moved must not be told to destroy their letter.
        let mut which = format!("<fieldset>\n<legend>{}</legend>\n", self.say("moved.which"));
        for (kind, name) in [(Kind::NotMe, "moved.not_me"), (Kind::Moved, "moved.moved")] {
            let checked = if draft.kind == Some(kind) { " checked" } else { "" };
            let word = kind.as_str();
            let _ = writeln!(
                which,
                "<p class=\"tick\"><input type=\"radio\" id=\"{word}\" name=\"kind\" value=\"{word}\" required{checked}><label for=\"{word}\">{}</label></p>",
                self.say(name)
            );
        }
        which.push_str("</fieldset>\n<input type=\"hidden\" name=\"way\" value=\"page\">\n");
        let form = self.form_of(&which, &["moved.label", "moved.hint", "moved.button"], problem, draft, "");
        let main = format!("{}<p>{}</p>\n{form}", self.problem(problem), self.say("moved.lead"));
        self.frame(self.words.say("moved.title"), problem.is_some(), &main)
    }

    fn ways(&self, draft: &Draft) -> String {
        let chosen = draft.way.unwrap_or(Way::Page);
        let mut ways = format!("<fieldset>\n<legend>{}</legend>\n", self.say("way.title"));
        for (way, name) in [(Way::Page, "way.page"), (Way::Post, "way.post"), (Way::Phone, "way.phone")] {
            let checked = if way == chosen { " checked" } else { "" };
            let word = way.as_str();
            let _ = writeln!(
                ways,
                "<p class=\"tick\"><input type=\"radio\" id=\"{word}\" name=\"way\" value=\"{word}\"{checked}><label for=\"{word}\">{}</label></p>",
                self.say(name)
            );
        }
        let _ = write!(
            ways,
            "</fieldset>\n<label for=\"reach\">{}</label>\n<input type=\"tel\" id=\"reach\" name=\"reach\" maxlength=\"200\" autocomplete=\"tel\" value=\"{}\">\n",
            self.say("way.reach"),
            Text(&draft.reach)
        );
        ways
    }

    fn form(&self, kind: Kind, words: &[&str; 3], problem: Option<&str>, draft: &Draft, more: &str) -> String {
        self.form_of(&format!("<input type=\"hidden\" name=\"kind\" value=\"{}\">\n", kind.as_str()), words, problem, draft, more)
    }

    fn form_of(&self, before: &str, [label, hint, button]: &[&str; 3], problem: Option<&str>, draft: &Draft, more: &str) -> String {
        let invalid = if problem.is_some() { " aria-invalid=\"true\"" } else { "" };
        let described = match (hint.is_empty(), problem.is_some()) {
            (true, false) => String::new(),
            (true, true) => " aria-describedby=\"problem\"".to_owned(),
            (false, false) => " aria-describedby=\"hint\"".to_owned(),
            (false, true) => " aria-describedby=\"hint problem\"".to_owned(),
        };
        let hint = if hint.is_empty() { String::new() } else { format!("<p class=\"hint\" id=\"hint\">{}</p>\n", self.say(hint)) };
        format!(
            "<form method=\"post\" action=\"/send\">{}\n{before}<label for=\"text\">{}</label>\n{hint}<textarea id=\"text\" name=\"text\" dir=\"auto\" rows=\"7\" required{invalid}{described}>{}</textarea>\n{more}<button>{}</button>\n</form>\n",
            format_args!("{}{}", hidden(self.token.unwrap_or_default()), nonce()),
            self.say(label),
            Text(&draft.text),
            self.say(button)
        )
    }
}

/// Whether the day that a letter promised was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
    /// It has not passed.
    Open,
    /// It has passed since this page was published: a letter may have left in time.
    Unknown,
}

fn kept(promised: Date, next: Option<&Round>, (today, published): (Date, Date)) -> Kept {
    match next.and_then(|round| round.sent) {
        Some(sent) if sent <= promised => Kept::Yes,
        Some(_) => Kept::No,
        None if today <= promised => Kept::Open,
        None if published <= promised => Kept::Unknown,
        None => Kept::No,
    }
}

/// In which direction a language is written.
fn direction(language: &str) -> &'static str {
    if language == "ur" { "rtl" } else { "ltr" }
}

/// What makes each form another: sent twice, it is one message.
fn nonce() -> String {
    let bytes: [u8; 12] = rand::random();
    format!("<input type=\"hidden\" name=\"nonce\" value=\"{}\">", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The day of an instant where the organisation is.
pub(crate) fn day_of(at: strandline_model::time::Instant, zone: &str) -> Date {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    zone.to_datetime(jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)).date()
}

/// What an action that is done is called; of another letter it is another.
pub(crate) fn done_name(card: &Card, place: usize) -> String {
    format!("{}.{place}", card.letter_id)
}

fn hidden(token: &str) -> String {
    format!("<input type=\"hidden\" name=\"token\" value=\"{}\">", Text(token))
}

fn one_letter(letter: &CardLetter) -> String {
    let mut html = format!("<div lang=\"{}\" dir=\"{}\">\n{}", Text(&letter.language), direction(&letter.language), fields(&letter.head));
    letter.blocks.iter().for_each(|part| html.push_str(&block(part)));
    html.push_str("</div>\n");
    html
}

fn block(block: &Block) -> String {
    let items = |items: &[String]| items.iter().map(|item| format!("<li>{}</li>\n", Text(item))).collect::<String>();
    match block {
        Block::Heading { level: 0 | 1, text } => format!("<h2>{}</h2>\n", Text(text)),
        Block::Heading { text, .. } => format!("<h3>{}</h3>\n", Text(text)),
        Block::Paragraph { text, language: Some(language) } => format!("<p lang=\"{}\">{}</p>\n", Text(language), Text(text)),
        Block::Paragraph { text, language: None } => format!("<p class=\"paper\">{}</p>\n", Text(text)),
        Block::Numbered { items: list } => format!("<ol>\n{}</ol>\n", items(list)),
        Block::Bulleted { items: list } => format!("<ul>\n{}</ul>\n", items(list)),
        Block::Fields { fields: list } => fields(list),
        Block::Table { columns, rows } => table(columns, rows),
    }
}

fn fields(fields: &[Field]) -> String {
    let lines: Vec<String> = fields.iter().map(|field| format!("{}: {}", Text(&field.label), Text(&field.value))).collect();
    if lines.is_empty() { String::new() } else { format!("<p>{}</p>\n", lines.join("<br>\n")) }
}

fn table(columns: &[String], rows: &[Vec<String>]) -> String {
    let mut html = String::from("<table>\n<thead><tr>");
    columns.iter().for_each(|column| html.push_str(&format!("<th scope=\"col\">{}</th>", Text(column))));
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (place, cell) in row.iter().enumerate() {
            let cell = Text(cell);
            html.push_str(&if place == 0 { format!("<th scope=\"row\">{cell}</th>") } else { format!("<td>{cell}</td>") });
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n");
    html
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_promise_is_kept_broken_or_open() {
        let round = |sent| Round { number: 2, sent, is_refused: false, language: "en".into(), title: String::new(), promise: Promise::Open, text: None };
        let day = date(2026, 12, 13);
        let (before, after) = (date(2026, 12, 1), date(2026, 12, 20));
        for (next, today, published, expected) in [
            (Some(round(Some(date(2026, 12, 13)))), date(2027, 1, 1), after, Kept::Yes),
            (Some(round(Some(date(2026, 12, 14)))), date(2026, 12, 14), after, Kept::No),
            (Some(round(None)), date(2026, 12, 13), before, Kept::Open),
            (Some(round(None)), date(2026, 12, 21), after, Kept::No),
            (None, date(2026, 12, 13), before, Kept::Open),
            (None, date(2026, 12, 14), before, Kept::Unknown),
            (None, date(2026, 12, 21), after, Kept::No),
        ] {
            assert_eq!(kept(day, next.as_ref(), (today, published)), expected);
        }
    }
}
