//! State: the keys of one partition with their states and when something last came for them.
//!
//! Takes changes of batches that have succeeded. Gives the state of a key, all of them, and those
//! whose time is up. A look costs the same however many keys there are.

use std::collections::VecDeque;

use ahash::RandomState;
use hashbrown::HashTable;

use super::delta::{Changed, StateDelta};
use crate::model::time::BatchTime;

/// What a slot and its two boxes cost beside the bytes they hold.
const ENTRY_BYTES: usize = 96;

/// A key with its state.
#[derive(Debug)]
struct Slot {
    key: Box<[u8]>,
    state: Box<[u8]>,
    /// The batch in which something last came for it.
    updated: BatchTime,
}

/// The keys of a partition. Their order is that in which slots were taken, so that the same batches
/// give the same order.
#[derive(Debug)]
pub struct StateTable {
    hasher: RandomState,
    index: HashTable<u32>,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    /// When each slot was updated, rising, where time-outs are asked for. What a slot says itself
    /// no longer of is passed over.
    updates: Option<VecDeque<(BatchTime, u32)>>,
    bytes: usize,
}

impl StateTable {
    /// No keys. With `times_out`, keys for which nothing comes can be found.
    pub fn new(times_out: bool) -> Self {
        Self {
            hasher: RandomState::new(),
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            updates: times_out.then(VecDeque::new),
            bytes: 0,
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// What they take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The state of a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let slot = self.find(key)?;
        self.slots[slot as usize].as_ref().map(|slot| &*slot.state)
    }

    /// All keys with their states.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.slots.iter().flatten().map(|slot| (&*slot.key, &*slot.state))
    }

    /// The same from a place on, each with its place.
    pub fn iter_from(&self, from: usize) -> impl Iterator<Item = (usize, (&[u8], &[u8]))> {
        let slots = self.slots.iter().enumerate().skip(from);
        slots.filter_map(|(place, slot)| {
            slot.as_ref().map(|slot| (place, (&*slot.key, &*slot.state)))
        })
    }

    /// The keys for which nothing came since before a time, the longest silent first.
    pub fn silent_since(&self, before: BatchTime) -> impl Iterator<Item = (&[u8], &[u8])> {
        let updates = self.updates.iter().flatten();
        updates.take_while(move |(time, _)| *time < before).filter_map(|(time, slot)| {
            let slot = self.slots[*slot as usize].as_ref()?;
            (slot.updated == *time).then_some((&*slot.key, &*slot.state))
        })
    }

    /// Takes over what the batch of a time changed.
    pub fn apply(&mut self, delta: &StateDelta, time: BatchTime) {
        for (key, changed) in delta.entries() {
            match changed {
                Changed::Put(state) => self.put(key, state, time),
                Changed::Touched => self.touch(key, time),
                Changed::Removed => self.remove(key),
            }
        }
        self.forget_updates();
    }

    fn find(&self, key: &[u8]) -> Option<u32> {
        let same =
            |slot: &u32| self.slots[*slot as usize].as_ref().is_some_and(|slot| *slot.key == *key);
        self.index.find(self.hasher.hash_one(key), same).copied()
    }

