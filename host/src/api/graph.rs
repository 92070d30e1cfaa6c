//! Api: the graph that method calls build, and the pipeline it stands for.
//!
//! Takes nodes, each one step after another node. Gives streams: runs of steps, cut where a node
//! has more than one reader, so that what is shared is computed once.

use std::collections::BTreeMap;

use super::misuse::Misuse;
use crate::driver::remembered::Remembered;
use crate::model::operation::StepDeclaration;
use crate::model::pipeline::StreamDeclaration;
use crate::model::sink::{SinkConnector, SinkDeclaration};
use crate::model::source::SourceDeclaration;

/// A node: a source, or a step after another node.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Source(SourceDeclaration),
    Step { parent: usize, step: Box<StepDeclaration>, others: Vec<usize> },
}

/// What method calls have built so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    outputs: Vec<(usize, SinkConnector)>,
    closed: bool,
    misuse: Option<Misuse>,
    running: Option<Running>,
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

    pub(super) fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Names every node that is read as a whole and gathers the steps between them.
    pub(super) fn lower(&self) -> Lowered {
        let mut lowered = Lowered {
            sources: Vec::new(),
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
            if !others.is_empty() {
                let others = others.iter().map(|other| names[other].clone()).collect();
                step.operation.name_others(others);
            }
            steps.push(step);
            at = *parent;
        }
        steps.reverse();
        StreamDeclaration { name: format!("stream-{end}"), from: names[&at].clone(), steps }
    }

    fn readers(&self) -> Vec<Readers> {
        let mut readers = vec![Readers::None; self.nodes.len()];
        for node in &self.nodes {
            if let Node::Step { parent, others, .. } = node {
                readers[*parent] = readers[*parent].and_a_step();
                others.iter().for_each(|&other| readers[other] = Readers::Whole);
            }
        }
        self.outputs.iter().for_each(|&(node, _)| readers[node] = Readers::Whole);
        readers
    }
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
