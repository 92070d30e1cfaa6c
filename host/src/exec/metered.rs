//! Exec: an operator whose calls are timed.
//!
//! Takes a bound operator. Gives one that answers the same and adds the CPU time of each call to
//! the scope of its task. Never adds up what a call costs beside the operator, such as projections.

use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::model::operator::{Applied, Operator, OperatorError, Phase, SharedOperator, TaskScope};
use crate::model::stateful::{StatefulAnswer, StatefulCall};
use crate::sys::cpu::thread_cpu_time;

/// An operator with a meter.
#[derive(Debug)]
pub struct Metered {
    operator: SharedOperator,
    label: Arc<str>,
}

impl Metered {
    /// Times the calls of that operator.
    pub fn over(operator: SharedOperator) -> SharedOperator {
        let label = Arc::from(operator.label());
        Arc::new(Self { operator, label })
    }

    fn time<T>(&self, scope: &mut TaskScope, call: impl FnOnce(&mut TaskScope) -> T) -> T {
        let before = thread_cpu_time();
        let answer = call(scope);
        scope.call_times.add(&self.label, thread_cpu_time().saturating_sub(before));
        answer
    }
}

impl Operator for Metered {
    fn label(&self) -> String {
        self.operator.label()
    }

    fn digest(&self) -> Option<&str> {
        self.operator.digest()
    }

    fn apply(
        &self,
        scope: &mut TaskScope,
        want_origin: bool,
        input: &RecordBatch,
    ) -> Result<Applied, OperatorError> {
        self.time(scope, |scope| self.operator.apply(scope, want_origin, input))
    }

    fn spread(
        &self,
        scope: &mut TaskScope,
        input: &RecordBatch,
    ) -> Result<Vec<RecordBatch>, OperatorError> {
        self.time(scope, |scope| self.operator.spread(scope, input))
    }

    fn fold(
        &self,
        scope: &mut TaskScope,
        phase: Phase,
        values: &RecordBatch,
        group_of_row: &[u32],
        groups: u32,
    ) -> Result<RecordBatch, OperatorError> {
        self.time(scope, |scope| self.operator.fold(scope, phase, values, group_of_row, groups))
    }

    fn merge(
        &self,
        scope: &mut TaskScope,
        left: &RecordBatch,
        right: &RecordBatch,
    ) -> Result<RecordBatch, OperatorError> {
        self.time(scope, |scope| self.operator.merge(scope, left, right))
    }

    fn update(
        &self,
        scope: &mut TaskScope,
        call: StatefulCall<'_>,
    ) -> Result<StatefulAnswer, OperatorError> {
        self.time(scope, |scope| self.operator.update(scope, call))
    }
}
