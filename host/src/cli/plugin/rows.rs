//! Cli: rows as JSON lines, on their way to an operator and back.
//!
//! Takes text. Gives record batches of a bounded size, and text again. Never passes over a line
//! that is no row: it is named by its number.

use std::io::{BufRead, Read, Write};

use anyhow::{Context, ensure};
use arrow_array::RecordBatch;
use arrow_json::reader::ReaderBuilder;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::SchemaRef;
use serde_json::{Map, Value};
use tidemill::limits::{LINE_BYTES_MAX, SLICE_BYTES_MAX, SLICE_ROWS_MAX};
use tidemill::model::column_type::ColumnType;
use tidemill::model::finding::list_words;
use tidemill::model::text::escape;

/// Bytes of a bad line that its error shows.
const SHOWN_BYTES_MAX: usize = 80;
/// Bytes of the reason that follows it.
const REASON_BYTES_MAX: usize = 400;

/// Reads slices of rows.
pub struct RowReader<'a> {
    input: &'a mut dyn BufRead,
    schema: SchemaRef,
    /// The line that was read last, from 1.
    line: usize,
    ended: bool,
}

/// Rows, and the line that each came from.
pub struct Slice {
    /// The rows.
    pub rows: RecordBatch,
    /// Their lines, from 1.
    pub lines: Vec<usize>,
}

impl<'a> RowReader<'a> {
    /// Rows of that schema.
    pub fn new(input: &'a mut dyn BufRead, schema: SchemaRef) -> Self {
        Self { input, schema, line: 0, ended: false }
    }

