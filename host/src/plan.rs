//! Floor 4, plan: pipeline to stages, every schema checked on the way.
//!
//! Takes a pipeline as declared and what its plugins say of themselves. Gives the stages that
//! tasks run, or every mismatch with its place in the job. Never loads a plugin or reads a file.

mod aggregate;
mod beside;
mod binding;
mod broadcast;
mod chain;
mod checked;
pub mod explain;
mod fault;
mod fold;
mod help;
mod join;
mod lookup;
mod naming;
mod narrow;
mod reshape;
mod sink;
mod stage;
mod state;
mod step;
mod verb;
mod window;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::error::{Classify, Domain, Retry};
use crate::limits::{FINDINGS_MAX, UNION_WIDTH_MAX};
use crate::model::description::PluginDescription;
use crate::model::finding::{Finding, Part, Place};
use crate::model::id::StageId;
use crate::model::operation::StepDeclaration;
use crate::model::pipeline::{Pipeline, StreamDeclaration};
use crate::model::schema::StreamSchema;
use crate::model::stage::JobPlan;
use crate::model::wiring::{Origin, Wiring, wire};

use checked::{CheckedStep, StepContext, StepWork};
pub use fault::PlanFault;

/// What plugins say of themselves, by their names in the job.
pub trait PluginCatalogue {
    /// The description of the plugin, if it is loaded.
    fn describe(&self, plugin: &str) -> Option<&PluginDescription>;
}

impl PluginCatalogue for HashMap<String, PluginDescription> {
    fn describe(&self, plugin: &str) -> Option<&PluginDescription> {
        self.get(plugin)
    }
}

/// What a job leaves to the machine it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanDefaults {
    /// Partitions of a shuffle where neither step nor job says how many: the number of cores.
    pub partitions: usize,
}

/// A job as planned, with what `explain` tells beside its stages.
#[derive(Debug, Clone)]
pub struct PlannedJob {
    /// The stages.
    pub plan: JobPlan,
    /// The streams that some sink needs, each after those it reads.
    pub streams: Vec<StreamSchemas>,
    /// The streams that no sink needs: they fit, and do not run.
    pub unread: Vec<StreamSchemas>,
    /// The rows of each sink, in declared order.
    pub sinks: Vec<StreamSchema>,
    /// The stages whose datasets are those of a source or stream, by its name. Others are never
    /// together: their steps run on in the stage of a reader.
    pub datasets: BTreeMap<String, StageId>,
}

/// The rows of one stream, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSchemas {
    /// Its name.
    pub name: String,
    /// What it starts from.
    pub from: String,
    /// The rows it starts from.
    pub input: StreamSchema,
    /// Each step's label, and the rows after it.
    pub steps: Vec<(String, StreamSchema)>,
}

impl StreamSchemas {
    /// The rows after the last step.
    pub fn output(&self) -> &StreamSchema {
        self.steps.last().map_or(&self.input, |(_, schema)| schema)
    }
}

/// One thing that keeps a job from being planned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {fault}", .place.item)]
pub struct PlanError {
    /// Where in the job.
    pub place: Place,
    /// What.
    pub fault: PlanFault,
}

impl PlanError {
    /// The same in the words of a job file's errors.
    pub fn finding(&self) -> Finding {
        let (place, message) = (self.place.clone(), self.fault.to_string());
        Finding { place, message, help: self.fault.help() }
    }
}

/// All that keeps a job from being planned, at least one thing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", .0.iter().map(PlanError::to_string).collect::<Vec<_>>().join("\n"))]
pub struct PlanErrors(pub Vec<PlanError>);

