//! Plan: a planned job in stable text, for people and golden tests.
//!
//! Takes a pipeline and its plan. Gives lines. Never shows what differs from run to run.

mod settings;

use std::fmt::Write as _;

use super::{PlannedJob, StreamSchemas};
use crate::model::broadcast::{BroadcastOrigin, Reload};
use crate::model::id::{SourceId, StageId};
use crate::model::pipeline::Pipeline;
use crate::model::schema::StreamSchema;
use crate::model::sink::SinkConnector;
use crate::model::source::SourceConnector;
use crate::model::stage::{
    FoldPlan, Gather, JobPlan, KeyedInput, OperatorCall, Partitioner, Read, Span, Stage,
    StageInput, StageOutput, StatePlan,
};
use crate::model::text::number_of;
use crate::model::verb_call::VerbCall;

/// Tells the schema after every step, then stages and their tasks.
pub fn explain(pipeline: &Pipeline, planned: &PlannedJob) -> String {
    let mut text = format!(
        "job {}: a batch every {}\n{}\nsources\n",
        pipeline.name,
        humantime::format_duration(pipeline.settings.batch_interval),
        settings::of_job(&pipeline.settings),
    );
    let mut rows: Vec<(String, String)> = Vec::new();
    for source in &pipeline.sources {
        let from = connector(&source.connector);
        rows.push((format!("  {}: {from}", source.name), source.schema.to_string()));
        rows.extend(settings::of_source(source).map(|own| (format!("    {own}"), String::new())));
    }
    write_columns(&mut text, &rows);
    if !pipeline.broadcasts.is_empty() {
        text.push_str("\nbroadcasts\n");
        rows.clear();
        for broadcast in &pipeline.broadcasts {
            let from = broadcast_text(&broadcast.origin);
            rows.push((format!("  {}: {from}", broadcast.name), broadcast.schema.to_string()));
        }
        write_columns(&mut text, &rows);
    }
    text.push_str("\nstreams\n");
    write_streams(&mut text, pipeline, &planned.streams);
    if !planned.unread.is_empty() {
        text.push_str("\nstreams that no sink reads, which do not run\n");
        write_streams(&mut text, pipeline, &planned.unread);
    }
    text.push_str("\nstages\n");
    for stage in &planned.plan.stages {
        write_stage(&mut text, pipeline, &planned.plan, stage);
    }
    text
}

fn write_streams(text: &mut String, pipeline: &Pipeline, streams: &[StreamSchemas]) {
    let mut rows: Vec<(String, String)> = Vec::new();
    for stream in streams {
        let declared = pipeline.streams.iter().find(|declared| declared.name == stream.name);
        let level = declared.and_then(|declared| declared.persist);
        let level = level.map(|level| format!(", persist {}", level.word())).unwrap_or_default();
        let head = format!("  {} from {}{level}", stream.name, stream.from);
        rows.push((head, stream.input.to_string()));
        for (index, (label, schema)) in stream.steps.iter().enumerate() {
            rows.push((format!("    {} {label}", index + 1), schema.to_string()));
        }
    }
    write_columns(text, &rows);
}

