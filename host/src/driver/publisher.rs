//! Driver: the thread that hands finished batches to the sinks, one after the other.
//!
//! Takes the datasets of a batch, in the order of the job's outputs. Gives the loop the outcome.
//! Never publishes two batches of a job at once, or out of order.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};

use arrow_array::RecordBatch;

use super::event::Event;
use super::history::DatasetPartition;
use super::output_measure::Measure;
use super::status_board::StatusBoard;
use crate::limits::PUBLISHER_STOP_WAIT_MAX;
use crate::model::id::SinkId;
use crate::model::policy::OnFailure;
use crate::model::status::{JobEvent, OutputInfo};
use crate::model::time::BatchTime;
use crate::sink::Sink;
use crate::sys::steady_clock::SteadyClock;

/// A sink with its name and policy.
pub struct OpenSink {
    /// Its place in the job.
    pub id: SinkId,
    /// Its name.
    pub name: String,
    /// What becomes of the job when it fails.
    pub on_failure: OnFailure,
    /// Where rows go.
    pub sink: Box<dyn Sink>,
    /// What measures the rows, where the job's batches are logged.
    pub measure: Option<Measure>,
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

/// The publishing thread. Dropping it lets it finish, though not for ever: a sink that stands still
/// is left behind.
pub struct Publisher {
    // Holds at most one publication per running batch.
    queue: Option<Sender<Publication>>,
    /// Disconnected when the thread has ended.
    ended: Receiver<Infallible>,
}

impl Publisher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        mut sinks: Vec<OpenSink>,
        board: Arc<StatusBoard>,
        clock: Arc<SteadyClock>,
        events: Sender<Event>,
    ) -> std::io::Result<Self> {
        let (queue, publications): (_, Receiver<Publication>) = channel();
        let (running, ended) = sync_channel::<Infallible>(0);
        let run = move || {
            for publication in publications {
                let (outputs, fatal) = publish(&mut sinks, &publication, &board, &clock);
                let run = publication.run;
                if events.send(Event::Published { run, outputs, fatal }).is_err() {
                    break;
                }
            }
            // Whoever waits for the end finds the sinks closed.
            drop(sinks);
            drop(running);
        };
        std::thread::Builder::new().name("publisher".to_owned()).spawn(run)?;
        Ok(Self { queue: Some(queue), ended })
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
        // Nobody ever sends: the wait ends with the thread, or after its time.
        let _ended = self.ended.recv_timeout(PUBLISHER_STOP_WAIT_MAX);
    }
}

/// Publishes to each sink in turn. A sink that fails does not keep the others from publishing
/// (as in Spark). Gives what became of each, and the first failure whose policy is to stop.
fn publish(
    sinks: &mut [OpenSink],
    publication: &Publication,
    board: &StatusBoard,
    clock: &SteadyClock,
) -> (Vec<OutputInfo>, Option<String>) {
    let (mut outputs, mut fatal) = (Vec::new(), None);
    let time = publication.time;
    for (sink, dataset) in sinks.iter_mut().zip(&publication.datasets) {
        let Some(dataset) = dataset else { continue };
        let partitions: Vec<Vec<RecordBatch>> =
            dataset.iter().map(|partition| partition.to_vec()).collect();
        let (output, name, started_us) = (sink.id, sink.name.clone(), clock.now_us());
        board.tell(&JobEvent::OutputStarted { time, output, name: name.clone(), started_us });
        let given = sink.measure.as_ref().and_then(|measure| measure.of(&partitions));
        // The error names its sink.
        let failure = sink.sink.publish(time, &partitions).err().map(|error| error.to_string());
        let ended_us = clock.now_us();
        let failure_told = failure.clone();
        let info =
            OutputInfo { time, output, name, started_us, ended_us, failure: failure_told, given };
        board.tell(&JobEvent::OutputEnded(info.clone()));
        outputs.push(info);
        let Some(message) = failure else { continue };
        match sink.on_failure {
            OnFailure::Stop => fatal = fatal.or(Some(message)),
            OnFailure::Skip => {
                let sink = sink.name.clone();
                board.tell(&JobEvent::SinkFailed { sink, time, message });
            }
        }
    }
    (outputs, fatal)
}
