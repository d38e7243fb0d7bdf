//! A watcher that hears nothing: for looks, which have nothing to tell of their progress.

use crate::run::Watcher;

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Watcher for Quiet {
    fn stage(&mut self, _name: &str) {}
    fn progress(&mut self, _done: u64, _total: u64, _unit: &str) {}
    fn note(&mut self, _text: &str) {}
}
