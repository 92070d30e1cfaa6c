//! Rig: an engine, a source that a test speaks through, and the batches that come out.
//!
//! Takes what a test sends. Gives collected rows. Never waits on a clock: it waits for what it is
//! told.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use crossbeam_channel::{Receiver, Sender, unbounded};
use tidemill::api::dstream::{BoxError, DStream};
use tidemill::api::plugin::LoadedPlugin;
use tidemill::driver::engine::{Engine, EngineConfig};
use tidemill::model::time::BatchTime;
use tidemill::wasm::compile::Compiler;
use tidemill_guest_build::{Options, build};

/// How long a test waits for what must come; only a test that fails waits that long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One engine for all tests, as one process has one.
pub fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    Arc::clone(ENGINE.get_or_init(|| {
        let folder = scratch("artefacts");
        Engine::start(EngineConfig::new(folder, Compiler::InProcess)).expect("an engine starts")
    }))
}

/// A folder of this build's own that outlives a test.
pub fn scratch(name: &str) -> PathBuf {
    let test_program = std::env::current_exe().expect("this test runs");
    let profile = test_program.ancestors().nth(2).expect("tests lie two folders below a profile's");
    let folder = profile.join("test-scratch").join(name);
    std::fs::create_dir_all(&folder).expect("a scratch folder");
    folder
}

/// A plugin of the project, built from its source.
pub fn plugin(name: &str) -> LoadedPlugin {
    built(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins").join(name))
}

/// A guest that only tests run, built from its source.
pub fn guest(name: &str) -> LoadedPlugin {
    built(&Path::new(env!("CARGO_MANIFEST_DIR")).join("guests").join(name))
}

/// The component of a guest that only tests run, built from its source.
pub fn component(guest: &str) -> PathBuf {
    built_component(&Path::new(env!("CARGO_MANIFEST_DIR")).join("guests").join(guest))
}

/// The component of a plugin of the project, built from its source.
pub fn plugin_component(name: &str) -> PathBuf {
    built_component(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins").join(name))
}

fn built(folder: &Path) -> LoadedPlugin {
    engine().load_plugin(built_component(folder)).expect("the plugin loads")
}

fn built_component(folder: &Path) -> PathBuf {
    let options = Options { report: &|line| eprintln!("{line}"), ..Options::default() };
    build(folder, &options).expect("the plugin builds").component
}

/// A server that a socket source connects to.
#[derive(Debug)]
pub struct Feeder {
    listener: TcpListener,
}

impl Feeder {
    /// Listens on a free port of the loopback.
    pub fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").expect("a free port") }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.listener.local_addr().expect("it is bound").to_string()
    }

    /// The next connection of the source.
    pub fn accept(&self) -> TcpStream {
        self.listener.accept().expect("the source connects").0
    }

    /// Sends the text over the next connection and ends it.
    pub fn send(&self, text: &str) {
        self.accept().write_all(text.as_bytes()).expect("the source reads");
    }
}

/// Ends a connection with a reset instead of an end.
pub fn reset(stream: TcpStream) {
    let runtime = engine();
    let _inside = runtime.runtime.enter();
    stream.set_nonblocking(true).expect("it is a socket");
    let stream = tokio::net::TcpStream::from_std(stream).expect("it is a socket");
    stream.set_zero_linger().expect("it is a socket");
}

/// Batches as they come out of a stream.
#[derive(Debug)]
pub struct Collected {
    batches: Receiver<(BatchTime, Vec<RecordBatch>)>,
}

impl Collected {
    /// Collects what comes out of the stream.
    pub fn of(stream: &DStream) -> Self {
        let (sender, batches): (Sender<_>, _) = unbounded();
        stream.for_each_batch(move |time, partitions| -> Result<(), BoxError> {
            let rows: Vec<RecordBatch> = partitions.iter().flatten().cloned().collect();
            sender.send((time, rows))?;
            Ok(())
        });
        Self { batches }
    }

    /// Adds up pairs of text and number, over batches, until `enough` says so.
    pub fn counts_until(
        &self,
        mut enough: impl FnMut(&BTreeMap<String, i64>) -> bool,
    ) -> BTreeMap<String, i64> {
        let mut counts = BTreeMap::new();
        while !enough(&counts) {
            let (_, rows) = self.batches.recv_timeout(PATIENCE).expect("a batch comes");
            for slice in rows {
                add_counts(&slice, &mut counts);
            }
        }
        counts
    }
}

fn add_counts(slice: &RecordBatch, counts: &mut BTreeMap<String, i64>) {
    let words = slice.column(0).as_string::<i32>();
    let numbers = slice.column(1).as_primitive::<Int64Type>();
    for (word, number) in words.iter().zip(numbers.values()) {
        *counts.entry(word.unwrap_or("null").to_owned()).or_insert(0) += number;
    }
}
