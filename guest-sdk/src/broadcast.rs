//! Broadcasts: rows of the job that an operator can read whole.
//!
//! Takes a batch from the host, or rows of an author's test. Gives typed rows, decoded once and
//! kept as long as the instance. Never sees another version while a task runs.

use std::any::{Any, TypeId};
use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::batch::{Batch, Failure};
use crate::description::{Binding, BroadcastDescription};
use crate::row::{Columns, gather, read};

/// The rows of a broadcast: an argument of an operator, such as
/// `#[broadcast] customers: &Broadcast<Customer>`. Its name is that of the broadcast in the job.
///
/// Rows are structs with `#[derive(Row)]`, whose fields are found by name, or tuples, whose parts
/// are the columns in order. What they borrow lives as long as the instance: it is spelled
/// `'static`, as in `&Broadcast<(i64, &'static str)>` or `&Broadcast<Customer<'static>>`.
pub struct Broadcast<C: Columns> {
    rows: &'static [C::Of<'static>],
    /// What [`Self::by`] has made, by the type of its function.
    by_key: RefCell<Vec<(TypeId, Rc<dyn Any>)>>,
}

impl<C: Columns> fmt::Debug for Broadcast<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broadcast({} rows)", self.rows.len())
    }
}

impl<C: Columns> Broadcast<C> {
    /// A broadcast of these rows, for an author's own tests. They are never given back: a test
    /// ends soon.
    ///
    /// # Panics
    /// When they are more than a batch may hold.
    pub fn of(rows: &[C::Of<'_>]) -> Self {
        Self::decode(gathered::<C>(rows)).expect("what was gathered can be read")
    }

    /// Keeps the batch for as long as the instance lives: rows borrow from it.
    fn decode(batch: Batch) -> Result<Self, Failure> {
        let batch: &'static Batch = Box::leak(Box::new(batch));
        let buffers = batch.buffers.iter().map(Vec::as_slice).collect::<Vec<&'static [u8]>>();
        let lent = crate::batch::BatchRef::new(batch.rows, &batch.nodes, Vec::leak(buffers));
        // The host has checked its text.
        #[cfg(target_family = "wasm")]
        let lent = lent.with_checked_text(crate::erased::Checked::by_host());
        Ok(Self { rows: Vec::leak(read::<C>(lent)?), by_key: RefCell::default() })
    }

    /// All rows, in the order of the broadcast.
    pub fn rows(&self) -> &'static [C::Of<'static>] {
        self.rows
    }

    /// All rows, one after the other.
    pub fn iter(&self) -> std::slice::Iter<'static, C::Of<'static>> {
        self.rows.iter()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows by a key of theirs: `customers.by(|row| row.customer).first(&7)`. What is looked up
    /// in is made at the first call, and the same at every further one of the same place.
    pub fn by<K, F>(&self, key: F) -> Rc<ByKey<K, C>>
    where
        K: Ord + 'static,
        F: Fn(&C::Of<'static>) -> K + 'static,
    {
        // A function that holds anything could differ from call to call.
        const { assert!(size_of::<F>() == 0, "the key depends on nothing but the row") };
        let place = TypeId::of::<F>();
        let mut all = self.by_key.borrow_mut();
        let made = all.iter().find(|(other, _)| *other == place).map(|(_, made)| Rc::clone(made));
        if let Some(made) = made.and_then(|made| made.downcast::<ByKey<K, C>>().ok()) {
            return made;
        }
        let mut by_key: BTreeMap<K, Vec<u32>> = BTreeMap::new();
        for (number, row) in (0..).zip(self.rows) {
            by_key.entry(key(row)).or_default().push(number);
        }
        let made = Rc::new(ByKey { rows: self.rows, by_key });
        all.push((place, Rc::clone(&made) as Rc<dyn Any>));
        made
    }
}

/// The rows of a broadcast by key.
pub struct ByKey<K, C: Columns> {
    rows: &'static [C::Of<'static>],
    by_key: BTreeMap<K, Vec<u32>>,
}

impl<K, C: Columns> fmt::Debug for ByKey<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByKey({} keys, {} rows)", self.by_key.len(), self.rows.len())
    }
}