    /// The next slice; `None` at the end.
    ///
    /// # Errors
    /// When a line is no row, or too long.
    pub fn next_slice(&mut self) -> anyhow::Result<Option<Slice>> {
        let (mut text, mut lines) = (Vec::new(), Vec::new());
        while !self.ended && text.len() < SLICE_BYTES_MAX && lines.len() < SLICE_ROWS_MAX {
            let before = text.len();
            self.read_line(&mut text)?;
            if text[before..].iter().all(u8::is_ascii_whitespace) {
                text.truncate(before);
            } else {
                lines.push(self.line);
            }
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let rows = match self.decode(&text, lines.len()) {
            Ok(rows) => rows,
            Err(error) => return Err(self.blame(&text, &lines).unwrap_or(error)),
        };
        Ok(Some(Slice { rows, lines }))
    }

    /// Everything that is left, as one slice.
    ///
    /// # Errors
    /// As [`RowReader::next_slice`], and when it is more than `bytes_max`.
    pub fn whole(&mut self, bytes_max: usize) -> anyhow::Result<Slice> {
        let mut slices = Vec::new();
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while let Some(slice) = self.next_slice()? {
            bytes += slice.rows.get_array_memory_size();
            ensure!(bytes <= bytes_max, "the rows need {bytes} bytes, a partition is {bytes_max}");
            slices.push(slice.rows);
            lines.extend(slice.lines);
        }
        let rows = arrow_select::concat::concat_batches(&self.schema, &slices)?;
        Ok(Slice { rows, lines })
    }

    fn read_line(&mut self, text: &mut Vec<u8>) -> anyhow::Result<()> {
        self.line += 1;
        let before = text.len();
        let allowed = LINE_BYTES_MAX as u64 + 1;
        let mut input = (&mut *self.input).take(allowed);
        input.read_until(b'\n', text).context("failed to read rows")?;
        self.ended = text.last() != Some(&b'\n') || text.len() == before;
        ensure!(
            text.len() - before <= LINE_BYTES_MAX,
            "line {}: it is longer than {LINE_BYTES_MAX} bytes",
            self.line
        );
        if self.ended {
            text.push(b'\n');
        }
        Ok(())
    }

    fn decode(&self, text: &[u8], rows: usize) -> anyhow::Result<RecordBatch> {
        let mut decoder =
            ReaderBuilder::new(self.schema.clone()).with_batch_size(rows).build_decoder()?;
        let read = decoder.decode(text)?;
        let batch = decoder.flush()?.context("expected a JSON object")?;
        ensure!(
            read == text.len() && batch.num_rows() == rows,
            "expected one JSON object, found more"
        );
        Ok(batch)
    }

    /// The columns that an object lacks, and those it has.
    fn lacks(&self, line: &[u8]) -> Option<String> {
        let object: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let lacking = self.schema.fields().iter().filter(|field| {
            !field.is_nullable() && object.get(field.name()).is_none_or(Value::is_null)
        });
        let lacking: Vec<String> = lacking
            .map(|field| {
                let word = ColumnType::from_arrow(field.data_type());
                let word = word.map_or_else(|| field.data_type().to_string(), |w| w.to_string());
                format!("{}: {word}", field.name())
            })
            .collect();
        let found: Vec<String> = object
            .iter()
            .map(
                |(name, value)| if value.is_null() { format!("{name}: null") } else { name.into() },
            )
            .collect();
        let listed = |words: &[String]| list_words(words.iter().map(String::as_str));
        (!lacking.is_empty())
            .then(|| format!("it needs {}; found {}", listed(&lacking), listed(&found)))
    }

    /// The first line that is no row.
    fn blame(&self, text: &[u8], lines: &[usize]) -> Option<anyhow::Error> {
        let each = text.split_inclusive(|byte| *byte == b'\n');
        let each = each.filter(|line| !line.iter().all(u8::is_ascii_whitespace));
        each.zip(lines).find_map(|(line, number)| {
            let error = self.decode(line, 1).err()?;
            let reason = self.lacks(line).unwrap_or_else(|| format!("{error:#}"));
            // Arrow's words quote the line.
            let reason = escape(&reason, REASON_BYTES_MAX);
            let shown = escape(String::from_utf8_lossy(line).trim(), SHOWN_BYTES_MAX);
            Some(anyhow::anyhow!("line {number}: `{shown}` is no row: {reason}"))
        })
    }
}

/// Writes rows, a JSON object a line; nulls are spelled out.
///
/// # Errors
/// When they cannot be written.
pub fn write_rows(rows: &RecordBatch, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(out);
    writer.write(rows)?;
    writer.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidemill::model::schema::{Column, StreamSchema};

    fn schema() -> SchemaRef {
        StreamSchema::new(vec![
            Column::new("word", ColumnType::Utf8),
            Column::new("n", ColumnType::Int64).nullable(),
        ])
        .to_arrow()
    }

    fn check(text: &str, expected: Result<&str, &str>) {
        let mut input = text.as_bytes();
        let mut reader = RowReader::new(&mut input, schema());
        let mut out = Vec::new();
        let done = loop {
            match reader.next_slice() {
                Ok(Some(slice)) => write_rows(&slice.rows, &mut out).expect("written"),
                Ok(None) => break Ok(String::from_utf8(out).expect("text")),
                Err(error) => break Err(format!("{error:#}")),
            }
        };
        match (done, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("found {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn rows_come_back_as_they_went() {
        check("", Ok(""));
        check("\n \n", Ok(""));
        check(
            "{\"n\": 1, \"word\": \"a\"}\r\n\n{\"word\":\"\u{fc}\",\"more\":0}",
            Ok("{\"word\":\"a\",\"n\":1}\n{\"word\":\"\u{fc}\",\"n\":null}\n"),
        );
    }

    #[test]
    fn line_that_is_no_row_is_named() {
        check(
            "{\"word\":\"a\"}\n\n{\"n\": 1}\n",
            Err("line 3: `{\"n\": 1}` is no row: it needs `word: utf8`; found `n`"),
        );
        check("{\"word\": null}\n", Err("it needs `word: utf8`; found `word: null`"));
        check("{}\n", Err("it needs `word: utf8`; found none"));
        check("word\n", Err("line 1: `word` is no row"));
        check("{\"word\": 1}\n", Err("line 1:"));
        check("{\"word\": \"a\", \"n\": \"b\"}\n", Err("line 1:"));
        check("{\"word\": \"a\"} {\"word\": \"b\"}\n", Err("line 1:"));
        check("{\"word\":\n\"a\"}\n", Err("line 1:"));
    }
}
