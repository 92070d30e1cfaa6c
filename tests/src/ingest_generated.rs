//! Tests of ingest: generated text, at a rate, by a clock that is moved by hand.

use std::time::Duration;

use tidemill::ingest::ReceiverEvent;
use tidemill::model::source::SourceConnector;

use crate::ingest_rig::{Rig, lines};

const AT_ONCE: Duration = Duration::ZERO;
const BUDGET: usize = 8 << 20;

fn generated(lines_per_second: u64, lines_in_all: Option<u64>) -> Rig {
    let connector = SourceConnector::Generate {
        lines_per_second,
        words_per_line: 3,
        vocabulary: 100,
        lines: lines_in_all,
    };
    Rig::start(lines(connector), BUDGET, AT_ONCE)
}

/// Has the receiver store everything it has made, and gives the lines that nobody took before.
fn rest(rig: Rig) -> usize {
    let Rig { supervisor, events, .. } = rig;
    supervisor.stop();
    let rows = |event| match event {
        ReceiverEvent::Stored(info) => info.rows as usize,
        _ => 0,
    };
    events.try_iter().map(|(_, event)| rows(event)).sum()
}

#[test]
fn as_many_lines_come_as_the_clock_has_moved_for() {
    for rate in [1, 40, 1_000, 33_333] {
        let rig = generated(rate, None);
        let (mut moved_ms, mut taken) = (0, 0);
        for step_ms in [1_000, 1, 999, 2_500] {
            rig.clock.advance(Duration::from_millis(step_ms));
            moved_ms += step_ms;
            let due = (rate * moved_ms / 1_000) as usize;
            if due > taken {
                taken += rig.rows(due - taken).len();
            }
            assert_eq!(taken, due, "{rate} lines a second for {moved_ms} ms");
        }
        assert_eq!(rest(rig), 0, "and no line more");
    }
}

#[test]
fn no_line_comes_while_the_clock_stands() {
    let rig = generated(1_000_000, None);
    rig.event_where(|event| matches!(event, ReceiverEvent::Connected { .. }));
    assert_eq!(rest(rig), 0);
}

#[test]
fn text_ends_with_its_last_line_however_far_the_clock_has_moved() {
    let rig = generated(1_000, Some(2_500));
    rig.clock.advance(Duration::from_secs(3_600));
    assert_eq!(rig.rows(2_500).len(), 2_500);
    assert_eq!(rig.event(), ReceiverEvent::Ended);
    assert_eq!(rest(rig), 0);
}
