//! Wide: a batch through each operation that brings rows together.
//!
//! Takes the words of the text, each with a one, in eight partitions. Gives the time of a whole
//! batch, from its tick to its end: native against the guest where an operator is called, and what
//! the host does by itself.

use criterion::{Criterion, Throughput};
use tidemill::api::dstream::DStream;
use tidemill::api::native::NativePlugin;
use tidemill::model::join::JoinKind;
use tidemill::model::operation::BuiltInFold;
use tidemill::model::operation::aggregate::{AggregateFold, Aggregated};
use tidemill_benches::figures::{print_table, row};
use tidemill_benches::plugin;

use super::rig;
use super::shuffle;
use super::timings::Timings;
use super::wide_job::{Job, ignore, native, time};

/// Partitions of what is spread anew.
const PARTITIONS: usize = 8;

/// Measures the part.
pub fn measure(criterion: &mut Criterion) {
    let rows = rig::text().lines() as u64 * tidemill_benches::text::WORDS_PER_LINE;
    let work = || Throughput::Elements(rows);
    folds(Timings::of_long(criterion, "wide, folds", work()));
    rows_together(Timings::of_long(criterion, "wide, rows together", work()));
    shuffled();
}

fn folds(mut timings: Timings<'_>) {
    time(&mut timings, "reduce_by_key, built in", |job| {
        Ok(job.words.reduce_by_key(BuiltInFold::Sum))
    });
    time(&mut timings, "reduce_by_key, native", |job| Ok(job.words.reduce_by_key(native("add")?)));
    time(&mut timings, "reduce_by_key, guest", |job| {
        Ok(job.words.reduce_by_key(job.guest("add")?))
    });
    time(&mut timings, "combine_by_key, native", |job| {
        let plugin = NativePlugin::new(spark_cases::operators())?;
        Ok(job.words.combine_by_key(plugin.operator("mean")?))
    });
    time(&mut timings, "combine_by_key, guest", |job| {
        let plugin = job.plugin(plugin::test_guest("spark_cases")?)?;
        Ok(job.words.combine_by_key(plugin.operator("mean")?))
    });
    time(&mut timings, "reduce, native", |job| Ok(job.words.select(&["n"]).reduce(native("add")?)));
    time(&mut timings, "reduce, guest", |job| {
        Ok(job.words.select(&["n"]).reduce(job.guest("add")?))
    });
    time(&mut timings, "count", |job| Ok(job.words.count()));
    time(&mut timings, "aggregate", |job| {
        let mean = Aggregated::new("mean", AggregateFold::Average).of("n");
        let most = Aggregated::new("most", BuiltInFold::Max).of("n");
        Ok(job.words.aggregate([Aggregated::new("n", BuiltInFold::Sum), most, mean]))
    });
    time(&mut timings, "group_by_key", |job| Ok(job.words.group_by_key()));
    time(&mut timings, "count_by_value", |job| Ok(job.words.count_by_value()));
    timings.end();
}

fn rows_together(mut timings: Timings<'_>) {
    time(&mut timings, "distinct", |job| Ok(job.words.distinct()));
    time(&mut timings, "sort_by", |job| Ok(job.words.sort_by(&["word"])));
    time(&mut timings, "top", |job| Ok(job.words.top(10, &["word"])));
    time(&mut timings, "repartition", |job| Ok(job.words.repartition(PARTITIONS)));
    time(&mut timings, "partition_by", |job| Ok(job.words.partition_by(PARTITIONS)));
    time(&mut timings, "union", |job| Ok(job.words.union(&job.counts)));
    time(&mut timings, "join", |job| Ok(job.words.join(&job.counts)));
    time(&mut timings, "left_outer_join", |job| Ok(job.words.left_outer_join(&job.counts)));
    time(&mut timings, "right_outer_join", |job| Ok(job.words.right_outer_join(&job.counts)));
    time(&mut timings, "full_outer_join", |job| Ok(job.words.full_outer_join(&job.counts)));
    time(&mut timings, "anti_join", |job| Ok(job.words.anti_join(&job.counts)));
    time(&mut timings, "broadcast_join", |job| {
        let table = [shuffle::counts()?];
        job.test.context.broadcast("table", rig::count_schema(), &table)?;
        Ok(job.words.broadcast_join("table", &["word"], JoinKind::Inner))
    });
    time(&mut timings, "cogroup", |job| Ok(job.words.cogroup(&job.counts)));
    timings.end();
}

/// Prints what a batch carries through its shuffle, by the batch's own record.
fn shuffled() {
    let asked = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if asked.is_some_and(|asked| !"wide, shuffled".contains(&asked)) {
        return;
    }
    let carried = |build: fn(&Job) -> DStream| {
        let mut job = Job::new().expect("a job is built");
        ignore(&build(&job));
        job.test.run(1).expect("the job runs").remove(0).shuffled
    };
    let reduced = carried(|job| job.words.reduce_by_key(BuiltInFold::Sum));
    let gathered = carried(|job| job.words.group_by_key());
    let mut table = vec![row(["wide, shuffled", "rows", "bytes", "x bytes"])];
    for (name, (rows, bytes)) in [("reduce_by_key", reduced), ("group_by_key", gathered)] {
        let ratio = format!("{:.2}", bytes as f64 / reduced.1 as f64);
        table.push(row([name, &rows.to_string(), &bytes.to_string(), &ratio]));
    }
    print_table(&table);
}
