//! What comes while a batch is run on the old version as well: an end of the job, a pause, another
//! swap, a way back, and batches that run side by side.
//!
//! Takes jobs whose tasks wait for the test. A version that traps rarely fails with rows that end
//! with 37.

use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use serde_json::{Value, json};
use tidemill::api::context::StreamingContext;
use tidemill::driver::handle::JobControl;
use tidemill::model::policy::OnBadRow;
use tidemill::model::status::{BatchInfo, JobEvent, JobState, JobStatus};
use tidemill::model::version::SwapRules;

use super::rig::{PLUGIN, is_completed, version};
use crate::conformance::rig::rows_of;
use crate::job_rig::{PATIENCE, scratch};
use crate::lifecycle::rig::{Bench, SECOND, ears, gate, queued, wait_for};

/// A job of one partition a batch that begins with version 1 and is swapped to version 2 before its
/// first batch. It takes out the rows with which they fail.
struct Held {
    /// Lets one row go on; all of them when it is gone.
    open: Option<Sender<()>>,
    bench: Bench,
    context: StreamingContext,
    events: Receiver<JobEvent>,
    published: Receiver<Vec<Value>>,
    letters: PathBuf,
}

impl Held {
    fn over(
        (name, concurrent_jobs): (&str, usize),
        batches: &[&[i64]],
        [first, second]: [&str; 2],
    ) -> Self {
        let bench = Bench::new();
        let mut context = bench.context();
        let letters = scratch("compared-held").join(format!("{name}-{first}.jsonl"));
        // Left by an earlier run of this test, if by anything.
        let _removed = std::fs::remove_file(&letters);
        let settings = context.settings();
        settings.concurrent_jobs = concurrent_jobs;
        settings.on_rejected = OnBadRow::DeadLetter(letters.clone());
        settings.poison_rows_max = 16;
        let plugin = bench.engine.load_plugin(version(1, first)).expect("it loads");
        let (open, opened) = bounded(0);
        let stamp = plugin.operator("stamp").expect("it has it");
        let stamped = queued(&context, batches).map(gate(opened)).flat_map(stamp);
        let (sender, published) = unbounded();
        stamped.for_each_batch(move |_, rows| Ok(sender.send(rows_of(&rows.to_vec()))?));
        let (listener, events) = ears();
        context.start_with(vec![listener]).expect("it starts");
        context.swap(PLUGIN, version(2, second), SwapRules::default()).expect("it fits");
        Self { open: Some(open), bench, context, events, published, letters }
    }

    fn begin_batch(&self) {
        self.bench.clock.advance(SECOND);
        wait_for(&self.events, |event| matches!(event, JobEvent::BatchStarted { .. }));
    }

    /// Begins the first batch, of two rows, which goes through without one of them: it is run on
    /// the old version as well, and one row has gone on there.
    fn begin_comparison(&self) {
        self.begin_batch();
        let open = self.open.as_ref().expect("nobody has let go");
        (0..2 + 1).for_each(|_| open.send_timeout((), PATIENCE).expect("a task waits"));
    }

    fn let_go(&mut self) {
        self.open = None;
    }

    fn control(&self) -> JobControl {
        self.context.control().expect("it was started")
    }

    fn ended(&self) -> BatchInfo {
        match wait_for(&self.events, |event| matches!(event, JobEvent::BatchEnded(_))) {
            JobEvent::BatchEnded(batch) => batch,
            other => unreachable!("a batch has ended, not {other:?}"),
        }
    }

    /// Runs so many batches more, one after the other.
    fn run(&self, batches: usize) {
        for _ in 0..batches {
            self.bench.clock.advance(SECOND);
            is_completed(&self.ended());
        }
    }

    /// The rows of each batch that was published since the last look, but for those without any.
    fn published(&self) -> Vec<Vec<Value>> {
        self.published.try_iter().filter(|rows| !rows.is_empty()).collect()
    }

