//! What letters and forms are printed with.

use std::path::PathBuf;

use clap::Args;
use strandline_response::Page;

/// What letters are printed with
#[derive(Args)]
pub struct PageArgs {
    /// A folder with your own layout.typ, and the pictures that it shows
    #[arg(long, value_name = "DIR")]
    layout: Option<PathBuf>,
    /// A folder of fonts; without it, the fonts of the system that hold Chinese
    #[arg(long, value_name = "DIR")]
    fonts: Option<PathBuf>,
}

impl PageArgs {
    pub fn page(&self) -> Page {
        Page { layout: self.layout.clone(), fonts: self.fonts.clone() }
    }
}
