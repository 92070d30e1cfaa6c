//! Grouping: the host's group numbers, and folds by them.
//!
//! Takes the words of the text, each with a one. Gives the time to number their groups slice by
//! slice and in one run, and to add the ones up by group: built in, natively and in the guest.

use arrow_array::RecordBatch;
use criterion::{Criterion, Throughput};
use tidemill::model::operation::BuiltInFold;
use tidemill::model::operator::{Phase, SharedOperator};
use tidemill::operator::group::Groups;

use super::rig;
use super::timings::Timings;

/// Measures the part.
pub fn measure(criterion: &mut Criterion) {
    let text = rig::text();
    let rows = text.lines() as u64 * tidemill_benches::text::WORDS_PER_LINE;
    numbers(criterion, Throughput::Elements(rows));
    folds(criterion, Throughput::Elements(rows));
}

fn numbers(criterion: &mut Criterion, work: Throughput) {
    let mut timings = Timings::of_long(criterion, "grouping, numbers", work);
    timings.time("by slice", || {
        let words = rig::words()?;
        Ok(move || words.iter().map(groups).sum::<usize>())
    });
    timings.time("in one run", || {
        let words = whole()?;
        Ok(move || groups(&words))
    });
    timings.end();
}

fn groups(words: &RecordBatch) -> usize {
    rig::grouped(words).expect("words can be compared").first_rows.len()
}

/// All words in one batch.
fn whole() -> anyhow::Result<RecordBatch> {
    let text = rig::text();
    let lines = arrow_array::StringArray::from_iter_values(text.each_line());
    let lines = RecordBatch::try_from_iter([("line", std::sync::Arc::new(lines) as _)])?;
    let mut scope = rig::task(std::slice::from_ref(&lines));
    rig::applied(&*rig::native(&rig::CHAIN)?, &mut scope, &lines)
}

fn folds(criterion: &mut Criterion, work: Throughput) {
    let mut timings = Timings::of_long(criterion, "grouping, fold", work);
    timings.time("built in", || rounds(std::sync::Arc::new(BuiltInFold::Sum)));
    timings.time("native", || rounds(rig::native(&["add"])?));
    timings.time("guest", || rounds(rig::guest(rig::word_count()?, &["add"])?));
    timings.end();
}

/// A task that folds each slice of words by groups that are known.
fn rounds(fold: SharedOperator) -> anyhow::Result<impl FnMut() -> usize> {
    let slices: Vec<(RecordBatch, Groups)> = rig::words()?
        .iter()
        .map(|slice| Ok((slice.project(&[1])?, rig::grouped(slice)?)))
        .collect::<anyhow::Result<_>>()?;
    let input: Vec<RecordBatch> = slices.iter().map(|(ones, _)| ones.clone()).collect();
    Ok(move || {
        let mut scope = rig::task(&input);
        let folded = |(ones, groups): &(RecordBatch, Groups)| {
            let (of_row, count) = (&groups.group_of_row, groups.count());
            let folded = fold.fold(&mut scope, Phase::Values, ones, of_row, count);
            folded.expect("numbers can be added").num_rows()
        };
        slices.iter().map(folded).sum()
    })
}
