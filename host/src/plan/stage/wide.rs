//! Plan: what each step makes of an open stage: more of it, or a new one behind a shuffle.
//!
//! Takes an open stage and a step that fits. Gives the stage that is open then. Never asks where
//! streams come from: the cutter does.

use std::sync::Arc;
use std::time::Duration;

use super::{BATCHES, Cutter, OpenStage};
use crate::model::column_type::ColumnType;
use crate::model::id::StageId;
use crate::model::schema::{Column, StreamSchema};
use crate::model::stage::{
    FoldPlan, Gather, JoinPlan, KeyedInput, Partitioner, PlannedStep, Read, SlidePlan, Span,
    StageInput, StageOutput, TransformPlan, WithoutParent,
};
use crate::model::transform::Transform;
use crate::plan::checked::{CheckedStep, InversePlan, StateWork, StepWork, Window};

impl Cutter<'_> {
    pub(super) fn step(&mut self, mut open: OpenStage, step: &CheckedStep) -> OpenStage {
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
            StepWork::Partition { keys, partitions } => {
                let (by, schema) = (Partitioner::Hash { keys: *keys }, step.output.clone());
                self.shuffle(open, schema, by, *partitions, Gather::Append)
            }
            StepWork::Then(steps) => steps.iter().fold(open, |open, step| self.step(open, step)),
            StepWork::Transform { declared, others } => self.transform(open, declared, others),
            StepWork::Union(names) => self.union(open, names),
            StepWork::Join { other, plan, partitions } => self.join(open, other, plan, *partitions),
            StepWork::State(state) => self.state(open, state, step),
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
            _ => None,
        };
        // Rows that were parted alike before are the rows that the level was set for.
        let same = matches!(gather, Gather::Append);
        let level =
            open.level.filter(|_| same && self.shuffled_alike(&open, by, partitions).is_some());
        let from = self.write(open, by, partitions, combine);
        let reads = vec![Read { from, span: Span::Batch }];
        let input = StageInput::Keyed(KeyedInput { reads, partitions, gather });
        OpenStage { level, ..OpenStage::new(&stream, slide, input, schema) }
    }

    /// Rows are shuffled by key to where what is kept for their key is.
    fn state(&mut self, mut open: OpenStage, work: &StateWork, step: &CheckedStep) -> OpenStage {
        let StateWork { project, combine, plan, partitions, .. } = work;
        if let Some((project, schema)) = project {
            open.keep_columns(project.clone(), schema.clone());
        }
        let (stream, slide) = (open.stream.clone(), open.slide);
        let by = Partitioner::Hash { keys: plan.output.keys };
        let partitions = *partitions;
        let from = self.write(open, by, partitions, combine.clone());
        let reads = vec![Read { from, span: Span::Batch }];
        let gather = Gather::State(plan.clone());
        let input = StageInput::Keyed(KeyedInput { reads, partitions, gather });
        OpenStage::new(&stream, slide, input, step.output.clone())
    }

    /// The stage whose shuffle carries these rows: a new one, or the one that brought them here,
    /// if it has shuffled them alike and nothing was done since but to leave out or name columns.
    fn write(
        &mut self,
        open: OpenStage,
        by: Partitioner,
        partitions: usize,
        combine: Option<FoldPlan>,
    ) -> StageId {
        let Some(from) = self.shuffled_alike(&open, by, partitions) else {
            return self.close(open, StageOutput::Shuffle { by, partitions, combine });
        };
        let stage = &mut self.stages[from.0];
        stage.steps.extend(open.steps);
        stage.output = StageOutput::Shuffle { by, partitions, combine };
        from
    }

    fn shuffled_alike(
        &self,
        open: &OpenStage,
        by: Partitioner,
        partitions: usize,
    ) -> Option<StageId> {
        let Partitioner::Hash { keys: keys @ 1.. } = by else { return None };
        let StageInput::Keyed(KeyedInput { reads, gather: Gather::Append, .. }) = &open.input
        else {
            return None;
        };
        let [Read { from, span: Span::Batch }] = reads.as_slice() else { return None };
        let same = match &self.stages[from.0].output {
            StageOutput::Shuffle { by: before, partitions: count, combine: None } => {
                (*before, *count) == (by, partitions)
            }
            _ => false,
        };
        let keeps_keys = |step: &PlannedStep| {
            step.call.is_none() && step.project.iter().copied().take(keys).eq(0..keys)
        };
        (same && open.steps.iter().all(keeps_keys)).then_some(*from)
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
        let stage = &mut self.stages[stage.0];
        stage.remember = at_least.max(stage.remember);
        // What the user set for the parent itself stays.
        stage.level = stage.level.or(self.level);
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
        let mut reads =
            vec![Read { from: self.write(left, by, partitions, None), span: Span::Batch }];
        if let Some(origin) = self.wiring.origin(other) {
            let right = self.open(origin, other, plan.right.clone());
            let from = self.write(right, by, partitions, None);
            reads.push(Read { from, span: Span::Batch });
        }
        let gather = Gather::Join(plan.clone());
        let input = StageInput::Keyed(KeyedInput { reads, partitions, gather });
        OpenStage::new(&stream, slide, input, plan.output.clone())
    }

    /// One task reads the streams whole; what comes after it has a task per partition again.
    fn transform(
        &mut self,
        open: OpenStage,
        declared: &Transform,
        others: &[(String, StreamSchema)],
    ) -> OpenStage {
        let (stream, slide) = (open.stream.clone(), open.slide);
        let mut schemas = vec![open.schema().clone()];
        let mut parents = vec![self.close_as_dataset(open)];
        for (name, schema) in others {
            if let Some(origin) = self.wiring.origin(name) {
                parents.push(self.dataset_of(origin));
                schemas.push(schema.clone());
            }
        }
        let (function, output) = (Arc::clone(&declared.function), declared.schema.clone());
        let input = StageInput::Transform(TransformPlan { parents, schemas, function });
        let whole = OpenStage::new(&stream, slide, input, output.clone());
        let made = self.close(whole, StageOutput::Dataset);
        OpenStage::new(&stream, slide, StageInput::Datasets(vec![made]), output)
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
