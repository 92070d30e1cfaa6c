//! Operators: a function of rows or of values, with what the host is told of it.
//!
//! Takes functions. Gives objects that chains and folds are made of. Never runs on its own.

mod combine;
mod emit;
mod filter;
mod flat_map;
mod map;
mod map_with_state;
mod partitions;
mod reduce;
mod reduce_made;
mod update_state;

use std::any::TypeId;
use std::marker::PhantomData;

pub use emit::Emit;
pub use partitions::Rows;
pub use update_state::Values;

use crate::batch::{Batch, BatchRef, Failure};
use crate::call::Call;
use crate::column::Value;
use crate::context::Context;
use crate::description::{
    Binding, BroadcastDescription, Field, Kind, OperatorDescription, Parameter, Schema,
    StateDescription,
};
use crate::output::{Output, Owned};
use crate::parameter::Parameters;
use crate::reject::Reject;
use crate::row::Columns;
use crate::sink::{Built, Sink};
use crate::source::{Source, push_rows};
use crate::state::{Kept, State};
use crate::stateful::{StatefulAnswer, StatefulInput};

/// What an attribute collected of a function.
#[derive(Debug, Default)]
pub struct Declaration {
    /// The function's name.
    pub name: &'static str,
    /// Its doc comment.
    pub doc: &'static str,
    /// How many columns of the result are the key.
    pub keys: u32,
    /// Names of the input columns where they are found by position; empty: as the row names them.
    pub columns: &'static [&'static str],
    /// Names of the key columns of a stateful operator; empty: as the key names them.
    pub key_columns: &'static [&'static str],
    /// The version of what a stateful operator keeps.
    pub state_version: u32,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Broadcasts that it reads.
    pub broadcasts: Vec<BroadcastDescription>,
}

impl Declaration {
    /// A function with nothing but a name.
    pub fn named(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    fn describe<In: Columns>(self, kind: Kind, output: Vec<Field>) -> OperatorDescription {
        let input = named::<In>(self.columns);
        let folds = matches!(kind, Kind::Reduce | Kind::Combine | Kind::Inverse);
        let by_name = In::BY_NAME && !folds;
        let output = if kind == Kind::Filter { input.clone() } else { output };
        OperatorDescription {
            name: self.name.to_owned(),
            kind,
            doc: self.doc.to_owned(),
            binding: if by_name { Binding::Name } else { Binding::Position },
            input: Schema { fields: input, keys: 0 },
            output: Schema { fields: output, keys: self.keys },
            parameters: self.parameters,
            state: None,
            broadcasts: self.broadcasts,
        }
    }

    fn describe_stateful<Key: Columns, In: Columns, S: Kept>(
        self,
        kind: Kind,
        output: Vec<Field>,
    ) -> OperatorDescription {
        let keys = named::<Key>(self.key_columns);
        let state = StateDescription { keys, fields: S::fields(), version: self.state_version };
        OperatorDescription { state: Some(state), ..self.describe::<In>(kind, output) }
    }
}

/// The columns of a row, under these names where they are found by position.
fn named<In: Columns>(names: &[&str]) -> Vec<Field> {
    let mut fields = In::fields();
    if !In::BY_NAME && names.len() == fields.len() {
        for (field, name) in fields.iter_mut().zip(names) {
            field.name = (*name).to_owned();
        }
    }
    fields
}

/// Names the lifetime that rows are lent for, so that a function may return what borrows from them.
#[derive(Debug, Clone, Copy)]
pub struct Lent<'a>(PhantomData<&'a ()>);

/// Whether a fold sees raw values or what was folded before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Values as rows brought them.
    Values,
    /// Results of earlier folds.
    Partials,
}

/// A function of rows or of values, with what the host is told of it.
pub struct Operator {
    pub(crate) description: OperatorDescription,
    pub(crate) body: Body,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Operator").field(&self.description).finish()
    }
}

/// A function that stands behind one of the attributes: what `plugin!` asks for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no operator",
    label = "not an operator",
    note = "operators are functions with `#[map]`, `#[flat_map]`, `#[filter]`, \
            `#[map_partitions]`, `#[map_values]`, `#[flat_map_values]`, `#[reduce]`, \
            `#[combine]`, `#[inverse]`, `#[update_state_by_key]` or `#[map_with_state]`"
)]
pub trait Declared {
    /// The operator.
    fn operator() -> Operator;
}

pub(crate) enum Body {
    Rows(Box<dyn RowsBody>),
    Fold(Box<dyn FoldBody>),
    Stateful(Box<dyn StatefulBody>),
}

/// One step of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepCall<'c> {
    pub(crate) index: u32,
    pub(crate) parameters: &'c Parameters,
}