impl Classify for PlanErrors {
    fn domain(&self) -> Domain {
        Domain::User
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Plans a job: resolves its names, checks every step against the rows before it, and cuts stages.
///
/// # Errors
/// Everything that does not fit, but of each stream only the first mismatch, since what comes
/// after it depends on it.
pub fn plan(
    pipeline: &Pipeline,
    plugins: &dyn PluginCatalogue,
    defaults: PlanDefaults,
) -> Result<PlannedJob, PlanErrors> {
    let wiring = wire(pipeline).map_err(|findings| {
        PlanErrors(findings.into_iter().map(PlanFault::from_finding).collect())
    })?;
    let partitions = pipeline.settings.partitions.unwrap_or(defaults.partitions).max(1);
    let (checked, mut errors) = check_streams(pipeline, &wiring, plugins, partitions);
    let rows_of = |origin| rows_of(pipeline, &checked, origin);
    let (sinks, unwritable) = sink::check(pipeline, &wiring, rows_of);
    errors.extend(unwritable);
    if !errors.is_empty() {
        errors.truncate(FINDINGS_MAX);
        return Err(PlanErrors(errors));
    }
    let (plan, datasets) = stage::cut(pipeline, &wiring, &checked);
    let (streams, unread) = all_schemas(pipeline, &wiring, &checked);
    Ok(PlannedJob { streams, unread, sinks, plan, datasets })
}

/// A stream whose steps fit.
struct CheckedStream {
    input: StreamSchema,
    steps: Vec<CheckedStep>,
    /// How often partitions of sources or shuffles stand in it, through all unions.
    width: usize,
    /// Time between its datasets.
    slide: Duration,
}

impl CheckedStream {
    fn output(&self) -> &StreamSchema {
        self.steps.last().map_or(&self.input, |step| &step.output)
    }
}

/// The rows of a source or stream; `None`: it has a mismatch.
fn rows_of<'s>(
    pipeline: &'s Pipeline,
    checked: &'s HashMap<usize, CheckedStream>,
    origin: Origin,
) -> Option<&'s StreamSchema> {
    match origin {
        Origin::Source(source) => Some(&pipeline.sources[source].schema),
        Origin::Stream(stream) => checked.get(&stream).map(CheckedStream::output),
        Origin::Snapshots { stream, step } => {
            let step = checked.get(&stream)?.steps.get(step)?;
            step.work.kept().map(|(kept, _)| kept)
        }
    }
}

/// The rows of the streams that run, and of those that do not, each with the streams of what its
/// steps keep.
fn all_schemas(
    pipeline: &Pipeline,
    wiring: &Wiring,
    checked: &HashMap<usize, CheckedStream>,
) -> (Vec<StreamSchemas>, Vec<StreamSchemas>) {
    let (mut run, mut unread) = (Vec::new(), Vec::new());
    for index in wiring.order().iter().chain(wiring.unread()) {
        let runs = !wiring.unread().contains(index);
        let stream = &pipeline.streams[*index];
        let Some(of) = checked.get(index) else { continue };
        if runs { &mut run } else { &mut unread }.push(stream_schemas(stream, of));
        for (step, (declared, planned)) in stream.steps.iter().zip(&of.steps).enumerate() {
            let Some(snapshots) = snapshots_schemas(declared, planned) else { continue };
            let is_read = wiring.uses(Origin::Snapshots { stream: *index, step }) > 0;
            if runs && is_read { &mut run } else { &mut unread }.push(snapshots);
        }
    }
    (run, unread)
}

/// The rows of the stream of what a step keeps, if it has one.
fn snapshots_schemas(declared: &StepDeclaration, step: &CheckedStep) -> Option<StreamSchemas> {
    let name = declared.operation.state()?.snapshots.clone()?;
    let (kept, _) = step.work.kept()?;
    let from = format!("step {}", declared.name.as_deref().unwrap_or_default());
    Some(StreamSchemas { name, from, input: kept.clone(), steps: Vec::new() })
}

fn stream_schemas(stream: &StreamDeclaration, checked: &CheckedStream) -> StreamSchemas {
    let steps = checked.steps.iter().map(|step| (step.label.clone(), step.output.clone()));
    StreamSchemas {
        name: stream.name.clone(),
        from: stream.from.clone(),
        input: checked.input.clone(),
        steps: steps.collect(),
    }
}

