//! Api: the graph that method calls build, and the pipeline it stands for.
//!
//! Takes nodes, each one step after another node. Gives streams: runs of steps, cut where a node
//! has more than one reader, so that what is shared is computed once.

use std::collections::BTreeMap;

use super::misuse::Misuse;
use crate::driver::remembered::Remembered;
use crate::model::broadcast::BroadcastDeclaration;
use crate::model::operation::{Operation, StepDeclaration};
use crate::model::pipeline::StreamDeclaration;
use crate::model::sink::{SinkConnector, SinkDeclaration};
use crate::model::source::SourceDeclaration;
use crate::model::storage_level::StorageLevel;

/// A node: a source, or a step after another node.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Source(SourceDeclaration),
    Step {
        parent: usize,
        step: Box<StepDeclaration>,
        others: Vec<usize>,
    },
    /// What a stateful step keeps after each batch.
    Snapshots {
        of: usize,
    },
}

impl Node {
    /// The nodes that it reads.
    pub(super) fn parents(&self) -> impl Iterator<Item = usize> {
        let (parent, others) = match self {
            Self::Source(_) => (None, &[][..]),
            Self::Snapshots { of } => (Some(*of), &[][..]),
            Self::Step { parent, others, .. } => (Some(*parent), others.as_slice()),
        };
        parent.into_iter().chain(others.iter().copied())
    }

    /// The same node, reading what other numbers stand for.
    pub(super) fn renumbered(&self, number: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Source(source) => Self::Source(source.clone()),
            Self::Snapshots { of } => Self::Snapshots { of: number(*of) },
            Self::Step { parent, step, others } => Self::Step {
                parent: number(*parent),
                step: step.clone(),
                others: others.iter().map(|other| number(*other)).collect(),
            },
        }
    }
}

/// What method calls have built so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    outputs: Vec<(usize, SinkConnector)>,
    closed: bool,
    misuse: Option<Misuse>,
    running: Option<Running>,
    levels: BTreeMap<usize, StorageLevel>,
    pub(super) broadcasts: Vec<BroadcastDeclaration>,
}

/// The job that a graph has become.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub remembered: Remembered,
    /// The names of nodes that are read as a whole.
    pub names: BTreeMap<usize, String>,
}

/// Sources, streams and sinks as a job file would name them.
#[derive(Debug)]
pub(super) struct Lowered {
    pub sources: Vec<SourceDeclaration>,
    pub broadcasts: Vec<BroadcastDeclaration>,
    pub streams: Vec<StreamDeclaration>,
    pub sinks: Vec<SinkDeclaration>,
    /// The names of sources and streams by their nodes.
    pub names: BTreeMap<usize, String>,
}

