//! What people do: each form becomes an act of the desk. Where anybody is enrolled, the act waits until the signature over exactly its
//! text is given; what the terminal would not enter, this does not either.

use std::time::Instant;

use askama::Template;
use strandline_model::letter::SendingState;
use strandline_model::letter_word::{LetterWord, Reader};
use strandline_model::personal::Personal;
use strandline_model::time::Instant as Moment;
use strandline_model::trail::Pin;
use strandline_response::desk::{
    Act, Acted, DeskError, DutyForm, Performed, ReaddressForm, Said, Signed, Task, WordError, given_reason, message, moment, note_safety_reading, perform,
    state_of, whose_code,
};
use strandline_response::{Change, Enrolment, LookedUpBy, MessageKind, PinWord, PublicKey, ResponseError, Right, Role, Way};

use crate::door::Waiting;
use crate::job::{End, From, Job};
use crate::outcome::came_of;
use crate::pages::access::own_path;
use crate::pages::desk::seen_name;
use crate::pages::passkeys::{self, Ask};
use crate::pages::{Frame, frame, job_name, preview, zone};
use crate::pictures::Zone;
use crate::reply::{Fault, Reply};
use crate::visit::Visit;
use crate::words::says;

#[derive(Template)]
#[template(path = "sign.html")]
struct SignPage<'v> {
    f: Frame<'v>,
    number: u64,
    says: String,
    text: String,
    /// Of the key that is enrolled or removed.
    fingerprint: Option<String>,
    namespace: &'static str,
    passkey: Option<Ask>,
}

#[derive(Template)]
#[template(path = "work.html")]
struct WorkPage<'v> {
    f: Frame<'v>,
    jobs: Vec<JobLine>,
}

struct JobLine {
    name: String,
    by: String,
    /// That the end of a program cut it short, and when it was begun.
    taken_up: String,
    stage: String,
    done: String,
    said: Vec<String>,
    notes: Vec<String>,
    failed: Option<String>,
    is_over: bool,
    /// Whether it can be had to end before its time.
    can_end: bool,
    /// Where its rows are.
    link: String,
}

/// What an act needs besides itself.
struct Asked {
    act: Act,
    back: String,
    shows: Option<String>,
}

/// Strikes or confirms a link or detection.
pub fn judge(visit: &Visit) -> Result<Reply, Fault> {
    let target = visit.form.filled("target").unwrap_or_default().to_owned();
    let overview = visit.overview()?;
    let path = &overview.path;
    if !path.links.iter().any(|view| view.link.id == target) && !path.detections.iter().any(|detection| detection.id == target) {
        return Err(Fault::NotFound);
    }
    let verdict = preview::verdict(visit.form.text("verdict").unwrap_or_default())?;
    let why = reason(visit, "why")?.into_personal();
    let back = format!("/path/{target}");
    let looked_at = visit.form.filled("state").map(str::to_owned);
    if looked_at.is_some() && looked_at != Some(state_of(&visit.console.settings("", &visit.console.options.now))?) {
        // What is told of it is of another state: it is worked out again, and shown, before anything is signed.
        visit.tell(visit.t().x("preview_old").to_owned());
        return preview::begun(visit, &target, verdict);
    }
    try_act(visit, Asked { act: Act::Judge { target, verdict, why: Some(why), looked_at }, back, shows: None })
}

/// Names a starting point of the trail, or withdraws one.
pub fn pin(visit: &Visit) -> Result<Reply, Fault> {
    let written = match visit.form.filled("pin") {
        Some(pin) => pin.to_owned(),
        None => format!("{}={}", visit.form.text("kind").unwrap_or_default(), visit.form.text("value").unwrap_or_default()),
    };
    let pin: Pin = written.parse().map_err(|_| Fault::Unusable(visit.t().x("pin_bad").to_owned()))?;
    let why = Some(reason(visit, "why")?);
    let word = match visit.form.text("word") {
        Some("name") => PinWord { named: vec![pin], withdrawn: Vec::new(), why },
        Some("withdraw") => PinWord { named: Vec::new(), withdrawn: vec![pin], why },
        _ => return Err(Fault::NotFound),
    };
    try_act(visit, Asked { act: Act::Pin(word), back: "/path".to_owned(), shows: None })
}

