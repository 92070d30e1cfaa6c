//! Tests: a plugin that goes wrong fails its batch, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use tidemill::api::context::StreamingContext;
use tidemill::api::dstream::DStream;
use tidemill::model::operation::{Operation, OperatorRef, StepDeclaration};
use tidemill::model::policy::{OnBadRow, OnFailure};
use tidemill::model::source::SourceConnector;
use tidemill::model::status::{BatchInfo, BatchOutcome, JobEvent};

use crate::job_rig::{PATIENCE, engine, guest, scratch};

/// A job over lines of a file, read once, with one operator of the careless guest.
struct Careless {
    context: StreamingContext,
    lines: DStream,
}

impl Careless {
    fn over(test: &str, lines: &str) -> Self {
        let folder = scratch(test).join("in");
        std::fs::create_dir_all(&folder).expect("a folder for input");
        std::fs::write(folder.join("lines.txt"), lines).expect("input is written");
        let context = StreamingContext::new(&engine(), Duration::from_millis(20));
        let lines = context.lines(SourceConnector::Files { path: folder, bounded: true });
        Self { context, lines }
    }

    fn through(&self, operator: &str) -> DStream {
        self.lines.map(operator_of(operator))
    }

    /// Runs to the end; gives how it ended and the batches it ran.
    fn run(mut self) -> (Result<(), String>, Vec<BatchInfo>) {
        let (sender, events): (_, Receiver<JobEvent>) = unbounded();
        let listener = Box::new(move |event: &JobEvent| drop(sender.send(event.clone())));
        self.context.start_with(vec![listener]).expect("the job starts");
        let ended = self.context.await_termination().map_err(|error| error.to_string());
        drop(self.context);
        let batches = events.iter().filter_map(|event| match event {
            JobEvent::BatchEnded(batch) => Some(batch),
            _ => None,
        });
        (ended, batches.collect())
    }
}

fn operator_of(name: &str) -> OperatorRef {
    guest("careless").operator(name).expect("the guest has it")
}

fn ends_with(test: &str, lines: &str, operator: &str, expected: &[&str]) {
    let job = Careless::over(test, lines);
    job.through(operator).for_each_batch(|_, _| Ok(()));
    let (ended, _) = job.run();
    let message = ended.expect_err("the job fails");
    for part in expected {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn a_panic_names_operator_partition_and_row() {
    let expected = ["careless.panic_at_boom", "partition 0", "row 2", "never thought of boom"];
    ends_with("panic", "a\nb\nboom\nc\n", "panic_at_boom", &expected);
}

/// What was lost: plugins are release builds, in which Rust's numbers wrap. A count of 10^19 was
/// published as -8446744073709551616, and nobody was told.
#[test]
fn an_overflow_fails_the_batch_instead_of_wrapping() {
    let lines = "1\n22\n0123456789012345678\n4444\n";
    let expected = ["careless.power", "partition 0", "row 2", "attempt to multiply with overflow"];
    ends_with("overflow", lines, "power", &expected);
}

#[test]
fn an_endless_loop_is_stopped_by_its_cpu_time() {
    ends_with("spin", "a\nspin\n", "spin", &["careless.spin", "cpu time", "limit is"]);
}

#[test]
fn a_hoarder_is_stopped_by_its_memory() {
    ends_with("hoard", "hoard\n", "hoard", &["careless.hoard", "memory"]);
}

#[test]
fn rejected_rows_fail_the_batch_unless_the_job_says_otherwise() {
    let expected = [
        "failed: 2 rows rejected by `careless.number` (no-number), the first: `x` is no number; ",
        "set `on_rejected = \"skip\"` or `\"dead-letter\"`",
    ];
    ends_with("reject-fail", "1\nx\n2\ny\n", "number", &expected);
}

#[test]
fn rejected_rows_can_be_skipped() {
    let mut job = Careless::over("reject-skip", "1\nx\n2\n");
    job.context.settings().on_rejected = OnBadRow::Skip;
    let (sender, sums) = unbounded();
    let sum = tidemill::model::operation::BuiltInFold::Sum;
    job.through("number").reduce(sum).for_each_batch(move |_, partitions| {
        sender.send(partitions.iter().flatten().map(|slice| slice.num_rows()).sum::<usize>())?;
        Ok(())
    });
    let (ended, batches) = job.run();
    ended.expect("the job goes on");
    assert_eq!(batches.iter().map(|batch| batch.rejected.rows()).sum::<u64>(), 1);
    assert_eq!(sums.iter().sum::<usize>(), 1);
}

#[test]
fn rejected_rows_can_be_kept_in_a_file() {
    let mut job = Careless::over("reject-keep", "1\nx\n2\n");
    let letters = scratch("reject-keep").join("letters.jsonl");
    // Left by an earlier run of this test, if by anything.
    let _removed = std::fs::remove_file(&letters);
    job.context.settings().on_rejected = OnBadRow::DeadLetter(letters.clone());
    job.through("number").for_each_batch(|_, _| Ok(()));
    job.run().0.expect("the job goes on");
    let kept = std::fs::read_to_string(&letters).expect("the letters are written");
    let letter: serde_json::Value = serde_json::from_str(kept.trim()).expect("one JSON object");
    assert_eq!(letter["operator"], "careless.number");
    assert_eq!(letter["row"]["line"], "x");
    assert_eq!(letter["code"], "no-number");
}

#[test]
fn a_failed_batch_can_be_skipped_and_the_next_one_runs() {
    let mut job = Careless::over("skip", "a\nboom\n");
    job.context.settings().on_failure = OnFailure::Skip;
    job.through("panic_at_boom").for_each_batch(|_, _| Ok(()));
    let (ended, batches) = job.run();
    ended.expect("the job outlives the batch");
    let failed = |batch: &&BatchInfo| batch.outcome != BatchOutcome::Completed;
    assert_eq!(batches.iter().filter(failed).count(), 1);
}

#[test]
fn a_sink_that_fails_keeps_no_other_from_publishing() {
    let mut job = Careless::over("sink", "a\nb\n");
    job.context.settings().on_failure = OnFailure::Skip;
    job.lines.for_each_batch(|_, _| Err("the first sink is out of order".into()));
    let (sender, published) = unbounded();
    let counted = job.lines.step(StepDeclaration::new(Operation::Count));
    counted.for_each_batch(move |time, _| Ok(sender.send(time)?));
    let (ended, batches) = job.run();
    ended.expect("the job goes on");
    assert!(published.recv_timeout(PATIENCE).is_ok(), "the second sink publishes");
    assert!(batches.iter().all(|batch| batch.outcome == BatchOutcome::Completed));
}

#[test]
fn a_panicking_batch_function_is_an_error_not_the_end_of_the_process() {
    let job = Careless::over("sink-panic", "a\n");
    let function = Arc::new(|| panic!("an author's function panics"));
    job.lines.for_each_batch(move |_, _| {
        function();
        Ok(())
    });
    let message = job.run().0.expect_err("the job stops");
    assert!(message.contains("panicked: an author's function panics"), "{message}");
}
