//! Rig: a server with jobs in this process, and a client of it.
//!
//! Takes requests. Gives responses, and what the server says of its jobs. Each server has a
//! folder of its own, which a second one may open when the first has gone.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, unbounded};
use tempfile::TempDir;
use tidemill::control::hosted::Asked;
use tidemill::control::jobs::{Host, Jobs};
use tidemill::control::kept_versions::KeptVersions;
use tidemill::control::server::{Server, ServerLimits};
use tidemill::store::data_folder::DataFolder;
use tidemill::store::retention::Retention;

use crate::job_rig::{PATIENCE, engine};
use crate::set_up::http::Client;

/// A server, and what it says of its jobs.
pub struct Rig {
    /// Its data folder.
    pub folder: DataFolder,
    /// Its jobs.
    pub jobs: Arc<Jobs>,
    client: Client,
    said: Receiver<String>,
    server: Option<Server>,
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
        let versions = folder.version_shelf().expect("nobody else has it");
        let versions = KeptVersions::open(versions).expect("it can be read");
        let shelf = (folder.job_shelf().expect("nobody else has it"), versions);
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
        let client = Client { address: server.address(), token: word };
        Self { folder, jobs, client, said, server: Some(server) }
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
}

impl Drop for Rig {
    /// What a test leaves that fails: its jobs would run on, each on a core of all other tests'.
    fn drop(&mut self) {
        drop(self.server.take());
        // Those that have ended need no command.
        self.jobs.all().iter().for_each(|hosted| drop(hosted.command(Asked::Stop)));
    }
}

impl Deref for Rig {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
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