impl Graph {
    pub(super) fn add(&mut self, node: Node) -> usize {
        if self.closed {
            self.misused(Misuse::Closed {
                what: match &node {
                    Node::Source(_) => "a source".to_owned(),
                    Node::Step { step, .. } => format!("a step `{}`", step.operation.step_word()),
                    Node::Snapshots { .. } => "a stream of states".to_owned(),
                },
            });
        }
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(super) fn sources(&self) -> usize {
        self.nodes.iter().filter(|node| matches!(node, Node::Source(_))).count()
    }

    /// Takes nothing more.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether it takes nothing more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Keeps the first wrong call.
    pub(super) fn misused(&mut self, misuse: Misuse) {
        self.misuse.get_or_insert(misuse);
    }

    /// The first wrong call that nobody has been told of.
    pub(super) fn take_misuse(&mut self) -> Option<Misuse> {
        self.misuse.take()
    }

    pub(super) fn runs_as(&mut self, running: Running) {
        self.running = Some(running);
    }

    pub(super) fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    pub(super) fn output(&mut self, node: usize, connector: SinkConnector) {
        if self.closed {
            self.misused(Misuse::Closed { what: "an output".to_owned() });
        }
        self.outputs.push((node, connector));
    }

    pub(super) fn node(&self, node: usize) -> &Node {
        &self.nodes[node]
    }

    /// Has the datasets of a node kept at that level.
    pub(super) fn persist(&mut self, node: usize, level: StorageLevel) {
        self.levels.insert(node, level);
    }

    /// Whether a stream of another context was to be read.
    pub(super) fn has_strangers(&self) -> bool {
        matches!(self.misuse, Some(Misuse::OtherContext { .. }))
    }

    /// Whether each partition of the node is made of the partition of its number of one source.
    pub(super) fn is_narrow(&self, mut node: usize) -> bool {
        while let Node::Step { parent, step, others } = &self.nodes[node] {
            if !others.is_empty() || !step.operation.is_narrow() {
                return false;
            }
            node = *parent;
        }
        matches!(self.nodes[node], Node::Source(_))
    }

    pub(super) fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Names every node that is read as a whole and gathers the steps between them.
    pub(super) fn lower(&self) -> Lowered {
        let mut lowered = Lowered {
            sources: Vec::new(),
            broadcasts: self.broadcasts.clone(),
            streams: Vec::new(),
            sinks: Vec::new(),
            names: BTreeMap::new(),
        };
        let readers = self.readers();
        let names = &mut lowered.names;
        for (index, node) in self.nodes.iter().enumerate() {
            match node {
                Node::Source(source) => {
                    names.insert(index, source.name.clone());
                    lowered.sources.push(source.clone());
                    if self.levels.contains_key(&index) {
                        // A source says nothing of levels: a stream of its rows does.
                        let stream = self.stream_of(index, &source.name, Vec::new());
                        names.insert(index, stream.name.clone());
                        lowered.streams.push(stream);
                    }
                }
                Node::Snapshots { of } => {
                    names.insert(index, snapshots_of(*of));
                }
                Node::Step { .. } if readers[index] == Readers::OneStep => {}
                Node::Step { .. } => {
                    let stream = self.stream_ending_at(index, names);
                    names.insert(index, stream.name.clone());
                    lowered.streams.push(stream);
                }
            }
        }
        for (number, (node, connector)) in self.outputs.iter().enumerate() {
            lowered.sinks.push(SinkDeclaration {
                name: format!("output-{number}"),
                from: names[node].clone(),
                connector: connector.clone(),
                on_failure: None,
            });
        }
        lowered
    }

    /// The steps from the nearest named node before `end` up to it.
    fn stream_ending_at(&self, end: usize, names: &BTreeMap<usize, String>) -> StreamDeclaration {
        let mut steps = Vec::new();
        let mut at = end;
        while let Node::Step { parent, step, others } = &self.nodes[at] {
            if at != end && names.contains_key(&at) {
                break;
            }
            let mut step = StepDeclaration::clone(step);
            if let Operation::MapWithState(state) = &mut step.operation
                && self.nodes.iter().any(|node| matches!(node, Node::Snapshots { of } if *of == at))
            {
                state.keeps.snapshots = Some(snapshots_of(at));
            }
            if !others.is_empty() {
                let others = others.iter().map(|other| names[other].clone()).collect();
                step.operation.name_others(others);
            }
            steps.push(step);
            at = *parent;
        }
        steps.reverse();
        self.stream_of(end, &names[&at], steps)
    }

    fn stream_of(&self, node: usize, from: &str, steps: Vec<StepDeclaration>) -> StreamDeclaration {
        StreamDeclaration {
            name: format!("stream-{node}"),
            from: from.to_owned(),
            persist: self.levels.get(&node).copied(),
            steps,
        }
    }

    fn readers(&self) -> Vec<Readers> {
        let mut readers = vec![Readers::None; self.nodes.len()];
        for node in &self.nodes {
            if let Node::Step { parent, others, .. } = node {
                readers[*parent] = readers[*parent].and_a_step();
                others.iter().for_each(|&other| readers[other] = Readers::Whole);
            }
        }
        let whole = self.outputs.iter().map(|(node, _)| node).chain(self.levels.keys());
        whole.for_each(|&node| readers[node] = Readers::Whole);
        readers
    }
}

/// The stream of what the step of a node keeps.
fn snapshots_of(node: usize) -> String {
    format!("snapshots-{node}")
}

/// Who reads a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readers {
    None,
    /// One step only, which can run on without a stream of its own.
    OneStep,
    /// A sink, a union, or several steps.
    Whole,
}

impl Readers {
    fn and_a_step(self) -> Self {
        match self {
            Self::None => Self::OneStep,
            Self::OneStep | Self::Whole => Self::Whole,
        }
    }
}
