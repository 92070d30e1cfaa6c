//! Api: an action as a job of one batch.
//!
//! Takes a dataset, a last step and where its rows go. Gives the rows. What is kept is read instead
//! of made, and what is to be kept is kept on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Dataset, DatasetError, Machine};
use crate::api::declared::declare;
use crate::api::dstream::Closure;
use crate::api::given::Partitions;
use crate::api::graph::{Graph, Node};
use crate::driver::launch::{JobRequest, launch_at, result_schema};
use crate::driver::pace::{OneBatch, Pace, bounded};
use crate::driver::plugins::JobPlugins;
use crate::model::operation::StepDeclaration;
use crate::model::pipeline::Pipeline;
use crate::model::schema::StreamSchema;
use crate::model::sink::SinkConnector;

/// How much of a dataset an action needs.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    /// Partitions that are made; the others come out empty. Only of a narrow lineage.
    pub partitions: Option<Range<usize>>,
    /// Bytes of rows that may come out.
    pub bytes_max: Option<usize>,
}

/// A dataset's lineage as an action runs it.
pub(super) struct Prepared {
    graph: Graph,
    node: usize,
    /// Datasets that it keeps on the way.
    keeps: Vec<usize>,
}

impl Dataset {
    fn machine(&self) -> &Arc<Machine> {
        &self.of.0
    }

    /// Whether partitions can be made one by one.
    pub(super) fn is_narrow(&self) -> Result<bool, DatasetError> {
        let prepared = self.prepare(&Part::default())?;
        Ok(prepared.graph.is_narrow(prepared.node))
    }

    /// The columns of the rows.
    ///
    /// # Errors
    /// When a step does not fit the rows before it.
    pub fn schema(&self) -> Result<StreamSchema, DatasetError> {
        let prepared = self.prepare(&Part::default())?;
        self.machine().schema(&prepared.graph, prepared.node)
    }

    /// The partitions after a last step.
    pub(super) fn collect_part(
        &self,
        last: Option<StepDeclaration>,
        part: &Part,
    ) -> Result<Partitions, DatasetError> {
        let collected: Arc<Mutex<Partitions>> = Arc::default();
        let kept = Arc::clone(&collected);
        let function = move |_, partitions: &[Vec<_>]| {
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = partitions.to_vec();
            Ok(())
        };
        self.run(last, SinkConnector::ForEachBatch(Arc::new(Closure(function))), part)?;
        let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *collected))
    }

    /// Gives the rows after a last step to a sink.
    pub(super) fn run(
        &self,
        last: Option<StepDeclaration>,
        sink: SinkConnector,
        part: &Part,
    ) -> Result<(), DatasetError> {
        let Prepared { mut graph, mut node, keeps } = self.prepare(part)?;
        if let Some(step) = last {
            node = graph.add(Node::Step { parent: node, step: Box::new(step), others: Vec::new() });
        }
        let machine = self.machine();
        let (pipeline, plugins) = machine.job(&graph, node, sink)?;
        let pace = Pace::Once(OneBatch {
            time: machine.time,
            partitions: part.partitions.clone(),
            result_bytes_max: part.bytes_max,
        });
        let request = JobRequest {
            pipeline,
            plugins,
            listeners: Vec::new(),
            output: Arc::new(Mutex::new(std::io::sink())),
            log: None,
        };
        launch_at(&machine.engine, request, pace)?.wait()?;
        if part.partitions.is_none() {
            machine.have_kept(&keeps);
        }
        Ok(())
    }

    /// The nodes that this dataset needs, those that are kept as sources.
    fn prepare(&self, part: &Part) -> Result<Prepared, DatasetError> {
        let graph = self.lock().clone();
        if graph.has_strangers() {
            return Err(DatasetError::OtherContext);
        }
        let machine = self.machine();
        let (needed, stored) = machine.needed(&graph, self.node);
        let (mut numbers, mut keeps) = (BTreeMap::new(), Vec::new());
        let mut to = Graph::default();
        to.broadcasts.clone_from(&graph.broadcasts);
        for old in needed {
            if let Some(source) = stored.get(&old) {
                numbers.insert(old, to.add(Node::Source(source.clone())));
                continue;
            }
            let number = |parent| numbers.get(&parent).copied().unwrap_or(0);
            let mut new = to.add(graph.node(old).renumbered(number));
            if machine.is_to_keep(old) {
                let schema = machine.schema(&to, new)?;
                if let Some(step) = machine.keep_step(old, &schema, part.partitions.clone()) {
                    let (step, others) = (Box::new(step), Vec::new());
                    new = to.add(Node::Step { parent: new, step, others });
                    keeps.push(old);
                }
            }
            numbers.insert(old, new);
        }
        let node = numbers.get(&self.node).copied().unwrap_or(0);
        Ok(Prepared { graph: to, node, keeps })
    }
}

impl Machine {
    /// The nodes from which a node is made, each after those it reads, and the sources that stand
    /// for those that are kept whole.
    fn needed(
        &self,
        graph: &Graph,
        node: usize,
    ) -> (BTreeSet<usize>, BTreeMap<usize, crate::model::source::SourceDeclaration>) {
        let (mut needed, mut stored) = (BTreeSet::new(), BTreeMap::new());
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            if !needed.insert(node) {
                continue;
            }
            match self.stored(node) {
                Some(source) => drop(stored.insert(node, source)),
                None => open.extend(graph.node(node).parents()),
            }
        }
        (needed, stored)
    }

    /// The rows of a node.
    fn schema(&self, graph: &Graph, node: usize) -> Result<StreamSchema, DatasetError> {
        let (pipeline, plugins) = self.job(graph, node, SinkConnector::Print { rows: 0 })?;
        Ok(result_schema(&self.engine, &pipeline, &plugins)?)
    }

    fn job(
        &self,
        graph: &Graph,
        node: usize,
        sink: SinkConnector,
    ) -> Result<(Pipeline, JobPlugins), DatasetError> {
        let mut graph = graph.clone();
        graph.output(node, sink);
        let settings = self.settings.clone();
        let (pipeline, plugins) = declare(&self.engine, "dataset", settings, graph.lower());
        let endless = pipeline.sources.iter().find(|source| !source.connector.is_there());
        if let Some(source) = endless {
            return Err(DatasetError::Source { source_name: source.name.clone() });
        }
        let pipeline = bounded(pipeline).expect("every source is there, so it has an end");
        Ok((pipeline, plugins))
    }
}
