//! Ingest: lines of CSV, in columns by a schema.
//!
//! Takes whole lines, and of each stream the line that names its columns, if it has one. Gives
//! slices of the schema's columns. Never lets a bad line take a good one with it, and never reads a
//! line by another stream's header.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::csv_cells::CellColumn;
use super::csv_fields::CsvFields;
use super::decoder::{Decoded, Decoder, each_line};
use super::line_column::too_long;
use super::row_width::RowWidth;
use crate::limits::{SLICE_BYTES_MAX, SLICE_ROWS_MAX};
use crate::model::finding::list_words;
use crate::model::schema::StreamSchema;
use crate::model::source::CsvFormat;
use crate::model::text::number_of;

/// Columns that lines of CSV become.
pub struct CsvColumns {
    schema: SchemaRef,
    line_bytes_max: usize,
    row_bytes: usize,
    fields: CsvFields,
    /// By stream, where its columns stand. A stream that is not here yet has its header to come.
    heads: BTreeMap<u64, Head>,
    has_header: bool,
    stream: u64,
    /// The open slice.
    columns: Vec<CellColumn>,
    rows: usize,
    bytes: usize,
}

/// Where the columns of the schema stand in a line.
#[derive(Debug, Clone)]
enum Head {
    /// A line has so many fields; of each column the number of its field.
    Places { fields: usize, of: Vec<usize> },
    /// The header cannot be used, for that reason: no line below it can be read.
    Bad(String),
}

impl CsvColumns {
    /// Columns of that schema, from lines of at most so many bytes.
    pub fn new(csv: CsvFormat, schema: &StreamSchema, line_bytes_max: usize) -> Self {
        let arrow = schema.to_arrow();
        let columns = schema.columns.iter().cloned();
        Self {
            row_bytes: RowWidth::of_csv(&arrow).row_bytes,
            schema: arrow,
            line_bytes_max,
            fields: CsvFields::new(csv.delimiter, csv.quote),
            heads: BTreeMap::new(),
            has_header: csv.header,
            stream: 0,
            // Invariant: a source with lists is refused before its decoder is made.
            columns: columns.filter_map(CellColumn::new).collect(),
            rows: 0,
            bytes: 0,
        }
    }

    fn awaits_header(&self) -> bool {
        self.has_header && !self.heads.contains_key(&self.stream)
    }

    fn line(&mut self, line: &str, decoded: &mut Decoded) {
        let bytes = line.as_bytes();
        if line.is_empty() {
            // It is passed over, as everywhere: a row of one empty field is written in quotes.
            return;
        }
        if line.len() > self.line_bytes_max {
            self.line_lost();
            decoded.bad.add(|| too_long(self.line_bytes_max), bytes);
        } else if self.awaits_header() {
            let head = self.header(line);
            if let Head::Bad(reason) = &head {
                decoded.bad.add(|| reason.clone(), bytes);
            }
            self.heads.insert(self.stream, head);
        } else if let Err(reason) = self.row(line, decoded) {
            decoded.bad.add(|| reason, bytes);
        }
    }

    /// What a header says of where columns stand.
    fn header(&mut self, line: &str) -> Head {
        if let Err(problem) = self.fields.cut(line) {
            return Head::Bad(format!("the header is no line of csv: {problem}"));
        }
        let mut of = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let name = column.name();
            let named = |(_, field): &(usize, &str)| *field == name;
            let mut places = self.fields.all().enumerate().filter(named).map(|(at, _)| at);
            match (places.next(), places.next()) {
                (Some(at), None) => of.push(at),
                (Some(_), Some(_)) => {
                    return Head::Bad(format!("the header names column `{name}` twice"));
                }
                (None, _) => {
                    let names = list_words(self.fields.all());
                    return Head::Bad(format!("the header has no column `{name}`, it has {names}"));
                }
            }
        }
        Head::Places { fields: self.fields.count(), of }
    }

    /// Appends a row to the open slice, or nothing at all.
    fn row(&mut self, line: &str, decoded: &mut Decoded) -> Result<(), String> {
        let head = self.heads.get(&self.stream);
        let (fields, of) = match head {
            Some(Head::Bad(reason)) => {
                return Err(format!("a line stands below a header that cannot be used: {reason}"));
            }
            Some(Head::Places { fields, of }) => (*fields, Some(of)),
            None => (self.columns.len(), None),
        };
        self.fields.cut(line)?;
        if self.fields.count() != fields {
            let found = number_of(self.fields.count(), "field", "fields");
            let of = if of.is_some() { "its header" } else { "the schema" };
            return Err(format!("a line has {found}, {of} has {fields}"));
        }
        let bytes = line.len() + self.row_bytes;
        if self.bytes + bytes > SLICE_BYTES_MAX || self.rows == SLICE_ROWS_MAX {
            close(&self.schema, &mut self.columns, decoded, &mut self.rows);
            self.bytes = 0;
        }
        let refused = self.columns.iter_mut().enumerate().find_map(|(number, column)| {
            let place = of.map_or(number, |of| of[number]);
            column.take(&self.fields, place).err()
        });
        if let Some(refusal) = refused {
            self.columns.iter_mut().for_each(|column| column.truncate(self.rows));
            return Err(refusal);
        }
        self.rows += 1;
        self.bytes += bytes;
        Ok(())
    }
}

