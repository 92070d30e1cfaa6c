//! Runs chains and folds over typed rows and compares what came back, byte for byte.

#![allow(dead_code, reason = "each test file uses its part")]

use std::marker::PhantomData;

use tidemill_sdk::batch::Batch;
use tidemill_sdk::context::Task;
use tidemill_sdk::description::{Field, OperatorDescription, Schema};
use tidemill_sdk::native::{Applied, Step, Table};
use tidemill_sdk::operator::Phase;
use tidemill_sdk::row::{Columns, gather};

/// What a chain is expected to give.
pub struct Answer<Out> {
    given: Result<Applied, String>,
    want_origin: bool,
    rows: PhantomData<Out>,
}

impl<Out: Columns> Answer<Out> {
    pub fn rows(rows: &[Out::Of<'_>]) -> Self {
        let origin = Some((0..rows.len() as u32).collect());
        let batch = batch_of::<Out>(rows);
        let given = Ok(Applied { batch, origin, ..Applied::default() });
        Self { given, want_origin: true, rows: PhantomData }
    }

    pub fn selection(rows: &[u32]) -> Self {
        let given = Ok(Applied { selection: Some(rows.to_vec()), ..Applied::default() });
        Self { given, want_origin: true, rows: PhantomData }
    }

    pub fn failure(message: &str) -> Self {
        Self { given: Err(message.to_owned()), want_origin: false, rows: PhantomData }
    }

    pub fn from(mut self, rows: &[u32]) -> Self {
        if let Ok(given) = &mut self.given {
            given.origin = Some(rows.to_vec());
        }
        self
    }

    pub fn without_origin(mut self) -> Self {
        self.want_origin = false;
        self
    }

    /// Rows, steps, codes and messages: `(1, 0, "number: `x` is no number")`.
    pub fn refusing(mut self, refused: &[(u32, u32, &str)]) -> Self {
        if let Ok(given) = &mut self.given {
            given.rejected = refused
                .iter()
                .map(|(row, step, said)| {
                    let (code, message) = said.split_once(": ").expect("code and message");
                    let (code, message) = (code.to_owned(), message.to_owned());
                    tidemill_sdk::reject::Rejection { row: *row, step: *step, code, message }
                })
                .collect();
        }
        self
    }
}

pub fn batch_of<C: Columns>(rows: &[C::Of<'_>]) -> Batch {
    gather::<C>(rows.len(), |row| C::again(&rows[row])).expect("rows fit a batch")
}

/// Runs a chain of steps, each a name with or without JSON of its parameters.
pub fn check<In: Columns, Out: Columns>(
    table: &Table,
    steps: &[&str],
    input: &[In::Of<'_>],
    expected: Answer<Out>,
) {
    let chain: Vec<(u32, &str)> = steps
        .iter()
        .map(|step| {
            let (name, parameters) = step.split_once(' ').unwrap_or((step, ""));
            (number_of(table, name), parameters)
        })
        .collect();
    let chain: Vec<Step<'_>> = chain
        .iter()
        .map(|(operator, json)| Step { operator: *operator, parameters: json.as_bytes() })
        .collect();
    let input = batch_of::<In>(input);
    let run = |want_origin| {
        let mut buffers = Vec::new();
        let input = input.lend(&mut buffers);
        table.apply(&chain, Task::default(), want_origin, input).map_err(|error| error.to_string())
    };
    if expected.want_origin {
        assert_eq!(run(true), expected.given, "with origin");
    }
    let without = expected.given.map(|given| Applied { origin: None, ..given });
    assert_eq!(run(false), without, "without origin");
}

/// Folds values, and merges each value with itself to see that both know the same function.
pub fn check_fold<C: Columns>(
    table: &Table,
    name: &str,
    values: &[C::Of<'_>],
    groups: (&[u32], u32),
    expected: Result<&[C::Of<'_>], &str>,
) {
    let values = batch_of::<C>(values);
    let mut buffers = Vec::new();
    let step = Step { operator: number_of(table, name), parameters: b"{}" };
    let (task, values) = (Task::default(), values.lend(&mut buffers));
    let folded = table.fold(step, task, Phase::Values, values, groups.0, groups.1);
    assert_eq!(
        folded.map_err(|error| error.to_string()),
        expected.map(batch_of::<C>).map_err(str::to_owned)
    );
}

pub fn number_of(table: &Table, name: &str) -> u32 {
    let operators = &table.describe().operators;
    operators.iter().position(|one| one.name == name).expect("an operator of the plugin") as u32
}

/// An operator's description on one line.
pub fn in_words(operator: &OperatorDescription) -> String {
    let (name, kind, binding) = (&operator.name, operator.kind, operator.binding);
    let (input, output) = (columns(&operator.input), columns(&operator.output));
    let mut words = format!("{name}: {kind:?} by {binding:?} ({input}) -> ({output})");
    for parameter in &operator.parameters {
        words.push_str(&format!(" {}: {}", parameter.name, parameter.data_type));
        if let Some(default) = &parameter.default {
            words.push_str(&format!(" = {default}"));
        }
    }
    words
}

fn columns(schema: &Schema) -> String {
    let word = |field: &Field| {
        let nullable = if field.nullable { "?" } else { "" };
        format!("{}: {}{nullable}", field.name, field.data_type)
    };
    let words: Vec<String> = schema.fields.iter().map(word).collect();
    let (keys, values) = words.split_at(schema.keys as usize);
    match keys {
        [] => values.join(", "),
        _ => format!("{} | {}", keys.join(", "), values.join(", ")),
    }
}
