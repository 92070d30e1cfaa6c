//! The kinds of operators, one for each attribute.
//!
//! Takes nothing. Gives the words and settings of each kind. Never looks at a function.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

/// What an operator does with rows or with the values of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Map,
    FlatMap,
    Filter,
    MapPartitions,
    MapValues,
    FlatMapValues,
    Reduce,
    Combine,
    Inverse,
    UpdateState,
    MapWithState,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
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

    pub(crate) fn variant(self) -> TokenStream {
        let name = match self {
            Self::Map => "Map",
            Self::FlatMap => "FlatMap",
            Self::Filter => "Filter",
            Self::MapPartitions => "MapPartitions",
            Self::MapValues => "MapValues",
            Self::FlatMapValues => "FlatMapValues",
            Self::Reduce => "Reduce",
            Self::Combine => "Combine",
            Self::Inverse => "Inverse",
            Self::UpdateState => "UpdateState",
            Self::MapWithState => "MapWithState",
        };
        let name = format_ident!("{name}");
        quote!(::tidemill_sdk::description::Kind::#name)
    }

    /// What may stand between the attribute's parentheses.
    pub(crate) fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Map | Self::FlatMap | Self::MapPartitions => &["keys"],
            Self::Combine => &["merge"],
            Self::UpdateState => &["state_version"],
            Self::MapWithState => &["keys", "state_version"],
            _ => &[],
        }
    }

    pub(crate) fn is_stateful(self) -> bool {
        matches!(self, Self::UpdateState | Self::MapWithState)
    }
}
