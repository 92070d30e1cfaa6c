//! Model: a receiver that a program writes, and what it is given.
//!
//! Takes rows from it. Gives it word of when to stop. Never runs it: that is ingest's work, and
//! the port through which the two meet is here because neither may know the other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::SchemaRef;

use super::column_type::ColumnType;

/// An error of a program's own.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A source of a program's own (Spark's `Receiver`).
///
/// It runs on threads: [`Self::on_start`] has one of its own, on which it may stay and wait as
/// long as it likes, and may start others. So it can use whatever client its source has, most of
/// which wait; it never occupies an executor, and cannot hold up the receivers that share a
/// runtime.
pub trait Receiver: Send + Sync {
    /// Begins to receive. It may return at once and leave handles with threads it has started, or
    /// stay until [`ReceiverHandle::is_stopped`]. Once it has returned and every handle is
    /// dropped, the receiver has ended, and is started again after a wait that grows from one
    /// such end to the next.
    ///
    /// # Errors
    /// An error, and a panic, are told, and the receiver is started again likewise.
    fn on_start(&self, handle: ReceiverHandle) -> Result<(), BoxError>;

    /// Ends what was begun: after each start, when the receiver is to stop or to start anew. What
    /// is stored before it returns is received.
    fn on_stop(&self) {}
}

/// Why rows were not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing is taken any more, from this start of the receiver at least.
    #[error("the receiver has been stopped")]
    Stopped,
    /// They are not rows of the stream.
    #[error("rows do not fit the stream: {0}")]
    Rows(String),
    /// They are too many for one block.
    #[error("a block of {bytes} bytes is too large, at most {bytes_max} are allowed")]
    Block {
        /// What they take.
        bytes: usize,
        /// What they may take.
        bytes_max: usize,
    },
    /// It was called where waiting is not allowed.
    #[error("storing may wait: call it on a thread, not inside an asynchronous runtime")]
    Asynchronous,
}

/// How a receiver wishes to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverEnd {
    /// Why.
    pub message: String,
    /// Whether something went wrong.
    pub failed: bool,
    /// How long until it is started again; `None`: longer from one end to the next.
    pub delay: Option<Duration>,
}

/// What carries out a handle's wishes.
pub trait ReceiverPort: Send + Sync + fmt::Debug {
    /// The columns of the stream.
    fn schema(&self) -> &SchemaRef;

    /// Stores rows that may share a block with others.
    ///
    /// # Errors
    /// As [`ReceiverHandle::store`].
    fn store(&self, rows: RecordBatch) -> Result<(), StoreError>;

    /// Stores rows as one block, and waits until it is known.
    ///
    /// # Errors
    /// As [`ReceiverHandle::store_block`].
    fn store_block(&self, rows: RecordBatch) -> Result<(), StoreError>;

    /// Tells of an error.
    fn report(&self, message: String);

    /// Ends the receiver.
    fn end(&self, end: ReceiverEnd);

    /// Whether the receiver is to stop.
    fn is_stopped(&self) -> bool;
}

/// A receiver's hold on its stream. Clones are the same; many threads may store at once.
#[derive(Debug, Clone)]
pub struct ReceiverHandle(Arc<dyn ReceiverPort>);

impl ReceiverHandle {
    /// A handle whose wishes that port carries out.
    pub fn new(port: Arc<dyn ReceiverPort>) -> Self {
        Self(port)
    }

    /// The columns of the stream.
    pub fn schema(&self) -> &SchemaRef {
        self.0.schema()
    }

    /// Stores rows. Waits for the source's rate and for the byte budget. When it returns they are
    /// received, but in an open block: what a sender must not lose is acknowledged after
    /// [`Self::store_block`].
    ///
    /// # Errors
    /// When they are not rows of the stream, or the receiver has been stopped; then some of the
    /// rows may have been stored.
    pub fn store(&self, rows: RecordBatch) -> Result<(), StoreError> {
        let rows = self.checked(&rows)?;
        if rows.num_rows() == 0 { Ok(()) } else { self.0.store(rows) }
    }

