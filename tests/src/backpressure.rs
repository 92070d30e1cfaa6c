//! Tests: a job slower than its source slows the source, stays within its budget, loses nothing.

use std::io::Write;
use std::time::Duration;

use tidemill::api::context::StreamingContext;
use tidemill::limits::BLOCK_BYTES_MAX;

use crate::job_rig::{Collected, Feeder, engine, guest};

/// More than the budget and the system's socket buffers hold together.
const LINES: usize = 6_000;
const LINE_BYTES: usize = 16 * 1024;

#[test]
fn a_slow_plugin_slows_the_sender_and_every_line_is_counted_once() {
    let feeder = Feeder::new();
    let mut context = StreamingContext::new(&engine(), Duration::from_millis(20));
    let budget = 2 * BLOCK_BYTES_MAX;
    context.settings().block_budget_bytes = budget;
    let slow = guest("careless").operator("slow").expect("the guest has it");
    let lines = context.socket_text_stream(&feeder.address()).map(slow);
    let counted = Collected::of(&lines.count_by_value());
    context.start().expect("the job starts");
    let sender = std::thread::spawn(move || {
        let mut stream = feeder.accept();
        for number in 0..LINES {
            let line = format!("{number:0LINE_BYTES$}\n");
            stream.write_all(line.as_bytes()).expect("the source reads on");
        }
    });
    let counts = counted.counts_until(|counts| counts.values().sum::<i64>() >= LINES as i64);
    sender.join().expect("every line was taken");
    assert_eq!(counts.len(), LINES);
    assert!(counts.values().all(|&count| count == 1));
    let (_, held_max) = context.status().expect("it runs").held_bytes;
    assert!(held_max <= budget, "{held_max} bytes were held of {budget}");
    context.stop_gracefully().expect("the job drains");
}
