//! Model: which stream flows into which, and all that can be wrong with a job before any plugin
//! is known.
//!
//! Takes a pipeline as declared. Gives its streams in an order in which each comes after those it
//! reads, or what is wrong. Never looks at columns: those depend on plugins.

use std::collections::{BTreeSet, HashMap};
use std::path::{Component, PathBuf};

use super::finding::{Finding, Item, Part, Place, list_words};
use super::join::JoinKind;
use super::operation::Operation;
use super::pipeline::{Pipeline, StreamDeclaration};
use super::sink::SinkConnector;
use super::source::{SourceConnector, SourceDeclaration};
use crate::limits::{FINDINGS_MAX, PLUGINS_MAX, STEPS_MAX};

/// What a name of a stream stands for, by its index in the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// A source.
    Source(usize),
    /// A stream.
    Stream(usize),
    /// What a stateful step of a stream keeps after each batch.
    Snapshots {
        /// The stream.
        stream: usize,
        /// The step.
        step: usize,
    },
}

impl Origin {
    /// The stream whose steps must run for it.
    fn stream(self) -> Option<usize> {
        match self {
            Self::Source(_) => None,
            Self::Stream(stream) | Self::Snapshots { stream, .. } => Some(stream),
        }
    }
}

/// A pipeline's names, resolved.
#[derive(Debug, Clone)]
pub struct Wiring {
    names: HashMap<String, Origin>,
    order: Vec<usize>,
    unread: Vec<usize>,
    uses: HashMap<Origin, usize>,
}

impl Wiring {
    /// What the name stands for.
    pub fn origin(&self, name: &str) -> Option<Origin> {
        self.names.get(name).copied()
    }

    /// The streams that some sink needs, by index, each after those it reads.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The streams that no sink needs, each after those it reads.
    pub fn unread(&self) -> &[usize] {
        &self.unread
    }

    /// What is declared and reaches no sink, in words.
    pub fn warnings(&self, pipeline: &Pipeline) -> Vec<Finding> {
        let sources = (0..).zip(&pipeline.sources);
        let idle = sources.filter(|(index, _)| self.uses(Origin::Source(*index)) == 0);
        let idle = idle.map(|(_, source)| {
            let message = format!("source `{}` is read by no sink", source.name);
            let place = Place::whole(Item::Source(source.name.clone()));
            Finding::new(place, message).with_help("what it brings is passed over")
        });
        let unread = self.unread.iter().map(|index| &pipeline.streams[*index].name);
        let unread = unread.map(|name| {
            let message = format!("stream `{name}` is read by no sink");
            let place = Place::whole(Item::Stream(name.clone()));
            Finding::new(place, message).with_help("its steps are checked, but do not run")
        });
        idle.chain(unread).collect()
    }

    /// How many needed streams and sinks read it; a union that names it twice reads it twice.
    pub fn uses(&self, origin: Origin) -> usize {
        self.uses.get(&origin).copied().unwrap_or(0)
    }
}

/// Resolves the names of a pipeline.
///
/// # Errors
/// Names that are taken twice or mean nothing, streams that form a ring, and what stands beside a
/// step that it does not take.
pub fn wire(pipeline: &Pipeline) -> Result<Wiring, Vec<Finding>> {
    let mut findings = Vec::new();
    let names = names_of(pipeline, &mut findings);
    let steps: usize = pipeline.streams.iter().map(|stream| stream.steps.len()).sum();
    if steps > STEPS_MAX {
        let message = format!("the job has {steps} steps, allowed are {STEPS_MAX}");
        return Err(vec![Finding::new(Place::whole(Item::Job), message)]);
    }
    for stream in &pipeline.streams {
        for (index, step) in stream.steps.iter().enumerate() {
            super::step_rules::check_step(step, |part, message, help| {
                let place = Place::step(&stream.name, index, part);
                findings.push(Finding { place, message, help });
            });
        }
    }
    check_references(pipeline, &names, &mut findings);
    check_rates(pipeline, &mut findings);
    match order_of(pipeline, &names) {
        Ok(all) if findings.is_empty() => return Ok(needed(pipeline, names, &all)),
        Ok(_) => {}
        // Of two of one name, one is taken for the other, and seems to read itself.
        Err(_) if names.len() < declared_names(pipeline) => {}
        Err(rings) => findings.extend(rings),
    }
    findings.truncate(FINDINGS_MAX);
    Err(findings)
}

/// How many names sources, streams and snapshots have, if each has one of its own.
fn declared_names(pipeline: &Pipeline) -> usize {
    pipeline.sources.len() + pipeline.streams.len() + pipeline.snapshots().count()
}

