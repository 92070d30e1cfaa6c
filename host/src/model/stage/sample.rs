//! Model: stages for tests, which say only what of them matters.
//!
//! Takes a number and an input. Gives a stage that does nothing with it. Never part of the program.

use std::time::Duration;

use super::{Attach, OperatorCall, PlannedStep, Stage, StageInput, StageOutput, WithoutParent};
use crate::model::id::StageId;
use crate::model::schema::StreamSchema;

impl Stage {
    /// A stage each second whose dataset is its input.
    pub fn sample(id: usize, input: StageInput) -> Self {
        Self {
            id: StageId(id),
            stream: format!("s{id}"),
            input,
            slide: Duration::from_secs(1),
            remember: Duration::ZERO,
            level: None,
            without_parent: WithoutParent::HasNone,
            input_schema: StreamSchema::default(),
            steps: Vec::new(),
            output: StageOutput::Dataset,
        }
    }
}

impl PlannedStep {
    /// A step that calls a plugin.
    pub fn sample(plugin: &str) -> Self {
        let call = OperatorCall::Guest { plugin: plugin.to_owned(), chain: Vec::new() };
        Self {
            label: String::new(),
            project: Vec::new(),
            call: Some((call, Attach::Replace)),
            whole_partition: false,
            output: StreamSchema::default(),
        }
    }
}
