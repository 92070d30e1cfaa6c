//! Exec: a stage whose calls are bound, as the tasks of one batch run it.
//!
//! Takes a planned stage and whoever can bind its calls. Gives a value that tasks share. Never
//! binds twice in a batch: all tasks of a batch run the same code.

use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::running_fold::RunningFold;
use crate::model::id::StageId;
use crate::model::join::JoinKind;
use crate::model::operator::SharedOperator;
use crate::model::schema::StreamSchema;
use crate::model::stage::Attach;
use crate::model::stage::{
    FoldPlan, Gather, KeyedInput, OperatorCall, Partitioner, PlannedStep, SlidePlan, Stage,
    StageInput, StageOutput, StateMode, StatePlan,
};
use crate::operator::step::BoundStep;
use crate::state::store::StateStore;

/// A stage ready to run.
#[derive(Debug)]
pub struct BoundStage {
    /// Its number.
    pub id: StageId,
    /// The stream whose steps it runs, for messages.
    pub stream: String,
    /// What is done with map outputs before the first step.
    pub gather: BoundGather,
    /// The rows before the first step.
    pub input_schema: SchemaRef,
    /// The steps.
    pub steps: Vec<BoundStep>,
    /// What becomes of the rows.
    pub output: BoundOutput,
    /// Seed of the job's partitioning hash.
    pub hash_seed: u64,
    /// What becomes of rows that operators refuse or fail with.
    pub bad_rows: BadRows,
}

/// What becomes of rows that operators refuse or fail with.
#[derive(Debug, Clone, Copy, Default)]
pub struct BadRows {
    /// Whether those refused are to be written down.
    pub keep: bool,
    /// How many a task may leave out because a call fails with them.
    pub poison_max: u64,
}

/// What is done with a task's input before the first step.
#[derive(Debug)]
pub enum BoundGather {
    /// Nothing.
    Append,
    /// A fold of partial results by key.
    Fold(BoundFold),
    /// Lists of the values of each key.
    Group {
        /// Key columns, from the first.
        keys: usize,
    },
    /// A window kept from the one before.
    Slide(BoundSlide),
    /// Two streams by key.
    Join(BoundJoin),
    /// What is kept for each key.
    State(BoundState),
}

/// A stateful step whose operator is bound and whose state is there.
#[derive(Debug)]
pub struct BoundState {
    /// The operator.
    pub operator: SharedOperator,
    /// What it is called for.
    pub mode: StateMode,
    /// Key columns, from the first.
    pub keys: usize,
    /// Those of them that the operator is shown.
    pub shown: Vec<usize>,
    /// The key columns.
    pub key_schema: SchemaRef,
    /// The value columns.
    pub values: SchemaRef,
    /// Keys and states.
    pub schema: SchemaRef,
    /// What comes out.
    pub shows: SchemaRef,
    /// The state.
    pub store: Arc<StateStore>,
}

/// An incremental window whose operators are bound.
#[derive(Debug)]
pub struct BoundSlide {
    /// How partial results are folded.
    pub fold: BoundFold,
    /// Takes partial results out of others.
    pub inverse: SharedOperator,
    /// Whether a key goes with the last of its partial results.
    pub forget_gone: bool,
    /// Keys, folded values, and in how many batches of the window the key occurs.
    pub schema: SchemaRef,
}

/// A join with its schemas.
#[derive(Debug)]
pub struct BoundJoin {
    /// Which rows come out.
    pub kind: JoinKind,
    /// Key columns, from the first.
    pub keys: usize,
    /// Whether null is a key like any other.
    pub null_equal: bool,
    /// The rows of the first read.
    pub left: SchemaRef,
    /// The rows of the second.
    pub right: SchemaRef,
    /// What comes out.
    pub schema: SchemaRef,
}

/// What becomes of a task's rows.
#[derive(Debug)]
pub enum BoundOutput {
    /// They are the partition of a dataset.
    Dataset,
    /// They are all partitions of a dataset, as they were read.
    Apart,
    /// They are written by partition.
    Shuffle {
        /// How a row finds its partition.
        by: Partitioner,
        /// Reduce partitions.
        partitions: usize,
        /// Folded first.
        combine: Option<BoundFold>,
    },
}

/// A fold whose operator is bound.
#[derive(Debug)]
pub struct BoundFold {
    /// The operator.
    pub operator: SharedOperator,
    /// Key columns, from the first.
    pub keys: usize,
    /// Whether no rows at all still give one row of zeros.
    pub zero_when_empty: bool,
    /// Keys and folded values.
    pub schema: SchemaRef,
}

