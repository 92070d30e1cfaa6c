//! Benches: a feeder as a process of its own, so that its work is no subject's.
//!
//! Takes an order. Gives the port to connect to, and reports. Ends the process when dropped.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context;

use crate::feed::Order;
use crate::report::{FeedReport, Listening};

/// A running feeder.
#[derive(Debug)]
pub struct FeederProcess {
    /// Where it listens.
    pub port: u16,
    child: Child,
    /// Open for as long as it is to send.
    stdin: Option<ChildStdin>,
    reports: Arc<Mutex<Vec<FeedReport>>>,
    reader: Option<JoinHandle<()>>,
}

impl FeederProcess {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When the program is not beside this one, or does not listen.
    pub fn start(order: Order) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("feeder");
        let mut command = Command::new(&program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // A subject that ends first breaks its connection, which is no news.
        command.stderr(Stdio::null());
        if let Some(rate) = order.rate {
            command.arg("--rate").arg(rate.to_string());
        }
        if let Some(lines) = order.lines {
            command.arg("--lines").arg(lines.to_string());
        }
        let mut child = command.spawn().with_context(|| {
            format!("failed to start `{}`: build all programs of the benches", program.display())
        })?;
        let mut lines = BufReader::new(child.stdout.take().context("its output is piped")?).lines();
        let first = lines.next().context("the feeder ended before it listened")??;
        let Listening { port } = serde_json::from_str(&first)?;
        let reports: Arc<Mutex<Vec<FeedReport>>> = Arc::default();
        let heard = Arc::clone(&reports);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Ok(report) = serde_json::from_str(&line) {
                    heard.lock().unwrap_or_else(PoisonError::into_inner).push(report);
                }
            }
        });
        let stdin = child.stdin.take();
        Ok(Self { port, child, stdin, reports, reader: Some(reader) })
    }

    /// What it has reported so far.
    pub fn reports(&self) -> Vec<FeedReport> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has it end after the lines it is just sending.
    pub fn stop(&mut self) {
        self.stdin = None;
    }

    /// Lines it has sent in all, once it has ended.
    pub fn ended(&self) -> Option<u64> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.last().filter(|last| last.ended).map(|last| last.sent)
    }
}

impl Drop for FeederProcess {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ended = reader.join();
        }
    }
}
