//! A disk that gets full under the sink of a running job.
//!
//! Takes a disk in memory that fails at each of its changes in turn. Gives it to an engine. Looks
//! at what is said, at what becomes of the job, and that no batch is there by half.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, unbounded};
use tidemill::config::job_file::JobFile;
use tidemill::driver::engine::{Engine, EngineConfig};
use tidemill::driver::handle::JobHandle;
use tidemill::driver::launch::{JobRequest, launch};
use tidemill::driver::plugins::JobPlugins;
use tidemill::model::status::{BatchOutcome, JobEvent};
use tidemill::sys::storage_memory::MemoryStorage;
use tidemill::wasm::compile::Compiler;

use crate::job_rig::{Feeder, PATIENCE, scratch};

/// The rows of every batch, as they must stand in its folder, if it is there.
const ROWS: &str = "{\"line\":\"a\"}\n{\"line\":\"b\"}\n";

/// Lines in one piece: they come in one batch.
const ROWS_SENT: &[u8] = b"a\nb\n";

/// A job on a disk of its own.
struct Run {
    handle: JobHandle,
    events: Receiver<JobEvent>,
    storage: MemoryStorage,
    // Last: what receives ends with its engine.
    _engine: Arc<Engine>,
}

impl Run {
    /// Starts a job of a source, with settings of the job and of its sink, on that disk. No job
    /// of these tests has a plugin: one engine a disk costs little.
    fn start(storage: MemoryStorage, settings: &str, source: &str, sink: &str) -> Self {
        let text = format!(
            "name = \"job\"\nbatch_interval = \"5ms\"\n{settings}\n[sources.lines]\n{source}\n\
             [sinks.out]\ntype = \"files\"\npath = \"out\"\nfrom = \"lines\"\n{sink}\n"
        );
        let job = JobFile::parse("job.toml", &text, Path::new("/disk")).expect("it is a job");
        let (sender, events) = unbounded();
        let request = JobRequest {
            pipeline: job.pipeline,
            plugins: JobPlugins::default(),
            listeners: vec![Box::new(move |event| drop(sender.send(event.clone())))],
            output: Arc::new(Mutex::new(std::io::sink())),
            log: None,
        };
        let engine = engine_on(&storage);
        let handle = launch(&engine, request).expect("it starts");
        Self { handle, events, storage, _engine: engine }
    }

    /// A job that reads the rows of one file and ends.
    fn of_file(storage: MemoryStorage, settings: &str, sink: &str) -> Self {
        storage.put("/disk/in/rows", ROWS_SENT);
        Self::start(storage, settings, "type = \"files\"\npath = \"in\"\nbounded = true", sink)
    }

    /// Waits for the end; gives the error and everything that was told.
    fn end(self) -> (Option<String>, Vec<JobEvent>) {
        let error = self.handle.wait().err().map(|error| error.to_string());
        drop(self.handle);
        (error, self.events.try_iter().collect())
    }
}

/// An engine whose files are on that disk.
fn engine_on(storage: &MemoryStorage) -> Arc<Engine> {
    let config = EngineConfig::new(scratch("artefacts"), Compiler::InProcess);
    let config = EngineConfig { executors: 1, storage: Arc::new(storage.clone()), ..config };
    Engine::start(config).expect("an engine starts")
}

/// The batches that are there, each whole: nothing else may be seen, nor left aside.
fn whole_batches(storage: &MemoryStorage) -> usize {
    let files = storage.files();
    let out = files.iter().filter(|(path, _)| path.starts_with("/disk/out"));
    let mut batches = 0;
    for (path, bytes) in out {
        assert!(!path.to_string_lossy().contains("/."), "{path:?} is left aside");
        assert_eq!(String::from_utf8_lossy(bytes), ROWS, "{path:?}");
        batches += 1;
    }
    batches
}

fn sink_failures(events: &[JobEvent]) -> Vec<&str> {
    let failures = events.iter().filter_map(|event| match event {
        JobEvent::SinkFailed { sink, message, .. } => {
            assert_eq!(sink, "out");
            Some(message.as_str())
        }
        _ => None,
    });
    failures.collect()
}

