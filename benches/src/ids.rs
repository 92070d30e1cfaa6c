//! Benches: rows with an id each over a socket, and whether each came out once.
//!
//! Takes a rate. Gives what was sent, and of the files that a job has written how many rows are
//! lost, repeated, and in batches of several versions. Never counts a sum: one lost and one
//! repeated would cancel.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;

/// How often it is looked what is due.
const PACE: Duration = Duration::from_millis(2);

/// A feed on its way.
#[derive(Debug)]
pub struct IdFeed {
    /// Where a source finds it.
    pub port: u16,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<u64>>,
}

impl IdFeed {
    /// Sends so many rows a second to the first who connects.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start(rate: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || send(&listener, rate, &stopped));
        Ok(Self { port, stop, thread })
    }

    /// Ends it. Gives the rows that were sent.
    ///
    /// # Errors
    /// When the connection was lost.
    pub fn end(self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.thread.join().map_err(|_| anyhow::anyhow!("the feed panicked"))?;
        sent.context("the connection was lost")
    }
}

fn send(listener: &TcpListener, rate: u64, stop: &AtomicBool) -> std::io::Result<u64> {
    let (mut stream, _) = listener.accept()?;
    let (mut sent, mut lines, began) = (0, String::new(), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
        lines.clear();
        (sent..due).for_each(|id| lines.push_str(&format!("{id}\n")));
        stream.write_all(lines.as_bytes())?;
        sent = due;
        std::thread::sleep(PACE);
    }
    Ok(sent)
}

/// What became of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Rows that were sent.
    pub sent: u64,
    /// Ids that never came out.
    pub lost: u64,
    /// Ids that came out more than once.
    pub repeated: u64,
    /// Batches with rows of several versions.
    pub mixed: u64,
}

impl Ledger {
    /// Of folders of CSV files, each a batch with columns of ids and versions.
    ///
    /// # Errors
    /// When they cannot be read, or a line is no row.
    pub fn of(folder: &Path, sent: u64) -> anyhow::Result<Self> {
        let (mut seen, mut repeated, mut mixed) =
            (vec![false; usize::try_from(sent)?], BTreeMap::<u64, u64>::new(), 0);
        for batch in std::fs::read_dir(folder)? {
            let mut versions = Vec::new();
            for part in std::fs::read_dir(batch?.path())? {
                for line in std::fs::read_to_string(part?.path())?.lines().skip(1) {
                    let cells = line.split_once(',');
                    let (id, version) = cells.with_context(|| format!("`{line}` is no row"))?;
                    let (id, version): (u64, u64) = (id.parse()?, version.parse()?);
                    let place = seen.get_mut(usize::try_from(id)?);
                    let place = place.with_context(|| format!("{id} was never sent"))?;
                    if std::mem::replace(place, true) {
                        *repeated.entry(id).or_default() += 1;
                    }
                    if !versions.contains(&version) {
                        versions.push(version);
                    }
                }
            }
            mixed += u64::from(versions.len() > 1);
        }
        let lost = seen.iter().filter(|seen| !**seen).count() as u64;
        Ok(Self { sent, lost, repeated: repeated.len() as u64, mixed })
    }
}
