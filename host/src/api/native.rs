//! Api: operators of an embedding program, run in its own process without a sandbox.
//!
//! Takes closures over rows, or the operators that a plugin's crate defines. Gives operators for
//! the steps of streams. Nothing bounds their memory or time, and a panic fails the batch: they
//! are the program's own code, and the yardstick for what the sandbox costs.

mod closure;
mod description;
mod operator;

use std::sync::Arc;

use serde_json::{Map, Value};
use tidemill_sdk::native::Table;

pub use closure::{
    combine, filter, flat_map, flat_map_values, inverse, map, map_values, map_with_state, reduce,
    update_state,
};

use crate::model::column_type::ColumnTypeError;
use crate::model::description::{OperatorDescription, OperatorKind, PluginDescription};
use crate::model::operation::NativeOperator;
use crate::model::parameter::{ParameterError, complete_parameters};
use crate::model::schema::{Column, StreamSchema};
use operator::{NativeStep, TableOperator};

/// Operators that cannot be run natively.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NativeError {
    /// There is none of that name.
    #[error("plugin `{plugin}` has no operator `{found}`; it has {}", .allowed.join(", "))]
    Unknown {
        /// The plugin.
        plugin: String,
        /// The name that was asked for.
        found: String,
        /// The operators it has.
        allowed: Vec<String>,
    },
    /// It reads a broadcast, which only instances of plugins are given.
    #[error("operator `{operator}` reads broadcast `{broadcast}`: it runs in the sandbox only")]
    Broadcast {
        /// The operator.
        operator: String,
        /// The broadcast.
        broadcast: String,
    },
    /// A column is of a type that streams do not have.
    #[error("operator `{operator}`, column `{column}`: {source}")]
    ColumnType {
        /// The operator.
        operator: String,
        /// The column.
        column: String,
        /// What is wrong with its type.
        source: ColumnTypeError,
    },
    /// A parameter does not fit its declaration.
    #[error("operator `{operator}`: {source}")]
    Parameters {
        /// The operator.
        operator: String,
        /// What does not fit.
        source: ParameterError,
    },
    /// Operators that do not follow each other.
    #[error("`{chain}` cannot be one step: {reason}")]
    Chain {
        /// The operators.
        chain: String,
        /// Why.
        reason: String,
    },
}

/// The operators of a plugin's crate, linked into this program.
#[derive(Debug, Clone)]
pub struct NativePlugin {
    table: TableRef,
    description: Arc<PluginDescription>,
}

/// Operators that live as long as the program, or as long as somebody uses them.
#[derive(Debug, Clone)]
enum TableRef {
    Static(&'static Table),
    Shared(Arc<Table>),
}

impl std::ops::Deref for TableRef {
    type Target = Table;

    fn deref(&self) -> &Table {
        match self {
            Self::Static(table) => table,
            Self::Shared(table) => table,
        }
    }
}

impl NativePlugin {
    /// The operators that `plugin!` of the SDK defined: `NativePlugin::new(words::operators())`.
    ///
    /// # Errors
    /// When a column is of a type that streams do not have.
    pub fn new(table: &'static Table) -> Result<Self, NativeError> {
        Self::of(TableRef::Static(table))
    }

    fn of(table: TableRef) -> Result<Self, NativeError> {
        let description = Arc::new(description::of_plugin(table.describe())?);
        Ok(Self { table, description })
    }

    /// What the plugin says of itself.
    pub fn description(&self) -> &PluginDescription {
        &self.description
    }

    /// The operator of that name with its default parameters.
    ///
    /// # Errors
    /// When there is none of that name, or it has a parameter without a default.
    pub fn operator(&self, name: &str) -> Result<NativeOperator, NativeError> {
        self.operator_with(name, &Map::new())
    }

    /// The operator of that name with those parameters.
    ///
    /// # Errors
    /// When there is none of that name, or the parameters do not fit.
    pub fn operator_with(
        &self,
        name: &str,
        parameters: &Map<String, Value>,
    ) -> Result<NativeOperator, NativeError> {
        self.chain_of(&[(name, parameters)])
    }

