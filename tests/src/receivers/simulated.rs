//! Tests: estimator and limiter together, against a model of a source and of what works it off.
//!
//! Takes loads that change in steps. Gives rows their way from the source to their batch, by a
//! clock that is moved by hand. Nothing runs but the two minds and the model.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tidemill::batch::rate::{BatchPace, PidRateEstimator};
use tidemill::ingest::rate_limiter::RateLimiter;
use tidemill::model::backpressure::{Backpressure, SourceRates};
use tidemill::sys::clock::ManualClock;

/// Time between two looks at the world.
const STEP_MS: u64 = 10;
const INTERVAL_MS: u64 = 1_000;
const STEPS_PER_BATCH: u64 = INTERVAL_MS / STEP_MS;

/// For so many batches, rows a second that the source offers, and that can be worked off.
#[derive(Debug, Clone, Copy)]
struct Phase {
    batches: u64,
    offered: u64,
    speed: u64,
}

/// A batch that is worked on.
#[derive(Debug)]
struct Working {
    rows: u64,
    due_ms: u64,
    begun_ms: u64,
    ends_ms: u64,
}

/// A source, its limiter, and one batch after the other.
struct World {
    clock: ManualClock,
    limiter: RateLimiter,
    estimator: PidRateEstimator,
    now_ms: u64,
    /// Rows at the source, in the open batch, in waiting batches with their times, and done.
    offered: u64,
    at_source: u64,
    open: u64,
    waiting: VecDeque<(u64, u64)>,
    working: Option<Working>,
    done: u64,
    /// Rows of all batches, the first one first, and how long each took from its time to its end.
    batches: Vec<u64>,
    delays_ms: Vec<u64>,
}

impl World {
    fn new(settings: Backpressure) -> Self {
        let clock = ManualClock::at_ms(0);
        let rates = SourceRates { max_rate: settings.max_rate, max_bytes_rate: None };
        let (interval, port) = (Duration::from_millis(INTERVAL_MS), Arc::new(clock.clone()));
        let limiter = RateLimiter::new(settings.initial_rate, rates, interval, port);
        Self {
            clock,
            limiter: limiter.expect("rates are rates"),
            estimator: PidRateEstimator::new(interval, settings).expect("it can work"),
            now_ms: 0,
            offered: 0,
            at_source: 0,
            open: 0,
            waiting: VecDeque::new(),
            working: None,
            done: 0,
            batches: Vec::new(),
            delays_ms: Vec::new(),
        }
    }

    fn run(&mut self, phase: Phase) {
        for step in 0..phase.batches * STEPS_PER_BATCH {
            let before = phase.offered * step / STEPS_PER_BATCH;
            self.step(phase.offered * (step + 1) / STEPS_PER_BATCH - before, phase.speed);
        }
    }

    fn step(&mut self, offered: u64, speed: u64) {
        self.now_ms += STEP_MS;
        self.clock.advance(Duration::from_millis(STEP_MS));
        self.offered += offered;
        self.at_source += offered;
        let allowed = self.limiter.allowance().rows;
        let taken = self.limiter.take(self.at_source as usize) as u64;
        // A receiver never waits while it has rows and may bring them.
        assert_eq!(taken, self.at_source.min(allowed.max(0.0) as u64));
        self.at_source -= taken;
        self.open += taken;
        self.end_batch();
        if self.now_ms.is_multiple_of(INTERVAL_MS) {
            self.batches.push(self.open);
            self.waiting.push_back((self.now_ms, std::mem::take(&mut self.open)));
        }
        if self.working.is_none()
            && let Some((due_ms, rows)) = self.waiting.pop_front()
        {
            // Each batch has work of its own beside that of its rows.
            let ends_ms = self.now_ms + STEP_MS + rows * 1_000 / speed;
            self.working = Some(Working { rows, due_ms, begun_ms: self.now_ms, ends_ms });
        }
        self.check();
    }

    fn end_batch(&mut self) {
        let Some(batch) = self.working.take_if(|batch| batch.ends_ms <= self.now_ms) else {
            return;
        };
        self.done += batch.rows;
        self.delays_ms.push(batch.ends_ms - batch.due_ms);
        let rate = self.estimator.ended(BatchPace {
            ended_us: self.now_ms as i64 * 1_000,
            rows: batch.rows,
            processing_delay: Duration::from_millis(batch.ends_ms - batch.begun_ms),
            scheduling_delay: Duration::from_millis(batch.begun_ms - batch.due_ms),
        });
        rate.into_iter().for_each(|rate| self.limiter.update(rate));
    }

