//! A receiver of one's own: bundles of lines over TCP, each acknowledged once it is stored.
//!
//! Run it with `cargo run -p tidemill --example custom_receiver -- 127.0.0.1:9999`, where something
//! like `nc -lk 9999` listens. Write some lines and then an empty one: what came since the last
//! empty line is one block, and `stored N` comes back when the job knows it. A sender that keeps
//! its lines until then loses none, whenever either side dies.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_array::{Array, RecordBatch, StringArray};
use tidemill::api::context::StreamingContext;
use tidemill::api::dstream::DStream;
use tidemill::driver::engine::{Engine, EngineConfig};
use tidemill::model::column_type::ColumnType;
use tidemill::model::receiver::{BoxError, Receiver, ReceiverHandle};
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::wasm::compile::Compiler;

/// Reads bundles of lines from an address.
pub struct Bundles {
    address: String,
    /// The connection, for whoever must end it while its thread waits for a line.
    connection: Mutex<Option<TcpStream>>,
}

impl Bundles {
    fn reading(address: &str) -> Self {
        Self { address: address.to_owned(), connection: Mutex::default() }
    }

    fn keep(&self, connection: Option<TcpStream>) -> Option<TcpStream> {
        let mut kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *kept, connection)
    }
}

impl Receiver for Bundles {
    /// Stays until the connection ends. The error that it ends with is told, and it is started
    /// again after a while.
    fn on_start(&self, handle: ReceiverHandle) -> Result<(), BoxError> {
        let mut stream = TcpStream::connect(&self.address)?;
        self.keep(Some(stream.try_clone()?));
        let mut bundle = Vec::new();
        for line in BufReader::new(stream.try_clone()?).lines() {
            let line = line?;
            if !line.is_empty() {
                bundle.push(line);
                continue;
            }
            let lines = Arc::new(StringArray::from(std::mem::take(&mut bundle)));
            let count = lines.len();
            handle.store_block(RecordBatch::try_new(handle.schema().clone(), vec![lines])?)?;
            // Not before: until it has returned, the lines are the sender's.
            writeln!(stream, "stored {count}")?;
        }
        if handle.is_stopped() { Ok(()) } else { Err("the sender closed the connection".into()) }
    }

    /// Wakes the thread that waits for a line.
    fn on_stop(&self) {
        if let Some(connection) = self.keep(None) {
            // It fails when the connection is gone already.
            let _ended = connection.shutdown(Shutdown::Both);
        }
    }
}

/// The lines of all bundles from an address.
pub fn bundles(context: &StreamingContext, address: &str) -> DStream {
    let schema = StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)]);
    context.receiver_stream(schema, Bundles::reading(address))
}

fn main() -> Result<(), BoxError> {
    let address = std::env::args().nth(1).ok_or("say where to read, such as 127.0.0.1:9999")?;
    let folder = std::env::temp_dir().join("tidemill-example");
    let engine = Engine::start(EngineConfig::new(folder, Compiler::InProcess))?;
    let mut context = StreamingContext::new(&engine, Duration::from_secs(1));
    bundles(&context, &address).count().print(10);
    context.start()?;
    Ok(context.await_termination()?)
}