impl<K: Ord, C: Columns> ByKey<K, C> {
    /// The rows of a key, in the order of the broadcast.
    pub fn all<Q>(&self, key: &Q) -> impl Iterator<Item = &'static C::Of<'static>> + '_
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let rows = self.rows;
        let numbers = self.by_key.get(key).map_or(&[][..], Vec::as_slice);
        numbers.iter().map(move |number| &rows[*number as usize])
    }

    /// The first row of a key.
    pub fn first<Q>(&self, key: &Q) -> Option<&'static C::Of<'static>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.all(key).next()
    }
}

/// What the host is told of a broadcast that an operator reads.
pub fn declare<C: Columns>(name: &str) -> BroadcastDescription {
    BroadcastDescription {
        name: name.to_owned(),
        binding: if C::BY_NAME { Binding::Name } else { Binding::Position },
        fields: C::fields(),
    }
}

fn gathered<'a, C: Columns>(rows: &[C::Of<'a>]) -> Batch {
    gather::<C>(rows.len(), |row| C::again(&rows[row])).expect("a test has not as many rows")
}

thread_local! {
    /// What was decoded, by operator and name.
    static KEPT: RefCell<BTreeMap<(u32, String), &'static dyn Any>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// The broadcast of that name for the operator of that index, decoded at the first call.
pub(crate) fn of_job<C: Columns>(
    operator: u32,
    name: &str,
) -> Result<&'static Broadcast<C>, Failure> {
    let key = (operator, name.to_owned());
    let kept = KEPT.with_borrow(|kept| kept.get(&key).copied());
    if let Some(kept) = kept.and_then(|kept| kept.downcast_ref::<Broadcast<C>>()) {
        return Ok(kept);
    }
    let missing = || Failure::new(format!("broadcast `{name}` is not there"));
    let batch = source::fetch(operator, name).ok_or_else(missing)?;
    let decoded: &'static Broadcast<C> = Box::leak(Box::new(Broadcast::decode(batch)?));
    KEPT.with_borrow_mut(|kept| kept.insert(key, decoded));
    Ok(decoded)
}

#[cfg(target_family = "wasm")]
mod source {
    use crate::batch::{Batch, Node};
    use crate::bindings::tidemill::plugin::host;

    pub(super) fn fetch(operator: u32, name: &str) -> Option<Batch> {
        let given = host::broadcast(operator, name)?;
        let node = |node: &crate::bindings::tidemill::plugin::types::Node| Node {
            length: node.length,
            nulls: node.nulls,
        };
        let nodes = given.nodes.iter().map(node).collect();
        Some(Batch { rows: given.rows, nodes, buffers: given.buffers })
    }
}

#[cfg(not(target_family = "wasm"))]
mod source {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::{Batch, Columns, KEPT, gathered};

    thread_local! {
        static GIVEN: RefCell<BTreeMap<String, Batch>> = const { RefCell::new(BTreeMap::new()) };
    }

    pub(super) fn fetch(_operator: u32, name: &str) -> Option<Batch> {
        GIVEN.with_borrow(|given| given.get(name).cloned())
    }

    /// Gives all operators that run on this thread a broadcast of that name, for an author's own
    /// tests of `operators()`.
    ///
    /// # Panics
    /// When the rows are more than a batch may hold.
    pub fn give_broadcast<C: Columns>(name: &str, rows: &[C::Of<'_>]) {
        GIVEN.with_borrow_mut(|given| given.insert(name.to_owned(), gathered::<C>(rows)));
        KEPT.with_borrow_mut(|kept| kept.retain(|(_, other), _| other != name));
    }
}

#[cfg(not(target_family = "wasm"))]
pub use source::give_broadcast;