/// Makes a slice of the open rows.
fn close(schema: &SchemaRef, columns: &mut [CellColumn], decoded: &mut Decoded, rows: &mut usize) {
    if std::mem::take(rows) == 0 {
        return;
    }
    let columns = columns.iter_mut().map(CellColumn::finish).collect();
    let slice = RecordBatch::try_new(Arc::clone(schema), columns);
    decoded.slices.push(slice.expect("columns are of the schema, and a row is in each or in none"));
}

impl Decoder for CsvColumns {
    fn decode(&mut self, lines: &[u8], decoded: &mut Decoded) {
        if let Ok(text) = simdutf8::basic::from_utf8(lines) {
            let mut start = 0;
            for end in memchr::memchr_iter(b'\n', lines) {
                let line = &text[std::mem::replace(&mut start, end + 1)..end];
                self.line(line.strip_suffix('\r').unwrap_or(line), decoded);
            }
            return;
        }
        for line in each_line(lines) {
            match simdutf8::basic::from_utf8(line) {
                Ok(line) => self.line(line, decoded),
                Err(_) => {
                    self.line_lost();
                    decoded.bad.add(|| "a line is not valid UTF-8".to_owned(), line);
                }
            }
        }
    }

    fn finish(&mut self, decoded: &mut Decoded) {
        close(&self.schema, &mut self.columns, decoded, &mut self.rows);
        self.bytes = 0;
    }

    fn open_bytes(&self) -> usize {
        self.bytes
    }

    fn turn_to(&mut self, stream: u64) {
        self.stream = stream;
    }

    fn stream_over(&mut self) {
        self.heads.remove(&self.stream);
    }

    fn line_lost(&mut self) {
        if self.awaits_header() {
            let reason = "the header could not be read".to_owned();
            self.heads.insert(self.stream, Head::Bad(reason));
        }
    }

    fn first_line(&mut self, line: &[u8]) {
        match std::str::from_utf8(line) {
            Ok(line) if self.awaits_header() && line.len() <= self.line_bytes_max => {
                let head = self.header(line);
                self.heads.insert(self.stream, head);
            }
            _ => self.line_lost(),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{Array, RecordBatch};
    use proptest::prelude::*;

    use super::*;
    use crate::ingest::bad_row::BadRows;
    use crate::ingest::json_columns::JsonColumns;
    use crate::model::policy::OnBadRow;
    use crate::model::schema::Column;

    fn schema(columns: &str) -> StreamSchema {
        let column = |word: &str| {
            let (name, data_type) = word.split_once(':').expect("name:type");
            let required = data_type.trim_end_matches('?');
            let column = Column::new(name, required.parse().expect(required));
            if required == data_type { column } else { column.nullable() }
        };
        StreamSchema::new(columns.split_whitespace().map(column).collect())
    }

    fn columns(header: bool, columns: &str) -> CsvColumns {
        CsvColumns::new(CsvFormat { header, ..CsvFormat::default() }, &schema(columns), 1_000)
    }

    fn decode(mut by: CsvColumns, lines: &[u8]) -> (Vec<RecordBatch>, BadRows) {
        let mut decoded = Decoded::new(&OnBadRow::DeadLetter("kept".into()));
        by.decode(lines, &mut decoded);
        by.finish(&mut decoded);
        assert_eq!(by.open_bytes(), 0);
        (decoded.slices, decoded.bad)
    }

    fn reasons(bad: &BadRows) -> Vec<&str> {
        bad.rows.iter().map(|row| row.reason.as_str()).collect()
    }

    #[test]
    fn lines_become_rows_by_position() {
        let lines = "a,1,\r\n\n\"b,\"\"c\"\"\",-2,true\n,3,false\n";
        let (slices, bad) = decode(columns(false, "t:utf8 n:int64 on:bool?"), lines.as_bytes());
        assert_eq!((slices.len(), bad.count), (1, 0));
        assert_eq!(slices[0].schema(), schema("t:utf8 n:int64 on:bool?").to_arrow());
        let texts: Vec<_> = slices[0].column(0).as_string::<i32>().iter().flatten().collect();
        assert_eq!(texts, ["a", "b,\"c\"", ""]);
        assert_eq!(slices[0].column(1).as_primitive::<Int64Type>().values(), &[1, -2, 3]);
        assert!(slices[0].column(2).is_null(0) && slices[0].column(0).nulls().is_none());
    }

    #[test]
    fn a_header_says_where_columns_stand() {
        let lines = "more,n,t\nx,1,a\ny,2,\n";
        let (slices, bad) = decode(columns(true, "t:utf8? n:int64"), lines.as_bytes());
        assert_eq!((slices[0].num_rows(), bad.count), (2, 0));
        let texts: Vec<_> = slices[0].column(0).as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("a"), None]);
        assert_eq!(slices[0].column(1).as_primitive::<Int64Type>().values(), &[1, 2]);
    }

