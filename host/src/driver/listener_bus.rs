//! Driver: tells a job's events to its listeners, each on a thread of its own.
//!
//! Takes events from whichever thread they happen on. Gives each listener all of them in order.
//! Never waits for a listener while the job runs: one that is too slow misses events, which are
//! counted, and one that panics is told the next event.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::panic_message;
use crate::limits::{LISTENER_END_WAIT_MAX, LISTENER_QUEUE_MAX};
use crate::model::status::JobEvent;

/// Is told each event of a job, in the order in which they happened, on a thread of its own.
pub type Listener = Box<dyn Fn(&JobEvent) + Send + Sync>;

/// A listener, to be removed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(u64);

/// The number of the next bus.
static NEXT_BUS: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The bus that this thread listens to; 0: none.
    static LISTENS_TO: Cell<u64> = const { Cell::new(0) };
}

/// The listeners of one job. They may come and go while it runs.
#[derive(Debug)]
pub struct ListenerBus {
    number: u64,
    ears: Mutex<Ears>,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Ears {
    by_id: BTreeMap<ListenerId, Ear>,
    next: u64,
    /// The job has ended: nothing is told any more.
    over: bool,
}

#[derive(Debug)]
struct Ear {
    queue: SyncSender<Arc<JobEvent>>,
    removed: Arc<AtomicBool>,
    /// Disconnected when the thread has let go of the listener.
    gone: Receiver<Infallible>,
}

impl Default for ListenerBus {
    fn default() -> Self {
        let number = NEXT_BUS.fetch_add(1, Ordering::Relaxed);
        Self { number, ears: Mutex::default(), dropped: AtomicU64::new(0) }
    }
}

impl ListenerBus {
    /// Tells the listener what happens from now on. One that comes after the job's end is told
    /// nothing.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn add(&self, listener: Listener) -> std::io::Result<ListenerId> {
        let mut ears = self.lock();
        let id = ListenerId(ears.next);
        ears.next += 1;
        if ears.over {
            return Ok(id);
        }
        let (queue, events) = sync_channel(LISTENER_QUEUE_MAX);
        let (here, gone) = sync_channel::<Infallible>(0);
        let removed = Arc::new(AtomicBool::new(false));
        let deaf = Arc::clone(&removed);
        let bus = self.number;
        let run = move || {
            LISTENS_TO.set(bus);
            listen(&listener, &events, &deaf);
            drop(listener);
            drop(here);
        };
        std::thread::Builder::new().name("listener".to_owned()).spawn(run)?;
        ears.by_id.insert(id, Ear { queue, removed, gone });
        Ok(id)
    }

    /// Tells the listener nothing more; an event that it is just hearing is its last.
    pub fn remove(&self, id: ListenerId) {
        if let Some(ear) = self.lock().by_id.remove(&id) {
            ear.removed.store(true, Ordering::Release);
        }
    }

    /// Queues an event for every listener.
    pub fn tell(&self, event: &JobEvent) {
        let ears = self.lock();
        if ears.by_id.is_empty() {
            return;
        }
        let event = Arc::new(event.clone());
        for ear in ears.by_id.values() {
            if ear.queue.try_send(Arc::clone(&event)).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Events that some listener was too slow for.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether a listener calls: who waits for the job's end there waits for itself.
    pub fn is_calling(&self) -> bool {
        LISTENS_TO.get() == self.number
    }

    /// Waits until everything is told, though not for ever, then tells nothing any more.
    pub fn end(&self) {
        let by_id = {
            let mut ears = self.lock();
            ears.over = true;
            std::mem::take(&mut ears.by_id)
        };
        for Ear { queue, removed, gone } in by_id.into_values() {
            drop(queue);
            // Nobody ever sends: the wait ends with the listener's thread, or after its time.
            let _gone = gone.recv_timeout(LISTENER_END_WAIT_MAX);
            removed.store(true, Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ears> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(listener: &Listener, events: &Receiver<Arc<JobEvent>>, removed: &AtomicBool) {
    for event in events {
        if removed.load(Ordering::Acquire) {
            return;
        }
        // What it left half done is the listener's own.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener(&event))) {
            tracing::error!("a listener panicked: {}", panic_message(&*panic));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The story: a listener that wrote to a slow disk held up the loop, and batches with it.
    #[test]
    fn a_listener_that_stands_still_holds_nobody_up() {
        let bus = ListenerBus::default();
        let (go_on, gate) = sync_channel::<()>(0);
        let gate = Mutex::new(gate);
        let stands_still = Box::new(move |_: &JobEvent| {
            let _opened = gate.lock().expect("nobody panics").recv();
        });
        bus.add(stands_still).expect("there are threads");
        let (sender, heard) = sync_channel(2 * LISTENER_QUEUE_MAX);
        bus.add(Box::new(move |event| drop(sender.send(event.clone())))).expect("threads");
        let waits = LISTENER_QUEUE_MAX + 10;
        for _ in 0..waits {
            bus.tell(&JobEvent::Draining);
            // The quick one has heard it before the next one comes.
            assert_eq!(heard.recv(), Ok(JobEvent::Draining));
        }
        // The slow one holds one event and its queue as many as it may.
        assert!((9..=10).contains(&bus.dropped()), "{} were dropped", bus.dropped());
        drop(go_on);
        bus.end();
    }

    #[test]
    fn everything_is_told_before_the_end_and_nothing_after_it() {
        let bus = ListenerBus::default();
        let (sender, heard) = sync_channel(LISTENER_QUEUE_MAX);
        bus.add(Box::new(move |event| drop(sender.send(event.clone())))).expect("threads");
        (0..100).for_each(|_| bus.tell(&JobEvent::Draining));
        bus.end();
        bus.tell(&JobEvent::Stopped);
        assert_eq!(heard.iter().count(), 100, "the listener is gone, and its sender with it");
    }
}