    /// Operators that follow each other as one step, run in one pass with default parameters, as a
    /// sandboxed plugin runs its chains. Its kind is `map`, `filter` or `flat_map`, or the same of
    /// values: the one that all of them together are.
    ///
    /// # Errors
    /// When one does not take what the one before it gives, or as [`Self::operator`].
    pub fn chain(&self, names: &[&str]) -> Result<NativeOperator, NativeError> {
        let none = Map::new();
        let steps: Vec<_> = names.iter().map(|name| (*name, &none)).collect();
        self.chain_of(&steps)
    }

    fn chain_of(
        &self,
        chain: &[(&str, &Map<String, Value>)],
    ) -> Result<NativeOperator, NativeError> {
        let mut operators = Vec::with_capacity(chain.len());
        let mut steps = Vec::with_capacity(chain.len());
        for (name, set) in chain {
            let (index, operator) = self.find(name)?;
            let parameters = complete_parameters(&operator.parameters, set).map_err(|source| {
                NativeError::Parameters { operator: operator.name.clone(), source }
            })?;
            let parameters = Value::Object(parameters).to_string().into_bytes();
            operators.push(operator);
            steps.push(NativeStep { index, parameters });
        }
        let description = describe_chain(&operators)?;
        let kinds: Vec<OperatorKind> = operators.iter().map(|operator| operator.kind).collect();
        let names = operators.iter().map(|operator| operator.name.clone()).collect();
        let operator = TableOperator::new(
            (self.table.clone(), &self.description.name),
            steps,
            names,
            &kinds,
            &description,
        );
        Ok(NativeOperator { description, operator: Arc::new(operator) })
    }

