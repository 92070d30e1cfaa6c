//! Block: one budget of bytes for everything that was received and is not released yet.
//!
//! Takes wishes for bytes. Gives reservations in the order of asking, waiting while there is no
//! room. Never lets a wish starve: one larger than the whole budget is granted alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::model::block_store::{ByteBudget, Reservation, ReservationFuture};

/// A budget of bytes.
#[derive(Debug)]
pub struct BlockBudget {
    capacity: usize,
    room: Arc<Semaphore>,
    /// What was counted past the budget: bytes given back pay it off before they make room.
    owed: Mutex<usize>,
    held: AtomicUsize,
    held_max: AtomicUsize,
}

impl BlockBudget {
    /// A budget of so many bytes, at least one.
    pub fn new(capacity: usize) -> Arc<Self> {
        let capacity = capacity.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            capacity,
            room: Arc::new(Semaphore::new(capacity)),
            owed: Mutex::new(0),
            held: AtomicUsize::new(0),
            held_max: AtomicUsize::new(0),
        })
    }

    /// The bytes that may be held before anyone has to wait.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The bytes held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// The most bytes that were ever held at once.
    pub fn held_max(&self) -> usize {
        self.held_max.load(Ordering::Relaxed)
    }

    /// Holds so many bytes if there is room now and nobody waits.
    pub fn reserve_now(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        let permits = self.permits(bytes);
        if permits > 0 {
            self.room.try_acquire_many(permits).ok()?.forget();
        }
        Some(self.counted(permits))
    }

    /// Holds so many bytes as soon as there is room.
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> ReservationFuture {
        let (budget, permits) = (Arc::clone(self), self.permits(bytes));
        Box::pin(async move {
            let room = budget.room.acquire_many(permits).await;
            room.expect("the semaphore is never closed").forget();
            budget.counted(permits)
        })
    }

    /// Holds so many bytes at once, past the budget where need be.
    pub fn reserve_at_once(self: &Arc<Self>, bytes: usize) -> Reservation {
        self.charge(bytes);
        Reservation::of_counted(Arc::clone(self) as Arc<dyn ByteBudget>, bytes)
    }

    fn permits(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.min(self.capacity)).unwrap_or(u32::MAX)
    }

    fn counted(self: &Arc<Self>, permits: u32) -> Reservation {
        let bytes = permits as usize;
        self.count(bytes);
        Reservation::of_counted(Arc::clone(self) as Arc<dyn ByteBudget>, bytes)
    }

    fn count(&self, bytes: usize) {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.held_max.fetch_max(held, Ordering::Relaxed);
    }
}

impl ByteBudget for BlockBudget {
    fn charge(&self, bytes: usize) {
        self.count(bytes);
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        *owed += bytes - self.room.forget_permits(bytes);
    }

    fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = bytes.min(*owed);
        *owed -= paid;
        self.room.add_permits(bytes - paid);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    /// Whether the future is done when asked once.
    async fn ready(future: &mut ReservationFuture) -> Option<Reservation> {
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(reservation) => Poll::Ready(Some(reservation)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn a_wish_waits_until_there_is_room() {
        let budget = BlockBudget::new(100);
        let first = budget.reserve_now(80).expect("there is room");
        assert!(budget.reserve_now(30).is_none());
        let mut second = budget.reserve(30);
        assert!(ready(&mut second).await.is_none());
        drop(first);
        let second = ready(&mut second).await.expect("there is room again");
        assert_eq!((second.bytes(), budget.held(), budget.held_max()), (30, 30, 80));
    }

    #[tokio::test]
    async fn a_wish_larger_than_the_budget_is_granted_alone() {
        let budget = BlockBudget::new(100);
        let first = budget.reserve_now(1).expect("there is room");
        let mut large = budget.reserve(1_000);
        assert!(ready(&mut large).await.is_none());
        drop(first);
        let mut large = ready(&mut large).await.expect("it is alone now");
        large.settle(1_000);
        assert!(budget.reserve_now(1).is_none());
        drop(large);
        assert_eq!(budget.reserve_now(100).map(|all| all.bytes()), Some(100));
    }

    #[tokio::test]
    async fn what_is_owed_is_paid_before_anyone_gets_room() {
        let budget = BlockBudget::new(100);
        let over = budget.reserve_at_once(150);
        let mut waiting = budget.reserve(60);
        let mut over = over;
        over.settle(90);
        assert!(ready(&mut waiting).await.is_none(), "10 are free, 60 are wished");
        over.settle(40);
        assert!(ready(&mut waiting).await.is_some());
    }

    #[tokio::test]
    async fn giving_up_a_wish_holds_nothing() {
        let budget = BlockBudget::new(100);
        let first = budget.reserve_now(60).expect("there is room");
        let mut dropped = budget.reserve(90);
        assert!(ready(&mut dropped).await.is_none());
        drop(dropped);
        drop(first);
        assert!(budget.reserve_now(100).is_some());
    }

    #[test]
    fn parts_of_a_reservation_add_up() {
        let budget = BlockBudget::new(100);
        let mut open = budget.reserve_now(50).expect("there is room");
        open.absorb(budget.reserve_now(10).expect("there is room"));
        let block = open.split(70);
        assert_eq!((open.bytes(), block.bytes(), budget.held()), (0, 70, 70));
        drop(open);
        drop(block);
        assert_eq!(budget.held(), 0);
    }
}
