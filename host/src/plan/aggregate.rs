//! Plan: several built-in folds in one step, over a batch, a window, or from batch to batch.
//!
//! Takes the columns to make and the rows before. Gives one fold with a column for each, and where
//! averages are made of sums and counts, a step that makes them. Never shuffles twice.

use super::binding::choose;
use super::checked::{CheckedStep, InversePlan, Mismatch, StepContext, StepWork, label, need_key};
use super::fault::PlanFault;
use super::{fold as folds, naming, state, window};
use crate::model::column_type::ColumnType;
use crate::model::finding::Part;
use crate::model::operation::aggregate::{AggregateFold, Aggregated};
use crate::model::operation::{BuiltInFold, Keeps, StepDeclaration, WindowSpan};
use crate::model::schema::{Column, StreamSchema};
use crate::model::stage::{Attach, FoldPlan, OperatorCall};
use crate::model::verb_call::{Averaged, ColumnFold, VerbCall};

/// Checks `aggregate`: of each key, or of the batch where there is none.
pub(super) fn aggregate(
    step: &StepDeclaration,
    made: &[Aggregated],
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    if input.keys == 0 && step.partitions.is_some() {
        let (step, found) = ("partitions", input.clone());
        return Err((Part::Partitions, PlanFault::NoKey { step, found }));
    }
    let planned = Planned::of(step, made, input)?;
    let spread = step.partitions.unwrap_or(context.partitions);
    let partitions = if input.keys > 0 { spread } else { 1 };
    let (project, fold) = (planned.project.clone(), planned.fold.clone());
    Ok(planned.step(StepWork::Fold { project, fold, partitions }))
}

/// Checks a running `aggregate`: what was folded so far is kept for each key, of averages their
/// sums and counts.
pub(super) fn running(
    step: &StepDeclaration,
    made: &[Aggregated],
    keeps: &Keeps,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    if input.keys == 0 {
        let (step, found) = ("running", input.clone());
        return Err((Part::Operation, PlanFault::NoKey { step, found }));
    }
    let mut planned = Planned::of(step, made, input)?;
    planned.name_parts(step, made)?;
    let partitions = step.partitions.unwrap_or(context.partitions);
    let folded = (planned.project.clone(), planned.fold.clone(), partitions);
    let work = state::go_on(step, keeps, folded, planned.parts_of_averages(), context)?;
    Ok(planned.step(work))
}

/// Checks `aggregate_by_key_and_window`. Sums of whole numbers and decimals that no row lacks, and
/// counts, are taken out of the window again; with any other fold among them it is made anew.
pub(super) fn by_key_and_window(
    step: &StepDeclaration,
    made: &[Aggregated],
    span: WindowSpan,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    need_key(step, input)?;
    let window = window::on_grid(span, context)?;
    let planned = Planned::of(step, made, input)?;
    // Windows that share no batch are made from nothing each time.
    let inverse = (planned.is_exact() && window.slide < window.length)
        .then_some(InversePlan { call: OperatorCall::Subtract, forget_gone: true });
    let partitions = step.partitions.unwrap_or(context.partitions);
    let (project, fold) = (planned.project.clone(), planned.fold.clone());
    let filter = None;
    let work = StepWork::FoldWindow { project, fold, partitions, window, inverse, filter };
    Ok(planned.step(work))
}

/// Checks `distinct`: every column is key, and nothing is folded.
pub(super) fn distinct(
    step: &StepDeclaration,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    if let Some(column) = input.columns.iter().find(|column| column.data_type.list_depth() > 0) {
        return Err((Part::Operation, PlanFault::ListAsKey { column: column.clone() }));
    }
    let (call, keys) = (OperatorCall::Verb(VerbCall::Aggregate(Vec::new())), input.columns.len());
    let fold = FoldPlan { call, keys, zero_when_empty: false, output: input.clone() };
    let partitions = step.partitions.unwrap_or(context.partitions);
    let work = StepWork::Fold { project: None, fold, partitions };
    Ok(CheckedStep { label: label(step, ""), output: input.clone(), work })
}

