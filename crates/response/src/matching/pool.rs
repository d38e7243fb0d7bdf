//! Several workers over the pieces of the evidence. Answers come in the order of the pieces, whoever is done first, so a
//! result does not depend on how many there are.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use strandline_detection::sigma::RuleSet;

use super::BoxError;
use super::piece::{Looked, Piece, Scope, Worker};

/// Bytes of pieces that are under way at once.
const BYTES_UNDER_WAY: usize = 16 << 20;
/// Pieces that are under way at once, for each worker.
const PIECES_EACH: usize = 16;

/// Takes pieces, and hands each answer on when its turn comes.
pub struct Feeder<'f, 'r> {
    way: Way<'r>,
    /// Buffers of pieces that are done.
    spare: Vec<Vec<u8>>,
    take: &'f mut dyn FnMut(Looked) -> Result<(), BoxError>,
}

enum Way<'r> {
    /// One thread does everything.
    Alone(Box<Worker<'r>>),
    Many(Many),
}

type Answer = (u64, thread::Result<Looked>);

struct Many {
    pieces: Sender<(u64, Piece)>,
    answers: Receiver<Answer>,
    workers: usize,
    /// Number of the next piece to hand out, and of the next answer to hand on.
    next_piece: u64,
    next_answer: u64,
    /// Answers that came before their turn.
    early: BTreeMap<u64, Looked>,
    /// Sizes of the pieces under way.
    sizes: BTreeMap<u64, usize>,
    bytes: usize,
}

/// Runs `feed` with workers on `threads` threads, which try the rules on these records. `take` gets the answers in the order in which `feed` submitted the pieces.
/// Memory is bounded by what is under way.
///
/// # Errors
/// What `feed` or `take` fail with.
pub fn run(
    set: &RuleSet,
    threads: usize,
    records: Scope<'_>,
    take: &mut dyn FnMut(Looked) -> Result<(), BoxError>,
    feed: impl FnOnce(&mut Feeder<'_, '_>) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    if threads <= 1 {
        let mut feeder = Feeder { way: Way::Alone(Box::new(Worker::new(set, records))), spare: Vec::new(), take };
        return feed(&mut feeder);
    }
    thread::scope(|scope| {
        let (pieces, waiting) = channel::<(u64, Piece)>();
        let (done, answers) = channel::<Answer>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let (waiting, done) = (Arc::clone(&waiting), done.clone());
            scope.spawn(move || work(set, records, &waiting, &done));
        }
        let many = Many { pieces, answers, workers: threads, next_piece: 0, next_answer: 0, early: BTreeMap::new(), sizes: BTreeMap::new(), bytes: 0 };
        let mut feeder = Feeder { way: Way::Many(many), spare: Vec::new(), take };
        feed(&mut feeder)?;
        feeder.finish()
    })
}

/// One worker, until there are no more pieces.
fn work(set: &RuleSet, records: Scope<'_>, pieces: &Mutex<Receiver<(u64, Piece)>>, done: &Sender<Answer>) {
    let mut worker = Worker::new(set, records);
    loop {
        let next = pieces.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, piece)) = next else { return };
        // A panic is a bug of ours; it must end the run and not leave it waiting for this answer.
        let looked = catch_unwind(AssertUnwindSafe(|| worker.look(piece)));
        if done.send((number, looked)).is_err() {
            return;
        }
    }
}

impl Feeder<'_, '_> {
    /// Has a piece looked at; waits while enough are under way.
    ///
    /// # Errors
    /// If the receiver of the answers fails.
    pub fn submit(&mut self, piece: Piece) -> Result<(), BoxError> {
        let Self { way, spare, take } = self;
        let mut done = |mut looked: Looked| {
            spare.extend(looked.spare.take());
            take(looked)
        };
        match way {
            Way::Alone(worker) => done(worker.look(piece)),
            Way::Many(many) => many.submit(piece, &mut done),
        }
    }

    /// A buffer that a piece does not need any more, or a new one.
    pub fn spare(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Waits for all answers.
    fn finish(self) -> Result<(), BoxError> {
        match self.way {
            Way::Alone(_) => Ok(()),
            Way::Many(mut many) => {
                while many.next_answer < many.next_piece {
                    many.receive(self.take)?;
                }
                Ok(())
            }
        }
    }
}

impl Many {
    fn submit(&mut self, piece: Piece, take: &mut dyn FnMut(Looked) -> Result<(), BoxError>) -> Result<(), BoxError> {
        let size = piece.bytes();
        while !self.sizes.is_empty() && (self.bytes + size > BYTES_UNDER_WAY || self.sizes.len() >= PIECES_EACH * self.workers) {
            self.receive(take)?;
        }
        self.sizes.insert(self.next_piece, size);
        self.bytes += size;
        self.pieces.send((self.next_piece, piece))?;
        self.next_piece += 1;
        Ok(())
    }

    /// Waits for one answer, and hands on those whose turn it is.
    fn receive(&mut self, take: &mut dyn FnMut(Looked) -> Result<(), BoxError>) -> Result<(), BoxError> {
        let (number, looked) = self.answers.recv()?;
        self.early.insert(number, looked.unwrap_or_else(|panic| resume_unwind(panic)));
        while let Some(looked) = self.early.remove(&self.next_answer) {
            self.bytes -= self.sizes.remove(&self.next_answer).unwrap_or(0);
            self.next_answer += 1;
            take(looked)?;
        }
        Ok(())
    }
}
