//! What an operator keeps for a key from one batch to the next.
//!
//! Takes states as the host brings them. Gives them to operators to look at and to change. Never
//! keeps one itself: the host takes every state away again.

use crate::column::{Date, Decimal, List, Timestamp, Value};
use crate::description::Field;
use crate::row::Columns;

/// The state of a key, as `#[map_with_state]` functions are given it.
///
/// # Panics
/// As Spark's state does: `update` and `remove` while the key's time is up, both after `remove`
/// within one call of the function.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State<S> {
    kept: Option<S>,
    changed: bool,
    removed: bool,
    timing_out: bool,
}

impl<S> State<S> {
    /// A state for the author's own tests: of a key that has none, or this one.
    pub fn for_test(kept: Option<S>) -> Self {
        Self { kept, changed: false, removed: false, timing_out: false }
    }

    pub(crate) fn timing_out(kept: Option<S>) -> Self {
        Self { timing_out: true, ..Self::for_test(kept) }
    }

    /// Whether the key has one.
    pub fn exists(&self) -> bool {
        self.kept.is_some()
    }

    /// The state, if the key has one.
    pub fn get(&self) -> Option<&S> {
        self.kept.as_ref()
    }

    /// Puts a new one in its place.
    pub fn update(&mut self, state: S) {
        self.check("update");
        self.kept = Some(state);
        self.changed = true;
    }

    /// Takes it away.
    pub fn remove(&mut self) {
        self.check("remove");
        self.kept = None;
        (self.changed, self.removed) = (true, true);
    }

    /// Whether this is the last call for the key: nothing came for it for too long.
    pub fn is_timing_out(&self) -> bool {
        self.timing_out
    }

    fn check(&self, call: &str) {
        assert!(!self.timing_out, "`{call}` of a state whose time is up: it goes by itself");
        assert!(!self.removed, "`{call}` of a state that was removed in the same call");
    }

    /// The next call of the function for the same key begins.
    pub(crate) fn begin_call(&mut self) {
        self.removed = false;
    }

    pub(crate) fn was_changed(&self) -> bool {
        self.changed
    }
}

/// What can be kept for a key: a column type that owns its value (`i64`, `String`, `Vec<i64>` and
/// so on), a tuple of such, or a `#[derive(Row)]` struct of such.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept as a state",
    label = "not a state",
    note = "a state is a column type that owns its value, a tuple of up to 12 of these, or a \
            struct with `#[derive(Row)]` without references",
    note = "such types are bool, i32, i64, u64, f64, String, Vec<u8>, Timestamp, Date, \
            Decimal<P, S>, Vec of these, and Option<..> of the plain ones"
)]
pub trait Kept: Sized + 'static {
    /// Its columns.
    type View: Columns;

    /// The columns, in order.
    fn fields() -> Vec<Field> {
        Self::View::fields()
    }

    /// Takes the state over from its columns.
    fn keep(row: <Self::View as Columns>::Of<'_>) -> Self;
    /// Lends it as a row of its columns.
    fn lend(&self) -> <Self::View as Columns>::Of<'_>;
}

/// One column of a state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept in a state",
    label = "not a column type that owns its value",
    note = "such types are bool, i32, i64, u64, f64, String, Vec<u8>, Timestamp, Date, \
            Decimal<P, S>, Vec of these, and Option<..> of the plain ones"
)]
pub trait KeptValue: Sized + 'static {
    /// Its column.
    type View: Value;

    /// Takes the value over from its column.
    fn keep(value: <Self::View as Value>::Of<'_>) -> Self;
    /// Lends it.
    fn lend(&self) -> <Self::View as Value>::Of<'_>;
}

impl<V: KeptValue> Kept for V {
    type View = V::View;

    fn keep(row: <V::View as Columns>::Of<'_>) -> Self {
        <V as KeptValue>::keep(row)
    }

    fn lend(&self) -> <V::View as Columns>::Of<'_> {
        <V as KeptValue>::lend(self)
    }
}

