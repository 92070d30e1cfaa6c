//! Driver: where the row of a dead letter goes in again.
//!
//! Takes a letter and the job as it runs now. Gives the row and its place, or why it stays where it
//! is. Never guesses: a row that does not read back as it was written is left alone.

use arrow_array::RecordBatch;

use super::fed_letters::FedTo;
use super::letters::letter::{Letter, Origin, Payload};
use super::plan_record::operators_of_call;
use crate::exec::fed_back::StepPlace;
use crate::ingest::decoder::Decoded;
use crate::ingest::format;
use crate::ingest::json_columns::JsonColumns;
use crate::limits::LINE_BYTES_MAX;
use crate::model::id::{SourceId, StageId};
use crate::model::pipeline::Pipeline;
use crate::model::policy::OnBadRow;
use crate::model::schema::StreamSchema;
use crate::model::source::{Format, SourceConnector, SourceDeclaration};
use crate::model::stage::{JobPlan, OperatorCall, Stage, StageInput, StageOutput};
use crate::operator::partition::partition_of_rows;
use crate::sink::json_lines::json_lines;
use crate::version::fit::state_of;

/// The job that letters are fed back to.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// As declared.
    pub pipeline: &'a Pipeline,
    /// As planned with the versions of plugins that run now.
    pub plan: &'a JobPlan,
    /// The seed of its shuffles.
    pub seed: u64,
}

/// What is to be done with a letter.
#[derive(Debug, Clone, PartialEq)]
pub enum Route {
    /// Its row goes in there.
    Fed(FedTo, StepPlace, RecordBatch),
    /// Its source's format still cannot read it.
    StillBad(String),
    /// It stays where it is, for this reason.
    Stays(String),
}

impl Job<'_> {
    /// Finds the way of a letter.
    pub fn route(&self, letter: &Letter) -> Route {
        let routed = match (&letter.origin, &letter.payload) {
            (_, Payload::Gone(why)) => Err((*why).to_owned()),
            (Origin::Source(name), Payload::Text(text)) => self.route_record(name, text),
            (Origin::Step { stream, stage, place, partition, operator }, Payload::Row(row)) => {
                let step = Step { stream, stage: *stage, place: *place, operator };
                self.route_row(step, *partition, row)
            }
            _ => Err("it does not say where it was taken out".to_owned()),
        };
        routed.unwrap_or_else(Route::Stays)
    }

    fn route_record(&self, name: &str, text: &str) -> Result<Route, String> {
        let sources = (0..).map(SourceId).zip(&self.pipeline.sources);
        let (id, source) = { sources }
            .find(|(_, source)| source.name == name)
            .ok_or_else(|| format!("the job has no source `{name}`"))?;
        reads_lines(source)?;
        if text.contains('\n') {
            return Err("it is more than one line".to_owned());
        }
        let line = format!("{text}\n");
        let mut decoder = format::decoder(source);
        let mut decoded = Decoded::of_all(&mut *decoder, line.as_bytes(), &OnBadRow::Skip);
        Ok(match (decoded.bad.first, decoded.slices.pop()) {
            (Some(reason), _) => Route::StillBad(reason),
            (None, Some(row)) => Route::Fed(FedTo::Source(id, None), StepPlace::Step(0), row),
            (None, None) => return Err("it has no row".to_owned()),
        })
    }

    fn route_row(&self, step: Step<'_>, partition: u64, row: &[u8]) -> Result<Route, String> {
        let (stage, schema) = step.find(self.plan)?;
        let row = read_row(&schema, row)?;
        let to = match root(self.plan, stage)? {
            StageInput::Source(source) => FedTo::Source(*source, Some(stage.id)),
            StageInput::Keyed(keyed) => {
                // Rows without a key may be anywhere.
                let columns = &row.columns()[..schema.keys];
                let found = partition_of_rows(columns, 1, keyed.partitions, self.seed);
                let by_key = found.map_err(|error| error.to_string())?.first().copied();
                let partition = match by_key.filter(|_| schema.keys > 0) {
                    Some(partition) => u64::from(partition),
                    None => partition % keyed.partitions.max(1) as u64,
                };
                FedTo::Partition(stage.id, usize::try_from(partition).unwrap_or_default())
            }
            _ => return Err("its step reads a window, or what is kept or made as a whole".into()),
        };
        Ok(Route::Fed(to, step.place, row))
    }
}