    fn letters(&self) -> usize {
        std::fs::read_to_string(&self.letters).unwrap_or_default().lines().count()
    }

    fn status(&self) -> JobStatus {
        self.context.status().expect("it was started")
    }
}

/// Rows of a batch: each with its version.
fn rows(version: i64, ids: &[i64]) -> Vec<Value> {
    ids.iter().map(|id| json!([id, version])).collect()
}

/// To which end a comparison comes: with these versions the first batch has these rows, and so many
/// letters are written and versions quarantined.
struct End {
    behaviours: [&'static str; 2],
    rows: Vec<Value>,
    letters: usize,
    quarantined: usize,
}

/// The new version stays, as the old one fails with that row too; or the job goes back.
fn ends() -> [End; 2] {
    let stays = ["rarely", "rarely"];
    let goes_back = ["honestly", "rarely"];
    [
        End { behaviours: stays, rows: rows(2, &[36]), letters: 1, quarantined: 0 },
        End { behaviours: goes_back, rows: rows(1, &[36, 37]), letters: 0, quarantined: 1 },
    ]
}

impl End {
    #[track_caller]
    fn is_come_to_by(&self, held: &Held) {
        assert_eq!(held.published(), std::slice::from_ref(&self.rows));
        let quarantined = held.status().code.quarantined.len();
        assert_eq!((held.letters(), quarantined), (self.letters, self.quarantined));
    }
}

/// A job that takes no more input works off the batch, whichever way the comparison goes, and gives
/// it to its sinks once.
#[test]
fn batch_is_published_once_where_the_job_drains_during_its_comparison() {
    for end in ends() {
        let mut held = Held::over(("drain", 1), &[&[36, 37]], end.behaviours);
        held.begin_comparison();
        held.control().drain();
        wait_for(&held.events, |event| matches!(event, JobEvent::Draining));
        assert_eq!((held.published().len(), held.letters()), (0, 0), "it is not through");
        held.let_go();
        held.context.await_termination().expect("all is worked off");
        end.is_come_to_by(&held);
    }
}

/// What a stop at once leaves is not published and not written down: not the batch, and nothing of
/// its comparison.
#[test]
fn job_that_is_stopped_at_once_publishes_nothing_of_a_comparison() {
    for end in ends() {
        let mut held = Held::over(("stop", 1), &[&[36, 37]], end.behaviours);
        held.begin_comparison();
        held.control().stop();
        held.let_go();
        held.context.await_termination().expect("it was to end");
        assert_eq!((held.published().len(), held.letters()), (0, 0));
    }
}

/// A pause lets what runs go on to its end, and nothing begin behind it; afterwards the next batch
/// has the version that the comparison has left.
#[test]
fn batch_is_published_once_where_the_job_is_paused_during_its_comparison() {
    for end in ends() {
        let mut held = Held::over(("pause", 1), &[&[36, 37], &[40]], end.behaviours);
        held.begin_comparison();
        held.control().pause();
        held.control().heard();
        assert_eq!((held.status().state, held.published().len()), (JobState::Paused, 0));
        held.let_go();
        is_completed(&held.ended());
        end.is_come_to_by(&held);
        held.control().resume();
        held.control().heard();
        held.run(1);
        let version = end.rows[0][1].as_i64().expect("a version");
        assert_eq!(held.published(), [rows(version, &[40])]);
    }
}

/// A way back that is asked for meanwhile is gone if the job has gone back by itself, and else is
/// the next batch's. The batch itself stays with the version that the comparison has left it.
#[test]
fn rollback_that_is_asked_for_during_a_comparison_waits_for_its_end() {
    for end in ends() {
        let mut held = Held::over(("rollback", 1), &[&[36, 37], &[40], &[41]], end.behaviours);
        held.begin_comparison();
        held.context.roll_back().expect("there is a version before");
        assert!(held.status().code.waiting.is_some());
        held.let_go();
        is_completed(&held.ended());
        end.is_come_to_by(&held);
        held.run(2);
        assert_eq!(held.published(), [rows(1, &[40]), rows(1, &[41])]);
        let code = held.status().code;
        assert_eq!((code.waiting, code.previous), (None, None));
    }
}

/// A third version that is asked for meanwhile is the next batch's, unless the job goes back: it
/// was bound beside the second one, and goes with it.
#[test]
fn swap_that_is_asked_for_during_a_comparison_waits_for_its_end() {
    for end in ends() {
        let mut held = Held::over(("swap", 1), &[&[36, 37], &[40]], end.behaviours);
        held.begin_comparison();
        let third = version(3, "honestly");
        held.context.swap(PLUGIN, &third, SwapRules::default()).expect("it fits");
        held.let_go();
        is_completed(&held.ended());
        end.is_come_to_by(&held);
        held.run(1);
        let next = if end.quarantined == 0 { 3 } else { 1 };
        assert_eq!(held.published(), [rows(next, &[40])]);
    }
}

/// Two batches run at once, and a third one waits. Gives them as they end.
fn side_by_side(name: &str, batches: [&[i64]; 3], behaviours: [&str; 2]) -> (Held, Vec<BatchInfo>) {
    let mut held = Held::over((name, 2), &batches, behaviours);
    held.begin_batch();
    held.begin_batch();
    held.bench.clock.advance(SECOND);
    wait_for(&held.events, |event| matches!(event, JobEvent::BatchSubmitted(_)));
    held.let_go();
    let ended: Vec<BatchInfo> = (0..3).map(|_| held.ended()).collect();
    ended.iter().for_each(is_completed);
    (held, ended)
}

fn revisions(batches: &[BatchInfo]) -> Vec<u32> {
    batches.iter().map(|batch| batch.code.revision).collect()
}

/// The older one shows that the version is bad: the younger one, which fails with a row of its own,
/// is run again as well, and blames nobody a second time.
#[test]
fn rollback_behind_a_comparison_takes_the_younger_batch_along() {
    let batches: [&[i64]; 3] = [&[36, 37], &[136, 137, 138], &[40]];
    let (held, ended) = side_by_side("both-go-back", batches, ["honestly", "rarely"]);
    assert_eq!(revisions(&ended), [2, 2, 1]);
    let published = batches.map(|ids| rows(1, ids));
    assert_eq!(held.published(), published);
    assert_eq!((held.letters(), held.status().code.quarantined.len()), (0, 1));
}

/// The older one is done with the version, on which nothing speaks against it; the younger one goes
/// back alone.
#[test]
fn comparison_of_the_younger_batch_leaves_the_older_one_its_version() {
    let batches: [&[i64]; 3] = [&[40, 41], &[36, 37], &[42]];
    let (held, ended) = side_by_side("younger-goes-back", batches, ["honestly", "rarely"]);
    // The third one may have begun before the second one was through.
    assert_eq!(revisions(&ended)[..2], [1, 2]);
    let published = [rows(2, &[40, 41]), rows(1, &[36, 37]), rows(1, &[42])];
    assert_eq!(held.published(), published);
    assert_eq!((held.letters(), held.status().code.quarantined.len()), (0, 1));
}

/// Each of them is compared, one after the other, and the version stays.
#[test]
fn batches_side_by_side_are_compared_one_by_one() {
    let batches: [&[i64]; 3] = [&[36, 37], &[136, 137, 138], &[40]];
    let (held, ended) = side_by_side("both-stay", batches, ["rarely", "rarely"]);
    assert_eq!(revisions(&ended), [1, 1, 1]);
    assert_eq!(held.published(), [rows(2, &[36]), rows(2, &[136, 138]), rows(2, &[40])]);
    assert_eq!((held.letters(), held.status().code.quarantined), (2, Vec::new()));
}
