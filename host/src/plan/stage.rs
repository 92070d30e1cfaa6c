//! Plan: cuts a job into stages, at shuffles, at unions, and where a dataset is used twice.
//!
//! Takes streams whose steps fit. Gives stages in an order in which parents come first. Never
//! fails: all that could be wrong was found before.

use std::collections::HashMap;
use std::time::Duration;

use super::CheckedStream;
use super::chain::ChainLink;
use super::checked::{CheckedStep, InversePlan, StepWork, Window};
use crate::model::column_type::ColumnType;
use crate::model::id::{SinkId, SourceId, StageId};
use crate::model::pipeline::Pipeline;
use crate::model::schema::{Column, StreamSchema};
use crate::model::stage::{
    FoldPlan, Gather, JobPlan, JoinPlan, KeyedInput, OperatorCall, Partitioner, PlannedStep, Read,
    SlidePlan, Span, Stage, StageInput, StageOutput, WithoutParent,
};
use crate::model::wiring::{Origin, Wiring};

/// The column of an incremental window that counts batches. No name of a stream is like it, so it
/// stands beside any.
const BATCHES: &str = "\u{0}batches";

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
    slide: Duration,
    without_parent: WithoutParent,
    input_schema: StreamSchema,
    steps: Vec<PlannedStep>,
    /// The last step, when the next one may run in its call.
    link: Option<ChainLink>,
}

impl OpenStage {
    fn new(stream: &str, slide: Duration, input: StageInput, input_schema: StreamSchema) -> Self {
        let without_parent = match &input {
            StageInput::Datasets(parents) if parents.len() > 1 => WithoutParent::Fails,
            StageInput::Window { .. } => WithoutParent::Runs,
            StageInput::Keyed(keyed) if keyed.reads.len() > 1 => WithoutParent::Fails,
            StageInput::Keyed(keyed) if keyed.reads.iter().any(|r| r.span != Span::Batch) => {
                WithoutParent::Runs
            }
            _ => WithoutParent::HasNone,
        };
        let (stream, steps) = (stream.to_owned(), Vec::new());
        Self { stream, input, slide, without_parent, input_schema, steps, link: None }
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
        let slide = self.stages[parent.0].slide;
        OpenStage::new(stream, slide, StageInput::Datasets(vec![parent]), schema)
    }

    /// Sources begin when they are first read; streams were begun in order.
    fn begin(&mut self, origin: Origin) {
        let Origin::Source(index) = origin else { return };
        let source = &self.pipeline.sources[index];
        // A job declares at most `DECLARATIONS_MAX` sources.
        let id = SourceId(u32::try_from(index).unwrap_or(u32::MAX));
        self.ends.entry(origin).or_insert_with(|| {
            let (input, slide) = (StageInput::Source(id), self.pipeline.settings.batch_interval);
            End::Open(OpenStage::new(&source.name, slide, input, source.schema.clone()))
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
        let OpenStage { stream, input, slide, without_parent, input_schema, steps, .. } = open;
        self.stages.push(Stage {
            id,
            stream,
            input,
            slide,
            remember: Duration::ZERO,
            without_parent,
            input_schema,
            steps,
            output,
        });
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
                // Spark counts by a union with a zero, which needs a dataset.
                let counts = fold.zero_when_empty;
                let mut open = self.fold(open, project.as_ref(), fold, *partitions);
                if counts {
                    open.without_parent = WithoutParent::Fails;
                }
                open
            }
            StepWork::Group { keys, partitions } => {
                let by = Partitioner::Hash { keys: *keys };
                let gather = Gather::Group { keys: *keys };
                self.shuffle(open, step.output.clone(), by, *partitions, gather)
            }
            StepWork::Repartition(partitions) => {
                let (by, schema) = (Partitioner::RoundRobin, step.output.clone());
                let mut open = self.shuffle(open, schema, by, *partitions, Gather::Append);
                open.without_parent = WithoutParent::Fails;
                open
            }
            StepWork::Union(names) => self.union(open, names),
            StepWork::Join { other, plan, partitions } => self.join(open, other, plan, *partitions),
            StepWork::Window(window) => self.window(open, *window),
            StepWork::FoldWindow { project, fold, partitions, window, inverse, filter } => {
                let partials = FoldPlan { zero_when_empty: false, ..fold.clone() };
                let open = self.fold(open, project.as_ref(), &partials, *partitions);
                let open = match inverse {
                    None => self.over_window(open, *window, Gather::Fold(fold.clone()), step),
                    Some(inverse) => self.slide(open, *window, fold, inverse, step),
                };
                match filter {
                    Some(filter) => self.step(open, filter),
                    None => open,
                }
            }
            StepWork::GroupWindow { keys, partitions, window } => {
                let (by, schema) = (Partitioner::Hash { keys: *keys }, open.schema().clone());
                let open = self.shuffle(open, schema, by, *partitions, Gather::Append);
                self.over_window(open, *window, Gather::Group { keys: *keys }, step)
            }
        }
    }

    fn fold(
        &mut self,
        mut open: OpenStage,
        project: Option<&(Vec<usize>, StreamSchema)>,
        fold: &FoldPlan,
        partitions: usize,
    ) -> OpenStage {
        if let Some((project, schema)) = project {
            open.keep_columns(project.clone(), schema.clone());
        }
        let by = Partitioner::Hash { keys: fold.keys };
        self.shuffle(open, fold.output.clone(), by, partitions, Gather::Fold(fold.clone()))
    }

