//! Sink: batches go to a function of the embedding program.
//!
//! Takes the function. Gives it each batch. Never lets a panic of it pass.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::{Sink, SinkError};
use crate::error::panic_message;
use crate::model::sink::BatchFunction;
use crate::model::time::BatchTime;

/// Calls a function with each batch.
pub struct BatchFunctionSink {
    name: String,
    function: Arc<dyn BatchFunction>,
}

impl BatchFunctionSink {
    /// The sink of that name.
    pub fn new(name: String, function: Arc<dyn BatchFunction>) -> Self {
        Self { name, function }
    }

    fn error(&self, what: &'static str, message: String) -> SinkError {
        SinkError::Function { sink: self.name.clone(), what, message }
    }
}

impl Sink for BatchFunctionSink {
    fn publish(
        &mut self,
        time: BatchTime,
        partitions: &[Vec<RecordBatch>],
    ) -> Result<(), SinkError> {
        // What the function leaves behind when it panics is its own; nothing here saw half of it.
        match catch_unwind(AssertUnwindSafe(|| self.function.call(time, partitions))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.error("failed", error.to_string())),
            Err(panic) => Err(self.error("panicked", panic_message(&*panic))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Function;

    impl BatchFunction for Function {
        fn call(
            &self,
            time: BatchTime,
            partitions: &[Vec<RecordBatch>],
        ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            match time.0 {
                1 => Ok(()),
                2 => Err(format!("{} partitions are too many", partitions.len()).into()),
                _ => panic!("it is {time}"),
            }
        }
    }

    #[test]
    fn a_failing_or_panicking_function_is_an_error() {
        let mut sink = BatchFunctionSink::new("mine".to_owned(), Arc::new(Function));
        assert!(sink.publish(BatchTime(1), &[]).is_ok());
        let failed = sink.publish(BatchTime(2), &[]).expect_err("it fails");
        let expected = "sink `mine`: its function failed: 0 partitions are too many";
        assert_eq!(failed.to_string(), expected);
        let panicked = sink.publish(BatchTime(3), &[]).expect_err("it panics");
        assert_eq!(panicked.to_string(), "sink `mine`: its function panicked: it is 3 ms");
    }
}
