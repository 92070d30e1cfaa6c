//! Cli: rows as JSON lines, on their way to an operator and back.
//!
//! Takes text, and reads it as a source of a job does. Gives slices with the line of every row, and
//! text again, written as a sink of a job does. Never passes over a line that is no row: it is
//! named by its number.

use std::collections::VecDeque;
use std::io::{BufRead, Read, Write};

use anyhow::{Context, bail, ensure};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use tidemill::ingest::decoder::{Decoded, Decoder, each_line};
use tidemill::ingest::json_columns::JsonColumns;
use tidemill::ingest::line_buffer::LineBuffer;
use tidemill::limits::{LINE_BYTES_MAX, RECEIVE_BYTES, SLICE_BYTES_MAX};
use tidemill::model::policy::OnBadRow;
use tidemill::model::schema::StreamSchema;
use tidemill::sink::json_lines::json_lines;

/// Reads slices of rows.
pub struct RowReader<'a> {
    input: &'a mut dyn BufRead,
    schema: SchemaRef,
    columns: JsonColumns,
    lines: LineBuffer,
    /// Lines that were taken so far.
    taken: usize,
    ended: bool,
    ready: VecDeque<Slice>,
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
    pub fn new(input: &'a mut dyn BufRead, schema: &StreamSchema) -> Self {
        Self {
            input,
            schema: schema.to_arrow(),
            columns: JsonColumns::new(schema.clone(), LINE_BYTES_MAX),
            lines: LineBuffer::new(LINE_BYTES_MAX),
            taken: 0,
            ended: false,
            ready: VecDeque::new(),
        }
    }

    /// The next slice; `None` at the end.
    ///
    /// # Errors
    /// When a line is no row, or too long.
    pub fn next_slice(&mut self) -> anyhow::Result<Option<Slice>> {
        while self.ready.is_empty() && !self.ended {
            self.read()?;
            self.decode()?;
        }
        Ok(self.ready.pop_front())
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

    /// Reads lines for a slice, or all that are left.
    fn read(&mut self) -> anyhow::Result<()> {
        while !self.ended && self.lines.lines().len() < SLICE_BYTES_MAX {
            let room = self.lines.room();
            let before = room.len();
            let mut piece = (&mut *self.input).take(RECEIVE_BYTES as u64);
            let read = piece.read_to_end(room).context("failed to read rows")?;
            if self.lines.appended(before).is_some() {
                let number = self.taken + each_line(self.lines.lines()).count() + 1;
                bail!("line {number}: a line is longer than {LINE_BYTES_MAX} bytes");
            }
            if read < RECEIVE_BYTES {
                self.lines.ended();
                self.ended = true;
            }
        }
        Ok(())
    }

    /// Makes slices of the lines that were read.
    fn decode(&mut self) -> anyhow::Result<()> {
        let text = self.lines.lines();
        let mut decoded = Decoded::new(&OnBadRow::Fail);
        decoded.bad.reading(text, 0);
        self.columns.decode(text, &mut decoded);
        self.columns.finish(&mut decoded);
        if let (Some(first), Some(at)) = (decoded.bad.first, decoded.bad.first_at) {
            let before = each_line(&text[..usize::try_from(at)?]).count();
            bail!("line {}: {first}", self.taken + before + 1);
        }
        let numbered = each_line(text).zip(self.taken + 1..);
        let rows = numbered.filter(|(line, _)| !line.trim_ascii().is_empty());
        let numbers: Vec<usize> = rows.map(|(_, number)| number).collect();
        let mut numbers = numbers.into_iter();
        for slice in decoded.slices {
            let lines = numbers.by_ref().take(slice.num_rows()).collect();
            self.ready.push_back(Slice { rows: slice, lines });
        }
        self.taken += each_line(text).count();
        self.lines.lines_taken();
        Ok(())
    }
}