/// Says something of a duty.
pub fn duty(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let field = |name: &str| visit.form.filled(name).map(str::to_owned);
    let personal = |name: &str| field(name).map(Personal::new);
    let what = [visit.form.filled("verb"), visit.form.filled("what")];
    let form = DutyForm {
        what: what.into_iter().flatten().map(str::to_owned).collect(),
        at: field("at"),
        knowing: personal("knowing"),
        why: personal("why"),
        given: personal("why"),
        text: field("text").map(|text| Personal::new(text.replace("\r\n", "\n"))),
    };
    let words = form.words(&overview.time_zone).map_err(|error| unusable(visit, &error))?;
    // A form of ours has one word.
    let word = words.into_iter().next().ok_or(Fault::NotFound)?;
    try_act(visit, Asked { act: Act::Duty(word), back: "/clocks".to_owned(), shows: None })
}

/// Says something of one letter.
pub fn letter(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let row = overview.person(visit.form.text("handle").unwrap_or_default()).ok_or(Fault::NotFound)?;
    let (data_subject, why) = (row.data_subject.clone(), reason(visit, "why")?);
    let word = match visit.form.text("word") {
        Some("hold") => LetterWord::Held { data_subject, why },
        Some("release") => LetterWord::Released { data_subject, why },
        Some("nobody") => LetterWord::ForNobody { data_subject, why },
        Some("by_hand") => {
            let at = visit.form.filled("at").ok_or(WordError::NoTime).and_then(|at| moment(at, &overview.time_zone).map_err(WordError::Time));
            let round = overview.letters.as_ref().map_or(1, |letters| letters.round);
            LetterWord::DoneByHand { data_subject, round, at: at.map_err(|error| unusable(visit, &error))?, why }
        }
        Some("readdress") => readdressed(visit, data_subject)?,
        _ => return Err(Fault::NotFound),
    };
    try_act(visit, Asked { act: Act::Letters(vec![word]), back: format!("/letters/{}", row.handle), shows: None })
}

/// Another address or another reader for one letter.
fn readdressed(visit: &Visit, data_subject: String) -> Result<LetterWord, Fault> {
    let field = |name: &str| visit.form.filled(name).map(str::to_owned);
    let reader = Reader::ALL.into_iter().find(|reader| visit.form.text("reader") == Some(reader.as_str())).ok_or(Fault::NotFound)?;
    let lines = field("address").map(|text| text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect());
    let form = ReaddressForm {
        data_subject,
        reader,
        name: field("name"),
        email: field("email"),
        address_lines: lines.unwrap_or_default(),
        language: field("language"),
        why: field("why").unwrap_or_default(),
    };
    form.word().map_err(|error| unusable(visit, &error))
}

/// Approves exactly the letters as they are.
pub fn approve(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let letters = overview.letters.as_ref().ok_or(Fault::NotFound)?;
    // What somebody looked at is what they approve: letters that were changed since are others.
    let looked_at = Some(visit.form.text("plan").unwrap_or_default().to_owned());
    let why = visit.form.filled("why").map(str::to_owned);
    try_act(visit, Asked { act: Act::ApproveLetters { round: letters.round, why, second_from: None, looked_at }, back: "/letters".to_owned(), shows: None })
}

/// Approves a stored plan of cuts.
pub fn approve_cut(visit: &Visit) -> Result<Reply, Fault> {
    let plan = visit.form.number("plan").ok_or(Fault::NotFound)?;
    let why = visit.form.filled("why").map(str::to_owned);
    try_act(visit, Asked { act: Act::ApproveCut { plan: Some(plan), why }, back: "/contain".to_owned(), shows: None })
}

/// Says why somebody looks at a person; then the name is shown.
pub fn look(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let row = overview.person(visit.form.text("handle").unwrap_or_default()).ok_or(Fault::NotFound)?;
    let back = own_path(visit.form.text("back").unwrap_or_default());
    let back = if let Some(beside) = crate::pages::beside::back(&overview, back, &row.handle) {
        beside
    } else if back.starts_with("/letters/") {
        format!("/letters/{}", row.handle)
    } else {
        format!("/people/{}", row.handle)
    };
    // Whoever was found by the code of their letter is looked at so; the ledger says which.
    let by = visit.session()?.found_by(&row.handle).unwrap_or(LookedUpBy::Key);
    let act = Act::LookUp { data_subject: row.data_subject.clone(), by, why: Some(reason(visit, "why")?) };
    try_act(visit, Asked { act, back, shows: Some(row.handle.clone()) })
}

