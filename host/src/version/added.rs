//! Version: whether new versions fail with rows of a batch with which the old ones do not.
//!
//! Takes rows by stage, on both. Gives how many there are where the new versions add most. Never
//! sets off rows of one stream against those of another.

use std::collections::BTreeSet;

use crate::model::stage::JobPlan;

/// The rows of a stage and of all that goes into it, on the new versions and on the old ones: of
/// the stage to which the new ones add most. A row with which the old ones fail in one stage may
/// come to a later one on the new ones, and be taken out there: so those of one alone tell nothing.
pub fn most_added(
    plan: &JobPlan,
    new: impl Fn(usize) -> u64,
    old: impl Fn(usize) -> u64,
) -> (u64, u64) {
    let mut goes_in: Vec<BTreeSet<usize>> = Vec::with_capacity(plan.stages.len());
    // Parents have lower numbers.
    for stage in &plan.stages {
        let mut all = BTreeSet::from([stage.id.0]);
        for parent in stage.input.parents() {
            all.extend(&goes_in[parent.0]);
        }
        goes_in.push(all);
    }
    let sums = goes_in.iter().map(|all| {
        let sum = |rows: &dyn Fn(usize) -> u64| all.iter().map(|stage| rows(*stage)).sum::<u64>();
        (sum(&new), sum(&old))
    });
    sums.max_by_key(|(new, old)| (new.saturating_sub(*old), *new)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::id::{SourceId, StageId};
    use crate::model::stage::{Stage, StageInput};

    /// Two stages read a source; two read the first of them.
    fn most(new: [u64; 4], old: [u64; 4]) -> (u64, u64) {
        let source = || StageInput::Source(SourceId(0));
        let behind = || StageInput::Window { from: StageId(0), length: Duration::from_secs(1) };
        let inputs = [source(), source(), behind(), behind()];
        let stages =
            inputs.into_iter().enumerate().map(|(id, input)| Stage::sample(id, input)).collect();
        let plan = JobPlan { stages, sinks: Vec::new() };
        most_added(&plan, |stage| new[stage], |stage| old[stage])
    }

    #[test]
    fn rows_of_one_stream_make_up_for_none_of_another() {
        assert_eq!(most([0, 3, 0, 0], [5, 1, 0, 0]), (3, 1));
    }

    #[test]
    fn row_that_comes_one_stage_further_is_the_same_row() {
        assert_eq!(most([0, 0, 1, 0], [1, 0, 0, 0]), (1, 1));
        assert_eq!(most([0, 0, 1, 1], [1, 0, 0, 0]), (1, 1), "it goes to both");
        assert_eq!(most([0, 0, 1, 2], [1, 0, 0, 0]), (2, 1), "and another one to the last");
    }

    #[test]
    fn where_nothing_is_added_all_are_told_that_there_are() {
        assert_eq!(most([1, 2, 0, 0], [4, 2, 0, 0]), (2, 2));
        assert_eq!(most([0; 4], [1; 4]), (0, 2));
    }
}
