//! Driver: the thread that waits for batch times.
//!
//! Takes the clock and the receivers. Gives a tick to the loop once what was received before it is
//! stored. Never lets two jobs share a thread: a late job delays no other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::event::Event;
use crate::batch::clock::BatchClock;
use crate::ingest::supervisor::Supervisor;
use crate::limits::GRACEFUL_STOP_MAX;
use crate::model::time::BatchTime;
use crate::sys::clock::Wake;
use crate::sys::steady_clock::SteadyClock;

/// The receivers while they run; the ticker seals them, and whoever drains the job takes them.
pub type SharedSupervisor = Arc<Mutex<Option<Supervisor>>>;

/// What is done before each tick: on the ticker's thread, so that the batch of that time finds it
/// done.
pub type BeforeTick = Box<dyn Fn(BatchTime) + Send>;

/// The ticking thread. Dropping it ends the thread.
#[derive(Debug)]
pub struct Ticker {
    asked: Arc<Asked>,
    clock: Arc<SteadyClock>,
    wake: Wake,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is asked for.
#[derive(Debug, Default)]
struct Asked {
    /// To tick no more.
    stop: AtomicBool,
    /// To end.
    end: AtomicBool,
    /// When a graceful stop was asked for, and how long it may take.
    graceful: Mutex<Option<(i64, Duration)>>,
}

impl Asked {
    fn graceful(&self) -> Option<(i64, Duration)> {
        *self.graceful.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticker {
    /// Starts ticking.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        mut batches: BatchClock,
        clock: Arc<SteadyClock>,
        (receivers, before): (SharedSupervisor, BeforeTick),
        events: Sender<Event>,
    ) -> std::io::Result<Self> {
        let (asked, wake) = (Arc::new(Asked::default()), Wake::default());
        let (told, bell, time) = (Arc::clone(&asked), wake.clone(), Arc::clone(&clock));
        let run = move || {
            while !told.stop.load(Ordering::Acquire) {
                time.wait_until_us(batches.next().0.saturating_mul(1000), &bell);
                while !told.stop.load(Ordering::Acquire)
                    && let Some(due) = batches.due(time.now_ms())
                {
                    before(due);
                    if !tick(&receivers, &events, due) {
                        return;
                    }
                }
            }
            stop_receivers(&receivers);
            // Before the loop hears of it: from then on a test may move the clock.
            let drained_us = time.now_us();
            // Nobody listens any more when the job was stopped at once.
            let _sent = events.send(Event::Drained { next: batches.take() });
            wait_for_deadline(&told, &time, &bell, drained_us, &events);
        };
        let thread = std::thread::Builder::new().name("batch-clock".to_owned()).spawn(run)?;
        Ok(Self { asked, clock, wake, thread: Some(thread) })
    }

    /// Stops ticking and the receivers; the loop hears of it when everything received is stored.
    pub fn drain(&self) {
        self.asked.stop.store(true, Ordering::Release);
        self.wake.ring();
    }

    /// As [`Self::drain`]; the loop also hears when so much time has passed since, or since the
    /// receivers stopped. The first to ask says how long.
    pub fn drain_within(&self, longest: Duration) {
        let mut graceful = self.asked.graceful.lock().unwrap_or_else(PoisonError::into_inner);
        graceful.get_or_insert((self.clock.now_us(), longest));
        drop(graceful);
        self.drain();
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.asked.end.store(true, Ordering::Release);
        self.drain();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn tick(receivers: &SharedSupervisor, events: &Sender<Event>, time: BatchTime) -> bool {
    if let Some(supervisor) = &*receivers.lock().unwrap_or_else(PoisonError::into_inner) {
        let late = supervisor.seal();
        if late > 0 {
            tracing::debug!(late, %time, "receivers seal after the tick");
        }
    }
    events.send(Event::Tick(time)).is_ok()
}

fn stop_receivers(receivers: &SharedSupervisor) {
    let supervisor = receivers.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(supervisor) = supervisor {
        supervisor.stop();
    }
}

/// Waits until a graceful stop has had its time, should one be asked for, or for the job's end.
fn wait_for_deadline(
    asked: &Asked,
    clock: &SteadyClock,
    bell: &Wake,
    drained_us: i64,
    events: &Sender<Event>,
) {
    while !asked.end.load(Ordering::Acquire) {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let until_us = match asked.graceful() {
            Some((asked_us, longest)) => asked_us.max(drained_us).saturating_add(micros(longest)),
            None => clock.now_us().saturating_add(micros(GRACEFUL_STOP_MAX)),
        };
        if asked.graceful().is_some() && clock.now_us() >= until_us {
            let _sent = events.send(Event::Deadline);
            return;
        }
        clock.wait_until_us(until_us, bell);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use std::sync::mpsc::channel;

    use super::*;
    use crate::limits::BATCH_QUEUE_MAX;
    use crate::model::policy::CatchUp;
    use crate::sys::clock::ManualClock;

    /// Only a test that fails waits that long.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn nothing_to_seal() -> (SharedSupervisor, BeforeTick) {
        (SharedSupervisor::default(), Box::new(|_| ()))
    }

    /// The story: the system's time was set back by an hour, and for an hour no batch was made.
    #[test]
    fn batches_go_on_when_the_clock_is_set_back() {
        let (second, manual) = (Duration::from_secs(1), ManualClock::at_ms(10_000_500));
        let clock = Arc::new(SteadyClock::over(Arc::new(manual.clone())));
        let (sender, events) = channel();
        let batches = BatchClock::start(clock.now_ms(), second);
        let _ticker =
            Ticker::start(batches, clock, nothing_to_seal(), sender).expect("there are threads");
        for time_ms in [10_001_000, 10_002_000, 10_003_000] {
            manual.advance(second);
            let event = events.recv_timeout(PATIENCE).expect("a tick comes");
            assert!(
                matches!(event, Event::Tick(BatchTime(found)) if found == time_ms),
                "{event:?}"
            );
            manual.set_back(3_600 * second);
        }
    }

    /// What a thread that slept for so many ticks sends when it wakes.
    fn after_a_sleep(ticks: u32, catch_up: CatchUp) -> Vec<i64> {
        let (second, manual) = (Duration::from_secs(1), ManualClock::at_ms(500));
        let clock = Arc::new(SteadyClock::over(Arc::new(manual.clone())));
        let (sender, events) = channel();
        let batches = BatchClock::start(clock.now_ms(), second).catching_up(catch_up);
        manual.advance(ticks * second);
        let ticker =
            Ticker::start(batches, clock, nothing_to_seal(), sender).expect("there are threads");
        let mut sent = Vec::new();
        while sent.last() != Some(&(i64::from(ticks) * 1_000)) {
            match events.recv_timeout(PATIENCE).expect("a tick comes") {
                Event::Tick(time) => sent.push(time.0),
                other => panic!("unexpected {other:?}"),
            }
        }
        drop(ticker);
        let next = (i64::from(ticks) + 1) * 1_000;
        let last = events.recv_timeout(PATIENCE).expect("it drains");
        assert!(matches!(last, Event::Drained { next: BatchTime(found) } if found == next));
        sent
    }

    /// The story: a Spark job that had stood still made up for every batch it had missed, all at
    /// once. A night of one-second batches is more than anyone can queue.
    #[test]
    fn a_long_sleep_owes_no_more_batches_than_a_queue_holds() {
        let missed = after_a_sleep(36_000, CatchUp::Replay);
        assert_eq!(missed.len(), BATCH_QUEUE_MAX);
        assert!(missed.windows(2).all(|pair| pair[1] - pair[0] == 1_000), "in order, none skipped");
    }

    #[test]
    fn a_job_that_merges_makes_one_batch_of_what_it_missed() {
        assert_eq!(after_a_sleep(36_000, CatchUp::Merge), [36_000_000]);
        assert_eq!(after_a_sleep(3, CatchUp::Replay), [1_000, 2_000, 3_000]);
        assert_eq!(after_a_sleep(3, CatchUp::Merge), [3_000]);
    }
}