/// Finds a person by key or by the code of a letter; neither stands in an address line.
pub fn find(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let wanted = visit.form.filled("who").ok_or(Fault::NotFound)?;
    if let Some(row) = overview.person_of_key(wanted) {
        return Ok(Reply::Goto(format!("/people/{}", row.handle)));
    }
    if !visit.may(Right::FindByCode) {
        return Err(Fault::Unusable(visit.t().x("find_nobody").to_owned()));
    }
    let row = found_by_code(visit, wanted)?;
    Ok(Reply::Goto(format!("/people/{row}")))
}

/// Whose code this is, as the handle of the person; the session knows how they were found.
fn found_by_code(visit: &Visit, code: &str) -> Result<String, Fault> {
    let (overview, session) = (visit.overview()?, visit.session()?);
    let settings = visit.console.settings(&session.who.name, &visit.console.options.now);
    let key = whose_code(&settings, visit.role()?, code).map_err(|error| match error {
        DeskError::Response(ResponseError::CodeWithdrawn) => Fault::Unusable(visit.t().x("find_withdrawn").to_owned()),
        _ => Fault::Unusable(visit.t().x("find_nobody").to_owned()),
    })?;
    let handle = overview.person_of_key(&key).ok_or(Fault::NotFound)?.handle.clone();
    visit.console.door().change(session.number, |session| session.find(&handle, LookedUpBy::Code));
    Ok(handle)
}

/// Somebody is on the telephone and gave the code of their letter: that is why somebody looks.
pub fn call(visit: &Visit) -> Result<Reply, Fault> {
    let handle = found_by_code(visit, visit.form.filled("code").ok_or(Fault::NotFound)?)?;
    let overview = visit.overview()?;
    let row = overview.person(&handle).ok_or(Fault::NotFound)?;
    let act = Act::LookUp { data_subject: row.data_subject.clone(), by: LookedUpBy::Code, why: None };
    try_act(visit, Asked { act, back: format!("/desk/person/{handle}"), shows: Some(handle) })
}

/// Reads a message: that somebody does is in the ledger first. A request for safety waits for nobody's signature.
pub fn read(visit: &Visit) -> Result<Reply, Fault> {
    let session = visit.session()?;
    let settings = visit.console.settings(&session.who.name, &visit.console.options.now);
    let found = message(&settings, visit.role()?, visit.form.filled("message").unwrap_or_default()).map_err(|_| Fault::NotFound)?;
    let (id, back) = (seen_name(&found.item.id), format!("/desk/{}", found.item.id));
    if let Some(row) = visit.overview()?.person_of_key(&found.item.data_subject) {
        let handle = row.handle.clone();
        visit.console.door().change(session.number, |session| {
            session.find(&handle, LookedUpBy::Message);
        });
    }
    if found.item.kind != MessageKind::Safety {
        let act = Act::LookUp { data_subject: found.item.data_subject, by: LookedUpBy::Message, why: None };
        return try_act(visit, Asked { act, back, shows: Some(id) });
    }
    let _asking = visit.console.ask();
    let noted = note_safety_reading(&settings, visit.role()?, &found.item.id);
    let entry = noted.map_err(|error| Fault::Unusable(visit.t().w("desk_not_noted", visit.t().said(&Said::from(&error)))))?;
    visit.console.acted();
    visit.console.door().change(session.number, |session| session.see(&id, Instant::now()));
    visit.tell(visit.t().w("desk_noted", entry));
    Ok(Reply::Goto(back))
}

/// Enrols a passkey that somebody offered.
pub fn enrol(visit: &Visit) -> Result<Reply, Fault> {
    let number: u64 = visit.form.number("offer").ok_or(Fault::NotFound)?;
    let offer = visit.console.offers().all(Instant::now()).iter().find(|offer| offer.number == number).cloned().ok_or(Fault::NotFound)?;
    let role: Role = visit.form.text("role").and_then(|role| role.parse().ok()).ok_or(Fault::NotFound)?;
    let name = on_one_line(&offer.name);
    let act = Act::Enrol(Enrolment { change: Change::Enrolled, key: offer.passkey.to_line(), name, role });
    try_act(visit, Asked { act, back: "/access".to_owned(), shows: None })
}

