//! Ingest: the receiver that connects to a socket and reads lines, or what a decoder finds there.
//!
//! Takes an address. Gives bytes or rows to the intake as fast as the budget takes them, and
//! connects again whenever the connection ends. Never reads what it has no room for: the kernel's
//! buffers fill then, and the sender is slowed.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

use super::ReceiverEvent;
use super::intake::Intake;
use super::receiver::Stop;
use super::reconnect::Reconnect;
use super::row_feed::RowFeed;
use crate::limits::{CONNECT_WAIT_MAX, RECEIVE_BYTES};

/// What becomes of the bytes of a connection.
pub(super) enum Taking {
    /// They are lines.
    Lines,
    /// They become rows otherwise.
    Rows(RowFeed),
}

enum End {
    Stopped,
    Closed,
    Broken(io::Error),
    /// Its bytes are of no use.
    Refused(String),
}

/// Receives until it is stopped.
pub(super) async fn run(
    address: &str,
    intake: &Intake,
    mut taking: Taking,
    mut reconnect: Reconnect,
    mut stop: Stop,
) {
    loop {
        let wait = tokio::select! {
            biased;
            () = stop.asked() => break,
            connected = connect(address) => match connected {
                Ok(stream) => {
                    intake.tell(ReceiverEvent::Connected { peer: address.to_owned() });
                    match read(&stream, intake, &mut taking, &mut reconnect, &mut stop).await {
                        End::Stopped => break,
                        end => ended(end, address, intake, &mut taking, &mut reconnect).await,
                    }
                }
                Err(error) => {
                    let message = format!("cannot connect to `{address}`: {error}");
                    tell_failed(message, intake, &mut reconnect)
                }
            },
        };
        if !stop.sleep(wait).await {
            break;
        }
    }
    // What was read of a line whose rest is not waited for is no record.
    broken(intake, &mut taking);
    intake.seal();
}

fn broken(intake: &Intake, taking: &mut Taking) {
    match taking {
        Taking::Lines => intake.broken(),
        Taking::Rows(feed) => feed.broken(intake),
    }
}

async fn connect(address: &str) -> io::Result<TcpStream> {
    match tokio::time::timeout(CONNECT_WAIT_MAX, TcpStream::connect(address)).await {
        Ok(connected) => connected,
        Err(_) => {
            let waited = CONNECT_WAIT_MAX.as_secs();
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {waited} s")))
        }
    }
}

async fn read(
    stream: &TcpStream,
    intake: &Intake,
    taking: &mut Taking,
    reconnect: &mut Reconnect,
    stop: &mut Stop,
) -> End {
    loop {
        tokio::select! {
            biased;
            () = stop.asked() => return End::Stopped,
            () = intake.pace() => {}
        }
        let reserved = tokio::select! {
            biased;
            () = stop.asked() => return End::Stopped,
            reserved = async { stream.readable().await.map(|()| intake.reserve()) } => reserved,
        };
        let reserved = match reserved {
            Err(error) => return End::Broken(error),
            Ok(reserved) => tokio::select! {
                biased;
                () = stop.asked() => return End::Stopped,
                reserved = reserved => reserved,
            },
        };
        let read = match taking {
            Taking::Lines => {
                intake.fill(reserved, |room| read_some(stream, room, intake.read_bytes_max()))
            }
            Taking::Rows(feed) => read_some(stream, feed.room(), RECEIVE_BYTES),
        };
        match read {
            Ok(0) => return End::Closed,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return End::Broken(error),
        }
        if let Taking::Rows(feed) = taking
            && let Err(message) = store(feed, intake, stop).await
        {
            return End::Refused(message);
        }
        reconnect.worked();
    }
}

/// Stores what has come. What was read when it is time to stop is not held back any longer.
async fn store(feed: &mut RowFeed, intake: &Intake, stop: &mut Stop) -> Result<(), String> {
    let storing = feed.store(intake);
    tokio::pin!(storing);
    tokio::select! {
        biased;
        stored = &mut storing => stored,
        () = stop.asked() => {
            intake.hurry();
            storing.await
        }
    }
}

/// Appends what is there, up to so many bytes.
pub(super) fn read_some(
    stream: &TcpStream,
    room: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<usize> {
    if bytes_max >= RECEIVE_BYTES {
        // Whatever fits the room: nothing need be cleared for it.
        return stream.try_read_buf(room);
    }
    let before = room.len();
    room.resize(before + bytes_max, 0);
    let read = stream.try_read(&mut room[before..]);
    room.truncate(before + read.as_ref().copied().unwrap_or(0));
    read
}

async fn ended(
    end: End,
    address: &str,
    intake: &Intake,
    taking: &mut Taking,
    reconnect: &mut Reconnect,
) -> Duration {
    match end {
        End::Broken(error) => {
            broken(intake, taking);
            tell_failed(format!("lost the connection to `{address}`: {error}"), intake, reconnect)
        }
        End::Refused(problem) => {
            broken(intake, taking);
            tell_failed(format!("cannot use what `{address}` sends: {problem}"), intake, reconnect)
        }
        End::Closed | End::Stopped => {
            let ended = match taking {
                Taking::Lines => {
                    intake.ended();
                    Ok(())
                }
                Taking::Rows(feed) => feed.ended(intake).await,
            };
            if let Err(problem) = ended {
                let message = format!("cannot use what `{address}` sent last: {problem}");
                return tell_failed(message, intake, reconnect);
            }
            let message = format!("`{address}` closed the connection");
            let retry_in = reconnect.next_wait();
            intake.tell(ReceiverEvent::Closed { message, retry_in });
            retry_in
        }
    }
}

fn tell_failed(message: String, intake: &Intake, reconnect: &mut Reconnect) -> Duration {
    let retry_in = reconnect.next_wait();
    intake.tell(ReceiverEvent::Failed { message, retry_in });
    retry_in
}