    #[test]
    fn each_kind_of_bad_line_is_told_and_left_out() {
        for (line, reason) in [
            ("x,b,c,true", "column `n` is `x`, expected int64"),
            ("1,b,c,yes", "column `on` is `yes`, expected bool, `true` or `false`"),
            (",b,c,true", "column `n` is empty, expected int64"),
            ("1,b,true", "a line has 3 fields, the schema has 4"),
            ("1,b,c,true,", "a line has 5 fields, the schema has 4"),
            (
                "1,\"b,c,true",
                "a quoted field does not end on its line; line breaks in fields are \
                             not supported",
            ),
            ("1,b\",c,true", "a quote stands in a field that does not begin with one"),
        ] {
            let good = "1,b,c,true";
            let lines = format!("{good}\n{line}\n{good}\n");
            let by = columns(false, "n:int64 a:utf8 b:utf8 on:bool");
            let (slices, bad) = decode(by, lines.as_bytes());
            assert_eq!(reasons(&bad), [reason], "{line}");
            assert_eq!(bad.rows[0].text, line.as_bytes());
            assert_eq!(slices[0].num_rows(), 2, "{line}");
        }
        let (slices, bad) = decode(columns(false, "t:utf8"), b"\xc3\n\xa9\nok\n");
        assert_eq!((slices[0].num_rows(), reasons(&bad)[0]), (1, "a line is not valid UTF-8"));
        let long = format!("{}\nok\n", "x".repeat(1_001));
        let (slices, bad) = decode(columns(false, "t:utf8"), long.as_bytes());
        assert_eq!((slices[0].num_rows(), bad.count), (1, 1));
    }

    #[test]
    fn lines_below_a_header_that_cannot_be_used_are_bad() {
        let long = format!("n,t,{}", "x".repeat(1_000));
        for (header, reason) in [
            ("n,u", "the header has no column `t`, it has `n`, `u`"),
            ("n,t,n", "the header names column `n` twice"),
            (
                "n,\"t",
                "the header is no line of csv: a quoted field does not end on its line; line \
                      breaks in fields are not supported",
            ),
            (long.as_str(), "a line is longer than 1000 bytes"),
        ] {
            let lines = format!("{header}\n1,a\n2,b\n");
            let (slices, bad) = decode(columns(true, "n:int64 t:utf8"), lines.as_bytes());
            assert_eq!((slices.len(), bad.count, reasons(&bad)[0]), (0, 3, reason));
            let below = "a line stands below a header that cannot be used: ";
            assert!(reasons(&bad)[1..].iter().all(|reason| reason.starts_with(below)), "{header}");
        }
        let (slices, bad) = decode(columns(true, "n:int64"), b"\xff\n1\n");
        assert_eq!((slices.len(), bad.count), (0, 2), "a header that is no text is lost");
    }

    #[test]
    fn each_stream_has_its_own_header() {
        let mut by = columns(true, "n:int64 t:utf8");
        let mut decoded = Decoded::new(&OnBadRow::Fail);
        let mut read = |stream: u64, lines: &[u8], over: bool| {
            by.turn_to(stream);
            by.decode(lines, &mut decoded);
            if over {
                by.stream_over();
            }
        };
        read(1, b"n,t\n1,a\n", false);
        read(2, b"t,n\nb,2\n", false);
        read(1, b"3,c\n", true);
        read(2, b"d,4\n", true);
        read(1, b"t,n,x\ne,5,\n", true);
        by.finish(&mut decoded);
        assert_eq!(decoded.bad.first, None);
        let numbers = decoded.slices[0].column(0).as_primitive::<Int64Type>().values();
        assert_eq!(numbers, &[1, 2, 3, 4, 5]);
        assert!(by.heads.is_empty(), "streams that are over leave nothing");
    }

