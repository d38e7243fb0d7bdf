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
    include_str!("estate/estate.toml")
        .replace("#@AUTH@\n", auth)
        .replace("#@PREFIX@\n", &prefix)
        .replace("@CLOCK@", clock)
        .replace("@ENDING@", setting.ending())
        .replace("@TAKEN@", &format!("{}Z", taken.iso_seconds()))
}
