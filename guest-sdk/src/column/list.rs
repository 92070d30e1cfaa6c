//! Columns of lists: offsets, and the items of all rows one after the other.
//!
//! Takes offsets that rise from 0. Gives such. Never copies the items it reads.

use std::fmt;

use super::text::span;
use super::time::{Date, Timestamp};
use super::{Scalar, Value, reserve};
use crate::batch::{Batch, Cursor, Failure, row_number};

/// The items of one row: `List<i64>`, `List<&'static str>`, `List<Option<f64>>`.
///
/// Items of text are spelled with `'static`; what is read lives as long as the row. A function
/// that makes lists returns a `Vec`.
pub struct List<'a, V: Value>(Kept<'a, V>);

enum Kept<'a, V: Value> {
    Nowhere,
    Column { items: V::Reader<'a>, start: usize, end: usize },
    Collection(&'a dyn Items<V>),
}

/// A collection whose items make up a list.
pub trait Items<V: Value> {
    /// How many there are.
    fn count(&self) -> usize;
    /// The item of that number.
    fn item(&self, index: usize) -> V::Of<'_>;
}

impl<V: Value> Clone for List<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: Value> Copy for List<'_, V> {}

impl<V: Value> Clone for Kept<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: Value> Copy for Kept<'_, V> {}

impl<'a, V: Value> List<'a, V> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        match self.0 {
            Kept::Nowhere => 0,
            Kept::Column { start, end, .. } => end.saturating_sub(start),
            Kept::Collection(items) => items.count(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item of that number.
    pub fn get(&self, index: usize) -> Option<V::Of<'a>> {
        if index >= self.len() {
            return None;
        }
        match self.0 {
            Kept::Nowhere => None,
            Kept::Column { items, start, .. } => Some(V::get(items, start + index)),
            Kept::Collection(items) => Some(items.item(index)),
        }
    }

    /// The items in order.
    pub fn iter(&self) -> ListIter<'a, V> {
        ListIter { list: *self, next: 0 }
    }
}

impl<'a, V: Value> IntoIterator for List<'a, V> {
    type Item = V::Of<'a>;
    type IntoIter = ListIter<'a, V>;

    fn into_iter(self) -> ListIter<'a, V> {
        self.iter()
    }
}

impl<'a, V: Value, C: Items<V>> From<&'a C> for List<'a, V> {
    fn from(items: &'a C) -> Self {
        Self(Kept::Collection(items))
    }
}

impl<'a, V: Value<Of<'a>: fmt::Debug>> fmt::Debug for List<'a, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// The items of a list, in order.
pub struct ListIter<'a, V: Value> {
    list: List<'a, V>,
    next: usize,
}

impl<V: Value> Clone for ListIter<'_, V> {
    fn clone(&self) -> Self {
        Self { list: self.list, next: self.next }
    }
}

impl<'a, V: Value> Iterator for ListIter<'a, V> {
    type Item = V::Of<'a>;

    fn next(&mut self) -> Option<V::Of<'a>> {
        let item = self.list.get(self.next)?;
        self.next += 1;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.list.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl<V: Value> ExactSizeIterator for ListIter<'_, V> {}

/// Where the items of a column are read from.
pub struct ListReader<'a, V: Value> {
    offsets: &'a [[u8; 4]],
    items: V::Reader<'a>,
    count: usize,
}

impl<V: Value> Clone for ListReader<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: Value> Copy for ListReader<'_, V> {}

/// Items of all rows one after the other, and where each row's end.
pub struct ListBuilder<V: Value> {
    offsets: Vec<[u8; 4]>,
    items: V::Builder,
    count: usize,
}

impl<V: Value> Default for ListBuilder<V> {
    fn default() -> Self {
        Self { offsets: vec![[0; 4]], items: V::Builder::default(), count: 0 }
    }
}

impl<V: Value> Scalar for List<'static, V> {
    type Of<'a> = List<'a, V>;
    type Reader<'a> = ListReader<'a, V>;
    type Builder = ListBuilder<V>;

    fn data_type() -> String {
        format!("list<{}{}>", V::data_type(), if V::NULLABLE { "?" } else { "" })
    }

    fn open<'a>(cursor: &mut Cursor<'a>, length: usize) -> Result<Self::Reader<'a>, Failure> {
        let offsets = cursor.offsets(length)?;
        let count = offsets.last().map_or(0, |last| u32::from_ne_bytes(*last)) as usize;
        Ok(ListReader { offsets, items: V::open(cursor, count)?, count })
    }

    fn get<'a>(reader: Self::Reader<'a>, row: usize) -> Self::Of<'a> {
        let span = span(reader.offsets, row);
        let (start, end) = (span.start, span.end.min(reader.count));
        List(Kept::Column { items: reader.items, start, end })
    }

    fn shorten<'b, 'a: 'b>(value: Self::Of<'a>) -> Self::Of<'b> {
        List(match value.0 {
            Kept::Nowhere => Kept::Nowhere,
            Kept::Column { items, start, end } => {
                Kept::Column { items: V::lend(items), start, end }
            }
            Kept::Collection(items) => Kept::Collection(items),
        })
    }

    fn lend<'b, 'a: 'b>(reader: Self::Reader<'a>) -> Self::Reader<'b> {
        let ListReader { offsets, items, count } = reader;
        ListReader { offsets, items: V::lend(items), count }
    }

    fn blank<'a>() -> Self::Of<'a> {
        List(Kept::Nowhere)
    }

    fn append<'a>(builder: &mut Self::Builder, values: impl Iterator<Item = Self::Of<'a>> + Clone) {
        for list in values {
            V::append(&mut builder.items, list.iter());
            builder.count += list.len();
            // Too many items are noticed in `finish`, before anyone reads a wrapped offset.
            builder.offsets.push((builder.count as u32).to_ne_bytes());
        }
    }

    fn reserve(builder: &mut Self::Builder, done: usize, total: usize) {
        reserve(&mut builder.offsets, done, total);
        V::reserve(&mut builder.items, done, total);
    }

    fn finish(builder: Self::Builder, batch: &mut Batch) -> Result<(), Failure> {
        if i32::try_from(builder.count).is_err() {
            let (found, limit) = (builder.count, i32::MAX);
            let message = format!("a list column came to {found} items, limit is {limit}");
            return Err(Failure::new(message));
        }
        batch.buffers.push(builder.offsets.into_flattened());
        V::finish(builder.items, row_number(builder.count)?, batch)
    }
}

macro_rules! plain_items {
    ($($item:ty),*) => {
        $(impl Items<$item> for Vec<$item> {
            fn count(&self) -> usize {
                self.len()
            }

            fn item(&self, index: usize) -> $item {
                self[index]
            }
        })*
    };
}

plain_items!(bool, i32, i64, u64, f64, Timestamp, Date);
plain_items!(Option<bool>, Option<i32>, Option<i64>, Option<u64>, Option<f64>);

impl Items<&'static str> for Vec<&str> {
    fn count(&self) -> usize {
        self.len()
    }

    fn item(&self, index: usize) -> &str {
        self[index]
    }
}

impl Items<&'static str> for Vec<String> {
    fn count(&self) -> usize {
        self.len()
    }

    fn item(&self, index: usize) -> &str {
        &self[index]
    }
}
