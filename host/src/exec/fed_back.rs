//! Exec: rows that were taken out of an earlier batch and are given to a step once more.
//!
//! Takes rows with the place they were taken out at. Gives those that a run of steps is to have.
//! Never mixes them with other rows before a step that must have its partition whole: so each of
//! them is refused, or not, by itself.

use std::fmt;
use std::time::Duration;

use arrow_array::RecordBatch;

use crate::limits::FED_CPU_MAX;

/// Where in a stage rows were taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepPlace {
    /// Before the operator that looks up what is kept for their keys.
    State,
    /// Before the step of that number; behind the last one, before they are folded for a shuffle.
    Step(usize),
}

/// The word of [`StepPlace::State`], where a number stands else.
const STATE: &str = "state";

impl fmt::Display for StepPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State => f.write_str(STATE),
            Self::Step(number) => write!(f, "{number}"),
        }
    }
}

impl StepPlace {
    /// The place that was written so.
    pub fn parse(text: &str) -> Option<Self> {
        if text == STATE { Some(Self::State) } else { text.parse().ok().map(Self::Step) }
    }
}

/// A row of a dead letter, on its way again.
#[derive(Debug, Clone)]
pub struct FedRow {
    /// The letter, by its number among those that are fed back together.
    pub letter: usize,
    /// How often the letter's row was tried before.
    pub attempts: u32,
    /// Where it goes in.
    pub place: StepPlace,
    /// The row.
    pub row: RecordBatch,
    /// Whether the letter has rows in no other task: it may stay as it is then, where this one has
    /// no time for it.
    pub only: bool,
}

/// What tasks may spend on rows that were fed back.
#[derive(Debug, Clone, Copy, Default)]
pub struct FedTime {
    since: Option<Duration>,
    spent: Duration,
    is_over: bool,
}

impl FedTime {
    /// Whether there is time for one row more, at this reading of the thread's CPU clock.
    pub fn is_left(&mut self, now: Duration) -> bool {
        let since = *self.since.get_or_insert(now);
        !self.is_over && self.spent + now.saturating_sub(since) <= FED_CPU_MAX
    }

    /// Other rows follow.
    pub fn pause(&mut self, now: impl FnOnce() -> Duration) {
        if let Some(since) = self.since.take() {
            self.spent += now().saturating_sub(since);
        }
    }

    /// A row has used up what a task may take: no other is to do the same.
    pub fn end(&mut self) {
        self.is_over = true;
    }
}

/// Those of the rows that go in before one of `count` steps of which the first has that number, or
/// right behind the last of them; each with the index of its step among these.
pub fn fed_into(
    fed: &[FedRow],
    first: usize,
    count: usize,
) -> impl Iterator<Item = (usize, &FedRow)> {
    fed.iter().filter_map(move |row| match row.place {
        StepPlace::Step(at) if (first..=first + count).contains(&at) => Some((at - first, row)),
        _ => None,
    })
}

/// Those of the rows that go in before a stateful operator.
pub fn fed_into_state(fed: &[FedRow]) -> impl Iterator<Item = &FedRow> {
    fed.iter().filter(|row| row.place == StepPlace::State)
}