fn names_of(pipeline: &Pipeline, findings: &mut Vec<Finding>) -> HashMap<String, Origin> {
    let mut names = HashMap::new();
    for (index, source) in pipeline.sources.iter().enumerate() {
        if names.insert(source.name.clone(), Origin::Source(index)).is_some() {
            let place = Place::whole(Item::Source(source.name.clone()));
            findings.push(Finding::new(place, "another source has this name"));
        }
    }
    for (index, stream) in pipeline.streams.iter().enumerate() {
        let place = Place::whole(Item::Stream(stream.name.clone()));
        name_stream(&mut names, (&stream.name, Origin::Stream(index)), place, findings);
    }
    name_states(pipeline, &mut names, findings);
    let steps = pipeline.streams.iter().flat_map(|stream| &stream.steps);
    let used: BTreeSet<&str> = steps.flat_map(|step| step.operation.plugins()).collect();
    if let Some(last) = used.iter().nth(PLUGINS_MAX) {
        let place = Place::whole(Item::Plugin((*last).to_owned()));
        let message = format!("the job uses {} plugins, allowed are {PLUGINS_MAX}", used.len());
        findings.push(Finding::new(place, message).with_help("a plugin can hold many operators"));
    }
    let sinks = pipeline.sinks.iter().map(|s| (&s.name, Item::Sink as fn(String) -> Item));
    let plugins = pipeline.plugins.iter().map(|p| (&p.name, Item::Plugin as fn(String) -> Item));
    let broadcasts = &pipeline.broadcasts;
    let broadcasts = broadcasts.iter().map(|b| (&b.name, Item::Broadcast as fn(String) -> Item));
    let mut taken = BTreeSet::new();
    for (name, item) in sinks.chain(plugins).chain(broadcasts) {
        if !taken.insert(item(name.clone())) {
            let place = Place::whole(item(name.clone()));
            findings.push(Finding::new(place, "another one has this name"));
        }
    }
    check_folders(pipeline, findings);
    check_stdin(pipeline, findings);
    names
}

fn name_stream(
    names: &mut HashMap<String, Origin>,
    (name, origin): (&String, Origin),
    place: Place,
    findings: &mut Vec<Finding>,
) {
    let other = match names.insert(name.clone(), origin) {
        None => return,
        Some(Origin::Source(_)) => "source",
        Some(Origin::Stream(_) | Origin::Snapshots { .. }) => "stream",
    };
    let message = match origin {
        Origin::Snapshots { .. } => format!("a {other} is called `{name}` already"),
        _ => format!("a {other} has this name already"),
    };
    let help = "sources and streams share one set of names: rename one of the two";
    findings.push(Finding::new(place, message).with_help(help));
}

/// States belong to the name of their step, and their snapshots are streams.
fn name_states(
    pipeline: &Pipeline,
    names: &mut HashMap<String, Origin>,
    findings: &mut Vec<Finding>,
) {
    let mut owners = BTreeSet::new();
    for (stream, declared) in pipeline.streams.iter().enumerate() {
        for (index, step) in declared.steps.iter().enumerate() {
            let Some(state) = step.operation.state() else { continue };
            let place = || Place::step(&declared.name, index, Part::Operation);
            if let Some(name) = &step.name
                && !owners.insert(name)
            {
                let message = format!("another stateful step is called `{name}`, too");
                let help = "what a step keeps belongs to its name: rename one of the two";
                findings.push(Finding::new(place(), message).with_help(help));
            }
            if let Some(name) = &state.snapshots {
                let origin = Origin::Snapshots { stream, step: index };
                name_stream(names, (name, origin), place(), findings);
            }
        }
    }
}

/// Sources that would share standard input, of which each would get lines the other one lacks.
fn check_stdin(pipeline: &Pipeline, findings: &mut Vec<Finding>) {
    let is_stdin = |source: &&SourceDeclaration| matches!(source.connector, SourceConnector::Stdin);
    let mut sources = pipeline.sources.iter().filter(is_stdin).map(|source| &source.name);
    let Some(first) = sources.next() else { return };
    for second in sources.take(FINDINGS_MAX) {
        let place = Place::whole(Item::Source(second.clone()));
        let message =
            format!("`{first}` and `{second}` both read standard input, which only one source can");
        let help = format!("let streams of both start `from = \"{first}\"`");
        findings.push(Finding::new(place, message).with_help(help));
    }
}

/// Rates of nothing, and rates that contradict each other.
fn check_rates(pipeline: &Pipeline, findings: &mut Vec<Finding>) {
    let of_job = pipeline.settings.backpressure.problems().into_iter();
    findings.extend(of_job.map(|problem| {
        Finding::new(Place::whole(Item::Job), format!("`backpressure` cannot work: {problem}"))
    }));
    for source in &pipeline.sources {
        let place = || Place::whole(Item::Source(source.name.clone()));
        let problems = source.rates.problems().into_iter();
        findings.extend(problems.map(|problem| Finding::new(place(), problem)));
    }
}