/// Writes rows, a JSON object a line; nulls are spelled out.
///
/// # Errors
/// When they cannot be written.
pub fn write_rows(rows: &RecordBatch, out: &mut dyn Write) -> anyhow::Result<()> {
    Ok(out.write_all(&json_lines(rows))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidemill::model::schema::Column;

    fn check_columns(columns: &[&str], text: &str, expected: Result<&str, &str>) {
        let column = |word: &&str| {
            let (name, data_type) = word.split_once(": ").expect("name: type");
            let required = data_type.trim_end_matches('?');
            let column = Column::new(name, required.parse().expect("a type"));
            if required == data_type { column } else { column.nullable() }
        };
        let schema = StreamSchema::new(columns.iter().map(column).collect());
        let mut input = text.as_bytes();
        let mut reader = RowReader::new(&mut input, &schema);
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

    fn check(text: &str, expected: Result<&str, &str>) {
        check_columns(&["word: utf8", "n: int64?"], text, expected);
    }

    #[test]
    fn rows_come_back_as_they_went() {
        check("", Ok(""));
        check("\n \n", Ok(""));
        check(
            "\u{feff}{\"n\": 1, \"word\": \"a\"}\r\n\n{\"word\":\"\u{fc}\",\"more\":0}",
            Ok("{\"word\":\"a\",\"n\":1}\n{\"word\":\"\u{fc}\",\"n\":null}\n"),
        );
    }

    /// What was lost: no row with a time could be tried at all, `"1"` was the integer 1 here and a
    /// bad row in a job, and so were days and decimals that a job refuses.
    #[test]
    fn times_days_and_decimals_come_back_as_they_went() {
        let columns =
            ["at: timestamp?", "day: date32", "sum: decimal128(9,2)", "of: list<date32?>"];
        let rows = concat!(
            r#"{"at":"2013-01-01T02:47:10.000001Z","day":"2000-02-29","sum":-1.25,"of":[]}"#,
            "\n",
            r#"{"at":null,"day":"-0044-03-15","sum":9999999.99,"of":["+10000-01-01",null]}"#,
            "\n",
        );
        check_columns(&columns, rows, Ok(rows));
        let other = |at: &str, day: &str, sum: &str, expected: &str| {
            let row = format!("{{\"at\":{at},\"day\":{day},\"sum\":{sum},\"of\":[]}}\n");
            check_columns(&columns, &row, Err(expected));
        };
        other("1.5", "1", "1", "line 1: column `at` is `1.5`, expected timestamp");
        other("1", "\"2001-02-29\"", "1", "column `day` is `\"2001-02-29\"`, expected date32");
        other("1", "1", "1.005", "column `sum` is `1.005`, expected decimal128(9,2)");
    }

    #[test]
    fn line_that_is_no_row_is_named() {
        check(
            "{\"word\":\"a\"}\n\n{\"n\": 1}\n",
            Err("line 3: column `word` is missing, expected utf8: `{\"n\": 1}`"),
        );
        check("{\"word\": null}\n", Err("line 1: column `word` is null, expected utf8"));
        check("word\n", Err("line 1: a line is not JSON"));
        check("{\"word\": 1}\n", Err("line 1: column `word` is `1`, expected utf8"));
        let bent = "{\"word\": \"a\", \"n\": \"1\"}\n";
        check(bent, Err("line 1: column `n` is `\"1\"`, expected int64"));
        check("{\"word\": \"a\"} {\"word\": \"b\"}\n", Err("line 1: a line is not JSON"));
        check("{\"word\":\n\"a\"}\n", Err("line 1: a line is not JSON"));
    }

    #[test]
    fn rows_of_many_slices_keep_their_lines() {
        let line = format!("{{\"word\":\"{}\"}}\n\n", "w".repeat(1000));
        let text = line.repeat(5000);
        let schema = StreamSchema::new(vec![Column::new("word", "utf8".parse().expect("a type"))]);
        let mut input = text.as_bytes();
        let mut reader = RowReader::new(&mut input, &schema);
        let mut lines = Vec::new();
        while let Some(slice) = reader.next_slice().expect("they are rows") {
            assert_eq!(slice.rows.num_rows(), slice.lines.len());
            lines.extend(slice.lines);
        }
        assert_eq!(lines, (0..5000).map(|row| 2 * row + 1).collect::<Vec<_>>());
        let bad = format!("{text}\"a\"\n");
        let mut input = bad.as_bytes();
        let mut reader = RowReader::new(&mut input, &schema);
        let error = reader.whole(usize::MAX).err().expect("the last line is no row").to_string();
        assert!(error.starts_with("line 10001: a line is a JSON string"), "{error}");
    }

    #[test]
    fn line_without_an_end_is_bounded() {
        let mut text = b"{\"word\":\"a\"}\n".to_vec();
        text.resize(LINE_BYTES_MAX + RECEIVE_BYTES + 100, b'x');
        let schema = StreamSchema::new(vec![Column::new("word", "utf8".parse().expect("a type"))]);
        let mut input = &text[..];
        let error = RowReader::new(&mut input, &schema).next_slice().err().expect("too long");
        let expected = format!("line 2: a line is longer than {LINE_BYTES_MAX} bytes");
        assert_eq!(error.to_string(), expected);
    }
}
