//! Plan: cuts a job into stages, at shuffles, at unions, and where a dataset is used twice.
//!
//! Takes streams whose steps fit. Gives stages in an order in which parents come first. Never
//! fails: all that could be wrong was found before.

use std::collections::HashMap;

use super::CheckedStream;
use super::chain::ChainLink;
use super::checked::{CheckedStep, StepWork};
use crate::model::id::{SinkId, SourceId, StageId};
use crate::model::pipeline::Pipeline;
use crate::model::schema::StreamSchema;
use crate::model::stage::{
    Gather, JobPlan, OperatorCall, Partitioner, PlannedStep, Stage, StageInput, StageOutput,
};
use crate::model::wiring::{Origin, Wiring};

/// Cuts the streams that sinks need.
pub(super) fn cut(
    pipeline: &Pipeline,
    wiring: &Wiring,
    checked: &HashMap<usize, CheckedStream>,
) -> JobPlan {
    let mut cutter = Cutter { pipeline, wiring, stages: Vec::new(), ends: HashMap::new() };
    for index in wiring.order() {
        if let Some(stream) = checked.get(index) {
            cutter.stream(*index, stream);
        }
    }
    let mut sinks = Vec::with_capacity(pipeline.sinks.len());
    for (index, sink) in pipeline.sinks.iter().enumerate() {
        if let Some(origin) = wiring.origin(&sink.from) {
            sinks.push((SinkId(index), cutter.dataset_of(origin)));
        }
    }
    JobPlan { stages: cutter.stages, sinks }
}

/// A stage that still takes steps.
struct OpenStage {
    stream: String,
    input: StageInput,
    input_schema: StreamSchema,
    steps: Vec<PlannedStep>,
    /// The last step, when the next one may run in its call.
    link: Option<ChainLink>,
}

impl OpenStage {
    fn new(stream: &str, input: StageInput, input_schema: StreamSchema) -> Self {
        Self { stream: stream.to_owned(), input, input_schema, steps: Vec::new(), link: None }
    }

    fn schema(&self) -> &StreamSchema {
        self.steps.last().map_or(&self.input_schema, |step| &step.output)
    }

    fn push(&mut self, step: PlannedStep, link: Option<ChainLink>) {
        let joins = match (&self.link, &link) {
            (Some(last), Some(next)) => last.leads_to(next),
            _ => false,
        };
        self.link = link;
        match self.steps.last_mut() {
            Some(last) if joins => extend_chain(last, step),
            _ => self.steps.push(step),
        }
    }

    fn keep_columns(&mut self, project: Vec<usize>, output: StreamSchema) {
        let names: Vec<&str> = output.columns.iter().map(|column| column.name.as_str()).collect();
        let label =
            format!("columns {}", if names.is_empty() { "none".into() } else { names.join(", ") });
        self.push(PlannedStep { label, project, call: None, whole_partition: false, output }, None);
    }
}

/// Adds the operator of `next` to the call of `last`.
fn extend_chain(last: &mut PlannedStep, next: PlannedStep) {
    let called = next.call.map(|(call, _)| call);
    if let (
        Some((OperatorCall::Guest { chain, .. }, _)),
        Some(OperatorCall::Guest { chain: more, .. }),
    ) = (&mut last.call, called)
    {
        chain.extend(more);
        last.label = format!("{} -> {}", last.label, next.label);
        last.output = next.output;
    }
}

/// What a stream or source has come to.
enum End {
    /// One reader takes its steps further in the same stage.
    Open(OpenStage),
    /// Its rows are kept as a dataset.
    Dataset(StageId),
}

struct Cutter<'a> {
    pipeline: &'a Pipeline,
    wiring: &'a Wiring,
    stages: Vec<Stage>,
    ends: HashMap<Origin, End>,
}

