//! Control: the accept loop: connections, each with its limits.
//!
//! Takes an address and what is to be served. Gives responses over HTTP/1.1. Never has more
//! connections than it may, nor one for longer than it may, nor waits for a client that sends
//! nothing.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tower_http::timeout::RequestBodyTimeoutLayer;

use super::ControlError;
use super::jobs::Jobs;
use super::routes::router;
use crate::limits::{
    CONTROL_ACCEPT_WAIT, CONTROL_BODY_WAIT_MAX, CONTROL_CONNECTION_MAX, CONTROL_CONNECTIONS_MAX,
    CONTROL_HEADER_BYTES_MAX, CONTROL_HEADER_WAIT_MAX, CONTROL_HEADERS_MAX, CONTROL_STOP_WAIT_MAX,
};
use crate::store::data_folder::Token;

/// What clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Until a request's head is there; so long may a connection be idle, too.
    pub header_wait_max: Duration,
    /// Until more of a body is there.
    pub body_wait_max: Duration,
    /// For all requests of a connection together.
    pub connection_max: Duration,
    /// Connections at once; more wait in the system.
    pub connections_max: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header_wait_max: CONTROL_HEADER_WAIT_MAX,
            body_wait_max: CONTROL_BODY_WAIT_MAX,
            connection_max: CONTROL_CONNECTION_MAX,
            connections_max: CONTROL_CONNECTIONS_MAX,
        }
    }
}

/// A running server. Dropping it ends it: what is being answered is still answered, though it is
/// not waited for without an end.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Closed when the server is to end.
    running: Option<watch::Sender<()>>,
    /// Disconnected when the last connection has ended.
    ended: Mutex<Receiver<Infallible>>,
}

impl Server {
    /// Listens, and serves on that runtime.
    ///
    /// # Errors
    /// When nobody may listen there.
    pub fn start(
        runtime: &Handle,
        address: SocketAddr,
        jobs: Arc<Jobs>,
        token: Token,
        limits: ServerLimits,
    ) -> Result<Self, ControlError> {
        let failed = |source| {
            let action = format!("listen on {address} for control");
            ControlError::System { action, source }
        };
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let body_limit = RequestBodyTimeoutLayer::new(limits.body_wait_max);
        let router = router(jobs, token, address.ip().is_loopback()).layer(body_limit);
        let (running, closing) = watch::channel(());
        let (alive, ended) = sync_channel::<Infallible>(0);
        let connections = alive.clone();
        runtime.spawn(async move {
            accept(listener, router, limits, closing, connections).await;
            drop(alive);
        });
        Ok(Self { address, running: Some(running), ended: Mutex::new(ended) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.running.take());
        // Nobody ever sends: the wait ends with the last connection, or after its time.
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ended = ended.recv_timeout(CONTROL_STOP_WAIT_MAX);
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    limits: ServerLimits,
    mut closing: watch::Receiver<()>,
    alive: SyncSender<Infallible>,
) {
    let room = Arc::new(Semaphore::new(limits.connections_max));
    loop {
        // Never closed: this task has it.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closing.changed() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let serving = serve(stream, router.clone(), limits, closing.clone());
                let alive = alive.clone();
                tokio::spawn(async move {
                    // Its time is over, or it has ended by itself: both end it.
                    let _ended = timeout(limits.connection_max, serving).await;
                    drop(place);
                    drop(alive);
                });
            }
            Err(error) => {
                // Too many open files, most often: some will be closed.
                tracing::warn!("a connection for control was not accepted: {error}");
                let _waited = timeout(CONTROL_ACCEPT_WAIT, closing.changed()).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    router: Router,
    limits: ServerLimits,
    mut closing: watch::Receiver<()>,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_wait_max)
        .max_headers(CONTROL_HEADERS_MAX)
        .max_buf_size(CONTROL_HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        _ = closing.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!("a connection for control ended: {error}");
    }
}
