//! What a plugin says of itself: operators, their columns and their parameters.
//!
//! Takes what the attributes collected. Gives plain values. Never holds code.

use crate::column::Value;

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// A word of the type grammar, such as `utf8`.
    pub data_type: String,
    /// Whether a row may lack it.
    pub nullable: bool,
}

impl Field {
    /// A column of values of that type.
    pub fn of<V: Value>(name: &str) -> Self {
        Self { name: name.to_owned(), data_type: V::data_type(), nullable: V::NULLABLE }
    }
}

/// Columns, the first `keys` of which are the key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// The columns in order.
    pub fields: Vec<Field>,
    /// How many of them, from the first, are the key.
    pub keys: u32,
}

/// What an operator does with rows or with the values of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One row in, one row out.
    Map,
    /// One row in, any number out.
    FlatMap,
    /// Keeps rows or drops them.
    Filter,
    /// A whole partition in, any number of rows out.
    MapPartitions,
    /// One value in, one out; the key stays.
    MapValues,
    /// One value in, any number out; the key stays.
    FlatMapValues,
    /// Two values of a key in, one out; associative and commutative.
    Reduce,
    /// Values of a key in, a result of another type out; results of parts are merged.
    Combine,
    /// A result and a value that was folded into it in, the result without that value out.
    Inverse,
    /// All values of a key and its state in, its new state out.
    UpdateState,
    /// A value and its key's state in, rows out; the state may change.
    MapWithState,
}

/// How an operator's input columns are found in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binding {
    /// By position; the number of columns must be equal.
    Position,
    /// By name; the stream may have others beside them.
    Name,
}

/// One parameter that a job may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// `bool`, `int64`, `float64` or `utf8`.
    pub data_type: String,
    /// Its value as JSON where the job sets none; `None` means the job must set it.
    pub default: Option<String>,
    /// Its author's words.
    pub doc: String,
}

/// One operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorDescription {
    /// Its name, unique in the plugin.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// Its author's words.
    pub doc: String,
    /// How `input` is found in the stream.
    pub binding: Binding,
    /// The columns it is given.
    pub input: Schema,
    /// The columns it gives back.
    pub output: Schema,
    /// Parameters a job may set.
    pub parameters: Vec<Parameter>,
    /// What a stateful operator keeps.
    pub state: Option<StateDescription>,
    /// Broadcasts that it reads.
    pub broadcasts: Vec<BroadcastDescription>,
}

/// A broadcast that an operator reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastDescription {
    /// Its name in the job.
    pub name: String,
    /// How `fields` are found in it.
    pub binding: Binding,
    /// The columns that the operator is given.
    pub fields: Vec<Field>,
}

/// What a stateful operator keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDescription {
    /// The key columns it is shown; none if it needs none.
    pub keys: Vec<Field>,
    /// The columns it keeps for each key.
    pub fields: Vec<Field>,
    /// Its author raises it when old states mean something else.
    pub version: u32,
}

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Its author's words.
    pub doc: String,
    /// Whether `apply` takes more than one step.
    pub chains: bool,
    /// Its operators, in the order that calls number them.
    pub operators: Vec<OperatorDescription>,
}
