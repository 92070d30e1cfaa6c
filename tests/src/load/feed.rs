//! Feed: whole numbers over a socket at a steady rate, each once, in order.
//!
//! Takes a rate. Gives the address that a source connects to, and at the end how many were sent.
//! Never outlives its test: dropped, it ends also while nobody reads.

use std::convert::Infallible;
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, select, tick};

/// How often the feed looks what is due.
const PACE: Duration = Duration::from_millis(5);

/// A feed on its way.
pub struct Feed {
    /// Where a source finds it.
    pub address: String,
    /// What sends. None when it has ended.
    sending: Option<(Sender<Infallible>, JoinHandle<usize>)>,
    stream: Arc<OnceLock<TcpStream>>,
}

impl Feed {
    /// Listens, and sends so many rows a second to the first who connects.
    pub fn start(rate: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let (stop, stopped) = bounded(0);
        let stream = Arc::new(OnceLock::new());
        let connected = Arc::clone(&stream);
        let sent = std::thread::spawn(move || send(&listener, rate, &stopped, &connected));
        Self { address, sending: Some((stop, sent)), stream }
    }

    /// Ends it. Gives how many rows were sent.
    pub fn end(mut self) -> usize {
        let (stop, sent) = self.sending.take().expect("it ends once");
        drop(stop);
        sent.join().expect("the source reads")
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let Some((stop, sent)) = self.sending.take() else { return };
        drop(stop);
        // It waits for the source to come, or for one that came to read.
        match self.stream.get() {
            Some(stream) => drop(stream.shutdown(Shutdown::Both)),
            None => drop(TcpStream::connect(&self.address)),
        }
        let _sent = sent.join();
    }
}

fn send(
    listener: &TcpListener,
    rate: u32,
    stopped: &Receiver<Infallible>,
    connected: &OnceLock<TcpStream>,
) -> usize {
    let (mut stream, _) = listener.accept().expect("the source connects");
    connected.get_or_init(|| stream.try_clone().expect("it is a socket"));
    let (mut sent, mut began, mut lines, due) = (0, None, String::new(), tick(PACE));
    loop {
        let at = select! {
            recv(stopped) -> _ => return sent,
            recv(due) -> at => at.expect("it ticks on"),
        };
        let elapsed = at.duration_since(*began.get_or_insert(at));
        let due = (elapsed.as_secs_f64() * f64::from(rate)) as usize;
        lines.clear();
        (sent..due).for_each(|id| lines.push_str(&format!("{id}\n")));
        if let Err(error) = stream.write_all(lines.as_bytes()) {
            let is_over = stopped.try_recv() == Err(TryRecvError::Disconnected);
            assert!(is_over, "the source reads: {error}");
            return sent;
        }
        sent = due;
    }
}
