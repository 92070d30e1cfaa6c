//! Feed: whole numbers over a socket at a steady rate, each once, in order.
//!
//! Takes a rate. Gives the address that a source connects to, and at the end how many were sent.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::tick;

/// How often the feed looks what is due.
const PACE: Duration = Duration::from_millis(5);

/// A feed on its way.
pub struct Feed {
    /// Where a source finds it.
    pub address: String,
    stop: Arc<AtomicBool>,
    sent: JoinHandle<usize>,
}

impl Feed {
    /// Listens, and sends so many rows a second to the first who connects.
    pub fn start(rate: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let sent = std::thread::spawn(move || send(&listener, rate, &stopped));
        Self { address, stop, sent }
    }

    /// Ends it. Gives how many rows were sent.
    pub fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.sent.join().expect("the source reads")
    }
}

fn send(listener: &TcpListener, rate: u32, stop: &AtomicBool) -> usize {
    let (mut stream, _) = listener.accept().expect("the source connects");
    let (mut sent, mut began, mut lines) = (0, None, String::new());
    for at in tick(PACE) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let elapsed = at.duration_since(*began.get_or_insert(at));
        let due = (elapsed.as_secs_f64() * f64::from(rate)) as usize;
        lines.clear();
        (sent..due).for_each(|id| lines.push_str(&format!("{id}\n")));
        stream.write_all(lines.as_bytes()).expect("the source reads");
        sent = due;
    }
    sent
}
