//! Events that a mail service tells as JSON: Amazon SES (by itself, in a notice of SNS, in an event of EventBridge, or out of a queue) and
//! SendGrid.
//!
//! The letter is named by the sender's address that the service was given, or by the Message-ID; nothing else in an event is believed.

use serde_json::Value;
use strandline_model::letter::LetterReference;

use super::{Bounce, BounceKind, reference_of_id, status, words};
use crate::plain::one_line;
use crate::return_path::ReturnPath;
use crate::smtp::Answer;

/// A notice of a queue holds one of SNS, which holds one of EventBridge, which holds the event.
const WRAPPINGS_LIMIT: usize = 4;

/// Reads an event. `None` if it is none, or names no letter of ours.
pub(super) fn read_event(text: &[u8], return_path: &ReturnPath) -> Option<Bounce> {
    let event = unwrapped(parse(text)?);
    let (kind, answer) = ses(&event).or_else(|| sendgrid(&event))?;
    Some(Bounce { reference: find_reference(&event, return_path)?, kind, answer })
}

/// Whether this is an event of such a service.
pub(super) fn is_event(text: &[u8]) -> bool {
    parse(text).map(unwrapped).is_some_and(|event| ses(&event).is_some() || sendgrid(&event).is_some())
}

fn parse(text: &[u8]) -> Option<Value> {
    let begins = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if begins != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(text).ok()
}

/// SNS and SQS carry the event as text within a notice of their own, EventBridge within a detail; and each may carry another's.
fn unwrapped(event: Value) -> Value {
    let mut event = event;
    for _ in 0..WRAPPINGS_LIMIT {
        let detail = event.get("detail-type").and_then(|_| event.get("detail")).filter(|detail| detail.is_object()).cloned();
        let text = event.get("Type").and_then(|_| event.get("Message")).or_else(|| event.get("Body")).or_else(|| event.get("body"));
        let of_text = text.and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok()).filter(Value::is_object);
        let of_function = event.get("Sns").filter(|notice| notice.is_object()).cloned();
        match detail.or(of_text).or(of_function) {
            Some(inner) => event = inner,
            None => break,
        }
    }
    event
}

fn find_reference(event: &Value, return_path: &ReturnPath) -> Option<LetterReference> {
    let mail = &event["mail"];
    let senders = [&mail["source"], &mail["commonHeaders"]["returnPath"]];
    let by_sender = senders.into_iter().filter_map(Value::as_str).flat_map(words).find_map(|word| return_path.reference_in(word));
    let headers = mail["headers"].as_array().into_iter().flatten();
    let named = headers.filter(|header| header["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("message-id"))).map(|header| &header["value"]);
    by_sender
        .or_else(|| named.chain([&mail["commonHeaders"]["messageId"], &event["smtp-id"]]).filter_map(Value::as_str).flat_map(words).find_map(reference_of_id))
}

fn ses(event: &Value) -> Option<(BounceKind, Answer)> {
    let kind = event["notificationType"].as_str().or_else(|| event["eventType"].as_str())?;
    event.get("mail")?;
    let of = |part: &str| event[part].as_object();
    Some(match kind {
        "Bounce" => ses_bounce(&event["bounce"]),
        "DeliveryDelay" => {
            let recipient = &event["deliveryDelay"]["delayedRecipients"][0];
            (BounceKind::Delayed, diagnosis(recipient["status"].as_str(), recipient["diagnosticCode"].as_str()))
        }
        "Delivery" => (BounceKind::Delivered, diagnosis(None, event["delivery"]["smtpResponse"].as_str())),
        "Send" => (BounceKind::Delayed, Answer::own("on its way")),
        "Open" | "Click" => (BounceKind::Delivered, Answer::own("read")),
        "Reject" => (BounceKind::Failed, said("the service took it for harmful", of("reject").and_then(|r| r.get("reason")?.as_str()))),
        "Rendering Failure" => (BounceKind::Failed, said("the service did not build it", of("failure").and_then(|f| f.get("errorMessage")?.as_str()))),
        "Complaint" => (BounceKind::Unclear, Answer::own("its reader marked it as unwanted: it arrived, and whether it was believed is to be asked")),
        _ => (BounceKind::Unclear, Answer::own("an event that is not known: read it")),
    })
}

/// A bounce of SES. A transient one without a mail system's word is often an absence note that the service took for a bounce.
fn ses_bounce(bounce: &Value) -> (BounceKind, Answer) {
    let recipient = &bounce["bouncedRecipients"][0];
    let answer = diagnosis(recipient["status"].as_str(), recipient["diagnosticCode"].as_str());
    let kind = match (recipient["action"].as_str().and_then(status::action), bounce["bounceType"].as_str()) {
        (Some(kind), _) => kind,
        (None, Some("Permanent")) => BounceKind::Failed,
        (None, _) => BounceKind::Unclear,
    };
    let is_empty = answer.code == 0 && answer.enhanced.is_none() && answer.text.is_empty();
    (kind, if is_empty { said("the service counts a bounce", bounce["bounceSubType"].as_str()) } else { answer })
}

fn sendgrid(event: &Value) -> Option<(BounceKind, Answer)> {
    let name = event["event"].as_str()?;
    event.get("sg_event_id").or_else(|| event.get("sg_message_id")).or_else(|| event.get("smtp-id"))?;
    let words = event["reason"].as_str().or_else(|| event["response"].as_str());
    let answer = || diagnosis(event["status"].as_str(), words);
    Some(match name {
        "bounce" | "dropped" => (BounceKind::Failed, answer()),
        "deferred" => (BounceKind::Delayed, answer()),
        "processed" => (BounceKind::Delayed, Answer::own("on its way")),
        "delivered" => (BounceKind::Delivered, answer()),
        "open" | "click" => (BounceKind::Delivered, Answer::own("read")),
        "spamreport" => (BounceKind::Unclear, Answer::own("its reader marked it as unwanted: it arrived, and whether it was believed is to be asked")),
        _ => (BounceKind::Unclear, Answer::own("an event that is not known: read it")),
    })
}

/// What a server said, with or without the type before it (`smtp; 550 …`).
fn diagnosis(enhanced: Option<&str>, words: Option<&str>) -> Answer {
    let words = words.unwrap_or_default();
    let words = words.split_once(';').filter(|(kind, _)| kind.trim().eq_ignore_ascii_case("smtp")).map_or(words, |(_, words)| words).trim();
    status::answer(enhanced.filter(|status| crate::smtp::is_enhanced(status)).map(str::to_owned), words)
}

fn said(what: &str, why: Option<&str>) -> Answer {
    Answer::own(why.map_or_else(|| what.to_owned(), |why| format!("{what}: {}", one_line(why, 80))))
}