impl Cutter<'_> {
    fn stream(&mut self, index: usize, checked: &CheckedStream) {
        let declared = &self.pipeline.streams[index];
        let Some(from) = self.wiring.origin(&declared.from) else { return };
        let mut open = self.open(from, &declared.name, checked.input.clone());
        for step in &checked.steps {
            open = self.step(open, step);
        }
        self.ends.insert(Origin::Stream(index), End::Open(open));
    }

    /// A stage that continues from a source or stream: its own, when nobody else reads it.
    fn open(&mut self, from: Origin, stream: &str, schema: StreamSchema) -> OpenStage {
        if self.wiring.uses(from) == 1 {
            self.begin(from);
            if let Some(End::Open(mut open)) = self.ends.remove(&from) {
                stream.clone_into(&mut open.stream);
                return open;
            }
        }
        let parent = self.dataset_of(from);
        OpenStage::new(stream, StageInput::Datasets(vec![parent]), schema)
    }

    /// Sources begin when they are first read; streams were begun in order.
    fn begin(&mut self, origin: Origin) {
        let Origin::Source(index) = origin else { return };
        let source = &self.pipeline.sources[index];
        // A job declares at most `DECLARATIONS_MAX` sources.
        let id = SourceId(u32::try_from(index).unwrap_or(u32::MAX));
        self.ends.entry(origin).or_insert_with(|| {
            let input = StageInput::Source(id);
            End::Open(OpenStage::new(&source.name, input, source.schema.clone()))
        });
    }

    /// The stage that keeps the rows of a source or stream.
    fn dataset_of(&mut self, origin: Origin) -> StageId {
        self.begin(origin);
        let id = match self.ends.remove(&origin) {
            Some(End::Open(open)) => self.close_as_dataset(open),
            Some(End::Dataset(id)) => id,
            // Every needed stream was cut before what reads it.
            None => StageId(0),
        };
        self.ends.insert(origin, End::Dataset(id));
        id
    }

    fn close(&mut self, open: OpenStage, output: StageOutput) -> StageId {
        let id = StageId(self.stages.len());
        let OpenStage { stream, input, input_schema, steps, .. } = open;
        self.stages.push(Stage { id, stream, input, input_schema, steps, output });
        id
    }

    fn close_as_dataset(&mut self, open: OpenStage) -> StageId {
        match open.input {
            // Nothing is done to a dataset that is there already.
            StageInput::Datasets(ref parents) if open.steps.is_empty() && parents.len() == 1 => {
                parents[0]
            }
            _ => self.close(open, StageOutput::Dataset),
        }
    }

    fn step(&mut self, mut open: OpenStage, step: &CheckedStep) -> OpenStage {
        match &step.work {
            StepWork::Narrow { project, call, whole_partition, link } => {
                let planned = PlannedStep {
                    label: step.label.clone(),
                    project: project.clone(),
                    call: call.clone(),
                    whole_partition: *whole_partition,
                    output: step.output.clone(),
                };
                open.push(planned, link.clone());
                open
            }
            StepWork::Fold { project, fold, partitions } => {
                if let Some((project, schema)) = project {
                    open.keep_columns(project.clone(), schema.clone());
                }
                let by = Partitioner::Hash { keys: fold.keys };
                let gather = Gather::Fold(fold.clone());
                self.shuffle(open, step, by, *partitions, gather)
            }
            StepWork::Group { keys, partitions } => {
                let by = Partitioner::Hash { keys: *keys };
                self.shuffle(open, step, by, *partitions, Gather::Group { keys: *keys })
            }
            StepWork::Repartition(partitions) => {
                self.shuffle(open, step, Partitioner::RoundRobin, *partitions, Gather::Append)
            }
            StepWork::Union(names) => self.union(open, names),
        }
    }

    fn shuffle(
        &mut self,
        open: OpenStage,
        step: &CheckedStep,
        by: Partitioner,
        partitions: usize,
        gather: Gather,
    ) -> OpenStage {
        let stream = open.stream.clone();
        let combine = match &gather {
            Gather::Fold(fold) => Some(fold.clone()),
            Gather::Append | Gather::Group { .. } => None,
        };
        let from = self.close(open, StageOutput::Shuffle { by, partitions, combine });
        let input = StageInput::Shuffle { from, partitions, gather };
        OpenStage::new(&stream, input, step.output.clone())
    }

    fn union(&mut self, open: OpenStage, names: &[String]) -> OpenStage {
        let (stream, schema) = (open.stream.clone(), open.schema().clone());
        let mut parents = match open.input {
            StageInput::Datasets(parents) if open.steps.is_empty() => parents,
            _ => vec![self.close_as_dataset(open)],
        };
        for name in names {
            if let Some(origin) = self.wiring.origin(name) {
                parents.push(self.dataset_of(origin));
            }
        }
        OpenStage::new(&stream, StageInput::Datasets(parents), schema)
    }
}
