//! Sink: the first rows of each batch, printed as Spark prints them.
//!
//! Takes a batch. Gives a dashed line, its time, a dashed line, rows, `...` where there are more,
//! and an empty line. Never writes part of a batch between somebody else's lines.

use std::sync::PoisonError;

use arrow_array::RecordBatch;

use super::element::write_element;
use super::{SharedWriter, Sink, SinkError};
use crate::model::time::BatchTime;

const DASHES: &str = "-------------------------------------------";

/// Prints batches.
pub struct PrintSink {
    name: String,
    rows: usize,
    out: SharedWriter,
}

impl PrintSink {
    /// Prints so many rows of a batch.
    pub fn new(name: String, rows: usize, out: SharedWriter) -> Self {
        Self { name, rows, out }
    }
}

impl Sink for PrintSink {
    fn publish(
        &mut self,
        time: BatchTime,
        partitions: &[Vec<RecordBatch>],
    ) -> Result<(), SinkError> {
        let text = printed(time, partitions, self.rows);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|source| SinkError::Print { sink: self.name.clone(), source })
    }
}

fn printed(time: BatchTime, partitions: &[Vec<RecordBatch>], rows: usize) -> String {
    let mut text = format!("{DASHES}\nTime: {time}\n{DASHES}\n");
    let slices = partitions.iter().flatten();
    let mut elements = slices.flat_map(|slice| (0..slice.num_rows()).map(move |row| (slice, row)));
    for (slice, row) in elements.by_ref().take(rows) {
        write_element(&mut text, slice, row);
        text.push('\n');
    }
    if elements.next().is_some() {
        text.push_str("...\n");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use arrow_array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    fn slice(words: &[&str]) -> RecordBatch {
        let counts = Int64Array::from_iter_values(0..words.len() as i64);
        let columns: [(&str, ArrayRef); 2] =
            [("word", Arc::new(StringArray::from(words.to_vec()))), ("count", Arc::new(counts))];
        RecordBatch::try_from_iter(columns).expect("columns of equal length")
    }

    fn publish(rows: usize, partitions: &[Vec<RecordBatch>]) -> String {
        let out = Arc::new(Mutex::new(Vec::new()));
        let mut sink = PrintSink::new("console".to_owned(), rows, Arc::clone(&out) as SharedWriter);
        sink.publish(BatchTime(1_357_008_430_000), partitions).expect("memory takes it");
        let bytes = out.lock().expect("nobody panicked").clone();
        String::from_utf8(bytes).expect("it is text")
    }

    #[test]
    fn a_batch_is_printed_as_spark_prints_it() {
        let head = "-------------------------------------------\nTime: 1357008430000 ms\n\
                    -------------------------------------------\n";
        let partitions = [vec![slice(&["a", "b"])], vec![], vec![slice(&["c"])]];
        assert_eq!(publish(3, &partitions), format!("{head}(a,0)\n(b,1)\n(c,0)\n\n"));
        assert_eq!(publish(2, &partitions), format!("{head}(a,0)\n(b,1)\n...\n\n"));
        assert_eq!(publish(10, &[]), format!("{head}\n"));
        assert_eq!(DASHES.len(), 43);
    }

    #[test]
    fn a_closed_terminal_is_an_error_that_names_the_sink() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::BrokenPipe, "closed"))
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut sink = PrintSink::new("console".to_owned(), 1, Arc::new(Mutex::new(Closed)));
        let error = sink.publish(BatchTime(1), &[]).expect_err("nothing can be written");
        assert_eq!(error.to_string(), "sink `console` cannot print: closed");
    }
}