/// Sinks that would make the same folders, each of which is there once.
fn check_folders(pipeline: &Pipeline, findings: &mut Vec<Finding>) {
    let mut taken: HashMap<(PathBuf, Option<&str>), &str> = HashMap::new();
    for sink in &pipeline.sinks {
        let SinkConnector::Files { prefix, form, .. } = &sink.connector else { continue };
        let plain = prefix.components().filter(|part| *part != Component::CurDir).collect();
        if let Some(first) = taken.insert((plain, form.suffix.as_deref()), &sink.name) {
            let place = Place { item: Item::Sink(sink.name.clone()), part: Part::Path };
            let message =
                format!("sink `{first}` writes to the same folders, `{}-T`", prefix.display());
            let help = "set another `path` or `prefix` for one of the two";
            findings.push(Finding::new(place, message).with_help(help));
        }
    }
}

fn check_references(
    pipeline: &Pipeline,
    names: &HashMap<String, Origin>,
    findings: &mut Vec<Finding>,
) {
    if pipeline.sinks.is_empty() {
        let place = Place::whole(Item::Job);
        let help = "add one, such as `[sinks.console]` with `type = \"print\"`";
        findings
            .push(Finding::new(place, "the job has no sink, so nothing would run").with_help(help));
    }
    let unknown = |name: &str, place: Place| {
        let known = || {
            let sources = pipeline.sources.iter().map(|source| source.name.as_str());
            let streams = pipeline.streams.iter().map(|stream| stream.name.as_str());
            sources.chain(streams).chain(pipeline.snapshots().map(|(_, name)| name.as_str()))
        };
        let message =
            format!("no source or stream is called `{name}`; there are {}", list_words(known()));
        Finding::new(place, message).with_nearest(name, known())
    };
    for stream in &pipeline.streams {
        // Looking for the nearest word takes time: what is beyond the limit is not told anyway.
        if findings.len() >= FINDINGS_MAX {
            return;
        }
        if !names.contains_key(&stream.from) {
            let place = Place { item: Item::Stream(stream.name.clone()), part: Part::From };
            findings.push(unknown(&stream.from, place));
        }
        for (index, step) in stream.steps.iter().enumerate() {
            let place = || Place::step(&stream.name, index, Part::Operation);
            let mut others = step.operation.others().iter();
            let missing = others.find(|other| !names.contains_key(*other));
            findings.extend(missing.map(|name| {
                let finding = unknown(name, place());
                match broadcast_help(pipeline, name, &step.operation) {
                    Some(help) => finding.with_help(help),
                    None => finding,
                }
            }));
            findings.extend(unknown_plugin(pipeline, &step.operation, place()));
        }
    }
    let lost = pipeline.sinks.iter().filter(|sink| !names.contains_key(&sink.from));
    for sink in lost.take(FINDINGS_MAX) {
        let place = Place { item: Item::Sink(sink.name.clone()), part: Part::From };
        findings.push(unknown(&sink.from, place));
    }
}

/// What to write where a broadcast stands in a stream's place.
fn broadcast_help(pipeline: &Pipeline, name: &str, operation: &Operation) -> Option<String> {
    pipeline.broadcasts.iter().find(|broadcast| broadcast.name == name)?;
    let kind = match operation {
        Operation::Join(join) => join.kind.word_of_broadcasts(),
        _ => None,
    };
    let Some(kind) = kind else {
        let kinds = JoinKind::ALL.into_iter().filter_map(JoinKind::word_of_broadcasts);
        let kinds = list_words(kinds);
        return Some(format!(
            "`{name}` is a broadcast: `broadcast_join` brings rows together with it, of the \
             kinds {kinds}"
        ));
    };
    let join = format!("{{ with = \"{name}\", on = [\"...\"], kind = \"{kind}\" }}");
    Some(format!("`{name}` is a broadcast: write `broadcast_join = {join}`"))
}

fn unknown_plugin(pipeline: &Pipeline, operation: &Operation, place: Place) -> Option<Finding> {
    let known = || pipeline.plugins.iter().map(|plugin| plugin.name.as_str());
    let plugin = operation.plugins().find(|plugin| !known().any(|name| name == *plugin))?;
    let message = format!("no plugin is called `{plugin}`; there are {}", list_words(known()));
    let finding = Finding::new(place, message).with_nearest(plugin, known());
    Some(if finding.help.is_some() {
        finding
    } else {
        finding.with_help(format!("declare it: `[plugins.{plugin}]` with `component = \"...\"`"))
    })
}

