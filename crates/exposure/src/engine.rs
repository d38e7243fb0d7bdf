//! The real replayer.

use crate::Options;
use crate::replay::{EngineDatabase, Replayer};

pub(crate) fn replayer(_database: EngineDatabase, _options: &Options) -> Result<Box<dyn Replayer>, String> {
    Err("the replay engine is not part of this build".to_owned())
}
