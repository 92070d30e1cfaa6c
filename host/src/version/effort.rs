//! Version: how much work a row takes, before a swap and after it.
//!
//! Takes CPU time and rows of batches. Gives whether a batch took so many times more than usual.
//! CPU time, not the time that passed: what the machine does beside the job is no plugin's fault.

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits::{SWAP_EFFORT_MIN, SWAP_USUAL_BATCHES};

/// The work of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effort {
    /// CPU time of its tasks.
    pub cpu: Duration,
    /// Rows that it read.
    pub rows: u64,
}

impl Effort {
    fn per_row(self) -> Option<f64> {
        let rows = u32::try_from(self.rows).unwrap_or(u32::MAX);
        (rows > 0).then(|| self.cpu.as_secs_f64() / f64::from(rows))
    }
}

/// The work of the last batches of one set of versions.
#[derive(Debug, Clone, Default)]
pub struct Usual(VecDeque<Effort>);

impl Usual {
    /// A batch has succeeded. One without rows tells nothing of any, and drives out none.
    pub fn add(&mut self, effort: Effort) {
        if effort.rows == 0 {
            return;
        }
        if self.0.len() == SWAP_USUAL_BATCHES {
            self.0.pop_front();
        }
        self.0.push_back(effort);
    }

    fn together(&self) -> Effort {
        self.0.iter().fold(Effort::default(), |sum, effort| Effort {
            cpu: sum.cpu + effort.cpu,
            rows: sum.rows + effort.rows,
        })
    }

    /// How many times more CPU time a row took than usual; `None`: less than so many times, or too
    /// little to tell.
    pub fn exceeded_by(&self, effort: Effort, times_max: f64) -> Option<f64> {
        if effort.cpu < SWAP_EFFORT_MIN {
            return None;
        }
        let (usual, now) = (self.together().per_row()?, effort.per_row()?);
        let times = now / usual;
        (times > times_max).then_some(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effort(cpu_ms: u64, rows: u64) -> Effort {
        Effort { cpu: Duration::from_millis(cpu_ms), rows }
    }

    #[test]
    fn work_is_compared_by_row() {
        let mut usual = Usual::default();
        assert_eq!(usual.exceeded_by(effort(500, 10), 2.0), None, "nothing to compare with");
        usual.add(effort(100, 100));
        usual.add(effort(100, 300));
        assert_eq!(usual.exceeded_by(effort(1_000, 1_000), 2.5), None, "more rows, more work");
        let times = usual.exceeded_by(effort(1_500, 1_000), 2.5).expect("thrice as much");
        assert!((times - 3.0).abs() < 1e-9, "{times}");
    }

    #[test]
    fn too_little_work_tells_nothing() {
        let mut usual = Usual::default();
        usual.add(Effort { cpu: Duration::from_micros(1), rows: 100 });
        let little = SWAP_EFFORT_MIN / 2;
        assert_eq!(usual.exceeded_by(Effort { cpu: little, rows: 100 }, 2.0), None);
        assert_eq!(usual.exceeded_by(effort(100, 0), 2.0), None, "no rows");
    }

    /// The story: rows came now and then, and the batches without any between them were all that
    /// was known: a version could be as slow as it liked.
    #[test]
    fn batches_without_rows_drive_out_none_with_rows() {
        let mut usual = Usual::default();
        usual.add(effort(100, 100));
        (0..SWAP_USUAL_BATCHES).for_each(|_| usual.add(effort(1, 0)));
        assert!(usual.exceeded_by(effort(1_000, 100), 5.0).is_some());
    }

    #[test]
    fn only_the_last_batches_count() {
        let mut usual = Usual::default();
        usual.add(effort(1_000_000, 1));
        (0..SWAP_USUAL_BATCHES).for_each(|_| usual.add(effort(10, 10)));
        assert!(usual.exceeded_by(effort(100, 10), 5.0).is_some());
    }
}
