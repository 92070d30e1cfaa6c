//! Control: the last lines that a job has said, for whoever asks later.
//!
//! Takes events of the job. Gives numbered lines. Never keeps more than it may.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::driver::status_board::Listener;
use crate::limits::{JOB_LINE_BYTES_MAX, JOB_LINES_MAX};
use crate::model::status::JobEvent;
use crate::model::telling::Telling;
use crate::model::text::escape;
use crate::sys::clock::Clock;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place among all lines of the job's run, from 1.
    pub number: u64,
    /// When it was said, in microseconds since the epoch.
    pub at_us: i64,
    /// `error`, `warn`, `info` or `debug`.
    pub level: &'static str,
    /// The words, free of control characters.
    pub text: String,
}

/// The last lines of a job.
#[derive(Debug)]
pub struct RecentLines {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
    telling: Mutex<Telling>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Line>,
    said: u64,
}

impl RecentLines {
    /// Nothing has been said.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, kept: Mutex::default(), telling: Mutex::default() })
    }

    /// Hears the job.
    pub fn listener(self: &Arc<Self>) -> Listener {
        let lines = Arc::clone(self);
        Box::new(move |event| lines.hear(event))
    }

    /// The lines after that number, the oldest first.
    pub fn after(&self, number: u64) -> Vec<Line> {
        self.lock().lines.iter().filter(|line| line.number > number).cloned().collect()
    }

    /// Keeps a line.
    pub fn say(&self, level: &'static str, text: &str) {
        let (at_us, text) = (self.clock.now_us(), escape(text, JOB_LINE_BYTES_MAX));
        let mut kept = self.lock();
        kept.said += 1;
        let number = kept.said;
        kept.lines.push_back(Line { number, at_us, level, text });
        while kept.lines.len() > JOB_LINES_MAX {
            kept.lines.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, event: &JobEvent) {
        let told = self.telling.lock().unwrap_or_else(PoisonError::into_inner).hear(event);
        told.iter().for_each(|told| self.say(told.level, &told.text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock::ManualClock;

    #[test]
    fn only_the_last_lines_are_kept_and_all_are_numbered() {
        let lines = RecentLines::new(Arc::new(ManualClock::at_ms(5)));
        let said = JOB_LINES_MAX as u64 + 7;
        (1..=said).for_each(|number| lines.say("info", &format!("line {number}")));
        let kept = lines.after(0);
        assert_eq!((kept.len(), kept[0].number, kept[0].at_us), (JOB_LINES_MAX, 8, 5_000));
        let rest: Vec<String> = lines.after(said - 2).into_iter().map(|line| line.text).collect();
        assert_eq!(rest, [format!("line {}", said - 1), format!("line {said}")]);
    }

    #[test]
    fn a_line_cannot_forge_another_nor_command_a_terminal() {
        let lines = RecentLines::new(Arc::new(ManualClock::at_ms(0)));
        let message = "\u{1b}[2J\nERROR all is lost".to_owned();
        lines.hear(&JobEvent::GuestLog { plugin: "p".to_owned(), level: "info", message });
        let kept = lines.after(0);
        assert_eq!(kept.len(), 1);
        assert!(!kept[0].text.contains(char::is_control), "{:?}", kept[0].text);
    }
}
