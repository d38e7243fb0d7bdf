//! The estate file of the drill's department: one kept text, with the few lines that differ between scenarios.

use crate::Scenario;
use crate::clock::{Millis, civil};
use crate::database::{LOG_LINE_PREFIX, Setting};
use crate::world::database_setting;

/// `estate.toml` for a scenario whose dump was taken at `snapshot_at`.
pub(crate) fn estate(scenario: Scenario, snapshot_at: Millis) -> String {
    let (setting, zone) = database_setting(scenario);
    let clock = if zone.1 == 0 { "UTC" } else { "Asia/Hong_Kong" };
    let prefix = if setting == Setting::StderrAudit { format!("log_format = \"{LOG_LINE_PREFIX}\" # log_line_prefix\n") } else { String::new() };
    let auth = if scenario == Scenario::Pivot { include_str!("estate/auth.toml") } else { "" };
    let taken = civil(snapshot_at, 0);
    let text = include_str!("estate/estate.toml");
    let text = if scenario == Scenario::OneUrl { one_url(text) } else { text.to_owned() };
    text.replace("#@AUTH@\n", auth)
        .replace("#@PREFIX@\n", &prefix)
        .replace("@CLOCK@", clock)
        .replace("@ENDING@", setting.ending())
        .replace("@TAKEN@", &format!("{}Z", taken.iso_seconds()))
}

/// Of a program of one URL there is the web server's log alone, which names neither a session nor a request's id, and no route says
/// what a page shows.
fn one_url(text: &str) -> String {
    let is_left = |block: &&str| !block.contains("id = \"crew-app\"") && !block.contains("[[route]]");
    text.split("\n\n").filter(is_left).collect::<Vec<_>>().join("\n\n").replace(" request_id = \"rid\", method", " method")
}
