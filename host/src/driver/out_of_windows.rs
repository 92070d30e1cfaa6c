//! Driver: rows that came to a window after its last slide.
//!
//! Takes how many rows each batch brought to what windows read. Gives, at the end of a job, those
//! that no window has had. Never counts what lies between windows that are shorter than their
//! slide: no later batch would have changed that.

use std::time::Duration;

use crate::model::id::StageId;
use crate::model::stage::{JobPlan, Span, Stage, StageInput};
use crate::model::status::JobEvent;
use crate::model::time::BatchTime;

/// What has come to the windows of a job since their last slide.
#[derive(Debug)]
pub struct OutOfWindows {
    windows: Vec<Waiting>,
}

/// What waits for the next slide of one window.
#[derive(Debug)]
struct Waiting {
    stream: String,
    from: StageId,
    length: Duration,
    slide: Duration,
    rows: u64,
    next: BatchTime,
}

impl OutOfWindows {
    /// Nothing has come yet.
    pub fn new(plan: &JobPlan) -> Self {
        let windows = plan.stages.iter().filter_map(|stage| {
            let (from, length) = window_of(stage)?;
            let (stream, slide) = (stage.stream.clone(), stage.slide);
            Some(Waiting { stream, from, length, slide, rows: 0, next: BatchTime(0) })
        });
        Self { windows: windows.collect() }
    }

    /// A batch has ended in which the stages had so many rows; `None`: they had no dataset.
    pub fn batch_ended(&mut self, time: BatchTime, rows_of: impl Fn(StageId) -> Option<u64>) {
        for waiting in &mut self.windows {
            if time.is_multiple_of(waiting.slide) {
                waiting.rows = 0;
                continue;
            }
            waiting.next = time.floor(waiting.slide).next(waiting.slide);
            if time > waiting.next.before(waiting.length) {
                waiting.rows += rows_of(waiting.from).unwrap_or(0);
            }
        }
    }

    /// What no window has had.
    pub fn told(&self) -> impl Iterator<Item = JobEvent> {
        let lost = self.windows.iter().filter(|waiting| waiting.rows > 0);
        lost.map(|Waiting { stream, rows, next, .. }| JobEvent::OutOfWindows {
            stream: stream.clone(),
            rows: *rows,
            next: *next,
        })
    }
}

fn window_of(stage: &Stage) -> Option<(StageId, Duration)> {
    match &stage.input {
        StageInput::Window { from, length } => Some((*from, *length)),
        StageInput::Keyed(keyed) => keyed.reads.iter().find_map(|read| match read.span {
            Span::Window(length) | Span::Sliding(length) => Some((read.from, length)),
            Span::Batch => None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::SourceId;
    use crate::model::stage::WithoutParent;

    const SECOND: Duration = Duration::from_secs(1);

    fn stage(id: usize, input: StageInput, slide: u32) -> Stage {
        let (slide, without_parent) = (SECOND * slide, WithoutParent::Runs);
        Stage { slide, without_parent, ..Stage::sample(id, input) }
    }

    /// The rows of so many batches from second 11 on, which bring 1, 2, 3 and so on.
    fn left_after(batches: i64, length: u32, slide: u32) -> Vec<(u64, i64)> {
        let window = StageInput::Window { from: StageId(0), length: SECOND * length };
        let source = stage(0, StageInput::Source(SourceId(0)), 1);
        let stages = vec![source, stage(1, window, slide)];
        let mut windows = OutOfWindows::new(&JobPlan { stages, sinks: Vec::new() });
        for batch in 1..=batches {
            windows.batch_ended(BatchTime((10 + batch) * 1000), |from| {
                (from == StageId(0)).then_some(batch.unsigned_abs())
            });
        }
        let told = windows.told().map(|event| match event {
            JobEvent::OutOfWindows { stream, rows, next } if stream == "s1" => (rows, next.0),
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[test]
    fn rows_after_the_last_slide_are_in_no_window() {
        assert_eq!(left_after(3, 5, 5), [(1 + 2 + 3, 15_000)]);
        assert_eq!(left_after(5, 5, 5), []);
        assert_eq!(left_after(7, 10, 5), [(6 + 7, 20_000)]);
        assert_eq!(left_after(9, 1, 1), []);
    }

    /// Windows of 2 s every 5 s: what comes in the first three seconds is in none by design.
    #[test]
    fn rows_between_windows_are_not_told() {
        assert_eq!(left_after(2, 2, 5), []);
        assert_eq!(left_after(4, 2, 5), [(4, 15_000)]);
    }
}
