//! Ingest: the receiver that makes text, for demos and benches.
//!
//! Takes a seed, a rate and the time. Gives lines of words, the same for the same seed whatever
//! the rate. Never falls behind for good: what was due while it had to wait comes after.

use std::time::Duration;

use super::ReceiverEvent;
use super::intake::Intake;
use super::receiver::Stop;
use crate::limits::RECEIVE_BYTES;
use crate::sys::clock::Clock;

/// How often a rate is looked after. The system's timers are hardly finer.
const PACE: Duration = Duration::from_millis(1);
const ONSETS: &[&str] = &["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z"];
const VOWELS: &[&str] = &["a", "e", "i", "o", "u"];

/// How much is made, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Lines a second; 0 for as many as the budget takes.
    pub lines_per_second: u64,
    /// Lines in all.
    pub lines: Option<u64>,
    /// From when on, by the monotonic clock.
    pub started_us: u64,
}

impl Rate {
    /// Lines that must have been made by then.
    fn due(self, now_us: u64) -> u64 {
        let elapsed_us = now_us.saturating_sub(self.started_us);
        let by_clock = match self.lines_per_second {
            0 => u64::MAX,
            rate => {
                let lines = u128::from(rate) * u128::from(elapsed_us) / 1_000_000;
                u64::try_from(lines).unwrap_or(u64::MAX)
            }
        };
        by_clock.min(self.lines.unwrap_or(u64::MAX))
    }
}

/// Lines of words that follow from a seed.
#[derive(Debug, Clone)]
pub struct Text {
    words: Vec<String>,
    words_per_line: usize,
    line_bytes_max: usize,
    state: u64,
}

impl Text {
    /// Lines of so many words out of a vocabulary of so many, at least one each.
    pub fn new(seed: u64, words_per_line: usize, vocabulary: usize) -> Self {
        let words: Vec<String> = (0..vocabulary.max(1)).map(word).collect();
        let words_per_line = words_per_line.max(1);
        let longest = words.iter().map(String::len).max().unwrap_or(0);
        let line_bytes_max = words_per_line.saturating_mul(longest + 1);
        Self { words, words_per_line, line_bytes_max, state: seed }
    }

    /// Appends lines: at most so many, and no further one after so many bytes. Gives how many.
    pub fn append(&mut self, to: &mut Vec<u8>, lines: u64, bytes: usize) -> u64 {
        let enough = to.len() + bytes;
        let mut made = 0;
        while made < lines && to.len() < enough {
            for _ in 0..self.words_per_line {
                let chance = u128::from(self.next()) * self.words.len() as u128;
                let word = &self.words[usize::try_from(chance >> 64).unwrap_or(0)];
                to.extend_from_slice(word.as_bytes());
                to.push(b' ');
            }
            to.pop();
            to.push(b'\n');
            made += 1;
        }
        made
    }

    /// The next number of a small generator (SplitMix64); chance need not be hard to guess here.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The word of a number: no two have the same.
fn word(mut number: usize) -> String {
    let mut word = String::new();
    loop {
        let syllable = number % (ONSETS.len() * VOWELS.len());
        word.push_str(ONSETS[syllable / VOWELS.len()]);
        word.push_str(VOWELS[syllable % VOWELS.len()]);
        number /= ONSETS.len() * VOWELS.len();
        if number == 0 {
            return word;
        }
        number -= 1;
    }
}

/// Makes text until all of it is made, or until it is stopped.
pub(super) async fn run(
    mut text: Text,
    rate: Rate,
    intake: &Intake,
    clock: &dyn Clock,
    mut stop: Stop,
) {
    intake.tell(ReceiverEvent::Connected { peer: "generated text".to_owned() });
    let mut made = 0;
    while rate.lines.is_none_or(|lines| made < lines) {
        tokio::select! {
            biased;
            () = stop.asked() => return intake.seal(),
            () = intake.pace() => {}
        }
        let due = rate.due(clock.monotonic_us());
        if due == made {
            if stop.sleep(PACE).await {
                continue;
            }
            return intake.seal();
        }
        let reserved = tokio::select! {
            biased;
            () = stop.asked() => return intake.seal(),
            reserved = intake.reserve() => reserved,
        };
        let bytes = RECEIVE_BYTES.saturating_sub(text.line_bytes_max).max(1);
        let filled = intake.fill(reserved, |room| {
            made += text.append(room, due - made, bytes);
            Ok(0)
        });
        debug_assert!(filled.is_ok(), "making text cannot fail");
        tokio::task::consume_budget().await;
    }
    tokio::select! {
        biased;
        () = stop.asked() => return intake.seal(),
        () = intake.pace() => {}
    }
    intake.seal();
    intake.tell(ReceiverEvent::Ended);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_all_different() {
        let words: BTreeSet<String> = (0..20_000).map(word).collect();
        assert_eq!(words.len(), 20_000);
    }

    #[test]
    fn text_follows_from_its_seed_in_any_cut() {
        let whole = |cuts: &[u64]| {
            let (mut text, mut bytes) = (Text::new(3, 4, 100), Vec::new());
            cuts.iter()
                .for_each(|lines| assert_eq!(text.append(&mut bytes, *lines, 9_999), *lines));
            String::from_utf8(bytes).expect("it is text")
        };
        assert_eq!(whole(&[7]), whole(&[1, 4, 2]));
        assert_eq!(whole(&[7]).lines().count(), 7);
        assert!(whole(&[7]).lines().all(|line| line.split(' ').count() == 4));
        assert_eq!(Text::new(3, 4, 100).append(&mut Vec::new(), 9, 1), 1, "one line is enough");
    }

    #[test]
    fn what_is_due_follows_the_clock_and_the_end() {
        let rate = Rate { lines_per_second: 10, lines: Some(25), started_us: 7 };
        assert_eq!([7, 100_006, 100_007, 9_000_000].map(|us| rate.due(us)), [0, 0, 1, 25]);
        assert_eq!(Rate { lines_per_second: 0, lines: None, started_us: 7 }.due(0), u64::MAX);
    }
}
