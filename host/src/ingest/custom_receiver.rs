//! Ingest: runs a receiver that a program brings, and starts it again whenever it has ended.
//!
//! Takes the program's receiver. Gives it a handle on the intake for each start, and tells of its
//! errors and panics. Never lets it end unnoticed, and never waits for its threads on the runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_schema::SchemaRef;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::ReceiverEvent;
use super::intake::Intake;
use super::receiver::{Stop, within};
use super::receiver_session::{Phase, Session, SessionPort};
use super::reconnect::Reconnect;
use crate::error::panic_message;
use crate::limits::RECEIVER_STOP_WAIT_MAX;
use crate::model::receiver::{BoxError, Receiver, ReceiverEnd, ReceiverHandle};

/// Receives until it is stopped.
pub(super) async fn run(
    receiver: Arc<dyn Receiver>,
    schema: SchemaRef,
    intake: Arc<Intake>,
    mut reconnect: Reconnect,
    mut stop: Stop,
) {
    loop {
        let session = Session::new(Arc::clone(&intake), schema.clone(), Handle::current());
        intake.tell(ReceiverEvent::Started);
        let end = start_and_wait(&receiver, &session, &mut stop).await;
        if session.has_stored() {
            reconnect.worked();
        }
        let Some(ReceiverEnd { message, failed, delay }) = end else { break };
        let retry_in = delay.unwrap_or_else(|| reconnect.next_wait());
        intake.tell(ReceiverEvent::Restarting { message, failed, retry_in });
        if !stop.sleep(retry_in).await {
            break;
        }
    }
    intake.seal();
}

/// One start of the receiver, up to where nothing of it runs any more. Gives how it ended, unless
/// it is time to stop.
async fn start_and_wait(
    receiver: &Arc<dyn Receiver>,
    session: &Arc<Session>,
    stop: &mut Stop,
) -> Option<ReceiverEnd> {
    // However this ends, whoever waits to store is let go.
    let _closing = Closing(session);
    let handle = ReceiverHandle::new(Arc::new(SessionPort::new(Arc::clone(session))));
    let (starting, ending) = (Arc::clone(receiver), Arc::clone(receiver));
    let kept = handle.clone();
    let started = on_thread("on_start", session, kept, move || starting.on_start(handle));
    let end = tokio::select! {
        biased;
        () = stop.asked() => None,
        end = session.ended() => Some(end),
    };
    session.turn(Phase::Stopping);
    if end.is_none() {
        session.intake().hurry();
    }
    let stopped = on_thread("on_stop", session, (), move || {
        ending.on_stop();
        Ok(())
    });
    let both = async {
        let _stopped = stopped.await;
        let _started = started.await;
    };
    if within(RECEIVER_STOP_WAIT_MAX, both).await.is_none() {
        let waited = RECEIVER_STOP_WAIT_MAX.as_secs();
        let message = format!("the receiver has not stopped in {waited} s and is left to itself");
        session.intake().tell(ReceiverEvent::Told { message, warning: true });
    }
    end
}

/// Closes a session when it is dropped.
struct Closing<'s>(&'s Session);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.turn(Phase::Closed);
    }
}