/// Enrols an SSH key by the line that its holder gave. Its fingerprint stands on the page that has it signed.
pub fn enrol_key(visit: &Visit) -> Result<Reply, Fault> {
    let line = visit.form.filled("key").unwrap_or_default();
    let key = PublicKey::of_openssh(line).map_err(|problem| Fault::Refused(Said::from(&problem)))?;
    let role: Role = visit.form.text("role").and_then(|role| role.parse().ok()).ok_or(Fault::NotFound)?;
    let name = visit.form.filled("name").ok_or_else(|| Fault::Unusable(visit.t().x("access_no_name").to_owned()))?;
    let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    let name = on_one_line(&name);
    let act = Act::Enrol(Enrolment { change: Change::Enrolled, key: key.to_openssh(), name, role });
    try_act(visit, Asked { act, back: "/access".to_owned(), shows: None })
}

fn on_one_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes a key of somebody out of the responders' table.
pub fn remove(visit: &Visit) -> Result<Reply, Fault> {
    let entry: u64 = visit.form.number("entry").ok_or(Fault::NotFound)?;
    let responders = visit.console.responders()?;
    let found = responders.iter().find(|responder| responder.enrolled == entry && responder.removed.is_none()).ok_or(Fault::NotFound)?;
    let act = Act::Enrol(Enrolment { change: Change::Removed, key: found.key.clone(), name: found.name.clone(), role: found.role });
    try_act(visit, Asked { act, back: "/access".to_owned(), shows: None })
}

/// Decides who sees to a message.
pub fn assign(visit: &Visit) -> Result<Reply, Fault> {
    let to = visit.form.filled("to").unwrap_or_default().to_owned();
    about_message(visit, |message| Act::AssignMessage { message, to })
}

/// Answers a message, in the words of the sheet or in one's own.
pub fn answer(visit: &Visit) -> Result<Reply, Fault> {
    let text = match (visit.form.text("sheet"), visit.form.filled("text")) {
        (Some(_), _) => None,
        (None, Some(text)) => Some(Personal::new(text.replace("\r\n", "\n"))),
        (None, None) => return Err(Fault::Unusable(visit.t().x("desk_no_answer").to_owned())),
    };
    let by = visit.form.filled("by").and_then(Way::parse);
    about_message(visit, |message| Act::AnswerMessage { message, text, by })
}

/// Nothing more is to be done about a message.
pub fn close(visit: &Visit) -> Result<Reply, Fault> {
    let why = reason(visit, "why")?;
    about_message(visit, |message| Act::CloseMessage { message, why })
}

/// The card that a message was written from is shown no more.
pub fn withdraw(visit: &Visit) -> Result<Reply, Fault> {
    let why = reason(visit, "why")?;
    about_message(visit, |message| Act::WithdrawCard { message, why })
}

/// Does something about a message that is there.
fn about_message(visit: &Visit, act: impl FnOnce(String) -> Act) -> Result<Reply, Fault> {
    let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
    let found = message(&settings, visit.role()?, visit.form.filled("message").unwrap_or_default()).map_err(|_| Fault::NotFound)?;
    let back = format!("/desk/{}", found.item.id);
    try_act(visit, Asked { act: act(found.item.id), back, shows: None })
}

/// What became of a letter, in somebody's word.
pub fn came(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let row = overview.person(visit.form.text("handle").unwrap_or_default()).ok_or(Fault::NotFound)?;
    let state = match visit.form.text("came") {
        Some("arrived") => SendingState::Accepted,
        Some("send_again") => SendingState::Queued,
        Some("returned") => SendingState::Returned,
        Some("bounced") => SendingState::Bounced,
        Some("answered") => SendingState::Answered,
        _ => return Err(Fault::NotFound),
    };
    let act = Act::LetterCame { data_subject: row.data_subject.clone(), state };
    try_act(visit, Asked { act, back: format!("/letters/{}", row.handle), shows: None })
}

/// Begins work that takes longer than a page.
pub fn begin(visit: &Visit) -> Result<Reply, Fault> {
    let word = visit.form.text("work").unwrap_or_default();
    let task = Task::of(word, visit.form.number("plan"), visit.form.filled("after")).ok_or(Fault::NotFound)?;
    let session = visit.needs(task.right())?;
    if !visit.console.begin(task, &session.who.name, session.who.role) {
        visit.tell(visit.t().x("work_not_begun").to_owned());
    }
    Ok(Reply::Goto("/work".to_owned()))
}

/// Has the sending end: what is under way is finished, and the rest stays queued.
pub fn end_sending(visit: &Visit) -> Result<Reply, Fault> {
    visit.console.end_sending();
    visit.tell(visit.t().x("work_ending").to_owned());
    Ok(Reply::Goto("/work".to_owned()))
}