/// An aggregate that fits: what is folded, and what is made of that.
struct Planned {
    label: String,
    project: Option<(Vec<usize>, StreamSchema)>,
    /// Folds to partial results: averages are two of them.
    fold: FoldPlan,
    folds: Vec<BuiltInFold>,
    /// What becomes of partial results, where not all are kept as they are.
    averaged: Option<Vec<Averaged>>,
    output: StreamSchema,
}

impl Planned {
    fn of(
        step: &StepDeclaration,
        made: &[Aggregated],
        input: &StreamSchema,
    ) -> Result<Self, Mismatch> {
        let keys = input.keys;
        let mut parts = Parts::new(input);
        for aggregated in made {
            parts.add(step, aggregated)?;
        }
        let names: Vec<&str> = made.iter().map(|aggregated| aggregated.name.as_str()).collect();
        let label = label(step, &names.join(", "));
        let with_keys =
            |made: Vec<Column>| input.key_columns().iter().cloned().chain(made).collect::<Vec<_>>();
        let output = naming::schema(step, &label, with_keys(parts.made), keys)?;
        let partials = StreamSchema { columns: with_keys(parts.partials), keys };
        let folds = parts.folds.iter().map(|fold| fold.fold).collect();
        let call = OperatorCall::Verb(VerbCall::Aggregate(parts.folds));
        let fold = FoldPlan { call, keys, zero_when_empty: false, output: partials };
        let project = folds::keep((0..keys).chain(parts.used).collect(), keys, input);
        let averages = parts.averaged.iter().any(|column| matches!(column, Averaged::Of { .. }));
        let averaged = averages.then_some(parts.averaged);
        Ok(Self { label, project, fold, folds, averaged, output })
    }

    /// The columns of sums and counts of averages, in the order of these.
    fn parts_of_averages(&self) -> Vec<(usize, usize)> {
        let parts = self.averaged.iter().flatten().filter_map(|averaged| match averaged {
            Averaged::Of { sum, count } => Some((*sum, *count)),
            Averaged::Kept(_) => None,
        });
        parts.collect()
    }

    /// Gives sums and counts of averages names that a person can write, who says what is kept at
    /// the beginning.
    fn name_parts(&mut self, step: &StepDeclaration, made: &[Aggregated]) -> Result<(), Mismatch> {
        let mut columns = self.fold.output.columns.clone();
        let averages = made.iter().filter(|made| made.fold == AggregateFold::Average);
        for (made, (sum, count)) in averages.zip(self.parts_of_averages()) {
            columns[sum].name = format!("{}.sum", made.name);
            columns[count].name = format!("{}.count", made.name);
        }
        self.fold.output = naming::schema(step, &self.label, columns, self.fold.keys)?;
        Ok(())
    }

    /// Whether what was folded in can be taken out again, to the bit.
    fn is_exact(&self) -> bool {
        use ColumnType::{Decimal128, Int64, UInt64};
        let summed = |fold: &BuiltInFold| matches!(fold, BuiltInFold::Sum | BuiltInFold::Count);
        self.folds.iter().all(summed)
            && self.fold.output.value_columns().iter().all(|column| {
                matches!(column.data_type, Int64 | UInt64 | Decimal128(..)) && !column.nullable
            })
    }

    fn step(self, work: StepWork) -> CheckedStep {
        let Self { label, fold, averaged, output, .. } = self;
        let Some(averaged) = averaged else { return CheckedStep { label, output, work } };
        let folded = CheckedStep { label: label.clone(), output: fold.output.clone(), work };
        let project = (0..fold.output.columns.len()).collect();
        let call = OperatorCall::Verb(VerbCall::Average(averaged));
        let work = StepWork::Narrow {
            project,
            call: Some((call, Attach::Replace)),
            whole_partition: false,
            link: None,
        };
        let averages = CheckedStep { label: "avg".to_owned(), output: output.clone(), work };
        CheckedStep { label, output, work: StepWork::Then(vec![folded, averages]) }
    }
}

/// What the columns of an aggregate need, one after the other.
struct Parts<'a> {
    input: &'a StreamSchema,
    /// Columns of the input, each once.
    used: Vec<usize>,
    folds: Vec<ColumnFold>,
    partials: Vec<Column>,
    averaged: Vec<Averaged>,
    made: Vec<Column>,
}