/// The names that a stream reads, in the order in which it does.
fn reads(stream: &StreamDeclaration) -> impl Iterator<Item = &str> {
    let others = stream.steps.iter().flat_map(|step| step.operation.others());
    std::iter::once(stream.from.as_str()).chain(others.map(String::as_str))
}

/// All streams, each after those it reads, or the rings that make that impossible.
fn order_of(
    pipeline: &Pipeline,
    names: &HashMap<String, Origin>,
) -> Result<Vec<usize>, Vec<Finding>> {
    let count = pipeline.streams.len();
    let (mut waits_for, mut readers) = (vec![0_usize; count], vec![Vec::new(); count]);
    for (index, stream) in pipeline.streams.iter().enumerate() {
        for name in reads(stream) {
            if let Some(parent) = names.get(name).and_then(|origin| origin.stream()) {
                waits_for[index] += 1;
                readers[parent].push(index);
            }
        }
    }
    let mut ready: BTreeSet<usize> = (0..count).filter(|index| waits_for[*index] == 0).collect();
    let (mut order, mut rings) = (Vec::with_capacity(count), Vec::new());
    loop {
        while let Some(next) = ready.pop_first() {
            order.push(next);
            for reader in &readers[next] {
                // One that a ring was opened at is through already.
                waits_for[*reader] = waits_for[*reader].saturating_sub(1);
                if waits_for[*reader] == 0 && !order.contains(reader) {
                    ready.insert(*reader);
                }
            }
        }
        let ring = ring_of(pipeline, names, &waits_for);
        let Some(&first) = ring.first().filter(|_| rings.len() < FINDINGS_MAX) else { break };
        rings.push(ring_finding(pipeline, &ring));
        // Opened there, it shows what else waits.
        waits_for[first] = 0;
        ready.insert(first);
    }
    if rings.is_empty() { Ok(order) } else { Err(rings) }
}

/// Follows waiting streams upstream until one comes up again: each of them waits for another. Empty
/// when none waits.
fn ring_of(
    pipeline: &Pipeline,
    names: &HashMap<String, Origin>,
    waits_for: &[usize],
) -> Vec<usize> {
    let waiting_parent = |index: usize| {
        reads(&pipeline.streams[index])
            .filter_map(|name| names.get(name)?.stream())
            .find(|parent| waits_for[*parent] > 0)
    };
    let mut path: Vec<usize> = Vec::new();
    let mut at = waits_for.iter().position(|waits| *waits > 0);
    while let Some(index) = at {
        if let Some(start) = path.iter().position(|seen| *seen == index) {
            path.drain(..start);
            break;
        }
        path.push(index);
        at = waiting_parent(index);
    }
    // Rows flow against the direction walked; the ring is told from its first declared stream.
    path.reverse();
    let first = path.iter().enumerate().min_by_key(|(_, index)| **index).map_or(0, |(at, _)| at);
    path.rotate_left(first);
    path
}

fn ring_finding(pipeline: &Pipeline, path: &[usize]) -> Finding {
    let name = |index: &usize| pipeline.streams[*index].name.clone();
    let mut ring: Vec<String> = path.iter().map(|index| format!("`{}`", name(index))).collect();
    ring.extend(ring.first().cloned());
    let place = Place {
        item: path.first().map_or(Item::Job, |index| Item::Stream(name(index))),
        part: Part::From,
    };
    Finding::new(place, format!("streams form a ring: {}", ring.join(" -> ")))
        .with_help("start one of them from a source")
}

/// Leaves out what no sink needs, as Spark computes only what an output asks for.
fn needed(pipeline: &Pipeline, names: HashMap<String, Origin>, all: &[usize]) -> Wiring {
    let mut uses: HashMap<Origin, usize> = HashMap::new();
    let mut streams = BTreeSet::new();
    let mut used = |origin: Origin, streams: &mut BTreeSet<usize>| {
        *uses.entry(origin).or_default() += 1;
        streams.extend(origin.stream());
    };
    let sinks = pipeline.sinks.iter().map(|sink| sink.from.as_str());
    for origin in sinks.filter_map(|name| names.get(name)) {
        used(*origin, &mut streams);
    }
    let mut order = Vec::new();
    for index in all.iter().rev().copied() {
        if streams.contains(&index) {
            order.push(index);
            for origin in reads(&pipeline.streams[index]).filter_map(|name| names.get(name)) {
                used(*origin, &mut streams);
            }
        }
    }
    order.reverse();
    let unread = all.iter().copied().filter(|index| !streams.contains(index)).collect();
    Wiring { names, order, unread, uses }
}
