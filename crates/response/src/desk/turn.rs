//! Whose turn it is: work that has a case for long, such as sending, gives it to people who decide meanwhile, and goes on after them.
//! Within one program; another one waits, or is told that the case is taken.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How often work that waits for people looks whether they are done.
const GLANCE: Duration = Duration::from_millis(20);

/// Who waits for a case that work of the same program has.
#[derive(Debug, Default)]
pub struct Turn {
    waiting: AtomicUsize,
    stop: AtomicBool,
    is_ended: AtomicBool,
}

/// Somebody waits for the case, or has it; dropped once they are done.
#[derive(Debug)]
pub struct Asking<'t>(&'t Turn);

impl Turn {
    /// Asks for the case: long work lets go of it as soon as it can.
    #[must_use = "whoever asks has the turn for as long as this lives"]
    pub fn ask(&self) -> Asking<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.stop.store(true, Ordering::SeqCst);
        Asking(self)
    }

    /// Has the work end: what is under way is finished, and nothing new begins.
    pub fn end(&self) {
        self.is_ended.store(true, Ordering::SeqCst);
        self.stop.store(true, Ordering::SeqCst);
    }

    /// A new piece of work begins, and nobody has asked it to end yet.
    pub(super) fn begin(&self) {
        self.is_ended.store(false, Ordering::SeqCst);
    }

    /// Whether somebody had the work end.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::SeqCst)
    }

    /// What work under way looks at.
    pub(super) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// Whether somebody asked since the last [`Turn::pass`].
    pub(super) fn was_asked(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Waits until nobody waits any more.
    pub(super) fn pass(&self) {
        while self.waiting.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(GLANCE);
        }
        self.stop.store(false, Ordering::SeqCst);
        // Somebody may have asked in between.
        if self.waiting.load(Ordering::SeqCst) > 0 || self.is_ended() {
            self.stop.store(true, Ordering::SeqCst);
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_stops_the_work_and_it_goes_on_after_them() {
        let turn = Turn::default();
        let asking = turn.ask();
        assert!(turn.stop().load(Ordering::SeqCst));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| turn.pass());
            std::thread::sleep(Duration::from_millis(60));
            assert!(!waits.is_finished(), "it did not wait");
            drop(asking);
        });
        assert!(!turn.was_asked());
        turn.end();
        turn.pass();
        assert!(turn.was_asked() && turn.is_ended(), "an end was forgotten");
        turn.begin();
        turn.pass();
        assert!(!turn.was_asked());
    }
}