/// A function of rows, its types erased.
pub(crate) trait RowsBody: Send + Sync {
    /// The rows it takes.
    fn input(&self) -> TypeId;
    /// The rows that the next operator sees.
    fn output(&self) -> TypeId;
    /// A sink that does the step for each run.
    ///
    /// # Errors
    /// When it needs all rows at once, or a parameter is wrong.
    fn start<'c>(
        &'c self,
        call: &'c Call,
        step: StepCall<'c>,
        next: Box<dyn Sink + 'c>,
    ) -> Result<Box<dyn Sink + 'c>, Failure>;
    /// Whether [`RowsBody::start`] gives a sink.
    fn takes_runs(&self) -> bool {
        true
    }
    /// Reads rows, does the step, and gives what the sinks after it built.
    fn run<'c>(
        &'c self,
        call: &'c Call,
        step: StepCall<'c>,
        source: Source<'c>,
        next: Box<dyn Sink + 'c>,
    ) -> Result<Built, Failure>;
    /// A sink that gathers what comes out.
    fn gather<'c>(&'c self, call: &'c Call, want_origin: bool) -> Box<dyn Sink + 'c>;
}

/// A function of two values, its types erased.
pub(crate) trait FoldBody: Send + Sync {
    /// One value per group.
    fn fold(
        &self,
        call: &Call,
        parameters: &Parameters,
        phase: Phase,
        values: BatchRef<'_>,
        group_of_row: &[u32],
        groups: u32,
    ) -> Result<Batch, Failure>;
    /// Row by row, left with right.
    fn merge(
        &self,
        call: &Call,
        parameters: &Parameters,
        left: BatchRef<'_>,
        right: BatchRef<'_>,
    ) -> Result<Batch, Failure>;
}

/// A function of keys with their values and states, its types erased.
pub(crate) trait StatefulBody: Send + Sync {
    /// Changes states, and gives rows.
    fn update(
        &self,
        call: &Call,
        parameters: &Parameters,
        input: StatefulInput<'_>,
    ) -> Result<StatefulAnswer, Failure>;
}

/// Reads an operator's parameters once per call.
pub type Load<P> = fn(&Parameters) -> Result<P, Failure>;

/// What the attributes expand to.
impl Operator {
    /// An operator of kind `map` or `map_values`.
    pub fn map<In, Out, P, F>(kind: Kind, declared: Declaration, load: Load<P>, run: F) -> Self
    where
        In: Columns,
        Out: Output,
        P: 'static,
        F: for<'b, 'a> Fn(&P, &Context, Lent<'a>, &'b In::Of<'a>) -> Out::Held<'a>
            + Send
            + Sync
            + 'static,
    {
        Self::mapping::<In, Out, P, _>(kind, declared, load, map::Always(run))
    }

    /// An operator of kind `map` or `map_values` that may refuse rows.
    pub fn try_map<In, Out, P, F>(kind: Kind, declared: Declaration, load: Load<P>, run: F) -> Self
    where
        In: Columns,
        Out: Output,
        P: 'static,
        F: for<'b, 'a> Fn(&P, &Context, Lent<'a>, &'b In::Of<'a>) -> Result<Out::Held<'a>, Reject>
            + Send
            + Sync
            + 'static,
    {
        Self::mapping::<In, Out, P, _>(kind, declared, load, map::Sometimes(run))
    }

    fn mapping<In: Columns, Out: Output, P: 'static, F: map::MapRows<In, Out, P>>(
        kind: Kind,
        declared: Declaration,
        load: Load<P>,
        run: F,
    ) -> Self {
        let description = declared.describe::<In>(kind, Out::returned_fields());
        let body = map::MapBody::<In, Out, P, F>::new(load, run);
        Self { description, body: Body::Rows(Box::new(body)) }
    }

    /// An operator of kind `flat_map` or `flat_map_values`.
    pub fn flat_map<In, Out, P, F>(kind: Kind, declared: Declaration, load: Load<P>, run: F) -> Self
    where
        In: Columns,
        Out: Output,
        P: 'static,
        F: for<'b, 'a, 'e> Fn(
                &P,
                &Context,
                &'b In::Of<'a>,
                &mut Emit<'e, 'a, Out>,
            ) -> Result<(), Reject>
            + Send
            + Sync
            + 'static,
    {
        let description = declared.describe::<In>(kind, Out::returned_fields());
        let body = Body::Rows(Box::new(flat_map::FlatMapBody::<In, Out, P, F>::new(load, run)));
        Self { description, body }
    }

    /// An operator of kind `filter`.
    pub fn filter<In, P, F>(declared: Declaration, load: Load<P>, run: F) -> Self
    where
        In: Columns,
        P: 'static,
        F: for<'b, 'a> Fn(&P, &Context, &'b In::Of<'a>) -> Result<bool, Reject>
            + Send
            + Sync
            + 'static,
    {
        let description = declared.describe::<In>(Kind::Filter, In::fields());
        let body = Body::Rows(Box::new(filter::FilterBody::<In, P, F>::new(load, run)));
        Self { description, body }
    }