    fn shuffle(
        &mut self,
        open: OpenStage,
        schema: StreamSchema,
        by: Partitioner,
        partitions: usize,
        gather: Gather,
    ) -> OpenStage {
        let (stream, slide) = (open.stream.clone(), open.slide);
        let combine = match &gather {
            Gather::Fold(fold) => Some(fold.clone()),
            Gather::Append | Gather::Group { .. } | Gather::Slide(_) | Gather::Join(_) => None,
        };
        let from = self.close(open, StageOutput::Shuffle { by, partitions, combine });
        let reads = vec![Read { from, span: Span::Batch }];
        let input = StageInput::Keyed(KeyedInput { reads, partitions, gather });
        OpenStage::new(&stream, slide, input, schema)
    }

    /// All batches of a window, whose datasets are kept so long.
    fn window(&mut self, open: OpenStage, window: Window) -> OpenStage {
        let (stream, schema) = (open.stream.clone(), open.schema().clone());
        let from = self.close_as_dataset(open);
        self.remember(from, window.length);
        let input = StageInput::Window { from, length: window.length };
        OpenStage::new(&stream, window.slide, input, schema)
    }

    /// Partitions of a window whose batches were shuffled alike, so that each reads its own.
    fn over_window(
        &mut self,
        open: OpenStage,
        window: Window,
        gather: Gather,
        step: &CheckedStep,
    ) -> OpenStage {
        let (stream, from, partitions) = self.close_keyed(open);
        self.remember(from, window.length);
        let reads = vec![Read { from, span: Span::Window(window.length) }];
        let input = StageInput::Keyed(KeyedInput { reads, partitions, gather });
        OpenStage::new(&stream, window.slide, input, step.output.clone())
    }

    /// A window made of the one before: its results are kept with the number of batches in which
    /// each key occurs, and shown without.
    fn slide(
        &mut self,
        open: OpenStage,
        window: Window,
        fold: &FoldPlan,
        inverse: &InversePlan,
        step: &CheckedStep,
    ) -> OpenStage {
        let (stream, from, partitions) = self.close_keyed(open);
        // The window before reaches back a slide further.
        self.remember(from, window.length + window.slide);
        let shown = step.output.clone();
        let mut counted = shown.clone();
        counted.columns.push(Column::new(BATCHES, ColumnType::Int64));
        let gather = Gather::Slide(SlidePlan {
            fold: fold.clone(),
            inverse: inverse.call.clone(),
            forget_gone: inverse.forget_gone,
            output: counted.clone(),
        });
        let reads = vec![Read { from, span: Span::Sliding(window.length) }];
        let input = StageInput::Keyed(KeyedInput { reads, partitions, gather });
        let results = OpenStage::new(&stream, window.slide, input, counted.clone());
        let results = self.close(results, StageOutput::Dataset);
        self.remember(results, window.slide);
        let input = StageInput::Datasets(vec![results]);
        let mut open = OpenStage::new(&stream, window.slide, input, counted);
        open.keep_columns((0..shown.columns.len()).collect(), shown);
        open
    }

    /// Keeps the partitions of a stage that was shuffled by key.
    fn close_keyed(&mut self, open: OpenStage) -> (String, StageId, usize) {
        let partitions = match &open.input {
            StageInput::Keyed(keyed) => keyed.partitions,
            _ => 1,
        };
        let stream = open.stream.clone();
        (stream, self.close(open, StageOutput::Dataset), partitions)
    }

    fn remember(&mut self, stage: StageId, at_least: Duration) {
        let remember = &mut self.stages[stage.0].remember;
        *remember = at_least.max(*remember);
    }

    /// Both streams are shuffled by their keys, which are alike, into as many partitions.
    fn join(
        &mut self,
        left: OpenStage,
        other: &str,
        plan: &JoinPlan,
        partitions: usize,
    ) -> OpenStage {
        let (stream, slide) = (left.stream.clone(), left.slide);
        let by = Partitioner::Hash { keys: plan.keys };
        let written = || StageOutput::Shuffle { by, partitions, combine: None };
        let mut reads = vec![Read { from: self.close(left, written()), span: Span::Batch }];
        if let Some(origin) = self.wiring.origin(other) {
            let right = self.open(origin, other, plan.right.clone());
            reads.push(Read { from: self.close(right, written()), span: Span::Batch });
        }
        let gather = Gather::Join(plan.clone());
        let input = StageInput::Keyed(KeyedInput { reads, partitions, gather });
        OpenStage::new(&stream, slide, input, plan.output.clone())
    }

    fn union(&mut self, open: OpenStage, names: &[String]) -> OpenStage {
        let (stream, schema, slide) = (open.stream.clone(), open.schema().clone(), open.slide);
        let mut parents = match open.input {
            StageInput::Datasets(parents) if open.steps.is_empty() => parents,
            _ => vec![self.close_as_dataset(open)],
        };
        for name in names {
            if let Some(origin) = self.wiring.origin(name) {
                parents.push(self.dataset_of(origin));
            }
        }
        OpenStage::new(&stream, slide, StageInput::Datasets(parents), schema)
    }
}