/// How far it is.
pub fn work(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let (f, _) = frame(visit, &overview, "/work", t.x("work_title"))?;
    let zone = zone(&overview);
    let jobs: Vec<JobLine> = visit.console.jobs().iter().map(|job| job_line(visit, job, &zone)).collect();
    let runs = jobs.iter().any(|job| !job.is_over);
    let page = WorkPage { f, jobs }.render()?;
    Ok(if runs { Reply::Again(page) } else { Reply::Page(page) })
}

fn job_line(visit: &Visit, job: &Job, zone: &Zone) -> JobLine {
    let (t, progress) = (visit.t(), job.progress());
    let is_over = progress.is_over();
    // What it found is for whoever may do it.
    let sees = visit.may(job.task.right());
    let (said, failed) = match progress.end {
        Some(End::Done(done)) if sees => (came_of(&done, t), None),
        Some(End::Failed(why)) => (Vec::new(), Some(if sees { t.said(&why) } else { String::new() })),
        Some(End::Elsewhere) => (Vec::new(), Some(t.x("work_elsewhere").to_owned())),
        Some(End::CutShort) => (Vec::new(), Some(t.x("work_cut_short").to_owned())),
        _ => (Vec::new(), None),
    };
    JobLine {
        name: job_name(t, &job.task),
        by: job.by.clone(),
        taken_up: match job.from {
            From::Here => String::new(),
            From::TakenUp(begun_at) => t.w("work_taken_up", zone.full(begun_at)),
        },
        stage: progress.stage,
        done: if progress.total > 0 { t.w2("lines_shown", t.n(progress.done), t.n(progress.total)) } else { String::new() },
        said,
        notes: if sees { progress.notes } else { Vec::new() },
        failed,
        is_over,
        can_end: !is_over && sees && matches!(job.task, Task::Send { .. }),
        link: match &job.task {
            Task::RehearseCut { .. } | Task::ApplyCut { .. } | Task::VerifyCuts | Task::UndoCut { .. } => "/contain".to_owned(),
            Task::Lint | Task::Print | Task::Rehearse | Task::Send { .. } | Task::HandOver => "/letters".to_owned(),
            Task::Publish | Task::Collect => "/desk".to_owned(),
            Task::Preview { trying } => preview::href(trying),
            Task::Verify => "/ledger".to_owned(),
            Task::Renew => "/".to_owned(),
        },
    }
}

/// What is to be signed.
pub fn to_sign(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let pending = pending(visit)?;
    let (f, _) = frame(visit, &overview, "/sign", visit.t().x("sign_title"))?;
    let responders = visit.console.responders()?;
    // The first is enrolled by itself.
    let own = if responders.is_empty() { pending.enrols().into_iter().collect() } else { passkeys::current(&responders, Some(&visit.session()?.who.name)) };
    let passkey = passkeys::to_sign(visit, &pending.text, &own);
    let fingerprint = pending.fingerprint();
    let page = SignPage { f, number: pending.number, fingerprint, says: pending.says, text: pending.text, namespace: Signed::NAMESPACE, passkey };
    Ok(Reply::Page(page.render()?))
}

/// The same as a file: copying a text out of a page can change it.
pub fn sign_text(visit: &Visit) -> Result<Reply, Fault> {
    let pending = pending(visit)?;
    Ok(Reply::File(format!("decision-{}.txt", pending.number), pending.text))
}

/// The signature was given.
pub fn signed(visit: &Visit) -> Result<Reply, Fault> {
    let pending = pending(visit)?;
    let given = Signed { text: pending.text.clone(), signature: passkeys::signature(visit, Some(&pending))? };
    passkeys::check_count(visit, &given.signature)?;
    let session = visit.session()?;
    let at = pending.at;
    let clock = move || at;
    let settings = visit.console.settings(&session.who.name, &clock);
    let _asking = visit.console.ask();
    match perform(&settings, visit.role()?, &pending.act, &visit.console.options.law, Some(&given)).map_err(|error| refused(visit, error))? {
        Performed::Done(acted) => {
            passkeys::note_count(visit, &given.signature);
            visit.console.door().change(session.number, |session| session.pending.retain(|kept| kept.number != pending.number));
            let asked = Asked { act: pending.act, back: pending.back, shows: pending.shows };
            done(visit, &acted, asked)
        }
        Performed::ToSign(text) => {
            // Somebody else's entry came first, so that this one has another place now.
            let change = |session: &mut crate::door::Session| {
                if let Some(kept) = session.pending.iter_mut().find(|kept| kept.number == pending.number) {
                    kept.text = text;
                }
            };
            visit.console.door().change(session.number, change);
            visit.tell(visit.t().x("sign_again").to_owned());
            Ok(Reply::Goto(format!("/sign/{}", pending.number)))
        }
    }
}

