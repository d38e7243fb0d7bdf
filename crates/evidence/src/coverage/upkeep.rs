//! What a log says of itself: it was cleared, its recording was stopped or told to record less, the clock was set.
//! Each is a gap of the channel that it concerns, from the last record before to the first one after.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strandline_model::event::{Activity, Class, Event};
use strandline_model::evidence::{Gap, GapKind};
use strandline_model::time::Interval;

use super::density::{Density, SECOND};
use super::edges::Context;
use super::{Mark, bounded, interval};

/// Channels of hosts whose records are remembered by time, and how finely.
const CHANNELS_MAX: usize = 4096;
const BINS_MAX: usize = 512;
/// Findings kept of a source.
const FINDINGS_MAX: usize = 10_000;
/// A clock that is set by less is only corrected, as time services do all day.
const CLOCK_MIN: i64 = 60 * SECOND;

/// What is kept of a source's word on itself.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    channels: BTreeMap<(String, String), Density>,
    findings: Vec<Finding>,
}

#[derive(Clone, Debug)]
struct Finding {
    host: String,
    /// The channel, or for a policy what it is about.
    about: String,
    what: What,
    mark: Mark,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Cleared,
    Stopped,
    /// The policy was changed so that less is recorded.
    Lessened,
    /// The policy was changed otherwise.
    Restored,
    /// The clock was set, from and to.
    Set(i64, i64),
}

impl Upkeep {
    /// Sees a record of a log that has channels, or that speaks of its own upkeep.
    pub fn see(&mut self, event: &Event<'_>, mark: Mark) {
        let host = event.host.as_deref().unwrap_or_default();
        if let Some(channel) = &event.channel {
            let key = (host.to_owned(), channel.clone().into_owned());
            if self.channels.len() < CHANNELS_MAX || self.channels.contains_key(&key) {
                self.channels.entry(key).or_insert_with(|| Density::of_bins(BINS_MAX)).see(mark, 1);
            }
        }
        let what = match (event.class, event.activity) {
            (Class::EventLog, Activity::Clear) => What::Cleared,
            (Class::EventLog, Activity::Stop) => What::Stopped,
            (Class::EventLog, Activity::Define) if label(event, "records_less").is_some() => What::Lessened,
            (Class::EventLog, Activity::Define) => What::Restored,
            (Class::Lifecycle, Activity::ClockChange) => match (clock(event, "clock_from"), clock(event, "clock_to")) {
                (Some(from), Some(to)) if from.abs_diff(to) >= CLOCK_MIN.unsigned_abs() => What::Set(from, to),
                _ => return,
            },
            _ => return,
        };
        if self.findings.len() < FINDINGS_MAX {
            let about = event.object.as_deref().or(event.channel.as_deref()).unwrap_or_default();
            self.findings.push(Finding { host: host.to_owned(), about: about.to_owned(), what, mark });
        }
    }

    /// The gaps of this source, whose events span `span`.
    pub fn gaps(&self, context: &Context<'_>, span: Interval) -> Vec<Gap> {
        self.findings.iter().filter_map(|finding| self.gap(context, span, finding)).collect()
    }

    fn gap(&self, context: &Context<'_>, span: Interval, finding: &Finding) -> Option<Gap> {
        let Finding { host, about, what, mark } = finding;
        let channel = self.channels.get(&(host.clone(), about.clone()));
        match *what {
            What::Cleared => {
                let before = channel.and_then(|channel| channel.before(mark.time));
                let from = before.map_or(span.from.0, |before| before.time);
                let marks: Vec<Mark> = before.into_iter().chain([*mark]).collect();
                let reason = format!("the log {about} of {host} was cleared: what stood in it before is gone");
                Some(context.gap(GapKind::Truncated, interval(from, mark.time), None, reason, &marks))
            }
            What::Stopped => {
                let after = channel.and_then(|channel| channel.after(mark.time));
                let to = after.map_or(span.to.0, |after| after.time);
                let marks: Vec<Mark> = [*mark].into_iter().chain(after).collect();
                let reason = format!("recording in {about} of {host} was stopped, or records were dropped, until the next record");
                Some(context.gap(GapKind::Unlogged, interval(mark.time, to), None, reason, &marks))
            }
            What::Lessened => {
                let restored = |other: &&Finding| other.what == What::Restored && other.host == *host && other.about == *about && other.mark.time >= mark.time;
                let end = self.findings.iter().filter(restored).map(|other| other.mark).min();
                let marks: Vec<Mark> = [*mark].into_iter().chain(end).collect();
                let reason = format!("the audit policy of {host} was changed to record less of {about}");
                Some(context.gap(GapKind::Unlogged, interval(mark.time, end.map_or(span.to.0, |end| end.time)), None, reason, &marks))
            }
            What::Restored => None,
            What::Set(from, to) => {
                let seconds = (to - from) / SECOND;
                let reason = format!("the clock of {host} was set by {seconds} seconds: times in between were passed twice, or never");
                Some(context.gap(GapKind::ClockChange, interval(from.min(to), from.max(to)), None, reason, &[*mark]))
            }
        }
    }
}

fn label(event: &Event<'_>, name: &str) -> Option<String> {
    let labels: serde_json::Value = serde_json::from_str(event.labels.as_deref()?).ok()?;
    Some(labels.get(name)?.as_str()?.to_owned())
}

fn clock(event: &Event<'_>, name: &str) -> Option<i64> {
    label(event, name)?.parse::<Timestamp>().ok().map(|time| bounded(time.as_microsecond()))
}
