//! What operators return: rows that borrow from their input, and rows that own what they made.
//!
//! Takes returned rows. Gives them on as rows of columns. Never copies text before it reaches its
//! column.

use std::marker::PhantomData;

use crate::column::{Date, List, Timestamp, Value};
use crate::description::Field;
use crate::erased::Run;
use crate::row::Columns;
#[doc(hidden)]
pub use crate::sink::Sink;

/// A row that an operator may return: any row it could take, a `String` or `Vec<u8>`, [`Made`]
/// tuples with such, and `#[derive(Row)]` structs that own fields.
#[diagnostic::on_unimplemented(
    message = "an operator cannot return `{Self}`",
    label = "not a row",
    note = "a row is a column type, a tuple of up to 12 column types, or a struct with \
            `#[derive(Row)]`",
    note = "column types are bool, i32, i64, u64, f64, &str, String, &[u8], Vec<u8>, Timestamp, \
            Date, Decimal<P, S>, List<T>, and Option<..> of these"
)]
pub trait Output: 'static {
    /// What the next operator sees of it.
    type View: Columns;
    /// The row itself.
    type Held<'a>;

    /// The columns, in order.
    fn returned_fields() -> Vec<Field> {
        Self::View::fields()
    }

    /// Pushes a run of rows on.
    fn push<'a>(held: &[Self::Held<'a>], origins: &[u32], next: &mut dyn Sink);
}

impl<C: Columns> Output for C {
    type View = C;
    type Held<'a> = C::Of<'a>;

    #[inline]
    fn push<'a>(held: &[Self::Held<'a>], origins: &[u32], next: &mut dyn Sink) {
        next.push(Run::new::<C>(held), origins);
    }
}

/// Pushes a run of rows on, for what `#[derive(Row)]` makes.
#[doc(hidden)]
pub fn push_views<'a, C: Columns>(views: &[C::Of<'a>], origins: &[u32], next: &mut dyn Sink) {
    next.push(Run::new::<C>(views), origins);
}

/// One column of a row that may own its values.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no column type",
    label = "not a column type",
    note = "columns are bool, i32, i64, u64, f64, &str, String, &[u8], Vec<u8>, Timestamp, Date, \
            Decimal<P, S>, List<T>, and Option<..> of these"
)]
pub trait OutputValue: 'static {
    /// What the next operator sees of it.
    type View: Value;
    /// The value itself.
    type Held<'a>;
    /// Lends the value.
    fn view<'b, 'a: 'b>(held: &'b Self::Held<'a>) -> <Self::View as Value>::Of<'b>;
}

impl<V: Value> OutputValue for V {
    type View = V;
    type Held<'a> = V::Of<'a>;

    #[inline]
    fn view<'b, 'a: 'b>(held: &'b Self::Held<'a>) -> <Self::View as Value>::Of<'b> {
        V::shorten(*held)
    }
}

macro_rules! owned_value {
    ($name:ty, $view:ty, $lend:expr) => {
        impl OutputValue for $name {
            type View = $view;
            type Held<'a> = $name;

            #[inline]
            fn view<'b, 'a: 'b>(held: &'b Self::Held<'a>) -> <$view as Value>::Of<'b> {
                let lend: fn(&$name) -> <$view as Value>::Of<'_> = $lend;
                lend(held)
            }
        }

        impl Owned for $name {
            type View = $view;

            #[inline]
            fn lend(&self) -> <$view as Value>::Of<'_> {
                <$name as OutputValue>::view(self)
            }
        }

        impl Output for $name {
            type View = $view;
            type Held<'a> = $name;

            fn push<'a>(held: &[Self::Held<'a>], origins: &[u32], next: &mut dyn Sink) {
                let views: Vec<_> = held.iter().map(<$name as OutputValue>::view).collect();
                next.push(Run::new::<$view>(&views), origins);
            }
        }
    };
}

owned_value!(String, &'static str, |held| held.as_str());
owned_value!(Vec<u8>, &'static [u8], |held| held.as_slice());
owned_value!(Option<String>, Option<&'static str>, |held| held.as_deref());
owned_value!(Option<Vec<u8>>, Option<&'static [u8]>, |held| held.as_deref());

macro_rules! list_value {
    ($($name:ty, $held:ty, $item:ty;)*) => {
        $(impl OutputValue for $name {
            type View = List<'static, $item>;
            type Held<'a> = $held;

            fn view<'b, 'a: 'b>(held: &'b Self::Held<'a>) -> List<'b, $item> {
                List::from(held)
            }
        }

        impl Output for $name {
            type View = List<'static, $item>;
            type Held<'a> = $held;

            fn push<'a>(held: &[Self::Held<'a>], origins: &[u32], next: &mut dyn Sink) {
                let views: Vec<_> = held.iter().map(<$name as OutputValue>::view).collect();
                next.push(Run::new::<List<'static, $item>>(&views), origins);
            }
        })*
    };
}

list_value! {
    Vec<bool>, Vec<bool>, bool;
    Vec<i32>, Vec<i32>, i32;
    Vec<i64>, Vec<i64>, i64;
    Vec<u64>, Vec<u64>, u64;
    Vec<f64>, Vec<f64>, f64;
    Vec<Timestamp>, Vec<Timestamp>, Timestamp;
    Vec<Date>, Vec<Date>, Date;
    Vec<Option<bool>>, Vec<Option<bool>>, Option<bool>;
    Vec<Option<i32>>, Vec<Option<i32>>, Option<i32>;
    Vec<Option<i64>>, Vec<Option<i64>>, Option<i64>;
    Vec<Option<u64>>, Vec<Option<u64>>, Option<u64>;
    Vec<Option<f64>>, Vec<Option<f64>>, Option<f64>;
    Vec<&'static str>, Vec<&'a str>, &'static str;
    Vec<String>, Vec<String>, &'static str;
}

/// A value of its own that lends what an operator takes: the result of `#[reduce]` over text.
#[diagnostic::on_unimplemented(
    message = "`#[reduce]` cannot return `{Self}`",
    label = "not a value of its own",
    note = "it returns the type of its arguments, or `String` for `&str` and `Vec<u8>` for `&[u8]`"
)]
pub trait Owned: 'static {
    /// What the function takes.
    type View: Value;
    /// Lends the value.
    fn lend(&self) -> <Self::View as Value>::Of<'_>;
}

/// Marks a tuple type some of whose values are owned, such as `Made<(&str, String)>`.
#[derive(Debug)]
pub struct Made<T>(PhantomData<fn() -> T>);

macro_rules! made_tuple {
    ($($value:ident $place:tt),*) => {
        impl<$($value: OutputValue),*> Output for Made<($($value,)*)> {
            type View = ($($value::View,)*);
            type Held<'a> = ($($value::Held<'a>,)*);

            fn push<'a>(held: &[Self::Held<'a>], origins: &[u32], next: &mut dyn Sink) {
                let views: Vec<_> =
                    held.iter().map(|row| ($($value::view(&row.$place),)*)).collect();
                next.push(Run::new::<Self::View>(&views), origins);
            }
        }
    };
}

made_tuple!(A 0);
made_tuple!(A 0, B 1);
made_tuple!(A 0, B 1, C 2);
made_tuple!(A 0, B 1, C 2, D 3);
made_tuple!(A 0, B 1, C 2, D 3, E 4);
made_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
made_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
made_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
made_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
made_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
made_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
made_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