impl<'a> Parts<'a> {
    fn new(input: &'a StreamSchema) -> Self {
        let averaged = (0..input.keys).map(Averaged::Kept).collect();
        let (used, folds, partials, made) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { input, used, folds, partials, averaged, made }
    }

    fn add(&mut self, step: &StepDeclaration, aggregated: &Aggregated) -> Result<(), Mismatch> {
        let name = aggregated.name.as_str();
        let from = self.column_of(step, aggregated)?;
        match aggregated.fold {
            AggregateFold::BuiltIn(fold) => {
                let column = self.fold(fold, fold.word(), name.to_owned(), from)?;
                self.averaged.push(Averaged::Kept(column));
                self.made.push(self.partials[column - self.input.keys].clone());
            }
            AggregateFold::Average => {
                let sum = self.fold(BuiltInFold::Sum, "avg", name.to_owned(), from)?;
                // No name of a stream is like it, so it stands beside any.
                let counted = format!("\u{0}{name}");
                let count = self.fold(BuiltInFold::Count, "avg", counted, from)?;
                self.averaged.push(Averaged::Of { sum, count });
                let nullable = self.partials[sum - self.input.keys].nullable;
                self.made
                    .push(Column { nullable, ..Column::new(name.to_owned(), ColumnType::Float64) });
            }
        }
        Ok(())
    }

    /// The column that is folded; `None` where rows are counted.
    fn column_of(
        &self,
        step: &StepDeclaration,
        aggregated: &Aggregated,
    ) -> Result<Option<usize>, Mismatch> {
        let visible = self.input.keys..self.input.columns.len();
        let name = aggregated.of.as_ref().unwrap_or(&aggregated.name);
        let there = self.input.index_of(name).is_some_and(|index| visible.contains(&index));
        let counts = aggregated.fold == AggregateFold::BuiltIn(BuiltInFold::Count);
        if counts && aggregated.of.is_none() && !there {
            return Ok(None);
        }
        let word = step.operation.step_word();
        if aggregated.of.is_none() && self.input.index_of(name).is_none() {
            let built_in = match aggregated.fold {
                AggregateFold::BuiltIn(fold) => fold,
                AggregateFold::Average => BuiltInFold::Sum,
            };
            let values = || self.input.value_columns().iter();
            let fits = |column: &&Column| folds::built_in(built_in, column).is_ok();
            let fitting = values().filter(fits).map(|column| column.name.clone()).collect();
            let known = values().map(|column| column.name.clone()).collect();
            let (made, fold) = (name.clone(), aggregated.fold.word());
            let fault = PlanFault::FoldColumnMissing { step: word, made, fold, known, fitting };
            return Err((Part::Operation, fault));
        }
        let found = choose(word, std::slice::from_ref(name), self.input, visible, Part::Operation)?;
        Ok(found.first().copied())
    }

    /// Adds a fold; gives where its results stand in a row of partial results.
    fn fold(
        &mut self,
        fold: BuiltInFold,
        word: &'static str,
        name: String,
        from: Option<usize>,
    ) -> Result<usize, Mismatch> {
        let folded = match from {
            None => Column::new(name.clone(), ColumnType::Int64),
            Some(from) => folds::built_in(fold, &self.input.columns[from])
                .map_err(|(part, fault)| (part, in_words_of(word, fault)))?,
        };
        let column = from.map(|from| {
            let known = self.used.iter().position(|used| *used == from);
            known.unwrap_or_else(|| {
                self.used.push(from);
                self.used.len() - 1
            })
        });
        let of = from.map_or("rows", |from| self.input.columns[from].name.as_str());
        let label = format!("{} of {of}", fold.word());
        self.folds.push(ColumnFold { fold, column, label });
        self.partials.push(Column { name, ..folded });
        Ok(self.input.keys + self.partials.len() - 1)
    }
}

/// A type that a fold does not take, in the word under which the job asks for it.
fn in_words_of(word: &'static str, fault: PlanFault) -> PlanFault {
    match fault {
        PlanFault::FoldType { found, allowed, .. } => {
            PlanFault::FoldType { fold: word, found, allowed }
        }
        other => other,
    }
}
