//! Model: what a plugin says of itself and of its operators.
//!
//! Takes a checked description from the border. Gives plain values for planning, `explain` and
//! `plugin check`. Never holds guest code.

use std::fmt;

use super::parameter::Parameter;
use super::schema::StreamSchema;
use super::stateful::StateDescription;

/// What an operator does with rows or with the values of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperatorKind {
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
    /// All values of a key in a batch and its state in, the new state out; also for keys that have
    /// a state and no values.
    UpdateState,
    /// A value and its key's state in, any number of rows out; the state may change.
    MapWithState,
}

impl OperatorKind {
    /// Whether the operator is given rows through `apply`, and whole ones: it sees key and value.
    pub fn sees_whole_rows(self) -> bool {
        matches!(self, Self::Map | Self::FlatMap | Self::Filter | Self::MapPartitions)
    }

    /// Whether the operator is given value columns only, the host keeping the key.
    pub fn sees_values(self) -> bool {
        matches!(self, Self::MapValues | Self::FlatMapValues)
    }

    /// Whether the operator may run with others in one call: it is given rows one by one.
    pub fn runs_in_chains(self) -> bool {
        self.sees_values() || (self.sees_whole_rows() && self != Self::MapPartitions)
    }

    /// Whether the operator makes one result of the values of a key, before a shuffle and after it.
    pub fn folds(self) -> bool {
        matches!(self, Self::Reduce | Self::Combine)
    }

    /// Whether the operator keeps something for each key.
    pub fn keeps_state(self) -> bool {
        matches!(self, Self::UpdateState | Self::MapWithState)
    }

    /// The attribute of the SDK with which it is written, most often also the step key of a job
    /// file.
    pub fn step_word(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::FlatMap => "flat_map",
            Self::Filter => "filter",
            Self::MapPartitions => "map_partitions",
            Self::MapValues => "map_values",
            Self::FlatMapValues => "flat_map_values",
            Self::Reduce => "reduce",
            Self::Combine => "combine",
            Self::Inverse => "inverse",
            Self::UpdateState => "update_state_by_key",
            Self::MapWithState => "map_with_state",
        }
    }
}

impl fmt::Display for OperatorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.step_word())
    }
}

/// How an operator's input columns are found in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binding {
    /// By position; the number of columns must be equal.
    Position,
    /// By name; the stream may have others beside them.
    Name,
}

/// One operator of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorDescription {
    /// Its name, unique in the plugin.
    pub name: String,
    /// What it does with rows.
    pub kind: OperatorKind,
    /// Its author's words.
    pub doc: String,
    /// How `input` is found in the stream.
    pub binding: Binding,
    /// The columns it is given. Value columns only for all but the kinds that see whole rows.
    pub input: StreamSchema,
    /// The columns it gives back. Equal to `input` for `filter`; value columns only for value
    /// kinds and folds; none for `update_state_by_key`, whose rows are its states.
    pub output: StreamSchema,
    /// Parameters a job may set.
    pub parameters: Vec<Parameter>,
    /// The key columns a stateful operator is given; empty: any, and it does not see them.
    pub keys: StreamSchema,
    /// What a stateful operator keeps for each key.
    pub state: Option<StateDescription>,
    /// Broadcasts that it reads.
    pub broadcasts: Vec<BroadcastWanted>,
}

/// A broadcast that an operator reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastWanted {
    /// Its name in the job.
    pub name: String,
    /// How the columns are found in it.
    pub binding: Binding,
    /// The columns that the operator is given.
    pub schema: StreamSchema,
}

impl BroadcastWanted {
    /// Where the wanted columns stand in rows of that schema, if all of them are there.
    pub fn columns_in(&self, schema: &StreamSchema) -> Option<Vec<usize>> {
        let wanted = &self.schema.columns;
        let columns: Option<Vec<usize>> = match self.binding {
            Binding::Name => wanted.iter().map(|column| schema.index_of(&column.name)).collect(),
            Binding::Position => {
                (wanted.len() == schema.columns.len()).then(|| (0..wanted.len()).collect())
            }
        };
        let columns = columns?;
        let mut pairs = columns.iter().zip(wanted);
        pairs.all(|(at, wanted)| schema.columns[*at].satisfies(wanted)).then_some(columns)
    }
}

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginDescription {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Its author's words.
    pub doc: String,
    /// Whether `apply` takes more than one step.
    pub chains: bool,
    /// Its operators, in the order that border calls number them.
    pub operators: Vec<OperatorDescription>,
}

impl PluginDescription {
    /// The operator of that name with its number.
    pub fn operator(&self, name: &str) -> Option<(u32, &OperatorDescription)> {
        let index = self.operators.iter().position(|operator| operator.name == name)?;
        Some((u32::try_from(index).ok()?, &self.operators[index]))
    }
}
