//! Driver: those who look at rows of a job's batches, as its loop knows them.
//!
//! Takes what tasks show. Gives it to those who look, until they have seen enough. Never costs a
//! batch anything at which nobody looks.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arrow_array::RecordBatch;

use super::look_error::LookError;
use crate::exec::tap::{Shown, TapPlace, TapWish};
use crate::limits::{LOOK_BYTES_MAX, TAPS_MAX};
use crate::model::id::StageId;
use crate::model::time::BatchTime;

/// Rows that were seen, by the batches that made them.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// The rows.
    pub batches: BTreeMap<BatchTime, SeenBatch>,
}

/// Rows of one batch.
#[derive(Debug, Default, Clone)]
pub struct SeenBatch {
    /// The first that were made.
    pub slices: Vec<RecordBatch>,
    /// Whether there were more.
    pub more: bool,
}

/// Where tasks leave what they show, for one who looks.
#[derive(Debug)]
pub struct TapPot {
    filling: Mutex<Filling>,
    full: SyncSender<()>,
}

#[derive(Debug, Default)]
struct Filling {
    seen: Seen,
    rows_left: usize,
    bytes: usize,
}

impl TapPot {
    /// An empty one for so many rows, and where it is told that it is full.
    pub fn of_rows(rows_left: usize) -> (Arc<Self>, Receiver<()>) {
        let (full, filled) = sync_channel(1);
        let filling = Mutex::new(Filling { rows_left, ..Filling::default() });
        (Arc::new(Self { filling, full }), filled)
    }

    /// What is in it.
    pub fn seen(&self) -> Seen {
        self.lock().seen.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Filling> {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rows that are still wanted.
    fn left(&self) -> usize {
        self.lock().rows_left
    }

    fn put(&self, time: BatchTime, shown: Shown) {
        let mut filling = self.lock();
        let Filling { seen, rows_left, bytes } = &mut *filling;
        if shown.slices.is_empty() {
            return;
        }
        let batch = seen.batches.entry(time).or_default();
        batch.more |= shown.more;
        for slice in shown.slices {
            let wanted = slice.num_rows().min(*rows_left);
            batch.more |= wanted < slice.num_rows();
            *rows_left -= wanted;
            if wanted > 0 {
                *bytes += slice.get_array_memory_size();
                batch.slices.push(slice.slice(0, wanted));
            }
            if *bytes >= LOOK_BYTES_MAX {
                *rows_left = 0;
            }
        }
        if *rows_left == 0 {
            // Full only when it has been told already.
            let _told = self.full.try_send(());
        }
    }
}

/// Somebody begins to look. Whoever holds the pot looks as long as it does.
#[derive(Debug)]
pub struct TapAsked {
    /// The stage.
    pub stage: StageId,
    /// Where in it.
    pub place: TapPlace,
    /// Where rows are left.
    pub pot: Weak<TapPot>,
    /// Who is told whether they may look.
    pub answer: SyncSender<Result<(), LookError>>,
}

/// Those who look at the batches of a job. The loop's own.
#[derive(Debug, Default)]
pub struct Taps {
    all: BTreeMap<u64, TapAsked>,
    next: u64,
}

impl Taps {
    /// Lets somebody look, unless too many do.
    pub fn begin(&mut self, asked: TapAsked) {
        self.all.retain(|_, tap| tap.pot.strong_count() > 0);
        let has_room = self.all.len() < TAPS_MAX;
        let told = if has_room { Ok(()) } else { Err(LookError::TooMany { most: TAPS_MAX }) };
        // There is room for the one answer; whoever asked may have left.
        let _sent = asked.answer.try_send(told);
        if has_room {
            self.all.insert(self.next, asked);
            self.next += 1;
        }
    }

    /// What a task of the stage is to show.
    pub fn wishes(&mut self, stage: StageId) -> Arc<[TapWish]> {
        if self.all.is_empty() {
            return Arc::default();
        }
        // Whoever has seen enough looks no more.
        self.all.retain(|_, tap| tap.pot.upgrade().is_some_and(|pot| pot.left() > 0));
        let wishes = self.all.iter().filter(|(_, tap)| tap.stage == stage);
        let wish = |(number, tap): (&u64, &TapAsked)| {
            let rows = tap.pot.upgrade()?.left();
            Some(TapWish { number: *number, place: tap.place, rows })
        };
        wishes.filter_map(wish).collect()
    }

    /// A task has shown something.
    pub fn shown(&self, time: BatchTime, shown: Vec<Shown>) {
        for shown in shown {
            if let Some(pot) = self.all.get(&shown.number).and_then(|tap| tap.pot.upgrade()) {
                pot.put(time, shown);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array};

    use super::*;
    use crate::exec::tap::Tapped;

    fn asked(rows: usize, stage: usize) -> (Arc<TapPot>, TapAsked) {
        let (pot, _filled) = TapPot::of_rows(rows);
        let (answer, _answered) = sync_channel(1);
        let (stage, place) = (StageId(stage), TapPlace::Gathered);
        let asked = TapAsked { stage, place, pot: Arc::downgrade(&pot), answer };
        (pot, asked)
    }

    fn show(taps: &mut Taps, time: i64, rows: i64) {
        let wishes = taps.wishes(StageId(1));
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let slice = RecordBatch::try_from_iter([("n", column)]).expect("one column");
        let mut tapped = Tapped::of(wishes);
        tapped.see(TapPlace::Gathered, &slice).expect("it can be copied");
        taps.shown(BatchTime(time), tapped.into_shown());
    }

    #[test]
    fn rows_are_taken_of_several_batches_until_there_are_enough() {
        let mut taps = Taps::default();
        let (pot, tap) = asked(5, 1);
        taps.begin(tap);
        show(&mut taps, 1, 3);
        show(&mut taps, 2, 3);
        assert!(taps.wishes(StageId(1)).is_empty(), "nobody looks any more");
        let seen = pot.seen();
        let rows = |time: i64| {
            let batch = &seen.batches[&BatchTime(time)];
            (batch.slices.iter().map(RecordBatch::num_rows).sum::<usize>(), batch.more)
        };
        assert_eq!((rows(1), rows(2)), ((3, false), (2, true)));
    }

    #[test]
    fn who_has_left_or_looks_elsewhere_costs_nothing() {
        let mut taps = Taps::default();
        let (elsewhere, tap) = asked(5, 2);
        taps.begin(tap);
        let (gone, tap) = asked(5, 1);
        taps.begin(tap);
        drop(gone);
        assert!(taps.wishes(StageId(1)).is_empty());
        assert_eq!(taps.wishes(StageId(2)).len(), 1);
        drop(elsewhere);
        assert!(taps.wishes(StageId(2)).is_empty() && taps.all.is_empty());
    }
}