/// What gives a stage its first partitions: a partition of the first parent has the same number in
/// the stage, however many parents there are.
fn root<'p>(plan: &'p JobPlan, stage: &'p Stage) -> Result<&'p StageInput, String> {
    let mut input = &stage.input;
    // Parents have lower numbers.
    while let StageInput::Datasets(parents) = input {
        let parent = parents.first().and_then(|parent| plan.stages.get(parent.0));
        input = &parent.ok_or_else(|| "its step reads nothing".to_owned())?.input;
    }
    Ok(input)
}

/// Whether a record of the source is a line by itself.
fn reads_lines(source: &SourceDeclaration) -> Result<(), String> {
    let name = &source.name;
    match (&source.connector, source.format) {
        (SourceConnector::DecodedSocket { .. } | SourceConnector::Receiver(_), _) => {
            Err(format!("the program makes the rows of source `{name}`"))
        }
        (_, Format::Binary { .. }) => Err(format!("source `{name}` has no lines")),
        (_, Format::Csv(csv)) if csv.header => {
            Err(format!("each file or connection of source `{name}` has a header of its own"))
        }
        _ => Ok(()),
    }
}

/// A step that a letter names.
#[derive(Clone, Copy)]
struct Step<'a> {
    stream: &'a str,
    stage: StageId,
    place: StepPlace,
    operator: &'a str,
}

impl Step<'_> {
    /// The stage of the step, and the rows before it.
    fn find<'p>(&self, plan: &'p JobPlan) -> Result<(&'p Stage, StreamSchema), String> {
        let gone = || {
            let Self { stream, operator, .. } = self;
            format!("stream `{stream}` does not call `{operator}` in that place any more")
        };
        let stage = plan.stages.get(self.stage.0).filter(|stage| stage.stream == self.stream);
        let stage = stage.ok_or_else(gone)?;
        let (schema, call) = match self.place {
            StepPlace::State => {
                let state = state_of(stage).ok_or_else(gone)?;
                let columns = state.output.key_columns().iter().chain(&state.values);
                let schema = StreamSchema::new(columns.cloned().collect());
                (schema.with_keys(state.output.keys), Some(&state.call))
            }
            StepPlace::Step(number) if number <= stage.steps.len() => {
                let before = number.checked_sub(1).and_then(|before| stage.steps.get(before));
                let schema = before.map_or(&stage.input_schema, |step| &step.output).clone();
                (schema, call_of(stage, number))
            }
            StepPlace::Step(_) => return Err(gone()),
        };
        let call = call.ok_or_else(gone)?;
        let names = operators_of_call(call);
        // Calls of the host's own have names that nobody else gives.
        let is_called = names.is_empty() || names.iter().any(|name| name == self.operator);
        if is_called { Ok((stage, schema)) } else { Err(gone()) }
    }
}

fn call_of(stage: &Stage, number: usize) -> Option<&OperatorCall> {
    match (stage.steps.get(number), &stage.output) {
        (Some(step), _) => step.call.as_ref().map(|(call, _)| call),
        (None, StageOutput::Shuffle { combine: Some(fold), .. }) => Some(&fold.call),
        (None, _) => None,
    }
}

/// The row, if it is one of these columns and reads back as it was written.
fn read_row(schema: &StreamSchema, text: &[u8]) -> Result<RecordBatch, String> {
    let mut columns = JsonColumns::new(schema.clone(), LINE_BYTES_MAX);
    let mut line = text.to_vec();
    line.push(b'\n');
    let mut decoded = Decoded::of_all(&mut columns, &line, &OnBadRow::Skip);
    if let Some(reason) = decoded.bad.first {
        return Err(format!("its row does not fit the columns before the step: {reason}"));
    }
    let row = decoded.slices.pop().ok_or_else(|| "it has no row".to_owned())?;
    if json_lines(&row) == line {
        Ok(row)
    } else {
        Err("its row has other columns than there are before the step".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column_type::ColumnType;
    use crate::model::schema::Column;

    #[test]
    fn a_row_reads_back_as_it_was_written_or_not_at_all() {
        let columns = vec![
            Column::new("id", ColumnType::Int64),
            Column::new("x", ColumnType::Float64).nullable(),
        ];
        let schema = StreamSchema::new(columns);
        let good = br#"{"id":7,"x":0.30000000000000004}"#;
        let row = read_row(&schema, good).expect("it fits");
        assert_eq!(json_lines(&row), [&good[..], b"\n"].concat());
        for (text, why) in [
            (&br#"{"id":"7","x":null}"#[..], "does not fit the columns"),
            (br#"{"id":7}"#, "other columns"),
            (br#"{"id":7,"x":null,"y":1}"#, "other columns"),
        ] {
            let found = read_row(&schema, text).expect_err("it is another row");
            assert!(found.contains(why), "{found}");
        }
    }
}