    /// An operator of kind `map_partitions`.
    pub fn map_partitions<In, Out, P, F>(declared: Declaration, load: Load<P>, run: F) -> Self
    where
        In: Columns,
        Out: Output,
        P: 'static,
        F: for<'a, 'e> Fn(&P, &Context, Rows<'a, In>, &mut Emit<'e, 'a, Out>)
            + Send
            + Sync
            + 'static,
    {
        let description = declared.describe::<In>(Kind::MapPartitions, Out::returned_fields());
        let body = partitions::PartitionsBody::<In, Out, P, F>::new(load, run);
        Self { description, body: Body::Rows(Box::new(body)) }
    }

    /// An operator of kind `reduce` or `inverse` that makes values of its own.
    pub fn reduce_made<Out, P, F>(kind: Kind, declared: Declaration, load: Load<P>, run: F) -> Self
    where
        Out: Owned,
        P: 'static,
        F: for<'a> Fn(
                &P,
                &Context,
                <Out::View as Value>::Of<'a>,
                <Out::View as Value>::Of<'a>,
            ) -> Out
            + Send
            + Sync
            + 'static,
    {
        let description = declared.describe::<Out::View>(kind, <Out::View as Columns>::fields());
        let body = Body::Fold(Box::new(reduce_made::ReduceMadeBody::<Out, P, F>::new(load, run)));
        Self { description, body }
    }

    /// An operator of kind `reduce` or `inverse`.
    pub fn reduce<In, P, F>(kind: Kind, declared: Declaration, load: Load<P>, run: F) -> Self
    where
        In: Columns,
        P: 'static,
        F: for<'a> Fn(&P, &Context, Lent<'a>, In::Of<'a>, In::Of<'a>) -> In::Of<'a>
            + Send
            + Sync
            + 'static,
    {
        let description = declared.describe::<In>(kind, In::fields());
        let body = Body::Fold(Box::new(reduce::ReduceBody::<In, P, F>::new(load, run)));
        Self { description, body }
    }

    /// An operator of kind `combine`: `add` takes a value into what was made so far, `merge` makes
    /// one result of two.
    pub fn combine<In, C, P, F, M>(declared: Declaration, load: Load<P>, add: F, merge: M) -> Self
    where
        In: Columns,
        C: Kept,
        P: 'static,
        F: for<'a> Fn(&P, &Context, Option<C>, In::Of<'a>) -> C + Send + Sync + 'static,
        M: Fn(C, C) -> C + Send + Sync + 'static,
    {
        let description = declared.describe::<In>(Kind::Combine, C::fields());
        let body = combine::CombineBody::<In, C, P, F, M>::new(load, add, merge);
        Self { description, body: Body::Fold(Box::new(body)) }
    }

    /// An operator of kind `update_state_by_key`.
    pub fn update_state<Key, In, S, P, F>(declared: Declaration, load: Load<P>, run: F) -> Self
    where
        Key: Columns,
        In: Columns,
        S: Kept,
        P: 'static,
        F: for<'b, 'a> Fn(&P, &Context, &'b Key::Of<'a>, Values<'a, In>, Option<S>) -> Option<S>
            + Send
            + Sync
            + 'static,
    {
        let description = declared.describe_stateful::<Key, In, S>(Kind::UpdateState, Vec::new());
        let body = update_state::UpdateStateBody::<Key, In, S, P, F>::new(load, run);
        Self { description, body: Body::Stateful(Box::new(body)) }
    }

    /// An operator of kind `map_with_state`.
    pub fn map_with_state<Key, In, S, Out, P, F>(
        declared: Declaration,
        load: Load<P>,
        run: F,
    ) -> Self
    where
        Key: Columns,
        In: Columns,
        S: Kept,
        Out: Output,
        P: 'static,
        F: for<'b, 'a, 's, 'e> Fn(
                &P,
                &Context,
                &'b Key::Of<'a>,
                Option<&'b In::Of<'a>>,
                &'s mut State<S>,
                &mut Emit<'e, 'a, Out>,
            ) -> Result<(), Reject>
            + Send
            + Sync
            + 'static,
    {
        let made = Out::returned_fields();
        let description = declared.describe_stateful::<Key, In, S>(Kind::MapWithState, made);
        let body = map_with_state::MapWithStateBody::<Key, In, S, Out, P, F>::new(load, run);
        Self { description, body: Body::Stateful(Box::new(body)) }
    }
}

/// Runs a step that takes runs as the first of a chain.
fn run_from_start<'c, In: Columns>(
    body: &'c dyn RowsBody,
    call: &'c Call,
    step: StepCall<'c>,
    source: Source<'c>,
    next: Box<dyn Sink + 'c>,
) -> Result<Built, Failure> {
    push_rows::<In>(call, source, body.start(call, step, next)?)
}