fn write_columns(text: &mut String, rows: &[(String, String)]) {
    let beside = rows.iter().filter(|(_, right)| !right.is_empty());
    let width = beside.map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    for (left, right) in rows {
        let line = format!("{left:width$}  {right}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn connector(connector: &SourceConnector) -> String {
    match connector {
        SourceConnector::Socket { address } | SourceConnector::DecodedSocket { address, .. } => {
            format!("socket {address}")
        }
        SourceConnector::Receiver(_) => "a receiver of the program".to_owned(),
        SourceConnector::Listen { address, .. } => format!("listens on {address}"),
        SourceConnector::Files { path, bounded } => {
            format!("{} files of {}", if *bounded { "the" } else { "new" }, path.display())
        }
        SourceConnector::FileSet { path, .. } => format!("the files of {}", path.display()),
        SourceConnector::Generate { lines_per_second, .. } => {
            format!("generated, {lines_per_second} lines/s")
        }
        SourceConnector::Stdin => "standard input".to_owned(),
        SourceConnector::Datasets(_) => "given by the program".to_owned(),
    }
}

fn broadcast_text(origin: &BroadcastOrigin) -> String {
    let BroadcastOrigin::File(file) = origin else { return "given by the program".to_owned() };
    let reload = match file.reload {
        Reload::Never => String::new(),
        Reload::OnChange => ", read again when it changes".to_owned(),
        Reload::Every(every) => {
            format!(", read again every {}", humantime::format_duration(every))
        }
    };
    format!("file {}{reload}", file.path.display())
}

fn write_stage(text: &mut String, pipeline: &Pipeline, plan: &JobPlan, stage: &Stage) {
    let (number, stream) = (stage.id.0, &stage.stream);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  stage {number} of {stream}: {}", tasks(pipeline, plan, stage));
    if let StageInput::Keyed(KeyedInput { gather, .. }) = &stage.input {
        match gather {
            Gather::Append => {}
            Gather::Fold(fold) => line(text, &format!("fold {}", fold_text(fold))),
            Gather::Join(join) => {
                let names = join.output.key_columns().iter().map(|c| c.name.as_str());
                let names = names.collect::<Vec<_>>().join(", ");
                line(text, &format!("{} by {names}", join.kind.step_word()));
            }
            Gather::State(state) => {
                line(text, &format!("state {}: {}", state.name, state_text(state)));
            }
            Gather::Slide(slide) => {
                line(text, &format!("fold {}, taking out what left", fold_text(&slide.fold)));
            }
            Gather::Group { keys } => {
                let names = stage.input_schema.columns.iter().take(*keys).map(|c| c.name.as_str());
                line(text, &format!("group by {}", names.collect::<Vec<_>>().join(", ")));
            }
        }
    }
    for step in &stage.steps {
        let whole = if step.whole_partition { " (whole partition)" } else { "" };
        line(text, &format!("{}{whole}", step.label));
    }
    match &stage.output {
        StageOutput::Dataset => {}
        StageOutput::Shuffle { by, partitions, combine } => {
            if let Some(fold) = combine {
                line(text, &format!("combine {}", fold_text(fold)));
            }
            line(text, &format!("shuffle {} into {}", by_text(by, stage), count(*partitions)));
        }
    }
    for (sink, _) in plan.sinks.iter().filter(|(_, from)| *from == stage.id) {
        let sink = &pipeline.sinks[sink.0];
        let own = settings::of_sink(sink);
        line(text, &format!("-> sink {}: {}{own}", sink.name, sink_text(&sink.connector)));
    }
}

fn line(text: &mut String, words: &str) {
    text.push_str("    ");
    text.push_str(words);
    text.push('\n');
}

fn tasks(pipeline: &Pipeline, plan: &JobPlan, stage: &Stage) -> String {
    match &stage.input {
        StageInput::Source(SourceId(source)) => {
            let source = &pipeline.sources[*source as usize];
            let unit = match source.connector {
                SourceConnector::Files { .. } | SourceConnector::FileSet { .. } => "file range",
                _ => "block",
            };
            format!("one task per {unit} of {}", source.name)
        }
        StageInput::Keyed(KeyedInput { reads, partitions, .. }) => {
            let tasks = tasks_of(*partitions);
            let reads: Vec<String> = reads.iter().map(read_text).collect();
            format!("{tasks}, from {}{}", reads.join(" and "), every(pipeline, stage))
        }
        StageInput::Snapshots(from) => {
            let tasks = tasks_of(fixed_tasks(plan)[stage.id.0].unwrap_or(0));
            format!("{tasks}, from the state of stage {}", from.0)
        }
        StageInput::Window { from, length } => {
            let length = humantime::format_duration(*length);
            let every = every(pipeline, stage);
            format!("one task per partition, from {length} of stage {}{every}", from.0)
        }
        StageInput::Transform(transform) => {
            let names: Vec<String> =
                transform.parents.iter().map(|StageId(id)| id.to_string()).collect();
            format!("1 task over all of stage {}", names.join(" and stage "))
        }
        StageInput::Datasets(parents) => {
            let names: Vec<String> = parents.iter().map(|StageId(id)| id.to_string()).collect();
            let known = fixed_tasks(plan)[stage.id.0];
            let tasks = known.map_or("one task per partition".to_owned(), tasks_of);
            let stages = if parents.len() == 1 { "stage" } else { "stages" };
            format!("{tasks}, from {stages} {}", names.join(", then "))
        }
    }
}

fn read_text(read: &Read) -> String {
    let from = read.from.0;
    match read.span {
        Span::Batch => format!("the shuffle of stage {from}"),
        Span::Window(length) | Span::Sliding(length) => {
            format!("{} of stage {from}", humantime::format_duration(length))
        }
    }
}

/// How often a stage runs, where that is not each batch.
fn every(pipeline: &Pipeline, stage: &Stage) -> String {
    if stage.slide == pipeline.settings.batch_interval {
        return String::new();
    }
    format!(", every {}", humantime::format_duration(stage.slide))
}

/// The tasks of each stage, where they do not depend on what comes in.
fn fixed_tasks(plan: &JobPlan) -> Vec<Option<usize>> {
    let mut fixed: Vec<Option<usize>> = Vec::with_capacity(plan.stages.len());
    for stage in &plan.stages {
        fixed.push(match &stage.input {
            StageInput::Source(_) | StageInput::Window { .. } | StageInput::Transform(_) => None,
            StageInput::Keyed(keyed) => Some(keyed.partitions),
            StageInput::Snapshots(StageId(parent)) => fixed.get(*parent).copied().flatten(),
            // Parents have lower numbers, so they are there.
            StageInput::Datasets(parents) => {
                parents.iter().try_fold(0_usize, |sum, StageId(parent)| {
                    fixed.get(*parent).copied().flatten().map(|tasks| sum.saturating_add(tasks))
                })
            }
        });
    }
    fixed
}

fn fold_text(fold: &FoldPlan) -> String {
    let with = match &fold.call {
        OperatorCall::Guest { plugin, chain } => {
            let names: Vec<&str> = chain.iter().map(|step| step.operator.as_str()).collect();
            format!("with {plugin}.{}", names.join(" -> "))
        }
        OperatorCall::BuiltIn(fold) => format!("with {}", fold.word()),
        OperatorCall::CountRows => "counting rows".to_owned(),
        OperatorCall::Subtract => "taking out".to_owned(),
        OperatorCall::Verb(call) => verb_text(call),
        OperatorCall::Native(operator) => format!("with {}", operator.label()),
    };
    let keys: Vec<&str> = fold.output.columns[..fold.keys].iter().map(|c| &*c.name).collect();
    if keys.is_empty() {
        format!("all rows {with}")
    } else {
        format!("by {} {with}", keys.join(", "))
    }
}

fn state_text(state: &StatePlan) -> String {
    let kept = StreamSchema::new(state.output.value_columns().to_vec()).to_string();
    let keys: Vec<&str> = state.output.key_columns().iter().map(|c| c.name.as_str()).collect();
    format!("{kept} by {}", keys.join(", "))
}

fn verb_text(call: &VerbCall) -> String {
    match call {
        VerbCall::Aggregate(folds) if folds.is_empty() => "keeping one of each".to_owned(),
        VerbCall::Aggregate(folds) => {
            let folds: Vec<&str> = folds.iter().map(|fold| fold.label.as_str()).collect();
            format!("with {}", folds.join(", "))
        }
        // Only an aggregate folds.
        _ => String::new(),
    }
}

fn by_text(by: &Partitioner, stage: &Stage) -> String {
    match by {
        Partitioner::Hash { keys: 0 } => "all rows".to_owned(),
        Partitioner::Hash { keys } => {
            let names = stage.output_schema().columns.iter().take(*keys).map(|c| c.name.as_str());
            format!("by hash of {}", names.collect::<Vec<_>>().join(", "))
        }
        Partitioner::RoundRobin => "in turn".to_owned(),
    }
}

fn count(partitions: usize) -> String {
    number_of(partitions, "partition", "partitions")
}

fn tasks_of(tasks: usize) -> String {
    number_of(tasks, "task", "tasks")
}

fn sink_text(connector: &SinkConnector) -> String {
    match connector {
        SinkConnector::Print { rows } => format!("print, {}", number_of(*rows, "row", "rows")),
        SinkConnector::Files { prefix, form, .. } => {
            let suffix = form.suffix.as_ref().map(|suffix| format!(".{suffix}"));
            format!("files {}-<ms>{}", prefix.display(), suffix.unwrap_or_default())
        }
        SinkConnector::ForEachBatch(_) => "for each batch".to_owned(),
    }
}
