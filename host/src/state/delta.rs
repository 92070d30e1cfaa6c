//! State: what the task of one partition changed.
//!
//! Takes changes while a task runs. Gives them to the store when the batch has succeeded. Never is
//! seen by anyone else before that.

use ahash::RandomState;
use hashbrown::HashTable;

/// What becomes of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It has this state now.
    Put(Box<[u8]>),
    /// It has none any more.
    Removed,
    /// Its state is as before, but something came for it.
    Touched,
}

/// Changes by key, in the order in which keys were first touched.
#[derive(Debug, Default)]
pub struct StateDelta {
    hasher: RandomState,
    index: HashTable<usize>,
    entries: Vec<(Box<[u8]>, Changed)>,
}

impl StateDelta {
    /// What became of a key so far; `None`: it was not touched.
    pub fn get(&self, key: &[u8]) -> Option<&Changed> {
        let hash = self.hasher.hash_one(key);
        let place = self.index.find(hash, |place| *self.entries[*place].0 == *key)?;
        Some(&self.entries[*place].1)
    }

    /// Notes what becomes of a key; what was noted before no longer counts.
    pub fn set(&mut self, key: &[u8], changed: Changed) {
        let hash = self.hasher.hash_one(key);
        let Self { hasher, index, entries } = self;
        match index.find(hash, |place| *entries[*place].0 == *key) {
            Some(place) => entries[*place].1 = changed,
            None => {
                let place = entries.len();
                entries.push((key.into(), changed));
                index.insert_unique(hash, place, |place| hasher.hash_one(&*entries[*place].0));
            }
        }
    }

    /// The changes in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&[u8], &Changed)> {
        self.entries.iter().map(|(key, changed)| (&**key, changed))
    }

    /// How many keys were touched.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_change_of_a_key_counts() {
        let mut delta = StateDelta::default();
        for number in 0..100_u8 {
            delta.set(&[number], Changed::Touched);
        }
        delta.set(&[7], Changed::Put([1].into()));
        delta.set(&[7], Changed::Removed);
        assert_eq!((delta.len(), delta.get(&[7])), (100, Some(&Changed::Removed)));
        assert_eq!(delta.get(&[200]), None);
        let keys: Vec<u8> = delta.entries().map(|(key, _)| key[0]).collect();
        assert_eq!(keys, (0..100).collect::<Vec<u8>>());
    }
}