/// The streams that fit, and the first mismatch of each other one. One that no sink needs is a
/// mistake all the same.
fn check_streams(
    pipeline: &Pipeline,
    wiring: &Wiring,
    plugins: &dyn PluginCatalogue,
    partitions: usize,
) -> (HashMap<usize, CheckedStream>, Vec<PlanError>) {
    let mut checked: HashMap<usize, CheckedStream> = HashMap::new();
    let mut errors = Vec::new();
    for index in wiring.order().iter().chain(wiring.unread()) {
        let stream = &pipeline.streams[*index];
        let schema_of = |name: &str| rows_of(pipeline, &checked, wiring.origin(name)?);
        // A stream that reads one with a mismatch is left out: its rows are not known.
        let Some(input) = schema_of(&stream.from).cloned() else { continue };
        let width_of = |name: &str| match wiring.origin(name) {
            Some(Origin::Stream(parent)) => checked.get(&parent).map_or(1, |stream| stream.width),
            _ => 1,
        };
        let interval = pipeline.settings.batch_interval;
        let slide_of = |name: &str| match wiring.origin(name)? {
            Origin::Source(_) => Some(interval),
            Origin::Stream(parent) => checked.get(&parent).map(|stream| stream.slide),
            Origin::Snapshots { stream, step } => {
                let parent = checked.get(&stream)?;
                parent.steps.get(step)?.work.kept().map(|(_, slide)| slide)
            }
        };
        let slide = slide_of(&stream.from).unwrap_or(interval);
        let context = StepContext {
            plugins,
            broadcasts: &pipeline.broadcasts,
            partitions,
            slide,
            schema_of: &schema_of,
            slide_of: &slide_of,
        };
        match check_stream(stream, input, context, width_of) {
            Ok(Some(stream)) => {
                checked.insert(*index, stream);
            }
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
    }
    (checked, errors)
}

/// Checks step by step; `None` when a union needs a stream that has a mismatch itself.
fn check_stream(
    stream: &StreamDeclaration,
    input: StreamSchema,
    mut context: StepContext<'_>,
    width_of: impl Fn(&str) -> usize,
) -> Result<Option<CheckedStream>, PlanError> {
    let (steps, width) = (Vec::with_capacity(stream.steps.len()), width_of(&stream.from));
    let mut checked = CheckedStream { input, steps, width, slide: context.slide };
    for (index, declared) in stream.steps.iter().enumerate() {
        let fail =
            |(part, fault)| PlanError { place: Place::step(&stream.name, index, part), fault };
        let step = step::check(declared, checked.output(), &context).map_err(fail)?;
        let Some(step) = step else { return Ok(None) };
        checked.width = width_after(&step.work, checked.width, &width_of);
        if let Some(slide) = step.work.slide() {
            (context.slide, checked.slide) = (slide, slide);
        }
        if checked.width > UNION_WIDTH_MAX {
            return Err(fail((Part::Operation, PlanFault::UnionWidth { found: checked.width })));
        }
        checked.steps.push(step);
    }
    Ok(Some(checked))
}

/// How often partitions of sources or shuffles stand in a stream after a step.
fn width_after(work: &StepWork, before: usize, width_of: &dyn Fn(&str) -> usize) -> usize {
    match work {
        StepWork::Narrow { .. } => before,
        StepWork::Union(names) => {
            names.iter().fold(before, |sum, name| sum.saturating_add(width_of(name)))
        }
        // A window of many batches holds the sets of each; their number is bounded by time.
        StepWork::Window(_) => before,
        StepWork::Then(steps) => {
            steps.iter().fold(before, |width, step| width_after(&step.work, width, width_of))
        }
        StepWork::Fold { .. }
        | StepWork::Group { .. }
        | StepWork::Repartition(_)
        | StepWork::Partition { .. }
        | StepWork::Join { .. }
        | StepWork::State(_)
        | StepWork::Transform { .. }
        | StepWork::FoldWindow { .. }
        | StepWork::GroupWindow { .. } => 1,
    }
}
