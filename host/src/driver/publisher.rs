//! Driver: the thread that hands finished batches to the sinks, one after the other.
//!
//! Takes the datasets of a batch, in the order of the job's outputs. Gives the loop the outcome.
//! Never publishes two batches of a job at once, or out of order.

use std::sync::Arc;
use std::thread::JoinHandle;

use arrow_array::RecordBatch;
use crossbeam_channel::{Receiver, Sender, unbounded};

use super::event::Event;
use super::history::DatasetPartition;
use super::status_board::StatusBoard;
use crate::model::policy::OnFailure;
use crate::model::status::JobEvent;
use crate::model::time::BatchTime;
use crate::sink::Sink;

/// A sink with its name and policy.
pub struct OpenSink {
    /// Its name.
    pub name: String,
    /// What becomes of the job when it fails.
    pub on_failure: OnFailure,
    /// Where rows go.
    pub sink: Box<dyn Sink>,
}

/// A batch to publish.
pub struct Publication {
    /// The batch's run.
    pub run: u64,
    /// Its time.
    pub time: BatchTime,
    /// The dataset of each sink, in the order of the sinks; a sink without one is left out.
    pub datasets: Vec<Option<Vec<DatasetPartition>>>,
}

/// The publishing thread. Dropping it lets it finish and joins it.
pub struct Publisher {
    // Holds at most one publication per running batch.
    queue: Option<Sender<Publication>>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        mut sinks: Vec<OpenSink>,
        board: Arc<StatusBoard>,
        events: Sender<Event>,
    ) -> std::io::Result<Self> {
        let (queue, publications): (_, Receiver<Publication>) = unbounded();
        let run = move || {
            for publication in publications {
                let fatal = publish(&mut sinks, &publication, &board);
                if events.send(Event::Published { run: publication.run, fatal }).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("publisher".to_owned()).spawn(run)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a batch.
    pub fn publish(&self, publication: Publication) {
        if let Some(queue) = &self.queue {
            // The thread ends only after this sender is gone, or when the loop no longer listens.
            let _sent = queue.send(publication);
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Publishes to each sink in turn. A sink that fails does not keep the others from publishing
/// (as in Spark). Gives the first failure whose policy is to stop.
fn publish(
    sinks: &mut [OpenSink],
    publication: &Publication,
    board: &StatusBoard,
) -> Option<String> {
    let mut fatal = None;
    for (sink, dataset) in sinks.iter_mut().zip(&publication.datasets) {
        let Some(dataset) = dataset else { continue };
        let partitions: Vec<Vec<RecordBatch>> =
            dataset.iter().map(|partition| partition.to_vec()).collect();
        let Err(error) = sink.sink.publish(publication.time, &partitions) else { continue };
        // It names its sink.
        let message = error.to_string();
        match sink.on_failure {
            OnFailure::Stop => fatal = fatal.or(Some(message)),
            OnFailure::Skip => board.tell(&JobEvent::SinkFailed {
                sink: sink.name.clone(),
                time: publication.time,
                message,
            }),
        }
    }
    fatal
}
