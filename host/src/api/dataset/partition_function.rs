//! Api: functions of the host over whole partitions, as operators of a step.
//!
//! Takes a function from a partition's rows to rows. Gives the step that runs it on executors. A
//! panic in it fails its task.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::error::{Domain, panic_message};
use crate::model::description::{Binding, OperatorDescription, OperatorKind};
use crate::model::operation::{NativeOperator, Operation, OperatorRef, StepDeclaration};
use crate::model::operator::{Applied, AppliedRows, Operator, OperatorError, TaskScope};
use crate::model::schema::StreamSchema;

/// Why a partition's function failed.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A step that runs the function on each partition, whose number it is given.
pub(super) fn step<F>(
    name: &'static str,
    input: &StreamSchema,
    output: StreamSchema,
    function: F,
) -> StepDeclaration
where
    F: Fn(usize, &RecordBatch) -> Result<RecordBatch, Failure> + Send + Sync + 'static,
{
    let kind = OperatorKind::MapPartitions;
    let description = OperatorDescription {
        name: name.to_owned(),
        kind,
        doc: String::new(),
        binding: Binding::Position,
        input: input.clone(),
        output,
        parameters: Vec::new(),
        keys: StreamSchema::default(),
        state: None,
        broadcasts: Vec::new(),
    };
    let operator = Arc::new(PartitionFunction { name, function });
    let operator = OperatorRef::Native(NativeOperator { description, operator });
    StepDeclaration::new(Operation::Apply(kind, operator))
}

struct PartitionFunction<F> {
    name: &'static str,
    function: F,
}

impl<F> fmt::Debug for PartitionFunction<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionFunction({})", self.name)
    }
}

impl<F> Operator for PartitionFunction<F>
where
    F: Fn(usize, &RecordBatch) -> Result<RecordBatch, Failure> + Send + Sync,
{
    fn label(&self) -> String {
        self.name.to_owned()
    }

    fn apply(
        &self,
        scope: &mut TaskScope,
        _want_origin: bool,
        input: &RecordBatch,
    ) -> Result<Applied, OperatorError> {
        let partition = scope.facts.partition as usize;
        // What it leaves behind when it panics is its own; nothing here saw half of it.
        let ran = catch_unwind(AssertUnwindSafe(|| (self.function)(partition, input)));
        let (code, message) = match ran {
            Ok(Ok(rows)) => {
                let rows = AppliedRows::Batch(rows);
                return Ok(Applied { rows, origin: None, rejected: Vec::new() });
            }
            Ok(Err(error)) => ("failure", error.to_string()),
            Err(panic) => ("panic", format!("it panicked: {}", panic_message(&*panic))),
        };
        let (operator, row, domain) = (self.label(), None, Domain::User);
        Err(OperatorError { operator, code, message, row, domain })
    }
}