impl BoundStage {
    /// Binds every call of the stage with `bind`.
    ///
    /// # Errors
    /// The first error of `bind`.
    pub fn bind<E>(
        stage: &Stage,
        hash_seed: u64,
        bad_rows: BadRows,
        store: Option<&Arc<StateStore>>,
        bind: &dyn Fn(&OperatorCall) -> Result<SharedOperator, E>,
    ) -> Result<Self, E> {
        let bind_step = |step: &PlannedStep| -> Result<BoundStep, E> {
            let bound = |(call, attach): &(OperatorCall, Attach)| -> Result<_, E> {
                Ok((bind(call)?, *attach))
            };
            Ok(BoundStep {
                label: step.label.clone(),
                project: step.project.clone(),
                call: step.call.as_ref().map(bound).transpose()?,
                whole_partition: step.whole_partition,
                schema: step.output.to_arrow(),
            })
        };
        let bind_fold = |fold: &FoldPlan| -> Result<BoundFold, E> {
            Ok(BoundFold {
                operator: bind(&fold.call)?,
                keys: fold.keys,
                zero_when_empty: fold.zero_when_empty,
                schema: fold.output.to_arrow(),
            })
        };
        let bind_slide = |slide: &SlidePlan| -> Result<BoundSlide, E> {
            Ok(BoundSlide {
                fold: bind_fold(&slide.fold)?,
                inverse: bind(&slide.inverse)?,
                forget_gone: slide.forget_gone,
                schema: slide.output.to_arrow(),
            })
        };
        let gather = match &stage.input {
            StageInput::Keyed(KeyedInput { gather, .. }) => match gather {
                Gather::Append => BoundGather::Append,
                Gather::Fold(fold) => BoundGather::Fold(bind_fold(fold)?),
                Gather::Group { keys } => BoundGather::Group { keys: *keys },
                Gather::Slide(slide) => BoundGather::Slide(bind_slide(slide)?),
                Gather::Join(join) => BoundGather::Join(BoundJoin {
                    kind: join.kind,
                    keys: join.keys,
                    null_equal: join.null_equal,
                    left: join.left.to_arrow(),
                    right: join.right.to_arrow(),
                    schema: join.output.to_arrow(),
                }),
                Gather::State(plan) => {
                    // Invariant: whoever binds has made a store for each such stage.
                    let store = Arc::clone(store.expect("a stateful stage has a store"));
                    BoundGather::State(bind_state(plan, store, bind)?)
                }
            },
            _ => BoundGather::Append,
        };
        let output = match &stage.output {
            StageOutput::Dataset if matches!(stage.input, StageInput::Transform(_)) => {
                BoundOutput::Apart
            }
            StageOutput::Dataset => BoundOutput::Dataset,
            StageOutput::Shuffle { by, partitions, combine } => BoundOutput::Shuffle {
                by: *by,
                partitions: *partitions,
                combine: combine.as_ref().map(bind_fold).transpose()?,
            },
        };
        Ok(Self {
            id: stage.id,
            stream: stage.stream.clone(),
            gather,
            input_schema: stage.input_schema.to_arrow(),
            steps: stage.steps.iter().map(bind_step).collect::<Result<_, E>>()?,
            output,
            hash_seed,
            bad_rows,
        })
    }
}

fn bind_state<E>(
    plan: &StatePlan,
    store: Arc<StateStore>,
    bind: &dyn Fn(&OperatorCall) -> Result<SharedOperator, E>,
) -> Result<BoundState, E> {
    let called = bind(&plan.call)?;
    let kept = StreamSchema::new(plan.output.value_columns().to_vec()).to_arrow();
    let operator: SharedOperator = if plan.running_fold {
        Arc::new(RunningFold { fold: called, schema: kept })
    } else {
        called
    };
    let values = StreamSchema::new(plan.values.clone());
    Ok(BoundState {
        operator,
        mode: plan.mode,
        keys: plan.output.keys,
        shown: plan.shown.clone(),
        key_schema: StreamSchema::new(plan.output.key_columns().to_vec()).to_arrow(),
        values: values.to_arrow(),
        schema: plan.output.to_arrow(),
        shows: plan.shows.to_arrow(),
        store,
    })
}

/// Stages are shared by all tasks of a batch.
pub type SharedStage = Arc<BoundStage>;
