//! Ingest: buffers of one size that are used again and again.
//!
//! Takes buffers that are full. Gives them to Arrow, and has them back when the last reader lets
//! go. Never holds more than were in use at once.
//!
//! Blocks die by the hundred when their batch ends, and their memory is needed again within the
//! next one. An allocator gives it back to the system in between, and each page that comes anew
//! costs more than the lines that are written on it.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_buffer::Buffer;
use bytes::Bytes;

/// After so many calls of [`BufferPool::trim`] half of what was never needed goes.
const TRIMS: u32 = 64;

/// Buffers that wait to be used again.
#[derive(Debug)]
pub(super) struct BufferPool {
    capacity: usize,
    spare: Mutex<Spare>,
}

#[derive(Debug, Default)]
struct Spare {
    buffers: Vec<Vec<u8>>,
    /// The fewest there were since the last ones went.
    least: usize,
    trims: u32,
}

/// A buffer in use.
struct Lent {
    bytes: Vec<u8>,
    pool: Arc<BufferPool>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut bytes = take(&mut self.bytes);
        bytes.clear();
        self.pool.spare().buffers.push(bytes);
    }
}

impl BufferPool {
    /// No buffers yet; each will have room for so many bytes.
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, spare: Mutex::default() })
    }

    /// An empty buffer.
    pub(super) fn empty(&self) -> Vec<u8> {
        let mut spare = self.spare();
        let buffer = spare.buffers.pop();
        spare.least = spare.least.min(spare.buffers.len());
        drop(spare);
        buffer.unwrap_or_else(|| Vec::with_capacity(self.capacity))
    }

    /// The bytes for Arrow. A buffer that is mostly empty is copied, and comes back at once.
    pub(super) fn lend(self: &Arc<Self>, bytes: Vec<u8>) -> Buffer {
        if bytes.capacity() != self.capacity {
            return Buffer::from(bytes);
        }
        let lent = Lent { bytes, pool: Arc::clone(self) };
        if lent.bytes.len() < self.capacity / 2 {
            return Buffer::from(lent.bytes.as_slice());
        }
        Buffer::from(Bytes::from_owner(lent))
    }

    /// Called from time to time: lets go of buffers that were not needed for long.
    pub(super) fn trim(&self) {
        let mut spare = self.spare();
        spare.trims += 1;
        if spare.trims < TRIMS {
            return;
        }
        let keep = spare.buffers.len() - spare.least.min(spare.buffers.len()).div_ceil(2);
        let gone = spare.buffers.split_off(keep);
        (spare.trims, spare.least) = (0, spare.buffers.len());
        // Outside the lock: giving memory back takes its time.
        drop(spare);
        drop(gone);
    }

    fn spare(&self) -> MutexGuard<'_, Spare> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(pool: &Arc<BufferPool>) -> Buffer {
        let mut bytes = pool.empty();
        bytes.resize(100, b'x');
        pool.lend(bytes)
    }

    fn spare(pool: &BufferPool) -> usize {
        pool.spare().buffers.len()
    }

    #[test]
    fn a_buffer_comes_back_when_its_last_reader_lets_go() {
        let pool = BufferPool::new(100);
        let first = full(&pool);
        let (address, second) = (first.as_ptr(), first.slice(10));
        drop(first);
        assert_eq!((spare(&pool), second.len()), (0, 90));
        drop(second);
        assert_eq!(spare(&pool), 1);
        let again = full(&pool);
        assert_eq!((again.as_ptr(), again.len(), spare(&pool)), (address, 100, 0));
    }

    #[test]
    fn little_is_copied_and_what_outgrew_its_buffer_is_not_kept() {
        let pool = BufferPool::new(100);
        let mut bytes = pool.empty();
        bytes.extend_from_slice(b"little");
        let little = pool.lend(bytes);
        assert_eq!((&*little, spare(&pool)), (&b"little"[..], 1));
        drop(pool.lend(vec![0; 1000]));
        assert_eq!(spare(&pool), 1);
    }

    #[test]
    fn buffers_that_nobody_needs_go_and_those_in_turn_stay() {
        let pool = BufferPool::new(100);
        let many: Vec<Buffer> = (0..100).map(|_| full(&pool)).collect();
        drop(many);
        for _ in 0..20 * TRIMS {
            // Ten are in use now and then.
            let used: Vec<Buffer> = (0..10).map(|_| full(&pool)).collect();
            drop(used);
            pool.trim();
        }
        assert_eq!(spare(&pool), 10);
    }
}
