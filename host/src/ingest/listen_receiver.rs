//! Ingest: the receiver that lets others connect and reads the lines of each.
//!
//! Takes a socket that listens already. Gives whole lines to the intake, those of a connection in
//! their order, as fast as the budget takes them. Never reads from any connection what it has no
//! room for, and never accepts more than it may hold: further ones wait in the system.

use std::io;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};

use super::ReceiverEvent;
use super::intake::Intake;
use super::line_buffer::LineBuffer;
use super::receiver::Stop;
use super::reconnect::Reconnect;
use super::socket_receiver::read_some;
use crate::limits::LISTEN_TOLD_LINES_MAX;
use crate::model::text::number_of;

/// Receives until it is stopped, from so many connections at once, lines of at most so many bytes.
pub(super) async fn run(
    listener: std::net::TcpListener,
    (connections_max, line_bytes_max): (usize, usize),
    intake: Arc<Intake>,
    mut reconnect: Reconnect,
    mut stop: Stop,
) {
    let listener = match bound(listener) {
        Ok((listener, address)) => {
            told(format!("listens on {address}"), &intake);
            listener
        }
        Err(error) => {
            let message = format!("cannot listen: {error}");
            return intake.tell(ReceiverEvent::Broken { message });
        }
    };
    let mut connections = JoinSet::new();
    let (mut number, mut was_full) = (0, false);
    loop {
        let has_room = connections.len() < connections_max;
        let accepted = tokio::select! {
            biased;
            () = stop.asked() => break,
            Some(ended) = connections.join_next() => {
                panics_too(ended);
                continue;
            }
            accepted = listener.accept(), if has_room => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                reconnect.worked();
                tell_of(number, peer, &intake);
                let lines = LineBuffer::new(line_bytes_max);
                let connection = Connection { stream, peer, number, lines };
                connections.spawn(connection.receive(Arc::clone(&intake), stop.clone()));
                number += 1;
                if connections.len() == connections_max && !was_full {
                    was_full = true;
                    let has = number_of(connections_max, "connection", "connections");
                    told(format!("has {has}; further ones wait"), &intake);
                }
            }
            Err(error) => {
                let (retry_in, message) =
                    (reconnect.next_wait(), format!("cannot accept: {error}"));
                intake.tell(ReceiverEvent::Failed { message, retry_in });
                if !stop.sleep(retry_in).await {
                    break;
                }
            }
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        panics_too(ended);
    }
    intake.seal();
}

fn bound(listener: std::net::TcpListener) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn told(message: String, intake: &Intake) {
    intake.tell(ReceiverEvent::Told { message, warning: false });
}

/// A line about who has connected, as long as there were not too many.
fn tell_of(number: u64, peer: SocketAddr, intake: &Intake) {
    let last = LISTEN_TOLD_LINES_MAX as u64 - 1;
    if number <= last {
        let more = if number == last { "; of further ones nothing is said" } else { "" };
        told(format!("{peer} has connected{more}"), intake);
    }
}

/// A bug in one connection's task is one of the receiver, which tells of it.
fn panics_too(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        resume_unwind(panic);
    }
}

/// One of the connections.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    number: u64,
    lines: LineBuffer,
}

impl Connection {
    async fn receive(mut self, intake: Arc<Intake>, mut stop: Stop) {
        let end = self.read(&intake, &mut stop).await;
        let dropped = match end {
            Ok(true) => {
                self.lines.ended();
                self.hand_over(&intake);
                0
            }
            Ok(false) => self.lines.broken(),
            Err(error) => {
                let message = format!("lost the connection from {}: {error}", self.peer);
                intake.tell(ReceiverEvent::Told { message, warning: true });
                self.lines.broken()
            }
        };
        intake.over_of(self.number);
        if dropped > 0 {
            intake.tell(ReceiverEvent::PartialLineDropped { bytes: dropped });
        }
    }

    /// Reads to the end of the connection. Gives whether the peer has ended it, as against a stop.
    async fn read(&mut self, intake: &Intake, stop: &mut Stop) -> io::Result<bool> {
        loop {
            tokio::select! {
                biased;
                () = stop.asked() => return Ok(false),
                readable = self.stream.readable() => readable?,
            }
            let reserved = tokio::select! {
                biased;
                () = stop.asked() => return Ok(false),
                reserved = intake.reserve() => reserved,
            };
            let room = self.lines.room();
            let before = room.len();
            match read_some(&self.stream, room, intake.read_bytes_max()) {
                Ok(0) => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.lines.rest();
                    continue;
                }
                Err(error) => return Err(error),
            }
            let lost = self.lines.appended(before);
            if lost.is_some() || !self.lines.lines().is_empty() {
                let (lines, lost) = (self.lines.lines(), lost.as_deref());
                intake.add_paced(self.number, Some(reserved), lines, lost).await;
                self.lines.lines_taken();
            }
        }
    }

    /// Hands over the last line, if its end has not come.
    fn hand_over(&mut self, intake: &Intake) {
        if !self.lines.lines().is_empty() {
            intake.add_of(self.number, None, self.lines.lines(), None);
            self.lines.lines_taken();
        }
    }
}
