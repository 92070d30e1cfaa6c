//! Driver: the outside's way to the dead letters of a running job.
//!
//! Takes wishes to see them, or to feed them back. Gives letters, and what became of those that
//! were fed back. Everything slow happens here, on the thread of whoever asks; the job's loop only
//! hands rows to its next batch, and notes the outcome when that is published.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use super::event::Event;
use super::fed_letters::{FedOutcome, FedTo, FeedAsked, Flight, OnTheirWay};
use super::letter_route::{Job, Route};
use super::letters::letter::Letter;
use super::letters::{LetterId, Waiting, read};
use super::look_error::LookError;
use super::versions::VersionBase;
use crate::exec::fed_back::FedRow;
use crate::limits::{
    DEAD_LETTER_BYTES_MAX, DEAD_LETTER_NOTES_BYTES_MAX, FED_BYTES_MAX, FED_LETTERS_MAX,
    FED_WAIT_MAX,
};
use crate::model::pipeline::Pipeline;
use crate::model::policy::OnBadRow;
use crate::sys::line_file::LineFile;
use crate::sys::storage::Storage;

/// The dead letters of one job. It does not keep the job alive.
#[derive(Debug)]
pub struct LetterControl {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) base: Arc<VersionBase>,
    pub(super) seed: u64,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) events: Sender<Event>,
    pub(super) on_their_way: OnTheirWay,
    pub(super) one: Mutex<()>,
    /// How many letters are fed back at once. Half as many after a batch that failed with them:
    /// one that breaks its batch keeps the others back a few times, and not for ever.
    pub(super) at_once: AtomicUsize,
}

/// Letters that wait.
#[derive(Debug, Default)]
pub struct Listed {
    /// The newest of them, the oldest of these first; of each why it would not be fed back, if so.
    pub letters: Vec<(Letter, Option<String>)>,
    /// How many there are.
    pub total: usize,
    /// The files that they are kept in; none where the job keeps none.
    pub files: Vec<PathBuf>,
}

/// What became of letters that were to be fed back.
#[derive(Debug, Default)]
pub struct Retried {
    /// Those whose rows went into a batch, when it has ended.
    pub fed: Option<FedOutcome>,
    /// Those that are on their way into a batch that has not ended.
    pub on_their_way: usize,
    /// Those that their source's format still cannot read: they have one attempt more.
    pub still_bad: usize,
    /// Those that stay as they are, by the reason.
    pub stay: BTreeMap<String, usize>,
    /// Those that are for the next time: so many are not fed back at once.
    pub later: usize,
    /// How many are fed back the next time, at most.
    pub at_once: usize,
}

/// Letters that are to be fed back, as they are gathered.
#[derive(Default)]
struct Gathered {
    retried: Retried,
    rows: Vec<(FedTo, FedRow)>,
    letters: Vec<LetterId>,
    bytes: usize,
    most: usize,
    /// What is to be written of letters that their source's format still cannot read, by file.
    still_bad: Vec<(PathBuf, Vec<u8>)>,
}

impl Gathered {
    fn is_full(&self) -> bool {
        self.letters.len() >= self.most || self.bytes >= FED_BYTES_MAX
    }
}

/// The newest letters that wait in the files of a job, whether it runs or not, at most so many.
///
/// # Errors
/// When a file cannot be read.
pub fn list_kept(
    storage: &dyn Storage,
    pipeline: &Pipeline,
    limit: usize,
) -> Result<Listed, LookError> {
    let (mut places, files) = (Vec::new(), files(pipeline));
    for path in &files {
        let waiting = Waiting::of(storage, path)?;
        places.extend(waiting.letters.into_iter().map(|place| (path.clone(), place)));
    }
    let mut listed = Listed { letters: Vec::new(), total: places.len(), files };
    for (path, place) in &places[places.len().saturating_sub(limit)..] {
        let letter = read(storage, path, *place)?;
        listed.letters.extend(letter.map(|letter| (letter, None)));
    }
    Ok(listed)
}

/// The files that letters are written to, each once.
fn files(pipeline: &Pipeline) -> Vec<PathBuf> {
    let policies = pipeline.sources.iter().map(|source| &source.on_bad_row);
    let mut files: Vec<PathBuf> = Vec::new();
    for policy in policies.chain([&pipeline.settings.on_rejected]) {
        if let OnBadRow::DeadLetter(path) = policy
            && !files.contains(path)
        {
            files.push(path.clone());
        }
    }
    files
}

