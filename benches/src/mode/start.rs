//! Benches: from the start of the process until it has connected, and to its first result.
//!
//! Takes a subject and a number of runs. Gives both times. The first run is not counted: it may
//! compile what the others find cached.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::figures::{millis, print_json};
use crate::rule::percentile;
use crate::subject_process::{Subject, SubjectProcess};
use crate::text::Text;

const LOOK: Duration = Duration::from_millis(1);
/// Lines of the one thing that is sent.
const LINES: usize = 1_000;

#[derive(Debug, Default, Serialize)]
struct Figures {
    connected_ms: Vec<f64>,
    first_result_ms: Vec<f64>,
}

/// Measures the subject.
///
/// # Errors
/// When it does not start, or ends before it has connected.
pub fn measure(subject: &Subject, runs: usize, interval: Duration) -> anyhow::Result<()> {
    let text = Text::of_lines(1, LINES);
    let mut figures = Figures::default();
    for number in 0..=runs {
        let (connected, first_result) = start(subject, &text, interval)?;
        if number > 0 {
            figures.connected_ms.push(connected.as_secs_f64() * 1000.0);
            figures.first_result_ms.push(first_result.as_secs_f64() * 1000.0);
        }
    }
    for times in [&mut figures.connected_ms, &mut figures.first_result_ms] {
        times.sort_by(f64::total_cmp);
    }
    println!(
        "connected after {} (median of {runs}; {} to {}), first result after {}",
        millis(percentile(&figures.connected_ms, 0.5)),
        millis(figures.connected_ms.first().copied().unwrap_or(0.0)),
        millis(figures.connected_ms.last().copied().unwrap_or(0.0)),
        millis(percentile(&figures.first_result_ms, 0.5)),
    );
    print_json("start", &figures)
}

fn start(
    subject: &Subject,
    text: &Text,
    interval: Duration,
) -> anyhow::Result<(Duration, Duration)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    listener.set_nonblocking(true)?;
    let began = Instant::now();
    let mut process = SubjectProcess::start(subject, port, interval)?;
    let mut connection = loop {
        if let Ok((connection, _)) = listener.accept() {
            break connection;
        }
        anyhow::ensure!(!process.is_gone(), "the subject ended before it had connected");
        std::thread::sleep(LOOK);
    };
    let connected = began.elapsed();
    connection.set_nonblocking(false)?;
    connection.write_all(text.bytes())?;
    while process.counted().0 == 0 {
        anyhow::ensure!(!process.is_gone(), "the subject ended before its first result");
        std::thread::sleep(LOOK);
    }
    Ok((connected, began.elapsed()))
}