    /// Nothing is lost and nothing comes twice, at any moment.
    fn check(&self) {
        let waiting: u64 = self.waiting.iter().map(|(_, rows)| rows).sum();
        let working = self.working.as_ref().map_or(0, |batch| batch.rows);
        assert_eq!(self.offered, self.at_source + self.open + waiting + working + self.done);
    }

    /// Rows of the last so many batches, as a mean.
    fn last_batches(&self, count: usize) -> u64 {
        let from = self.batches.len() - count;
        self.batches[from..].iter().sum::<u64>() / count as u64
    }
}

fn settings() -> Backpressure {
    Backpressure {
        enabled: true,
        initial_rate: Some(300.0),
        max_rate: Some(5_000.0),
        ..Backpressure::default()
    }
}

#[test]
fn a_first_batch_is_bounded_however_much_is_offered() {
    let mut world = World::new(settings());
    world.run(Phase { batches: 2, offered: 1_000_000, speed: 100 });
    assert_eq!(world.batches[0], 300);
}

#[test]
fn rates_follow_from_slow_to_fast_to_slow() {
    let mut world = World::new(settings());
    let phase = |speed| Phase { batches: 40, offered: 10_000, speed };
    world.run(phase(200));
    let slow = world.last_batches(10);
    assert!((150..=200).contains(&slow), "{slow} rows a batch where 200 can be worked off");
    world.run(phase(2_000));
    let fast = world.last_batches(10);
    assert!((1_500..=2_000).contains(&fast), "{fast} rows a batch where 2,000 can");
    let delay = *world.delays_ms.last().expect("batches have ended");
    assert!(delay <= 2 * INTERVAL_MS, "{delay} ms from a batch's time to its end");
    // What had come by the faster rate is worked off first: some 20,000 rows.
    world.run(Phase { batches: 250, ..phase(200) });
    let slow = world.last_batches(10);
    assert!((100..=200).contains(&slow), "{slow} rows a batch where 200 can be worked off again");
    assert!(world.waiting.len() <= 2, "{} batches wait", world.waiting.len());
}

#[test]
fn a_source_that_offers_little_is_not_slowed() {
    let mut world = World::new(settings());
    world.run(Phase { batches: 50, offered: 40, speed: 10_000 });
    assert_eq!(world.batches[1..], vec![40; 49]);
    assert!(world.at_source <= 1, "{} rows wait at the source", world.at_source);
}

/// Spark's least rate is 100 rows a second: where a row takes a tenth of a second, that is a
/// batch of ten seconds every second, for ever.
#[test]
fn work_slower_than_sparks_least_rate_is_kept_up_with() {
    let slow = Phase { batches: 200, offered: 1_000, speed: 10 };
    let initial_rate = Some(10.0);
    let mut ours = World::new(Backpressure { initial_rate, ..settings() });
    ours.run(slow);
    assert!(ours.waiting.len() <= 2, "{} batches wait", ours.waiting.len());
    let mut sparks = World::new(Backpressure { initial_rate, min_rate: 100.0, ..settings() });
    sparks.run(slow);
    assert!(sparks.waiting.len() > 50, "{} batches wait", sparks.waiting.len());
}

proptest! {
    #[test]
    fn loads_by_chance_lose_nothing_and_are_worked_off(
        phases in prop::collection::vec((1_u64..15, 0_u64..4_000, 50_u64..3_000), 1..8),
        initial_rate in 1_u32..2_000,
    ) {
        let settings = Backpressure { initial_rate: Some(f64::from(initial_rate)), ..settings() };
        let mut world = World::new(settings);
        for (batches, offered, speed) in phases {
            world.run(Phase { batches, offered, speed });
            let rate = world.limiter.rate().expect("it has one");
            prop_assert!((1.0..=5_000.0).contains(&rate), "{}", rate);
        }
        prop_assert!(world.batches[0] <= u64::from(initial_rate));
        // No batch has more than the most of two intervals: its own, and what was saved up.
        prop_assert!(world.batches.iter().all(|rows| *rows <= 10_000));
        // Nothing more is offered, and what is left can be worked off.
        let left = world.offered - world.done;
        let batches = left / 500 + world.batches.len() as u64 * 20 + 200;
        world.run(Phase { batches, offered: 0, speed: 1_000 });
        prop_assert_eq!(world.done, world.offered);
    }
}