    #[test]
    fn a_header_can_be_given_and_can_be_lost() {
        let mut by = columns(true, "n:int64 t:utf8");
        by.first_line(b"t,n");
        let (slices, bad) = decode(by, b"a,1\n");
        assert_eq!((slices[0].num_rows(), bad.count), (1, 0));
        let mut by = columns(true, "n:int64");
        by.line_lost();
        let (slices, bad) = decode(by, b"n\n1\n");
        assert_eq!((slices.len(), bad.count), (0, 2));
    }

    /// What JSON takes as text of a number, day or time means the same here.
    #[test]
    fn values_mean_what_they_mean_in_json() {
        for (data_type, value) in [
            ("int64", "1e3"),
            ("int32", "-2147483648"),
            ("uint64", "18446744073709551615"),
            ("float64", "1.5e-300"),
            ("decimal128(9,2)", "125e-2"),
            ("decimal128(38,10)", "-1.0000000001"),
            ("date32", "\"2000-02-29\""),
            ("date32", "\"-0044-03-15\""),
            ("timestamp", "\"2013-01-01\""),
            ("timestamp", "\"2013-01-01T02:47:10Z\""),
            ("timestamp", "\"2013-01-01 02:47:10.123456000+05:30\""),
            ("timestamp", "\"2013-01-01T024710Z\""),
            ("timestamp", "\"1969-12-31T23:59:59.999999 -08\""),
            ("binary", "\"00fF\""),
            ("bool", "true"),
        ] {
            let of = schema(&format!("v:{data_type}"));
            let mut decoded = Decoded::new(&OnBadRow::Fail);
            let line = format!("{{\"v\":{value}}}\n");
            JsonColumns::new(of, 1_000).decode(line.as_bytes(), &mut decoded);
            let (slices, bad) =
                decode(columns(false, &format!("v:{data_type}")), format!("{value}\n").as_bytes());
            assert_eq!((bad.first, &slices), (None, &decoded.slices), "{data_type} of {value}");
        }
    }

    #[test]
    fn slices_stay_within_their_limits() {
        let lines = ",,\n".repeat(200_000);
        let (slices, bad) = decode(columns(false, "a:int64? b:float64? c:utf8?"), lines.as_bytes());
        assert_eq!(
            (slices.iter().map(RecordBatch::num_rows).sum::<usize>(), bad.count),
            (200_000, 0)
        );
        for slice in &slices {
            assert!(slice.num_rows() <= SLICE_ROWS_MAX);
            assert!(slice.get_array_memory_size() <= SLICE_BYTES_MAX + 4096);
        }
    }

    proptest! {
        #[test]
        fn junk_is_cut_into_rows_and_bad_rows(
            junk in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(vec![b'\n', b'\r', b',', b'"', b'a', 0xc3, 0xa9]),
                    any::<u8>()
                ],
                0..200,
            ),
        ) {
            let lines = [&junk[..], b"\n"].concat();
            let (slices, bad) = decode(columns(false, "t:utf8?"), &lines);
            let rows: usize = slices.iter().map(RecordBatch::num_rows).sum();
            let expected = each_line(&lines).filter(|line| !line.is_empty()).count();
            prop_assert_eq!(rows as u64 + bad.count, expected as u64);
        }

        #[test]
        fn a_bad_line_takes_no_good_one_with_it(
            lines in prop::collection::vec((0_i64..1_000, 0_usize..6), 0..60),
        ) {
            let text: String = lines
                .iter()
                .map(|(n, kind)| match kind {
                    0 => format!("\"{n}\n"),
                    1 => format!("{n},{n}\n"),
                    2 => format!("{n},x,\n"),
                    3 => format!("x{n},x\n"),
                    _ => format!("x,{n}\n"),
                })
                .collect();
            let (slices, bad) = decode(columns(false, "t:utf8 n:int64"), text.as_bytes());
            let good = |kind: usize| kind == 1 || kind > 3;
            let expected: Vec<i64> = lines.iter().filter(|l| good(l.1)).map(|l| l.0).collect();
            prop_assert_eq!(bad.count, (lines.len() - expected.len()) as u64);
            let values = |slice: &RecordBatch| slice.column(1).as_primitive::<Int64Type>().clone();
            let got: Vec<i64> = slices.iter().flat_map(|s| values(s).values().to_vec()).collect();
            prop_assert_eq!(got, expected);
        }
    }
}
