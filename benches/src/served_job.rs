//! Benches: the program `tidemill` with one job, asked over HTTP as a stranger would ask.
//!
//! Takes a folder with a job file. Gives its batches, its memory, and what it answers. Ends the
//! process when dropped.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use tidemill::store::data_folder::DataFolder;

use crate::memory::Memory;

/// How long the job may take to its start, which may compile a plugin.
const START_MAX: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(10);
/// Batches asked for at once.
const PAGE: usize = 1000;

/// A running program with one job.
#[derive(Debug)]
pub struct ServedJob {
    child: Child,
    address: SocketAddr,
    token: String,
    path: String,
}

/// A batch, as far as it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its time.
    pub time_ms: i64,
    /// Its total delay.
    pub total_ms: f64,
    /// The digest that it ended with.
    pub digest: String,
}

impl ServedJob {
    /// Runs `job.toml` of a folder, the job being called so; compiled plugins go to `artefacts`.
    ///
    /// # Errors
    /// When the program is not beside this one, or does not start.
    pub fn start(folder: &Path, job: &str, artefacts: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("tidemill");
        let child = Command::new(&program)
            .args(["run", "job.toml", "--data", "data", "--plain", "--artefacts"])
            .arg(artefacts)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("failed to start `{}`: build it first", program.display()))?;
        let data = DataFolder::at(folder.join("data"));
        let mut job = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: String::new(),
            path: format!("/v1/jobs/{job}"),
        };
        let until = Instant::now() + START_MAX;
        while Instant::now() < until {
            anyhow::ensure!(matches!(job.child.try_wait(), Ok(None)), "the program ended at once");
            if let (Some(address), Some(token)) = (data.server()?, data.token()?) {
                (job.address, job.token) = (address, token.secret().to_owned());
                if job.rows_in().is_ok_and(|rows| rows > 0) {
                    return Ok(job);
                }
            }
            std::thread::sleep(LOOK);
        }
        anyhow::bail!("no row came out within {} s", START_MAX.as_secs())
    }

    /// Asks for a path below the job's. Gives the status and the body.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn ask(
        &self,
        method: &str,
        below: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let (path, address, token) = (&self.path, self.address, &self.token);
        let length = body.len();
        let request = format!(
            "{method} {path}{below} HTTP/1.1\r\nhost: {address}\r\n\
             authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(request.as_bytes())?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").context("no response")?;
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        Ok((status, serde_json::from_str(body)?))
    }

    /// Rows of batches that have ended.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn rows_in(&self) -> anyhow::Result<u64> {
        Ok(self.ask("GET", "", None)?.1["rows_in"].as_u64().unwrap_or_default())
    }

    /// Whether a swap waits for its batch.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn is_waiting(&self) -> anyhow::Result<bool> {
        Ok(!self.ask("GET", "/plugins", None)?.1["waiting"].is_null())
    }

    /// Batches of a span of times that have ended, the oldest first.
    ///
    /// # Errors
    /// When nobody answers, or a batch failed.
    pub fn batches(&self, from_ms: i64, to_ms: i64) -> anyhow::Result<Vec<Batch>> {
        let (mut all, mut before_ms) = (Vec::new(), to_ms + 1);
        loop {
            let query = format!("/batches?limit={PAGE}&before_ms={before_ms}");
            let (_, answer) = self.ask("GET", &query, None)?;
            let page = answer["batches"].as_array().context("no batches")?.clone();
            let Some(first) = page.first() else { break };
            before_ms = first["time_ms"].as_i64().context("no time")?;
            for record in page.iter().rev() {
                let time_ms = record["time_ms"].as_i64().context("no time")?;
                let Some(total_us) = record["end"]["total_delay_us"].as_u64() else { continue };
                anyhow::ensure!(record["end"]["outcome"] == "completed", "{record}");
                let plan = record["plans"].as_array().and_then(|plans| plans.last());
                let digest = plan.map(|plan| plan["plugins"][0]["digest"].to_string());
                let (total_ms, digest) = (total_us as f64 / 1000.0, digest.unwrap_or_default());
                all.push(Batch { time_ms, total_ms, digest });
            }
            if before_ms <= from_ms || page.len() < PAGE {
                break;
            }
        }
        all.retain(|batch| batch.time_ms >= from_ms);
        all.reverse();
        Ok(all)
    }

    /// Its memory.
    pub fn memory(&self) -> Memory {
        Memory::of(self.child.id())
    }

    /// Has it work off all rows that were sent, and waits for its end.
    ///
    /// # Errors
    /// When it fails.
    pub fn drain(mut self, sent: u64) -> anyhow::Result<()> {
        let until = Instant::now() + START_MAX;
        while self.rows_in()? < sent && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        self.ask("POST", "/drain", None)?;
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "the program ended with {status}");
        Ok(())
    }
}

impl Drop for ServedJob {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}
