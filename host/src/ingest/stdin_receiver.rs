//! Ingest: the receiver that reads standard input to its end.
//!
//! Takes anything that can be read, on a thread of its own, since such a read cannot be given up.
//! Gives its bytes to the intake. Never reads further than one buffer ahead of the budget.

use std::io::{self, Read};

use tokio::sync::mpsc;

use super::ReceiverEvent;
use super::intake::Intake;
use super::receiver::{Stop, within};
use crate::limits::LAST_READ_WAIT_MAX;
use crate::model::block_store::Reservation;

/// Receives until the input ends, or until it is stopped.
pub(super) async fn run(input: impl Read + Send + 'static, intake: &Intake, mut stop: Stop) {
    let (buffers, asked) = mpsc::channel(1);
    let (answers, mut filled) = mpsc::channel(1);
    let reader = std::thread::Builder::new().name("stdin".to_owned());
    if let Err(error) = reader.spawn(move || read_as_asked(input, asked, &answers)) {
        let message = format!("cannot start a thread for standard input: {error}");
        return intake.tell(ReceiverEvent::Broken { message });
    }
    intake.tell(ReceiverEvent::Connected { peer: "standard input".to_owned() });
    let mut buffer = Some(vec![0; intake.read_bytes_max()]);
    loop {
        if let Some(buffer) = buffer.take() {
            // It fails only when the thread is gone; then there is no answer either.
            let _ = buffers.send(buffer).await;
        }
        let answer = tokio::select! {
            biased;
            () = stop.asked() => break,
            answer = async {
                intake.pace().await;
                filled.recv().await
            } => answer,
        };
        match answer {
            Some(Ok((bytes, read))) if read > 0 => {
                let reserved = tokio::select! {
                    biased;
                    () = stop.asked() => {
                        fill(intake, intake.reserve().await, &bytes[..read]);
                        break;
                    }
                    reserved = intake.reserve() => reserved,
                };
                fill(intake, reserved, &bytes[..read]);
                buffer = Some(bytes);
            }
            Some(Err(error)) => {
                intake.broken();
                intake.seal();
                let message = format!("cannot read standard input: {error}");
                return intake.tell(ReceiverEvent::Broken { message });
            }
            Some(Ok(_)) | None => {
                intake.ended();
                intake.seal();
                return intake.tell(ReceiverEvent::Ended);
            }
        }
    }
    intake.hurry();
    // What was read is worked off: it cannot be read again. A read that waits is left to itself.
    let last = within(LAST_READ_WAIT_MAX, filled.recv()).await;
    if let Some(Some(Ok((bytes, read)))) = last {
        fill(intake, intake.reserve().await, &bytes[..read]);
    }
    intake.broken();
    intake.seal();
}

fn fill(intake: &Intake, reserved: Reservation, bytes: &[u8]) {
    let filled = intake.fill(reserved, |room| {
        room.extend_from_slice(bytes);
        Ok(bytes.len())
    });
    debug_assert!(filled.is_ok(), "copying cannot fail");
}

/// Fills each buffer it is given. Ends when nobody asks, or at the input's end.
fn read_as_asked(
    mut input: impl Read,
    mut asked: mpsc::Receiver<Vec<u8>>,
    answers: &mpsc::Sender<io::Result<(Vec<u8>, usize)>>,
) {
    while let Some(mut buffer) = asked.blocking_recv() {
        let read = loop {
            match input.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let ended = !matches!(read, Ok(1..));
        let gone = answers.blocking_send(read.map(|read| (buffer, read))).is_err();
        if ended || gone {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::ingest::test_rig::{Rig, intake};
    use crate::model::policy::OnBadRow;
    use crate::sys::storage_memory::MemoryStorage;

    fn rows(told: &[ReceiverEvent]) -> u64 {
        let rows = |event: &ReceiverEvent| match event {
            ReceiverEvent::Stored(info) => info.rows,
            _ => 0,
        };
        told.iter().map(rows).sum()
    }

    #[tokio::test]
    async fn input_is_read_to_its_end() {
        let Rig { intake, events, .. } = intake(&MemoryStorage::new(), OnBadRow::Skip);
        let (_sender, stop) = Stop::new();
        let text = b"0123456789abcdef\n".repeat(100_000);
        run(io::Cursor::new([&text[..], b"rest"].concat()), &intake, stop).await;
        let told: Vec<ReceiverEvent> = events.try_iter().collect();
        assert_eq!(rows(&told), 100_001);
        assert_eq!(told.last(), Some(&ReceiverEvent::Ended));
    }

    #[tokio::test]
    async fn a_failing_input_keeps_whole_lines_and_is_told() {
        struct Failing(Option<&'static [u8]>);
        impl Read for Failing {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let bytes = self.0.take().ok_or_else(|| io::Error::other("unplugged"))?;
                to[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
        }
        let Rig { intake, events, .. } = intake(&MemoryStorage::new(), OnBadRow::Skip);
        let (_sender, stop) = Stop::new();
        run(Failing(Some(b"whole\npart")), &intake, stop).await;
        let told: Vec<ReceiverEvent> = events.try_iter().skip(1).collect();
        assert_eq!((told.len(), rows(&told)), (3, 1));
        assert_eq!(told[0], ReceiverEvent::PartialLineDropped { bytes: 4 });
        let message = "cannot read standard input: unplugged".to_owned();
        assert_eq!(told[2], ReceiverEvent::Broken { message });
    }

    /// The story: lines that had been read when the job was told to drain were dropped with their
    /// buffer, although they could not be read again.
    #[tokio::test]
    async fn what_was_read_before_a_stop_is_kept() {
        /// Is told to stop while it reads.
        struct Stopped(tokio::sync::watch::Sender<bool>, Option<&'static [u8]>);
        impl Read for Stopped {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let Some(bytes) = self.1.take() else { return Ok(0) };
                to[..bytes.len()].copy_from_slice(bytes);
                self.0.send(true).expect("the receiver listens");
                Ok(bytes.len())
            }
        }
        let Rig { intake, events, .. } = intake(&MemoryStorage::new(), OnBadRow::Skip);
        let (sender, stop) = Stop::new();
        run(Stopped(sender, Some(b"one\ntwo\n")), &intake, stop).await;
        let told: Vec<ReceiverEvent> = events.try_iter().collect();
        assert_eq!(rows(&told), 2, "{told:?}");
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_input() {
        struct Endless(std::sync::mpsc::Receiver<()>);
        impl Read for Endless {
            fn read(&mut self, _to: &mut [u8]) -> io::Result<usize> {
                // As a terminal at which nobody types, until the test is over.
                let _ = self.0.recv();
                Ok(0)
            }
        }
        let Rig { intake, events, .. } = intake(&MemoryStorage::new(), OnBadRow::Skip);
        let (sender, stop) = Stop::new();
        let (_typing, nobody) = channel();
        sender.send(true).expect("the receiver listens");
        run(Endless(nobody), &intake, stop).await;
        assert!(!events.try_iter().any(|event| event == ReceiverEvent::Ended));
    }
}