impl LetterControl {
    /// The newest letters that wait, at most so many.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn list(&self, limit: usize) -> Result<Listed, LookError> {
        let mut listed = list_kept(&*self.storage, &self.pipeline, limit)?;
        let version = self.base.current();
        let job = Job { pipeline: &self.pipeline, plan: &version.plan, seed: self.seed };
        for (letter, stays) in &mut listed.letters {
            *stays = match job.route(letter) {
                Route::Stays(why) => Some(why),
                Route::Fed(..) | Route::StillBad(_) => None,
            };
        }
        Ok(listed)
    }

    /// Feeds the oldest letters that can be into the next batch, and waits for its end.
    ///
    /// # Errors
    /// When none can be fed back now: all stay as they are then.
    pub fn retry(&self) -> Result<Retried, LookError> {
        let _one = match self.one.try_lock() {
            Ok(one) => one,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(LookError::Busy),
        };
        let most = self.at_once.load(Ordering::Relaxed);
        let mut gathered = Gathered { most, ..Gathered::default() };
        let files = files(&self.pipeline);
        if files.is_empty() {
            return Err(LookError::NoLetters);
        }
        for path in files {
            self.gather(path, &mut gathered)?;
        }
        let Gathered { mut retried, rows, letters, still_bad, .. } = gathered;
        let (answer, answered) = sync_channel(1);
        let count = letters.len();
        // The loop is asked without rows too: of a job that takes none nothing is noted.
        let flight = Flight::of(letters, &self.on_their_way);
        let asked = FeedAsked { rows, flight, answer };
        self.events.send(Event::Feed(asked)).map_err(|_| LookError::Ended)?;
        match answered.recv_timeout(FED_WAIT_MAX) {
            Ok(outcome) => {
                let outcome = outcome?;
                self.learn(count, outcome.withdrawn.is_some());
                retried.fed = Some(outcome).filter(|_| count > 0);
            }
            Err(RecvTimeoutError::Timeout) => retried.on_their_way += count,
            Err(RecvTimeoutError::Disconnected) => return Err(LookError::Ended),
        }
        for (path, lines) in still_bad {
            let room = DEAD_LETTER_BYTES_MAX + DEAD_LETTER_NOTES_BYTES_MAX;
            LineFile::open(&*self.storage, &path, room)?.append(&lines)?;
        }
        retried.at_once = self.at_once.load(Ordering::Relaxed);
        Ok(retried)
    }

    /// Feeds fewer back the next time, if a batch failed with so many; else more again.
    fn learn(&self, fed: usize, failed: bool) {
        let at_once = match (fed, failed) {
            (0, _) => return,
            (fed, true) => (fed / 2).max(1),
            (_, false) => (2 * self.at_once.load(Ordering::Relaxed)).min(FED_LETTERS_MAX),
        };
        self.at_once.store(at_once, Ordering::Relaxed);
    }

    fn gather(&self, path: PathBuf, gathered: &mut Gathered) -> Result<(), LookError> {
        let waiting = Waiting::of(&*self.storage, &path)?;
        let room = DEAD_LETTER_BYTES_MAX + DEAD_LETTER_NOTES_BYTES_MAX;
        if waiting.bytes + FED_BYTES_MAX as u64 > room {
            return Err(LookError::Full { path });
        }
        let version = self.base.current();
        let job = Job { pipeline: &self.pipeline, plan: &version.plan, seed: self.seed };
        let mut still_bad = Vec::new();
        for place in waiting.letters {
            if self.is_on_its_way(&path, place.0) {
                gathered.retried.on_their_way += 1;
                continue;
            }
            if gathered.is_full() {
                gathered.retried.later += 1;
                continue;
            }
            let Some(letter) = read(&*self.storage, &path, place)? else { continue };
            match job.route(&letter) {
                Route::Fed(to, place, row) => {
                    gathered.bytes += row.get_array_memory_size();
                    let (number, attempts) = (gathered.letters.len(), letter.attempts);
                    let row = FedRow { letter: number, attempts, place, row, only: false };
                    gathered.rows.push((to, row));
                    gathered.letters.push(letter.id);
                }
                Route::StillBad(reason) => {
                    gathered.retried.still_bad += 1;
                    gathered.bytes += letter.said.to_string().len();
                    // The letter before its note: whatever breaks off in between, it is not lost.
                    still_bad.extend(letter.tried_again(&reason));
                    still_bad.extend(letter.id.note("refused", None).into_bytes());
                }
                Route::Stays(why) => *gathered.retried.stay.entry(why).or_default() += 1,
            }
        }
        if !still_bad.is_empty() {
            gathered.still_bad.push((path, still_bad));
        }
        Ok(())
    }

    fn is_on_its_way(&self, path: &Path, byte: u64) -> bool {
        let all = self.on_their_way.lock().unwrap_or_else(PoisonError::into_inner);
        all.contains(&(path.to_owned(), byte))
    }
}