/// Runs the job with the disk full after one change, then after two, and so on, until the disk is
/// large enough. Opening the sink is a change, with which the job would not start.
fn at_every_change(settings: &str, sink: &str, failed: impl Fn(&Option<String>, &[JobEvent])) {
    for changes in 1.. {
        let storage = MemoryStorage::new();
        storage.fail_after(changes, ErrorKind::StorageFull);
        let run = Run::of_file(storage.clone(), settings, sink);
        let (error, events) = run.end();
        storage.repair();
        let batches = whole_batches(&storage);
        if error.is_none() && sink_failures(&events).is_empty() {
            assert_eq!(batches, 1, "with room for {changes} changes");
            // Folder, file, rows, three syncs and a name.
            assert!(changes > 5, "every change was made to fail");
            return;
        }
        failed(&error, &events);
    }
}

fn is_clear(message: &str) {
    assert!(message.contains("sink `out` cannot write: cannot "), "{message}");
    assert!(message.contains("`/disk/out"), "{message}");
    assert!(message.ends_with(": no space left on the disk"), "{message}");
    assert_eq!(message.matches("sink `out`").count(), 1, "said once: {message}");
}

#[test]
fn a_full_disk_stops_the_job_with_sink_path_and_batch() {
    at_every_change("", "", |error, events| {
        let message = error.as_deref().expect("the job stops");
        is_clear(message);
        assert!(message.starts_with("batch "), "{message}");
        let failed = events.iter().any(|event| {
            matches!(event, JobEvent::BatchEnded(batch)
                if matches!(batch.outcome, BatchOutcome::Failed { .. }))
        });
        assert!(failed, "the batch is marked: {events:?}");
    });
}

#[test]
fn a_full_disk_is_skipped_where_job_or_sink_say_so() {
    for (settings, sink) in
        [("on_failure = \"skip\"", ""), ("on_failure = \"stop\"", "on_failure = \"skip\"")]
    {
        at_every_change(settings, sink, |error, events| {
            assert_eq!(*error, None, "the job goes on");
            let failures = sink_failures(events);
            assert_eq!(failures.len(), 1, "{failures:?}");
            is_clear(failures[0]);
        });
    }
}

/// A job that skips failed batches went on when a sink failed whose own policy was to stop.
#[test]
fn a_sink_that_is_to_stop_stops_a_job_that_skips_batches() {
    at_every_change("on_failure = \"skip\"", "on_failure = \"stop\"", |error, _| {
        is_clear(error.as_deref().expect("the job stops"));
    });
}

#[test]
fn batches_after_a_skipped_one_are_whole() {
    let storage = MemoryStorage::new();
    let feeder = Feeder::new();
    let source = format!("type = \"socket\"\naddress = \"{}\"", feeder.address());
    let run = Run::start(storage, "on_failure = \"skip\"", &source, "");
    let mut stream = feeder.accept();
    // Half of the first batch's rows are written when the disk is full.
    run.storage.fail_after(2, ErrorKind::StorageFull);
    stream.write_all(ROWS_SENT).expect("the source reads");
    wait_for(&run.events, |event| matches!(event, JobEvent::SinkFailed { .. }));
    wait_for(&run.events, is_of_two_rows);
    assert_eq!(whole_batches(&run.storage), 0);
    run.storage.repair();
    stream.write_all(ROWS_SENT).expect("the source reads");
    wait_for(&run.events, is_of_two_rows);
    run.handle.drain().expect("it ends well");
    assert_eq!(whole_batches(&run.storage), 1);
}

fn is_of_two_rows(event: &JobEvent) -> bool {
    matches!(event, JobEvent::BatchEnded(batch) if batch.rows_in == 2)
}

fn wait_for(events: &Receiver<JobEvent>, wanted: impl Fn(&JobEvent) -> bool) {
    while !wanted(&events.recv_timeout(PATIENCE).expect("it is told")) {}
}
