//! A plugin's operators as a host calls them, sandboxed or not.
//!
//! Takes steps, a task and a batch. Gives rows or a failure. Never panics, unless in a sandbox,
//! where a panic traps.

use crate::batch::{Batch, BatchRef, Failure};
use crate::call::Call;
use crate::chain::{ChainStep, Wanted, run_chain};
use crate::context::Task;
use crate::description::{Description, Field, Kind, Schema};
use crate::operator::{Body, FoldBody, Operator, Phase, StatefulBody, StepCall};
use crate::parameter::Parameters;
use crate::reject::Rejection;
use crate::source::Source;
use crate::stateful::{StatefulAnswer, StatefulInput};

/// An operator by its index in the description, and a JSON object of its parameters.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The operator's index.
    pub operator: u32,
    /// The parameters; none at all is an empty object.
    pub parameters: &'a [u8],
}

/// What a chain made of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// The rows; none where there is a selection.
    pub batch: Batch,
    /// Where every step is a filter: the input rows kept, rising.
    pub selection: Option<Vec<u32>>,
    /// The input row of each output row, where it was asked for and there is no selection.
    pub origin: Option<Vec<u32>>,
    /// Rows that were refused.
    pub rejected: Vec<Rejection>,
}

/// The operators of a plugin, in the order that calls number them.
#[derive(Debug)]
pub struct Table {
    description: Description,
    operators: Vec<Operator>,
}

impl Table {
    /// A plugin of these operators.
    pub fn new(name: &str, version: &str, doc: &str, operators: Vec<Operator>) -> Self {
        let description = Description {
            name: name.to_owned(),
            version: version.to_owned(),
            doc: doc.to_owned(),
            chains: true,
            operators: operators.iter().map(|one| one.description.clone()).collect(),
        };
        Self { description, operators }
    }

    /// What the plugin says of itself.
    pub fn describe(&self) -> &Description {
        &self.description
    }