fn pending(visit: &Visit) -> Result<crate::door::Pending, Fault> {
    let number: u64 = visit.param("number").parse().map_err(|_| Fault::NotFound)?;
    visit.session()?.pending.iter().find(|pending| pending.number == number).cloned().ok_or(Fault::NotFound)
}

fn try_act(visit: &Visit, asked: Asked) -> Result<Reply, Fault> {
    let session = visit.session()?;
    let at: Moment = visit.console.now();
    let clock = move || at;
    let settings = visit.console.settings(&session.who.name, &clock);
    let _asking = visit.console.ask();
    match perform(&settings, visit.role()?, &asked.act, &visit.console.options.law, None).map_err(|error| refused(visit, error))? {
        Performed::Done(acted) => done(visit, &acted, asked),
        Performed::ToSign(text) => {
            let Asked { act, back, shows } = asked;
            let zone = zone(&*visit.overview()?);
            let waiting = Waiting { says: says(&act, &zone, visit.t()), act, at, text, back, shows };
            let number = visit.console.door().change(session.number, |session| session.wait(waiting, Instant::now()));
            Ok(Reply::Goto(format!("/sign/{}", number.ok_or(Fault::Forbidden)?)))
        }
    }
}

fn done(visit: &Visit, acted: &Acted, asked: Asked) -> Result<Reply, Fault> {
    let (t, zone) = (visit.t(), zone(&*visit.overview()?));
    visit.console.acted();
    if acted.ledger_entries.is_empty() && matches!(asked.act, Act::Pin(_)) {
        visit.tell(t.x("pin_already").to_owned());
        return Ok(Reply::Goto(asked.back));
    }
    let entries: Vec<String> = acted.ledger_entries.iter().map(u64::to_string).collect();
    if let (Some(handle), Some(session)) = (&asked.shows, &visit.session) {
        visit.console.door().change(session.number, |session| session.see(handle, Instant::now()));
    }
    let said = says(&asked.act, &zone, t);
    let mut told = if entries.is_empty() { said } else { t.w2("act_done", said, entries.join(", ")) };
    if let Some(failed) = &acted.failed_after {
        told = format!("{told}. {}", t.w("act_failed_after", t.said(failed)));
    }
    visit.tell(told);
    Ok(Reply::Goto(asked.back))
}

fn reason(visit: &Visit, field: &str) -> Result<Personal<String>, Fault> {
    given_reason(visit.form.text(field).unwrap_or_default()).map_err(|error| unusable(visit, &error))
}

/// Why an act was not done, in the language of the page where it is ours to say.
fn refused(visit: &Visit, error: DeskError) -> Fault {
    match error {
        DeskError::NotYours { .. } => Fault::Forbidden,
        DeskError::Response(ResponseError::NoSuchPin(_)) => Fault::NotFound,
        DeskError::Response(ResponseError::OtherState) => Fault::Unusable(visit.t().x("preview_old").to_owned()),
        DeskError::Response(ResponseError::OtherLetters) => Fault::Unusable(visit.t().x("letters_changed").to_owned()),
        DeskError::Response(ResponseError::LettersOld) => Fault::Unusable(visit.t().x("letters_old").to_owned()),
        other => other.into(),
    }
}

/// What is missing of a word, in the language of the page.
pub fn unusable(visit: &Visit, error: &WordError) -> Fault {
    let t = visit.t();
    Fault::Unusable(match error {
        WordError::NoReason { .. } => t.x("form_no_reason").to_owned(),
        WordError::NoTime => t.x("form_no_time").to_owned(),
        WordError::NoName(_) => t.x("form_no_name").to_owned(),
        WordError::NoPlace => t.x("form_no_place").to_owned(),
        WordError::NoSession => t.x("scope_no_session").to_owned(),
        WordError::Time(source) | WordError::Window(source) => t.w("form_bad_time", t.said(&Said::from(source))),
        other => t.said(&Said::from(other)),
    })
}