/// Runs a callback on a thread of its own, since it may wait. An error or a panic of it ends the
/// session, before what is kept for it is let go. Comes when it is through.
fn on_thread(
    name: &'static str,
    session: &Arc<Session>,
    kept: impl Send + 'static,
    callback: impl FnOnce() -> Result<(), BoxError> + Send + 'static,
) -> oneshot::Receiver<()> {
    let (through, ran) = oneshot::channel();
    let watched = Arc::clone(session);
    let run = move || {
        let problem = match catch_unwind(AssertUnwindSafe(callback)) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("`{name}` failed: {error}")),
            Err(panic) => Some(format!("`{name}` panicked: {}", panic_message(&*panic))),
        };
        if let Some(message) = problem {
            watched.fail(message);
        }
        drop(kept);
        // Nobody waits for a callback that took too long.
        let _sent = through.send(());
    };
    let thread = std::thread::Builder::new().name(format!("receiver-{name}"));
    if let Err(error) = thread.spawn(run) {
        session.fail(format!("cannot start a thread for `{name}`: {error}"));
    }
    ran
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use std::sync::mpsc::{Receiver as Told, Sender, channel};

    use super::*;
    use crate::ingest::test_rig::{Rig, intake};
    use crate::model::column_type::ColumnType;
    use crate::model::policy::OnBadRow;
    use crate::model::receiver::StoreError;
    use crate::model::schema::{Column, StreamSchema};
    use crate::sys::entropy::SeededEntropy;
    use crate::sys::storage_memory::MemoryStorage;

    /// Does with its handle what a test says, start by start.
    struct Scripted<F> {
        starts: AtomicUsize,
        stops: AtomicUsize,
        script: F,
    }

    impl<F> Receiver for Scripted<F>
    where
        F: Fn(usize, ReceiverHandle) -> Result<(), BoxError> + Send + Sync,
    {
        fn on_start(&self, handle: ReceiverHandle) -> Result<(), BoxError> {
            (self.script)(self.starts.fetch_add(1, Ordering::SeqCst), handle)
        }

        fn on_stop(&self) {
            self.stops.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Runs a receiver until its script says that the test has seen enough. Gives what was told.
    async fn told_of<F>(script: F) -> (Vec<ReceiverEvent>, usize, usize)
    where
        F: Fn(usize, ReceiverHandle, &Sender<()>) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        let Rig { intake, events, .. } = intake(&MemoryStorage::new(), OnBadRow::Skip);
        let (enough, seen): (Sender<()>, Told<()>) = channel();
        let script = move |start, handle| script(start, handle, &enough);
        let (starts, stops) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let receiver = Arc::new(Scripted { starts, stops, script });
        let (sender, stop) = Stop::new();
        let schema = StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)]).to_arrow();
        let millisecond = Duration::from_millis(1);
        let (first, longest) = (millisecond, 32 * millisecond);
        let reconnect = Reconnect::new(first, longest, Arc::new(SeededEntropy::new(0)));
        let running = tokio::spawn(run(
            Arc::clone(&receiver) as Arc<dyn Receiver>,
            schema,
            Arc::new(intake),
            reconnect,
            stop,
        ));
        tokio::task::spawn_blocking(move || seen.recv()).await.expect("no panic").expect("enough");
        sender.send(true).expect("the receiver listens");
        running.await.expect("no panic");
        let starts = receiver.starts.load(Ordering::SeqCst);
        (events.try_iter().collect(), starts, receiver.stops.load(Ordering::SeqCst))
    }

    /// How the first start ended, in words.
    fn first_end(told: &[ReceiverEvent]) -> (&str, bool) {
        let end = told.iter().find_map(|event| match event {
            ReceiverEvent::Restarting { message, failed, .. } => Some((message.as_str(), *failed)),
            _ => None,
        });
        end.expect("it was started again")
    }

    #[tokio::test]
    async fn an_error_at_the_start_is_told_and_it_starts_again() {
        let (told, starts, stops) = told_of(|start, _, enough| match start {
            0 => Err("no such queue".into()),
            _ => Ok(enough.send(())?),
        })
        .await;
        assert_eq!(first_end(&told), ("`on_start` failed: no such queue", true));
        assert!(starts >= 2 && stops == starts, "{starts} starts, {stops} stops");
    }

    #[tokio::test]
    async fn starts_that_fail_come_more_and_more_slowly() {
        let (told, ..) = told_of(|start, handle, enough| match start {
            0..5 => Err("still gone".into()),
            5 => Ok(handle.store_line("it is back")?),
            6 => Ok(()),
            _ => Ok(enough.send(())?),
        })
        .await;
        let waits: Vec<Duration> = told
            .iter()
            .filter_map(|event| match event {
                ReceiverEvent::Restarting { retry_in, .. } => Some(*retry_in),
                _ => None,
            })
            .collect();
        assert!(waits[..5].is_sorted() && waits[0] < waits[4], "{waits:?}");
        assert!(
            waits[5] < waits[4],
            "one that has stored something is worth a try soon: {waits:?}"
        );
    }

    #[tokio::test]
    async fn a_panic_at_the_start_is_told_and_it_starts_again() {
        let (told, ..) = told_of(|start, _, enough| match start {
            0 => panic!("never thought of this"),
            _ => Ok(enough.send(())?),
        })
        .await;
        assert_eq!(first_end(&told), ("`on_start` panicked: never thought of this", true));
    }

    /// The trap: in Spark a pusher that failed ended without a word, and nothing came any more.
    #[tokio::test]
    async fn a_thread_that_dies_is_noticed_and_the_receiver_starts_again() {
        let (told, ..) = told_of(|start, handle, enough| {
            if start > 0 {
                return Ok(enough.send(())?);
            }
            std::thread::spawn(move || {
                handle.store_line("one").expect("it is stored");
                panic!("out of order");
            });
            Ok(())
        })
        .await;
        let (message, failed) = first_end(&told);
        assert!(message.starts_with("the receiver ended by itself") && failed, "{message}");
        assert!(told.iter().any(|event| matches!(event, ReceiverEvent::Stored(i) if i.rows == 1)));
    }

    #[tokio::test]
    async fn a_restart_waits_as_long_as_it_says() {
        let delay = Duration::from_millis(7);
        let (told, ..) = told_of(move |start, handle, enough| {
            if start > 0 {
                return Ok(enough.send(())?);
            }
            handle.report_error("a hiccup");
            handle.restart("the queue has moved", Some(delay));
            handle.stop("what comes later does not count");
            Ok(())
        })
        .await;
        let hiccup = ReceiverEvent::Told { message: "a hiccup".to_owned(), warning: true };
        assert!(told.contains(&hiccup), "{told:?}");
        let (message, retry_in) = ("the queue has moved".to_owned(), delay);
        let restarting = ReceiverEvent::Restarting { message, failed: true, retry_in };
        assert!(told.contains(&restarting), "{told:?}");
    }

    #[tokio::test]
    async fn a_receiver_that_stops_itself_is_started_again() {
        let (told, ..) = told_of(|start, handle, enough| {
            if start > 0 {
                return Ok(enough.send(())?);
            }
            handle.stop("had enough");
            Ok(())
        })
        .await;
        assert_eq!(first_end(&told), ("had enough", false));
    }

    #[tokio::test]
    async fn a_handle_of_an_earlier_start_stores_nothing() {
        let kept: Mutex<Option<ReceiverHandle>> = Mutex::default();
        let (told, ..) = told_of(move |start, handle, enough| {
            let mut kept = kept.lock().expect("no panic");
            if let Some(old) = kept.take() {
                assert!(old.is_stopped());
                assert_eq!(old.store_line("late"), Err(StoreError::Stopped));
                assert_eq!(old.store_block(line("late")), Err(StoreError::Stopped));
                enough.send(())?;
            }
            handle.store_line(&format!("of start {start}"))?;
            handle.restart("once more", Some(Duration::ZERO));
            *kept = Some(handle);
            Ok(())
        })
        .await;
        let rows: u64 = told
            .iter()
            .map(|event| if let ReceiverEvent::Stored(info) = event { info.rows } else { 0 })
            .sum();
        let starts = told.iter().filter(|event| **event == ReceiverEvent::Started).count();
        assert_eq!(rows, starts as u64);
    }

    fn line(text: &str) -> arrow_array::RecordBatch {
        let schema = StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)]).to_arrow();
        let lines = arrow_array::StringArray::from_iter_values([text]);
        arrow_array::RecordBatch::try_new(schema, vec![Arc::new(lines)]).expect("a row")
    }

    #[tokio::test]
    async fn what_is_stored_while_it_stops_is_received() {
        let (told, ..) = told_of(|_, handle, enough| {
            enough.send(())?;
            while !handle.is_stopped() {
                std::thread::yield_now();
            }
            Ok(handle.store_line("the last one")?)
        })
        .await;
        assert!(told.iter().any(|event| matches!(event, ReceiverEvent::Stored(i) if i.rows == 1)));
    }

    #[tokio::test]
    async fn rows_that_do_not_fit_are_refused() {
        let (told, ..) = told_of(|_, handle, enough| {
            let other = StreamSchema::new(vec![Column::new("n", ColumnType::Int64)]).to_arrow();
            let numbers = arrow_array::Int64Array::from_iter_values([1]);
            let rows = arrow_array::RecordBatch::try_new(other, vec![Arc::new(numbers)])?;
            let refused = handle.store(rows.clone()).expect_err("they do not fit");
            let expected = "rows do not fit the stream: found columns `n: Int64`, expected \
                            `line: Utf8`";
            assert_eq!(refused.to_string(), expected);
            assert!(matches!(handle.store_block(rows), Err(StoreError::Rows(_))));
            enough.send(())?;
            Ok(())
        })
        .await;
        assert!(!told.iter().any(|event| matches!(event, ReceiverEvent::Stored(_))), "{told:?}");
    }
}