    /// Stores a text, as the row of a stream with one text column.
    ///
    /// # Errors
    /// As [`Self::store`].
    pub fn store_line(&self, line: &str) -> Result<(), StoreError> {
        self.store_lines([line])
    }

    /// Stores texts, each as the row of a stream with one text column.
    ///
    /// # Errors
    /// As [`Self::store`].
    pub fn store_lines<'l>(
        &self,
        lines: impl IntoIterator<Item = &'l str>,
    ) -> Result<(), StoreError> {
        let lines: ArrayRef = Arc::new(StringArray::from_iter_values(lines));
        let schema = self.schema();
        let one_text = schema.fields().len() == 1
            && *schema.field(0).data_type() == ColumnType::Utf8.to_arrow();
        if !one_text {
            let found = format!("a line is one text column, the stream has {}", shown(schema));
            return Err(StoreError::Rows(found));
        }
        let rows = RecordBatch::try_new(Arc::clone(schema), vec![lines]);
        self.store(rows.map_err(|error| StoreError::Rows(error.to_string()))?)
    }

    /// Stores rows as exactly one block. When it returns, the block is kept and the job knows it:
    /// the next batch holds it, and a sender may forget its rows. It waits for the source's rate
    /// and for the byte budget as single rows do.
    ///
    /// # Errors
    /// When they are not rows of the stream, or too large for a block: none is stored then. When
    /// the receiver has been stopped: then nobody knows, and the sender must send them again.
    pub fn store_block(&self, rows: RecordBatch) -> Result<(), StoreError> {
        let rows = self.checked(&rows)?;
        if rows.num_rows() == 0 { Ok(()) } else { self.0.store_block(rows) }
    }

    /// Tells of an error; the receiver goes on.
    pub fn report_error(&self, message: impl Into<String>) {
        self.0.report(message.into());
    }

    /// Has the receiver stop and start again, after so long or, with `None`, after a wait that
    /// grows while nothing is stored. Returns at once.
    pub fn restart(&self, message: impl Into<String>, delay: Option<Duration>) {
        self.0.end(ReceiverEnd { message: message.into(), failed: true, delay });
    }

    /// Ends this start of the receiver. It is started again after a while, as Spark's is, until
    /// the job stops.
    pub fn stop(&self, message: impl Into<String>) {
        self.0.end(ReceiverEnd { message: message.into(), failed: false, delay: None });
    }

    /// Whether the receiver is to stop. Rows are still taken, until [`Receiver::on_stop`] and
    /// [`Receiver::on_start`] have returned.
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped()
    }

    /// The rows under the stream's own schema.
    fn checked(&self, rows: &RecordBatch) -> Result<RecordBatch, StoreError> {
        fit(rows, self.schema()).map_err(StoreError::Rows)
    }
}

/// The rows under that schema, whose names and types they must have.
///
/// # Errors
/// Says what was found and what was expected.
pub fn fit(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let found = rows.schema();
    let same = found.fields().len() == schema.fields().len()
        && found.fields().iter().zip(schema.fields()).all(|(found, wanted)| {
            found.name() == wanted.name() && found.data_type() == wanted.data_type()
        });
    if !same {
        return Err(format!("found columns {}, expected {}", shown(&found), shown(schema)));
    }
    // It finds nulls where none may be.
    RecordBatch::try_new(Arc::clone(schema), rows.columns().to_vec())
        .map_err(|error| error.to_string())
}

