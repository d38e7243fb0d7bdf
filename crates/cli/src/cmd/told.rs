//! What a run is told beside pins: the time to look in, and what to do with a dump that is cut.

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use strandline_model::time::Interval;
use strandline_response::desk::window;
use strandline_response::{CutDump, Told};

/// A time with two ends.
#[derive(Args)]
pub struct WindowArgs {
    /// From here on: 2026-11-20, 2026-11-20T08:00 (the organisation's time) or with an offset or Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// … and up to here; a date means its whole day
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

/// Kept with the case: a later run without them goes on as it was told.
#[derive(Args)]
pub struct ToldArgs {
    #[command(flatten)]
    window: WindowArgs,
    /// What to do with a dump that ends too early
    #[arg(long, value_name = "WHAT")]
    cut_dump: Option<OnCutDump>,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnCutDump {
    /// Stop and say where it ends
    Stop,
    /// Go on with what there is; its tables count as incomplete, and so wider
    GoOn,
}

impl WindowArgs {
    /// What was said, read in the organisation's zone; `None`: all time.
    pub fn window(&self, zone: &str) -> anyhow::Result<Option<Interval>> {
        Ok(window(self.from.as_deref(), self.to.as_deref(), &TimeZone::get(zone).unwrap_or(TimeZone::UTC))?)
    }

    /// The two ends, as they were said.
    pub fn ends(self) -> [Option<String>; 2] {
        [self.from, self.to]
    }
}

impl ToldArgs {
    /// What was said, read in the organisation's zone.
    pub fn told(&self, zone: &str) -> anyhow::Result<Told> {
        let window = self.window.window(zone)?;
        let cut_dump = self.cut_dump.map(|what| match what {
            OnCutDump::Stop => CutDump::Stop,
            OnCutDump::GoOn => CutDump::GoOn,
        });
        Ok(Told { window, cut_dump })
    }
}
