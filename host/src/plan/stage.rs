//! Plan: cuts a job into stages, at shuffles, at unions, and where a dataset is used twice.
//!
//! Takes streams whose steps fit. Gives stages in an order in which parents come first. Never
//! fails: all that could be wrong was found before.

mod wide;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::CheckedStream;
use super::chain::ChainLink;
use crate::model::id::{SinkId, SourceId, StageId};
use crate::model::pipeline::Pipeline;
use crate::model::schema::StreamSchema;
use crate::model::stage::{
    Gather, JobPlan, OperatorCall, PlannedStep, Span, Stage, StageInput, StageOutput, WithoutParent,
};
use crate::model::storage_level::StorageLevel;
use crate::model::wiring::{Origin, Wiring};

/// The column of an incremental window that counts batches. No name of a stream is like it, so it
/// stands beside any.
const BATCHES: &str = "\u{0}batches";

/// Cuts the streams that sinks need. Gives the stages that keep a dataset by the name of its source
/// or stream, too.
pub(super) fn cut(
    pipeline: &Pipeline,
    wiring: &Wiring,
    checked: &HashMap<usize, CheckedStream>,
) -> (JobPlan, BTreeMap<String, StageId>) {
    let (stages, ends) = (Vec::new(), HashMap::new());
    let mut cutter = Cutter { pipeline, wiring, stages, ends, level: None };
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
    let datasets = cutter.datasets();
    let mut stages = cutter.stages;
    let least = pipeline.settings.remember.unwrap_or_default();
    for stage in stages.iter_mut().filter(|s| matches!(s.output, StageOutput::Dataset)) {
        stage.remember = stage.remember.max(least);
    }
    (JobPlan { stages, sinks }, datasets)
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
    /// The level that was set for its rows as they are now.
    level: Option<StorageLevel>,
}

impl OpenStage {
    fn new(stream: &str, slide: Duration, input: StageInput, input_schema: StreamSchema) -> Self {
        let without_parent = match &input {
            StageInput::Datasets(parents) if parents.len() > 1 => WithoutParent::Fails,
            StageInput::Transform(_) => WithoutParent::Fails,
            StageInput::Window { .. } => WithoutParent::Runs,
            StageInput::Keyed(keyed) if keyed.reads.len() > 1 => WithoutParent::Fails,
            StageInput::Keyed(keyed)
                if keyed.reads.iter().any(|r| r.span != Span::Batch)
                    || matches!(keyed.gather, Gather::State(_)) =>
            {
                WithoutParent::Runs
            }
            _ => WithoutParent::HasNone,
        };
        let (stream, steps) = (stream.to_owned(), Vec::new());
        Self { stream, input, slide, without_parent, input_schema, steps, link: None, level: None }
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
        self.level = None;
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
    Open(Box<OpenStage>),
    /// Its rows are kept as a dataset.
    Dataset(StageId),
}

struct Cutter<'a> {
    pipeline: &'a Pipeline,
    wiring: &'a Wiring,
    stages: Vec<Stage>,
    ends: HashMap<Origin, End>,
    /// The level that the stream which is being cut says.
    level: Option<StorageLevel>,
}

impl Cutter<'_> {
    fn stream(&mut self, index: usize, checked: &CheckedStream) {
        let declared = &self.pipeline.streams[index];
        let Some(from) = self.wiring.origin(&declared.from) else { return };
        self.level = declared.persist;
        let mut open = self.open(from, &declared.name, checked.input.clone());
        for (number, step) in checked.steps.iter().enumerate() {
            open = self.step(open, step);
            let origin = Origin::Snapshots { stream: index, step: number };
            if let (Some((kept, _)), 1..) = (step.work.kept(), self.wiring.uses(origin)) {
                // What is kept is a stream of its own, under its own name.
                let state = declared.steps[number].operation.state();
                let name = state.and_then(|state| state.snapshots.as_deref());
                open = self.snapshots(open, (name.unwrap_or_default(), origin), kept.clone());
            }
        }
        open.level = declared.persist.or(open.level);
        self.ends.insert(Origin::Stream(index), End::Open(Box::new(open)));
    }

    /// What a stateful stage keeps, as a stream beside the one it gives.
    fn snapshots(
        &mut self,
        open: OpenStage,
        (name, origin): (&str, Origin),
        kept: StreamSchema,
    ) -> OpenStage {
        let (stream, slide, schema) = (open.stream.clone(), open.slide, open.schema().clone());
        let id = self.close(open, StageOutput::Dataset);
        let snapshots = OpenStage::new(name, slide, StageInput::Snapshots(id), kept);
        self.ends.insert(origin, End::Open(Box::new(snapshots)));
        OpenStage::new(&stream, slide, StageInput::Datasets(vec![id]), schema)
    }

    /// A stage that continues from a source or stream: its own, when nobody else reads it.
    fn open(&mut self, from: Origin, stream: &str, schema: StreamSchema) -> OpenStage {
        if self.wiring.uses(from) == 1 {
            self.begin(from);
            if let Some(End::Open(mut open)) = self.ends.remove(&from) {
                stream.clone_into(&mut open.stream);
                return *open;
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
            End::Open(Box::new(OpenStage::new(&source.name, slide, input, source.schema.clone())))
        });
    }

    /// The stage that keeps the rows of a source or stream.
    fn dataset_of(&mut self, origin: Origin) -> StageId {
        self.begin(origin);
        let id = match self.ends.remove(&origin) {
            Some(End::Open(open)) => self.close_as_dataset(*open),
            Some(End::Dataset(id)) => id,
            // Every needed stream was cut before what reads it.
            None => StageId(0),
        };
        self.ends.insert(origin, End::Dataset(id));
        id
    }

    /// The stages that keep the datasets of sources and streams, also of states, by name.
    fn datasets(&self) -> BTreeMap<String, StageId> {
        let sources = self.pipeline.sources.iter().map(|source| &source.name);
        let streams = self.pipeline.streams.iter().map(|stream| &stream.name);
        let names = sources.chain(streams).chain(self.pipeline.snapshots().map(|(_, name)| name));
        let kept = names.filter_map(|name| match self.ends.get(&self.wiring.origin(name)?)? {
            End::Dataset(stage) => Some((name.clone(), *stage)),
            End::Open(_) => None,
        });
        kept.collect()
    }

    fn close(&mut self, open: OpenStage, output: StageOutput) -> StageId {
        let id = StageId(self.stages.len());
        let OpenStage { stream, input, slide, without_parent, input_schema, steps, level, .. } =
            open;
        self.stages.push(Stage {
            id,
            stream,
            input,
            slide,
            remember: Duration::ZERO,
            level,
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
                let parent = &mut self.stages[parents[0].0];
                parent.level = parent.level.or(open.level);
                parent.id
            }
            _ => self.close(open, StageOutput::Dataset),
        }
    }
}