fn shown(schema: &SchemaRef) -> String {
    let column = |field: &Arc<arrow_schema::Field>| {
        let nullable = if field.is_nullable() { "?" } else { "" };
        format!("`{}: {}{nullable}`", field.name(), field.data_type())
    };
    schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

/// A receiver as a source holds it.
#[derive(Clone)]
pub struct SharedReceiver(pub Arc<dyn Receiver>);

impl fmt::Debug for SharedReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use arrow_array::Int64Array;
    use arrow_array::cast::AsArray;

    use super::*;
    use crate::model::schema::{Column, StreamSchema};

    /// Writes down what it is asked for.
    #[derive(Debug)]
    struct Recorded {
        schema: SchemaRef,
        asked: Mutex<Vec<String>>,
    }

    impl Recorded {
        fn note(&self, asked: String) {
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        }

        fn note_rows(&self, how: &str, rows: &RecordBatch) {
            let texts = rows.column(0).as_string::<i32>().iter().flatten();
            self.note(format!("{how} {}", texts.collect::<Vec<_>>().join(",")));
        }
    }

    impl ReceiverPort for Recorded {
        fn schema(&self) -> &SchemaRef {
            &self.schema
        }

        fn store(&self, rows: RecordBatch) -> Result<(), StoreError> {
            self.note_rows("store", &rows);
            Ok(())
        }

        fn store_block(&self, rows: RecordBatch) -> Result<(), StoreError> {
            self.note_rows("block", &rows);
            Ok(())
        }

        fn report(&self, message: String) {
            self.note(format!("report {message}"));
        }

        fn end(&self, ReceiverEnd { message, failed, delay }: ReceiverEnd) {
            self.note(format!("end {message} {failed} {delay:?}"));
        }

        fn is_stopped(&self) -> bool {
            false
        }
    }

    fn handle(columns: Vec<Column>) -> (ReceiverHandle, Arc<Recorded>) {
        let schema = StreamSchema::new(columns).to_arrow();
        let port = Arc::new(Recorded { schema, asked: Mutex::default() });
        (ReceiverHandle::new(port.clone()), port)
    }

    fn texts(name: &str, texts: Vec<Option<&str>>) -> RecordBatch {
        let schema = StreamSchema::new(vec![Column::new(name, ColumnType::Utf8).nullable()]);
        let texts = Arc::new(StringArray::from(texts));
        RecordBatch::try_new(schema.to_arrow(), vec![texts]).expect("a column of texts")
    }

    #[test]
    fn rows_that_fit_reach_the_port_and_no_others() {
        let (handle, port) = handle(vec![Column::new("line", ColumnType::Utf8)]);
        handle.store_lines(["a", "b"]).expect("lines are rows");
        handle.store(texts("line", vec![Some("c")])).expect("none of them is null");
        handle.store_block(texts("line", vec![Some("d")])).expect("none of them is null");
        handle.store(texts("line", Vec::new())).expect("no rows are no trouble");
        for (rows, problem) in [
            (texts("line", vec![None]), "non-nullable"),
            (texts("text", vec![Some("x")]), "found columns `text: Utf8?`, expected `line: Utf8`"),
        ] {
            for refused in [handle.store(rows.clone()), handle.store_block(rows)] {
                let error = refused.expect_err("they do not fit").to_string();
                assert!(error.contains(problem), "{error}");
            }
        }
        assert_eq!(*port.asked.lock().expect("no panic"), ["store a,b", "store c", "block d"]);
    }

    #[test]
    fn a_line_is_no_row_of_several_columns() {
        let number = Column::new("n", ColumnType::Int64);
        let (handle, port) = handle(vec![Column::new("line", ColumnType::Utf8), number.clone()]);
        let refused = handle.store_line("a").expect_err("there are two columns").to_string();
        assert!(refused.ends_with("the stream has `line: Utf8`, `n: Int64`"), "{refused}");
        let schema = StreamSchema::new(vec![number]).to_arrow();
        let short = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![1]))]);
        assert!(handle.store(short.expect("one column")).is_err());
        assert!(port.asked.lock().expect("no panic").is_empty());
    }

    #[test]
    fn wishes_of_a_receiver_are_told_as_they_are() {
        let (handle, port) = handle(vec![Column::new("line", ColumnType::Utf8)]);
        handle.report_error("slow");
        handle.restart("moved", Some(Duration::from_secs(2)));
        handle.restart("lost", None);
        handle.stop("enough");
        let expected = [
            "report slow",
            "end moved true Some(2s)",
            "end lost true None",
            "end enough false None",
        ];
        assert_eq!(*port.asked.lock().expect("no panic"), expected);
    }
}