    fn put(&mut self, key: &[u8], state: &[u8], time: BatchTime) {
        if let Some(place) = self.find(key) {
            if let Some(slot) = &mut self.slots[place as usize] {
                self.bytes = self.bytes - slot.state.len() + state.len();
                slot.state = state.into();
            }
            self.note_update(place, time);
            return;
        }
        self.bytes += ENTRY_BYTES + key.len() + state.len();
        let slot = Some(Slot { key: key.into(), state: state.into(), updated: time });
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.slots.push(None);
                // A partition of 2^32 keys is far beyond the memory of any machine.
                u32::try_from(self.slots.len() - 1).expect("keys are counted by 32 bits")
            }
        };
        self.slots[place as usize] = slot;
        let Self { hasher, index, slots, .. } = self;
        let hash_of = |key: &[u8]| hasher.hash_one(key);
        index.insert_unique(hash_of(key), place, |place| {
            slots[*place as usize].as_ref().map_or(0, |slot| hash_of(&slot.key))
        });
        self.updates.iter_mut().for_each(|updates| updates.push_back((time, place)));
    }

    fn touch(&mut self, key: &[u8], time: BatchTime) {
        if let Some(place) = self.find(key) {
            self.note_update(place, time);
        }
    }

    fn note_update(&mut self, place: u32, time: BatchTime) {
        if let Some(slot) = &mut self.slots[place as usize]
            && slot.updated != time
        {
            slot.updated = time;
            self.updates.iter_mut().for_each(|updates| updates.push_back((time, place)));
        }
    }

    fn remove(&mut self, key: &[u8]) {
        let hash = self.hasher.hash_one(key);
        let slots = &self.slots;
        let same =
            |place: &u32| slots[*place as usize].as_ref().is_some_and(|slot| *slot.key == *key);
        let Ok(entry) = self.index.find_entry(hash, same) else { return };
        let (place, _) = entry.remove();
        if let Some(slot) = self.slots[place as usize].take() {
            self.bytes -= ENTRY_BYTES + slot.key.len() + slot.state.len();
        }
        self.free.push(place);
    }

    /// Drops notes at the front that no slot stands by any more.
    fn forget_updates(&mut self) {
        let slots = &self.slots;
        let stands = |(time, place): (BatchTime, u32)| {
            slots[place as usize].as_ref().is_some_and(|slot| slot.updated == time)
        };
        if let Some(updates) = &mut self.updates {
            while updates.front().is_some_and(|note| !stands(*note)) {
                updates.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn delta(changes: &[(u8, Changed)]) -> StateDelta {
        let mut delta = StateDelta::default();
        changes.iter().for_each(|(key, changed)| delta.set(&[*key], changed.clone()));
        delta
    }

    fn put(state: u8) -> Changed {
        Changed::Put([state].into())
    }

    fn silent(table: &StateTable, before: i64) -> Vec<u8> {
        table.silent_since(BatchTime(before)).map(|(key, _)| key[0]).collect()
    }

    #[test]
    fn keys_are_put_changed_and_removed() {
        let mut table = StateTable::new(false);
        table.apply(&delta(&[(1, put(10)), (2, put(20))]), BatchTime(1));
        table.apply(&delta(&[(1, Changed::Removed), (3, put(30)), (2, put(21))]), BatchTime(2));
        let all: Vec<(u8, u8)> = table.iter().map(|(key, state)| (key[0], state[0])).collect();
        assert_eq!(all, [(3, 30), (2, 21)]);
        table.apply(&delta(&[(2, Changed::Removed), (3, Changed::Removed)]), BatchTime(3));
        assert_eq!((table.len(), table.bytes(), table.get(&[2])), (0, 0, None));
    }

    #[test]
    fn a_key_is_silent_from_the_batch_that_last_touched_it() {
        let mut table = StateTable::new(true);
        table.apply(&delta(&[(1, put(0)), (2, put(0))]), BatchTime(10));
        table.apply(&delta(&[(1, Changed::Touched)]), BatchTime(20));
        assert_eq!(silent(&table, 10), Vec::<u8>::new());
        assert_eq!(silent(&table, 11), [2]);
        table.apply(&delta(&[(2, Changed::Removed), (3, put(0))]), BatchTime(30));
        assert_eq!(silent(&table, 100), [1, 3]);
    }

    #[test]
    fn a_key_that_comes_again_in_another_place_is_found_once() {
        let mut table = StateTable::new(true);
        table.apply(&delta(&[(1, put(0)), (2, put(0))]), BatchTime(10));
        table.apply(&delta(&[(1, Changed::Removed), (2, Changed::Removed)]), BatchTime(20));
        table.apply(&delta(&[(2, put(0)), (1, put(0))]), BatchTime(20));
        assert_eq!(silent(&table, 100), [2, 1]);
    }

    proptest! {
        #[test]
        fn a_table_is_a_map(batches in prop::collection::vec(
            prop::collection::vec((0_u8..16, 0_u8..4), 0..12), 0..24)
        ) {
            let (mut table, mut map) = (StateTable::new(true), BTreeMap::new());
            for (time, changes) in (0..).zip(batches) {
                let mut delta = StateDelta::default();
                for (key, what) in changes {
                    let had = map.contains_key(&key);
                    match what {
                        0 => {
                            delta.set(&[key], Changed::Removed);
                            map.remove(&key);
                        }
                        1 if had && delta.get(&[key]).is_none() => {
                            delta.set(&[key], Changed::Touched);
                            map.entry(key).and_modify(|(_, updated)| *updated = time);
                        }
                        1 => {}
                        state => {
                            delta.set(&[key], put(state));
                            map.insert(key, (state, time));
                        }
                    }
                }
                table.apply(&delta, BatchTime(time));
                let found: BTreeMap<u8, u8> = table.iter().map(|(k, s)| (k[0], s[0])).collect();
                let expected: BTreeMap<u8, u8> = map.iter().map(|(k, (s, _))| (*k, *s)).collect();
                prop_assert_eq!(found, expected);
                let mut late: Vec<u8> = silent(&table, time);
                late.sort_unstable();
                let since = |(key, (_, updated)): (&u8, &(u8, i64))| {
                    (*updated < time).then_some(*key)
                };
                prop_assert_eq!(late, map.iter().filter_map(since).collect::<Vec<u8>>());
            }
        }
    }
}