    /// Runs a chain of row operators over a batch.
    ///
    /// # Errors
    /// When the call failed as a whole; single bad rows are in the answer.
    pub fn apply(
        &self,
        chain: &[Step<'_>],
        task: Task,
        want_origin: bool,
        input: BatchRef<'_>,
    ) -> Result<Applied, Failure> {
        guarded(|| {
            let wanted = self.wanted(chain, want_origin)?;
            self.check_fit(chain)?;
            let parameters = parse_all(chain)?;
            let mut steps = Vec::with_capacity(chain.len());
            for (index, (step, parameters)) in (0..).zip(chain.iter().zip(&parameters)) {
                let Body::Rows(body) = &self.operator(step.operator)?.body else {
                    return Err(self.wrong_kind(step.operator, "apply"));
                };
                steps.push(ChainStep { body: &**body, step: StepCall { index, parameters } });
            }
            let call = Call::new(task);
            let source = Source { batch: input, origins: None };
            let built = run_chain(&call, &steps, wanted, source)?;
            let origins = Some(built.origins);
            let (selection, origin) = match wanted {
                Wanted::Rows => (None, None),
                Wanted::RowsWithOrigin => (None, origins),
                Wanted::Selection => (origins, None),
            };
            let rejected = call.into_rejected();
            Ok(Applied { batch: built.batch, selection, origin, rejected })
        })
    }

    /// Folds values to one row per group, in the order of group numbers.
    ///
    /// # Errors
    /// When the call failed.
    pub fn fold(
        &self,
        step: Step<'_>,
        task: Task,
        phase: Phase,
        values: BatchRef<'_>,
        group_of_row: &[u32],
        groups: u32,
    ) -> Result<Batch, Failure> {
        guarded(|| {
            let body = self.fold_body(step.operator, "fold")?;
            let parameters = parse(&step)?;
            body.fold(&Call::new(task), &parameters, phase, values, group_of_row, groups)
        })
    }

    /// Row by row, partial results on the left with those on the right.
    ///
    /// # Errors
    /// When the call failed.
    pub fn merge(
        &self,
        step: Step<'_>,
        task: Task,
        left: BatchRef<'_>,
        right: BatchRef<'_>,
    ) -> Result<Batch, Failure> {
        guarded(|| {
            let body = self.fold_body(step.operator, "merge")?;
            let parameters = parse(&step)?;
            body.merge(&Call::new(task), &parameters, left, right)
        })
    }

    /// Changes the states of keys by their values, and gives rows.
    ///
    /// # Errors
    /// When the call failed as a whole; single bad values are in the answer.
    pub fn update(
        &self,
        step: Step<'_>,
        task: Task,
        input: StatefulInput<'_>,
    ) -> Result<StatefulAnswer, Failure> {
        guarded(|| {
            input.check()?;
            let body = self.stateful_body(step.operator)?;
            let parameters = parse(&step)?;
            let call = Call::new(task);
            let answer = body.update(&call, &parameters, input)?;
            Ok(StatefulAnswer { rejected: call.into_rejected(), ..answer })
        })
    }

    fn operator(&self, index: u32) -> Result<&Operator, Failure> {
        self.operators.get(index as usize).ok_or_else(|| {
            let count = self.operators.len();
            Failure::new(format!("operator {index} of {count} was called"))
        })
    }

    fn fold_body(&self, index: u32, call: &str) -> Result<&dyn FoldBody, Failure> {
        match &self.operator(index)?.body {
            Body::Fold(body) if call == "merge" || !self.takes_out(index) => Ok(&**body),
            _ => Err(self.wrong_kind(index, call)),
        }
    }

    /// An inverse takes values out of results, it does not fold any.
    fn takes_out(&self, index: u32) -> bool {
        self.description.operators[index as usize].kind == Kind::Inverse
    }

    fn stateful_body(&self, index: u32) -> Result<&dyn StatefulBody, Failure> {
        match &self.operator(index)?.body {
            Body::Stateful(body) => Ok(&**body),
            Body::Rows(_) | Body::Fold(_) => Err(self.wrong_kind(index, "update")),
        }
    }

    fn wrong_kind(&self, index: u32, call: &str) -> Failure {
        let operator = &self.description.operators[index as usize];
        let (name, kind) = (&operator.name, operator.kind);
        Failure::new(format!("`{call}` was called on operator `{name}`, which is a {kind:?}"))
    }

    /// Invariant of chains: a step takes the types of columns that the one before it gives.
    fn check_fit(&self, chain: &[Step<'_>]) -> Result<(), Failure> {
        for pair in chain.windows(2) {
            let before = &self.operator(pair[0].operator)?.description;
            let after = &self.operator(pair[1].operator)?.description;
            if !satisfies(&before.output, &after.input) {
                let (given, taken) = (types(&before.output), types(&after.input));
                let (before, after) = (&before.name, &after.name);
                return Err(Failure::new(format!(
                    "operator `{before}` gives ({given}), and `{after}` takes ({taken})"
                )));
            }
        }
        Ok(())
    }

    fn wanted(&self, chain: &[Step<'_>], want_origin: bool) -> Result<Wanted, Failure> {
        let kinds = chain
            .iter()
            .map(|step| Ok(self.operator(step.operator)?.description.kind))
            .collect::<Result<Vec<_>, Failure>>()?;
        if kinds.contains(&Kind::MapPartitions) && (want_origin || kinds.len() > 1) {
            let message = "`map_partitions` runs alone, and its rows have no origin";
            return Err(Failure::new(message));
        }
        Ok(match want_origin {
            _ if kinds.iter().all(|kind| *kind == Kind::Filter) => Wanted::Selection,
            true => Wanted::RowsWithOrigin,
            false => Wanted::Rows,
        })
    }
}

/// The types of columns, for comparing and for messages: `utf8, int64?`.
fn types(schema: &Schema) -> String {
    let word = |field: &Field| {
        let nullable = if field.nullable { "?" } else { "" };
        format!("{}{nullable}", field.data_type)
    };
    schema.fields.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// Whether rows of these columns may be given where those are taken.
fn satisfies(given: &Schema, taken: &Schema) -> bool {
    let pairs = || given.fields.iter().zip(&taken.fields);
    given.fields.len() == taken.fields.len()
        && pairs().all(|(given, taken)| given.data_type == taken.data_type)
        && pairs().all(|(given, taken)| taken.nullable || !given.nullable)
}

fn parse_all(chain: &[Step<'_>]) -> Result<Vec<Parameters>, Failure> {
    chain.iter().map(parse).collect()
}

fn parse(step: &Step<'_>) -> Result<Parameters, Failure> {
    Ok(Parameters::parse(step.parameters)?.of_operator(step.operator))
}

/// In a sandbox a panic is told to the host and traps.
#[cfg(target_family = "wasm")]
fn guarded<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    run()
}

/// Natively a panic of an operator fails the call, as a trap would.
#[cfg(not(target_family = "wasm"))]
fn guarded<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    // Nothing of a call outlives it, so no half-done state can be seen afterwards.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let said = payload.downcast_ref::<&str>().copied();
        let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let (step, row) = crate::position::current();
        let message = format!("step {step} panicked: {}", said.unwrap_or("no message"));
        Err(Failure { message, row })
    })
}
