//! Write Tidemill plugins in Rust: operators as plain functions.
//!
//! Takes functions over rows. Gives a component for the host, and the same operators natively.
//! Never reaches the world: a plugin is a pure function of its input.

#![deny(missing_docs, unsafe_code)]

#[allow(missing_docs, unsafe_code, clippy::all, reason = "generated from wit/, compared by a test")]
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[rustfmt::skip]
pub mod bindings;

mod call;
mod chain;
pub mod closures;
mod erased;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod exports;
mod groups;
mod position;
mod sink;
mod source;

pub mod batch;
pub mod broadcast;
pub mod column;
pub mod context;
pub mod description;
pub mod host;
pub mod native;
pub mod operator;
pub mod output;
pub mod parameter;
pub mod reject;
pub mod row;
pub mod state;
pub mod stateful;
pub mod text;

/// What a plugin's source begins with: `use tidemill_sdk::prelude::*;`.
pub mod prelude {
    pub use tidemill_sdk_macros::{
        Row, combine, filter, flat_map, flat_map_values, inverse, map, map_partitions, map_values,
        map_with_state, reduce, update_state_by_key,
    };

    pub use crate::broadcast::Broadcast;
    pub use crate::column::{Date, Decimal, List, Timestamp};
    pub use crate::context::{Context, Task};
    pub use crate::reject::Reject;
    pub use crate::state::State;
    pub use crate::{log, plugin};
}

/// Makes a plugin of operators: `plugin!(split, pair, add);`, once per crate.
///
/// Beside the exports for the host it defines `operators()`, the same operators natively.
#[macro_export]
macro_rules! plugin {
    ($($operator:path),+ $(,)?) => {
        /// The plugin's operators, for tests and for hosts that run them natively.
        pub fn operators() -> &'static $crate::native::Table {
            static TABLE: ::std::sync::OnceLock<$crate::native::Table> =
                ::std::sync::OnceLock::new();
            TABLE.get_or_init(|| {
                $crate::native::Table::new(
                    ::core::env!("CARGO_PKG_NAME"),
                    ::core::env!("CARGO_PKG_VERSION"),
                    ::core::env!("CARGO_PKG_DESCRIPTION"),
                    ::std::vec![$(<$operator as $crate::operator::Declared>::operator()),+],
                )
            })
        }

        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Exported;

            impl $crate::exports::Plugin for Exported {
                fn table() -> &'static $crate::native::Table {
                    operators()
                }
            }

            $crate::bindings::export_plugin!(Exported with_types_in $crate::bindings);
        };
    };
}
