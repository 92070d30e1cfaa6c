//! Cli: control of this process's jobs over HTTP, and how others find it.
//!
//! Takes the jobs and an address. Gives a server that ends with the value. Never listens where
//! others can reach it without saying so.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;

use tidemill::control::jobs::Jobs;
use tidemill::control::server::{Server, ServerLimits};
use tidemill::driver::engine::Engine;
use tidemill::store::data_folder::{Announced, DataFolder};

/// A free port of this machine alone.
pub const FREE_PORT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// A server that says in the data folder where it listens.
#[derive(Debug)]
pub struct Served {
    // First: nobody is to find a server that has ended.
    _announced: Announced,
    server: Server,
    token: PathBuf,
}

impl Served {
    /// Serves these jobs there.
    ///
    /// # Errors
    /// When nobody may listen there, or the folder cannot be written.
    pub fn start(
        engine: &Engine,
        folder: &DataFolder,
        jobs: &Arc<Jobs>,
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let entropy = &*engine.config.entropy;
        let token = folder.token_or_new(entropy)?;
        let (runtime, jobs) = (engine.runtime.handle(), Arc::clone(jobs));
        let server = Server::start(runtime, address, jobs, token, ServerLimits::default())?;
        let announced = folder.announce(server.address(), entropy)?;
        Ok(Self { _announced: announced, server, token: folder.token_path() })
    }

    /// Where it is, in words.
    pub fn told(&self) -> String {
        let (address, token) = (self.server.address(), self.token.display());
        let reach = match address.ip().is_loopback() {
            true => "",
            false => "; others can reach it, and the token crosses the network as it is",
        };
        format!("control: http://{address}/, with the token in `{token}`{reach}")
    }
}
