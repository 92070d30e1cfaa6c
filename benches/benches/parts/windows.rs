//! Windows: a batch through each operation over windows.
//!
//! Takes the words of the text, each with a one, in every batch. Gives the time of a whole batch:
//! native against the guest where an operator is called, and by the window's length.

use std::time::Duration;

use criterion::{Criterion, Throughput};
use tidemill::model::operation::aggregate::Aggregated;
use tidemill::model::operation::{BuiltInFold, OperatorRef};
use tidemill_benches::plugin;

use super::rig;
use super::timings::Timings;
use super::wide_job::{INTERVAL, Job, ignore, native, subtract, time};

/// How far windows reach back.
const WINDOW: Duration = Duration::from_secs(10);
/// Batches in windows whose lengths are compared.
const LENGTHS: [u32; 2] = [6, 60];

/// A fold, and what takes it back if the machine does not know it by itself.
type Folded = fn(&Job) -> anyhow::Result<(OperatorRef, Option<OperatorRef>)>;

/// Measures the part.
pub fn measure(criterion: &mut Criterion) {
    let rows = rig::text().lines() as u64 * tidemill_benches::text::WORDS_PER_LINE;
    let work = Throughput::Elements(rows);
    windows(Timings::of_long(criterion, "windows of ten batches", work));
    lengths(criterion);
}

/// What a batch of a window costs by the window's length: of counts, so that the window itself is
/// most of the work.
fn lengths(criterion: &mut Criterion) {
    let operators: [(&str, Folded); 3] = [
        ("built in", |_| Ok((BuiltInFold::Sum.into(), None))),
        ("inverse, native", |_| Ok((native("add")?.into(), Some(subtract()?.into())))),
        ("inverse, guest", |job| {
            let plugin = job.plugin(plugin::test_guest("spark_cases")?)?;
            Ok((plugin.operator("add")?, Some(plugin.operator("subtract")?)))
        }),
    ];
    for (name, folded) in operators {
        let mut timings = Timings::of_short(criterion, &format!("windows, length, {name}"));
        for length in LENGTHS {
            let window = INTERVAL * length;
            timings.time(&format!("{length} batches"), || {
                let mut job = Job::new()?;
                let counts = &job.counts;
                let stream = match folded(&job)? {
                    (fold, None) => counts.reduce_by_key_and_window(fold, window, INTERVAL),
                    (fold, Some(inverse)) => counts.reduce_by_key_and_window_with_inverse(
                        fold, inverse, None, window, INTERVAL,
                    ),
                };
                ignore(&stream);
                // A window that is still filling up takes nothing away.
                job.run(LENGTHS[1] as usize);
                Ok(move || job.run(1))
            });
        }
        timings.end();
    }
}

fn windows(mut timings: Timings<'_>) {
    time(&mut timings, "reduce_by_key_and_window, native", |job| {
        Ok(job.words.reduce_by_key_and_window(native("add")?, WINDOW, INTERVAL))
    });
    time(&mut timings, "reduce_by_key_and_window, guest", |job| {
        Ok(job.words.reduce_by_key_and_window(job.guest("add")?, WINDOW, INTERVAL))
    });
    time(&mut timings, "inverse, built in", |job| {
        Ok(job.words.reduce_by_key_and_window(BuiltInFold::Sum, WINDOW, INTERVAL))
    });
    time(&mut timings, "inverse, native", |job| {
        let (add, subtract, filter) = (native("add")?, subtract()?, None);
        let words = &job.words;
        Ok(words.reduce_by_key_and_window_with_inverse(add, subtract, filter, WINDOW, INTERVAL))
    });
    time(&mut timings, "inverse, guest", |job| {
        let plugin = job.plugin(plugin::test_guest("spark_cases")?)?;
        let (add, subtract) = (plugin.operator("add")?, plugin.operator("subtract")?);
        let words = &job.words;
        Ok(words.reduce_by_key_and_window_with_inverse(add, subtract, None, WINDOW, INTERVAL))
    });
    time(&mut timings, "aggregate_by_key_and_window", |job| {
        let sum = [Aggregated::new("n", BuiltInFold::Sum)];
        Ok(job.words.aggregate_by_key_and_window(sum, WINDOW, INTERVAL))
    });
    time(&mut timings, "reduce_by_window, native", |job| {
        Ok(job.words.select(&["n"]).reduce_by_window(native("add")?, WINDOW, INTERVAL))
    });
    time(&mut timings, "reduce_by_window, guest", |job| {
        Ok(job.words.select(&["n"]).reduce_by_window(job.guest("add")?, WINDOW, INTERVAL))
    });
    time(&mut timings, "count_by_window", |job| Ok(job.words.count_by_window(WINDOW, INTERVAL)));
    time(&mut timings, "count_by_value_and_window", |job| {
        Ok(job.words.count_by_value_and_window(WINDOW, INTERVAL))
    });
    // Of counts: these give every row of ten batches.
    time(&mut timings, "window of counts", |job| Ok(job.counts.window(WINDOW, INTERVAL)));
    time(&mut timings, "group_by_key_and_window of counts", |job| {
        Ok(job.counts.group_by_key_and_window(WINDOW, INTERVAL))
    });
    timings.end();
}