macro_rules! kept_as_it_is {
    ($([$($generics:tt)*] $name:ty),* $(,)?) => {
        $(impl $($generics)* KeptValue for $name {
            type View = $name;

            fn keep(value: $name) -> Self {
                value
            }

            fn lend(&self) -> $name {
                *self
            }
        }

        impl $($generics)* KeptValue for Option<$name> {
            type View = Option<$name>;

            fn keep(value: Option<$name>) -> Self {
                value
            }

            fn lend(&self) -> Option<$name> {
                *self
            }
        })*
    };
}

kept_as_it_is!([] bool, [] i32, [] i64, [] u64, [] f64, [] Timestamp, [] Date,
    [<const P: u8, const S: u8>] Decimal<P, S>);

macro_rules! kept_as_copy {
    ($($name:ty, $view:ty, $keep:expr, $lend:expr;)*) => {
        $(impl KeptValue for $name {
            type View = $view;

            fn keep(value: <$view as Value>::Of<'_>) -> Self {
                let keep: fn(<$view as Value>::Of<'_>) -> $name = $keep;
                keep(value)
            }

            fn lend(&self) -> <$view as Value>::Of<'_> {
                let lend: fn(&$name) -> <$view as Value>::Of<'_> = $lend;
                lend(self)
            }
        })*
    };
}

kept_as_copy! {
    String, &'static str, |value| value.to_owned(), |kept| kept.as_str();
    Vec<u8>, &'static [u8], |value| value.to_vec(), |kept| kept.as_slice();
    Option<String>, Option<&'static str>, |value| value.map(str::to_owned), |kept| kept.as_deref();
    Option<Vec<u8>>, Option<&'static [u8]>, |value| value.map(<[u8]>::to_vec),
        |kept| kept.as_deref();
    Vec<String>, List<'static, &'static str>, |value| value.iter().map(str::to_owned).collect(),
        |kept| List::from(kept);
}

macro_rules! kept_list {
    ($($item:ty),*) => {
        kept_as_copy! { $(Vec<$item>, List<'static, $item>, |value| value.iter().collect(),
            |kept| List::from(kept);)* }
    };
}

kept_list!(bool, i32, i64, u64, f64, Timestamp, Date);
kept_list!(Option<bool>, Option<i32>, Option<i64>, Option<u64>, Option<f64>);

macro_rules! kept_tuple {
    ($($value:ident $place:tt),*) => {
        impl<$($value: KeptValue),*> Kept for ($($value,)*) {
            type View = ($($value::View,)*);

            fn keep(row: <Self::View as Columns>::Of<'_>) -> Self {
                ($($value::keep(row.$place),)*)
            }

            fn lend(&self) -> <Self::View as Columns>::Of<'_> {
                ($($value::lend(&self.$place),)*)
            }
        }
    };
}

kept_tuple!(A 0);
kept_tuple!(A 0, B 1);
kept_tuple!(A 0, B 1, C 2);
kept_tuple!(A 0, B 1, C 2, D 3);
kept_tuple!(A 0, B 1, C 2, D 3, E 4);
kept_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
kept_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
kept_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
kept_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
kept_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
kept_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
kept_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn a_state_is_updated_and_removed() {
        let mut state = State::for_test(None);
        assert!(!state.exists());
        state.update(1);
        assert_eq!(state.get(), Some(&1));
        state.remove();
        assert_eq!(state.get(), None);
        state.begin_call();
        state.update(2);
        assert!(state.exists() && state.was_changed());
    }

    #[test]
    #[should_panic(expected = "`update` of a state that was removed in the same call")]
    fn a_state_is_not_updated_once_removed() {
        let mut state = State::for_test(Some(1));
        state.remove();
        state.update(2);
    }

    #[test]
    #[should_panic(expected = "`remove` of a state that was removed in the same call")]
    fn a_state_is_not_removed_twice() {
        let mut state = State::for_test(Some(1));
        state.remove();
        state.remove();
    }

    #[test]
    #[should_panic(expected = "`remove` of a state whose time is up: it goes by itself")]
    fn a_state_whose_time_is_up_cannot_change() {
        State::timing_out(Some(1)).remove();
    }
}