    fn find(&self, name: &str) -> Result<(u32, &OperatorDescription), NativeError> {
        self.description.operator(name).ok_or_else(|| NativeError::Unknown {
            plugin: self.description.name.clone(),
            found: name.to_owned(),
            allowed: self.description.operators.iter().map(|o| o.name.clone()).collect(),
        })
    }
}

/// One operator that does what these do one after the other.
fn describe_chain(operators: &[&OperatorDescription]) -> Result<OperatorDescription, NativeError> {
    let names: Vec<&str> = operators.iter().map(|operator| operator.name.as_str()).collect();
    let name = names.join(" -> ");
    let refuse = |reason: String| Err(NativeError::Chain { chain: name.clone(), reason });
    let (Some(first), Some(last)) = (operators.first(), operators.last()) else {
        return refuse("it has no operators".to_owned());
    };
    for pair in operators.windows(2) {
        if let Some(reason) = cannot_follow(pair[0], pair[1]) {
            return refuse(reason);
        }
    }
    let kind = operators.iter().skip(1).fold(first.kind, |kind, next| joined(kind, next.kind));
    let filters = kind == OperatorKind::Filter;
    Ok(OperatorDescription {
        kind,
        doc: last.doc.clone(),
        binding: first.binding,
        input: first.input.clone(),
        // A filter gives the rows it was given, under the names it was given them.
        output: if filters { first.input.clone() } else { last.output.clone() },
        // They are set already.
        parameters: Vec::new(),
        keys: first.keys.clone(),
        state: first.state.clone(),
        broadcasts: Vec::new(),
        name,
    })
}

fn cannot_follow(from: &OperatorDescription, to: &OperatorDescription) -> Option<String> {
    if let Some(alone) = [from, to].into_iter().find(|one| !one.kind.runs_in_chains()) {
        return Some(format!("`{}` is of kind {}", alone.name, alone.kind));
    }
    if from.kind.sees_values() != to.kind.sees_values() {
        return Some(format!("`{}` and `{}` see different parts of a row", from.name, to.name));
    }
    let (gives, takes) = (&from.output, &to.input);
    let fits = |(given, taken): (&Column, &Column)| given.satisfies(taken);
    let all_fit = gives.columns.len() == takes.columns.len()
        && gives.columns.iter().zip(&takes.columns).all(fits);
    let bare = |schema: &StreamSchema| StreamSchema::new(schema.columns.clone()).to_string();
    (!all_fit).then(|| {
        let (gives, takes) = (bare(gives), bare(takes));
        format!("`{}` gives `{gives}`, but `{}` takes `{takes}`", from.name, to.name)
    })
}

/// The kind of two operators together.
fn joined(one: OperatorKind, next: OperatorKind) -> OperatorKind {
    match (one, next) {
        (one, next) if one == next => one,
        (one, _) if one.sees_values() => OperatorKind::FlatMapValues,
        _ => OperatorKind::FlatMap,
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};

    use super::*;
    use crate::model::operator::{AppliedRows, Phase, TaskFacts, TaskScope};
    use crate::model::time::BatchTime;

    fn scope() -> TaskScope {
        TaskScope::new(TaskFacts {
            batch_time: BatchTime(0),
            partition: 0,
            seed: 0,
            input_rows: 0,
            input_bytes: 0,
        })
    }

    fn column(column: impl arrow_array::Array + 'static) -> RecordBatch {
        RecordBatch::try_from_iter([("value", Arc::new(column) as ArrayRef)]).expect("one column")
    }

    fn applied(operator: &NativeOperator, input: &RecordBatch) -> RecordBatch {
        let applied = operator.operator.apply(&mut scope(), false, input).expect("it works");
        match applied.rows {
            AppliedRows::Batch(rows) => rows,
            AppliedRows::Selection(kept) => panic!("a selection came: {kept:?}"),
        }
    }

    #[test]
    fn closures_see_text_and_give_numbers() {
        let length = map::<&'static str, i64, _>("length", |line, _| line.len() as i64);
        let length = length.expect("its types are those of streams");
        let rows = applied(&length, &column(StringArray::from(vec!["to", "", "be"])));
        assert_eq!(rows.column(0).as_primitive::<Int64Type>().values(), &[2, 0, 2]);
    }

    #[test]
    fn rows_that_are_sliced_are_seen_from_their_first() {
        let words = flat_map::<&'static str, &'static str, _>("words", |line, emit| {
            line.split(' ').for_each(|word| emit.push(word));
        });
        let words = words.expect("its types are those of streams");
        let lines = column(StringArray::from(vec!["not seen", "to be", "or"])).slice(1, 2);
        let rows = applied(&words, &lines);
        let found: Vec<_> = rows.column(0).as_string::<i32>().iter().flatten().collect();
        assert_eq!(found, ["to", "be", "or"]);
    }

    #[test]
    fn a_filter_gives_the_rows_it_keeps() {
        let odd = filter::<i64, _>("odd", |number| number % 2 == 1).expect("types of streams");
        let input = column(Int64Array::from(vec![1, 2, 3]));
        let applied = odd.operator.apply(&mut scope(), false, &input).expect("it works");
        assert!(matches!(applied.rows, AppliedRows::Selection(kept) if kept == [0, 2]));
    }

    #[test]
    fn a_reduce_folds_by_group() {
        let add = reduce::<i64, _>("add", |left, right, _| left + right).expect("types of streams");
        let values = column(Int64Array::from(vec![1, 2, 3]));
        let folded = add.operator.fold(&mut scope(), Phase::Values, &values, &[0, 1, 0], 2);
        let folded = folded.expect("it works");
        assert_eq!(folded.column(0).as_primitive::<Int64Type>().values(), &[4, 2]);
    }

    #[test]
    fn a_panic_fails_the_call_and_no_more() {
        let broken =
            map::<i64, i64, _>("broken", |number, _| 10 / number).expect("types of streams");
        let call = |values| {
            let input = column(Int64Array::from(values));
            broken.operator.apply(&mut scope(), false, &input)
        };
        let error = call(vec![5, 0]).expect_err("a division by zero");
        assert_eq!(
            (error.operator.as_str(), error.code, error.row),
            ("broken", "failure", Some(1))
        );
        assert!(call(vec![5]).is_ok());
    }
}
