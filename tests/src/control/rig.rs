//! Rig: a server with jobs, and a client that knows nothing but HTTP.
//!
//! Takes bytes of requests. Gives status, headers and body. Each server has a folder of its own,
//! which a second one may open when the first has gone.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, unbounded};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidemill::control::jobs::{Host, Jobs};
use tidemill::control::server::{Server, ServerLimits};
use tidemill::store::data_folder::DataFolder;
use tidemill::store::retention::Retention;

use crate::job_rig::{PATIENCE, engine};

/// A server, and what it says of its jobs.
pub struct Rig {
    /// Its data folder.
    pub folder: DataFolder,
    /// Its jobs.
    pub jobs: Arc<Jobs>,
    /// Where it listens.
    pub address: SocketAddr,
    said: Receiver<String>,
    token: String,
    server: Option<Server>,
}

/// A response.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its head, in small letters.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Response {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The word of the error.
    pub fn code(&self) -> String {
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|words| !words.is_empty()), "{self:?}");
        error["code"].as_str().expect("an error has a code").to_owned()
    }
}

impl Rig {
    /// A server over the data folder in that folder.
    pub fn over(folder: &TempDir) -> Self {
        Self::limited(folder, ServerLimits::default())
    }

    /// A server that allows clients less.
    pub fn limited(folder: &TempDir, limits: ServerLimits) -> Self {
        let folder = DataFolder::at(folder.path().join("data"));
        folder.create().expect("a folder");
        let engine = engine();
        let shelf = folder.job_shelf().expect("nobody else has it");
        let clock = Arc::clone(&engine.config.clock);
        let log = folder.batch_log(Retention::default(), clock).expect("nobody else has it");
        let (sender, said) = unbounded();
        let report = Box::new(move |line: &str| drop(sender.send(line.to_owned())));
        let output = Arc::new(Mutex::new(std::io::sink()));
        let host = Host::new(Arc::clone(&engine), shelf, output, report);
        let jobs = Jobs::of_many(log, host);
        let token = folder.token_or_new(&*engine.config.entropy).expect("it can be written");
        let word = token.secret().to_owned();
        let runtime = engine.runtime.handle();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::start(runtime, address, Arc::clone(&jobs), token, limits);
        let server = server.expect("loopback has ports");
        let address = server.address();
        Self { folder, jobs, address, said, token: word, server: Some(server) }
    }

    /// Waits until the server says a line that holds the words.
    pub fn told(&self, words: &str) -> String {
        loop {
            let line = self.said.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no `{words}`"));
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Ends the server as its process would: jobs work off what they have.
    pub fn end(mut self) {
        drop(self.server.take());
        self.jobs.finish();
    }

    /// A request with the token.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let token = &self.token;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        self.send(&format!("{head}{body}"))
    }

    /// Asks for a path.
    pub fn get(&self, path: &str) -> Response {
        self.ask("GET", path, None)
    }

    /// Has something done.
    pub fn post(&self, path: &str) -> Response {
        self.ask("POST", path, None)
    }

    /// Submits a job.
    pub fn submit(&self, text: &str, folder: &Path) -> Response {
        let body = json!({ "text": text, "folder": folder.to_str(), "file_name": "job.toml" });
        self.ask("POST", "/v1/jobs", Some(&body))
    }

    /// Sends a request as it is, and reads the response to its end.
    pub fn send(&self, request: &str) -> Response {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        // A server that says no before it has read all resets what it did not read.
        let _sent = stream.write_all(request.as_bytes());
        let mut bytes = Vec::new();
        let _read = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).expect("it is text");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no response to {request:.200}: {text}"));
        Response { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// Asks for the job's batches until they are as wanted. Each answer waits for a batch to end,
    /// so that nobody asks in vain.
    pub fn batches_until(&self, job: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        loop {
            let response = self.get(&format!("/v1/jobs/{job}/batches?limit=1000"));
            assert_eq!(response.status, 200, "{response:?}");
            let batches = response.json()["batches"].as_array().expect("a list").clone();
            if enough(&batches) {
                return batches;
            }
            std::thread::yield_now();
        }
    }
}

/// A job of made-up lines that are counted, without a plugin.
pub fn counting(name: &str, more: &str) -> String {
    format!(
        "name = \"{name}\"\nbatch_interval = \"20ms\"\n\
         [sources.made]\ntype = \"generate\"\nlines_per_second = 2000\n{more}\n\
         [streams.counts]\nfrom = \"made\"\nsteps = [{{ count = true }}]\n\
         [sinks.out]\ntype = \"print\"\nfrom = \"counts\"\n"
    )
}
