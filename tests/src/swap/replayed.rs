//! Batches that are run again outside their job give what they gave in it.

use tidemill::api::given::Partitions;
use tidemill::driver::replay::{ReplayAsked, ReplayError};
use tidemill::driver::swap::NewCode;
use tidemill::model::replayed::ReplayReport;
use tidemill::model::time::BatchTime;
use tidemill::model::version::SwapRules;

use super::rig::{PLUGIN, Stamping, is_completed, version};

const TIMES: usize = 1_000;

fn replay(job: &Stamping, asked: &ReplayAsked) -> Result<ReplayReport, ReplayError> {
    job.test.context.replays().expect("it runs").replay(asked)
}

#[track_caller]
fn of_newest(job: &Stamping, asked: ReplayAsked) -> ReplayReport {
    let report = replay(job, &asked).expect("it is retained");
    assert_eq!(report.failure, None);
    report
}

/// The plugin draws chance from nowhere: a thousand runs are one.
#[test]
fn replay_is_identical_a_thousand_times() {
    let mut job = Stamping::over(3, 10, "honestly");
    job.run(3).iter().for_each(is_completed);
    let first = of_newest(&job, ReplayAsked::default());
    assert_eq!((first.time, first.rows), (job.test.time(), 10));
    let output = &first.outputs[0];
    assert_eq!((first.outputs.len(), output.measure.rows, output.is_same()), (1, 10, Some(true)));
    let same = (0..TIMES).filter(|_| {
        let again = of_newest(&job, ReplayAsked::default());
        let measures = (&again.outputs[0].measure, &output.measure);
        again.outputs[0].is_same() == Some(true) && measures.0 == measures.1
    });
    assert_eq!(same.count(), TIMES);
    job.ledger().is_whole();
    assert_eq!(job.status().batches, 3, "the job has not run them");
}

#[test]
fn other_version_is_compared_with_the_one_that_ran() {
    let mut job = Stamping::over(4, 10, "honestly");
    job.run(2);
    job.swap(version(2, "honestly"), SwapRules::default()).expect("it fits");
    job.run(1);
    // The batch before the swap ran on version 1, and does so again.
    let time = Some(BatchTime(job.test.time().0 - 1000));
    let own = of_newest(&job, ReplayAsked { time, ..ReplayAsked::default() });
    assert_eq!(own.plugins, own.recorded);
    let plugins = || vec![(PLUGIN.to_owned(), NewCode::Component(version(3, "honestly")))];
    let other = of_newest(&job, ReplayAsked { time, plugins: plugins(), ..ReplayAsked::default() });
    assert_eq!(other.recorded, own.recorded);
    assert_ne!(other.plugins, other.recorded);
    let compared = other.outputs[0].compared.as_ref().expect("it is another version");
    assert_eq!(compared.lines[..2], ["- {\"_1\":10,\"_2\":1}", "+ {\"_1\":10,\"_2\":3}"]);
    let bad = vec![(PLUGIN.to_owned(), NewCode::Component(version(3, "trapping")))];
    let asked = ReplayAsked { plugins: bad, ..ReplayAsked::default() };
    let failed = replay(&job, &asked).expect("a batch that fails is a report");
    let failure = failed.failure.expect("it traps");
    assert!(failure.contains("partition 0") && failure.contains("this version traps"), "{failure}");
    assert_eq!(job.status().code.quarantined, []);
    job.ledger().is_whole();
}

#[test]
fn batches_that_are_not_retained_are_told_with_those_that_are() {
    let mut job = Stamping::over(6, 10, "honestly");
    job.run(5);
    let newest = job.test.time().0;
    let asked = ReplayAsked { time: Some(BatchTime(newest - 3000)), ..ReplayAsked::default() };
    let refused = replay(&job, &asked).expect_err("three are retained").to_string();
    let retained = [newest - 2000, newest - 1000, newest].map(|time| BatchTime(time).rfc3339());
    let retained = retained.join(", ");
    assert!(refused.ends_with(&format!("retained are the inputs of {retained}")), "{refused}");
    let asked = ReplayAsked { partition: Some(2), ..ReplayAsked::default() };
    let refused = replay(&job, &asked).expect_err("there are two").to_string();
    assert!(refused.contains("no source had a partition 2"), "{refused}");
    let unknown = vec![("other".to_owned(), NewCode::Component(version(2, "honestly")))];
    let asked = ReplayAsked { plugins: unknown, ..ReplayAsked::default() };
    let refused = replay(&job, &asked).expect_err("the job has it not").to_string();
    assert!(refused.contains("no step of the job calls a plugin `other`"), "{refused}");
}

#[test]
fn one_partition_is_run_alone() {
    let mut job = Stamping::over(1, 10, "honestly");
    job.run(1);
    let asked = ReplayAsked { partition: Some(1), ..ReplayAsked::default() };
    let report = of_newest(&job, asked);
    assert_eq!((report.rows, report.outputs[0].measure.rows), (5, 5));
    assert_eq!(report.outputs[0].recorded, None, "the sink was given more");
}

/// Rows are not copied: what is retained is what the program gave.
#[test]
fn retained_rows_share_memory_with_the_batchs() {
    let mut job = Stamping::over(2, 1_000, "honestly");
    job.run(2);
    let retained = job.status().retained;
    let rows_of = |partitions: &Partitions| -> usize {
        partitions.iter().flatten().map(|slice| slice.num_rows()).sum()
    };
    let given: usize = job.stamped.by_time().values().map(rows_of).sum();
    assert_eq!((retained.batches, given), (2, 2_000));
    // Ids are of eight bytes; memory of Arrow comes in steps of 64 bytes and more.
    assert!((16_000..40_000).contains(&retained.bytes), "{retained:?}");
}
