//! Ingest: lines that are JSON objects, in columns by a schema.
//!
//! Takes whole lines. Gives slices of the schema's columns. Never lets a bad line take a good one
//! with it: a run that fails as a whole is halved until the lines at fault are alone.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use serde::de::IgnoredAny;

use super::decoder::{Decoded, Decoder, each_line};
use super::json_reason::why_bad;
use super::json_strict::StrictTypes;
use super::line_column::too_long;
use super::row_width::RowWidth;
use super::zone;
use crate::limits::{SLICE_BYTES_MAX, SLICE_ROWS_MAX};
use crate::model::schema::StreamSchema;

/// Columns that JSON lines become.
pub struct JsonColumns {
    schema: StreamSchema,
    arrow: SchemaRef,
    /// What Arrow reads, where that is not quite the schema.
    read_as: Option<SchemaRef>,
    line_bytes_max: usize,
    width: RowWidth,
    /// Used again as long as it succeeds.
    reader: Option<arrow_json::reader::Decoder>,
}

impl JsonColumns {
    /// Columns of that schema, from lines of at most so many bytes.
    pub fn new(schema: StreamSchema, line_bytes_max: usize) -> Self {
        let arrow = schema.to_arrow();
        let width = RowWidth::of_json(&arrow);
        let read_as = zone::by_offset(&arrow);
        Self { schema, arrow, read_as, line_bytes_max, width, reader: None }
    }

    fn run(&mut self, lines: &[&[u8]], decoded: &mut Decoded) {
        let mut parts = Vec::new();
        self.halve(lines, &mut parts, decoded);
        let slice = match &parts[..] {
            [] => return,
            [slice] => slice.clone(),
            [part, ..] => concat_batches(&part.schema(), &parts)
                .expect("parts of a slice have its schema and size"),
        };
        decoded.slices.push(match &self.read_as {
            Some(_) => zone::renamed(&slice, &self.arrow),
            None => slice,
        });
    }

    /// Reads a run; one that fails is read half by half. So a single bad line among many costs
    /// two or three readings of the run, and a run of nothing but bad lines some ten.
    fn halve(&mut self, lines: &[&[u8]], parts: &mut Vec<RecordBatch>, decoded: &mut Decoded) {
        match (self.read(lines), lines) {
            (Ok(part), _) => parts.extend(part),
            (Err(refusal), [line]) => {
                decoded.bad.add(|| why_bad(line, &self.schema, &refusal), line);
            }
            (Err(_), lines) => {
                let (first, second) = lines.split_at(lines.len() / 2);
                self.halve(first, parts, decoded);
                self.halve(second, parts, decoded);
            }
        }
    }

    fn read(&mut self, lines: &[&[u8]]) -> Result<Option<RecordBatch>, String> {
        for line in lines {
            // Arrow's decoder takes much that is no JSON, such as `{"a":1,,"b":01 "c":2}`.
            serde_json::from_slice::<IgnoredAny>(line).map_err(|error| error.to_string())?;
        }
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => ReaderBuilder::new(Arc::clone(self.read_as.as_ref().unwrap_or(&self.arrow)))
                .with_batch_size(SLICE_ROWS_MAX)
                .with_decoder_factory(Arc::new(StrictTypes))
                .build_decoder()
                .map_err(|error| error.to_string())?,
        };
        for (index, line) in lines.iter().enumerate() {
            reader.decode(line).map_err(|error| error.to_string())?;
            // An object must begin and end on its line.
            if reader.has_partial_record() || reader.len() != index + 1 {
                return Err("a line is not one JSON object".to_owned());
            }
        }
        let part = reader.flush().map_err(|error| error.to_string())?;
        self.reader = Some(reader);
        Ok(part)
    }
}

impl Decoder for JsonColumns {
    fn decode(&mut self, lines: &[u8], decoded: &mut Decoded) {
        let mut run: Vec<&[u8]> = Vec::new();
        let mut bytes = 0;
        for line in each_line(lines) {
            if line.len() > self.line_bytes_max {
                decoded.bad.add(|| too_long(self.line_bytes_max), line);
                continue;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let line_bytes = line.len() * self.width.growth + self.width.row_bytes;
            if bytes + line_bytes > SLICE_BYTES_MAX && bytes > 0 || run.len() == SLICE_ROWS_MAX {
                self.run(&run, decoded);
                run.clear();
                bytes = 0;
            }
            run.push(line);
            bytes += line_bytes;
        }
        if !run.is_empty() {
            self.run(&run, decoded);
        }
    }

    fn finish(&mut self, _decoded: &mut Decoded) {}

    fn open_bytes(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{
        Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
    };

    use proptest::prelude::*;

    use super::*;
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

    fn decode(columns: &str, lines: &str) -> (Vec<RecordBatch>, u64, Option<String>) {
        let mut decoded = Decoded::new(&OnBadRow::Skip);
        JsonColumns::new(schema(columns), 1_000).decode(lines.as_bytes(), &mut decoded);
        (decoded.slices, decoded.bad.count, decoded.bad.first)
    }

    #[test]
    fn objects_become_rows_of_the_schema() {
        let lines = concat!(
            r#"{"n": 1, "t": "a\nb", "unknown": {"deep": [1, {}]}, "on": true}"#,
            "\r\n\n",
            r#"{"on": null, "t": "", "n": 2.0}"#,
            "\n"
        );
        let (slices, bad, _) = decode("t:utf8 n:int64 on:bool?", lines);
        assert_eq!((slices.len(), bad), (1, 0));
        assert_eq!(slices[0].schema(), schema("t:utf8 n:int64 on:bool?").to_arrow());
        assert_eq!(slices[0].column(0).as_string::<i32>().value(0), "a\nb");
        assert_eq!(slices[0].column(1).as_primitive::<Int64Type>().values(), &[1, 2]);
        assert!(slices[0].column(2).is_null(1));
        assert!(slices[0].column(0).nulls().is_none(), "no bitmap where there are no nulls");
    }

    #[test]
    fn times_decimals_and_lists_follow_the_schema() {
        let lines = concat!(
            r#"{"at":"2013-01-01T02:47:10Z","day":"2000-02-29","sum":1.25,"of":[1,null],"x":1}"#,
            "\n",
            r#"{"at":1,"day":1,"sum":"-0.5","of":[],"x":1e3}"#,
            "\n"
        );
        let columns = "at:timestamp day:date32 sum:decimal128(9,2) of:list<int64?> x:float64";
        let (slices, bad, first) = decode(columns, lines);
        assert_eq!((bad, first), (0, None));
        let column = |index: usize| slices[0].column(index);
        let at = column(0).as_primitive::<TimestampMicrosecondType>();
        assert_eq!(at.values(), &[1_357_008_430_000_000, 1]);
        assert_eq!(column(1).as_primitive::<Date32Type>().values(), &[11_016, 1]);
        assert_eq!(column(2).as_primitive::<Decimal128Type>().values(), &[125, -50]);
        assert_eq!(column(3).as_list::<i32>().value_length(0), 2);
        assert_eq!(column(4).as_primitive::<Float64Type>().values(), &[1.0, 1000.0]);
    }

    #[test]
    fn each_kind_of_bad_line_is_told_and_left_out() {
        let good = r#"{"n": 1, "t": "ok"}"#;
        for (line, reason) in [
            ("binary \u{1} junk", "a line is not JSON: expected value at line 1 column 1"),
            (r#"{"n": 1, "t": "x""#, "a line is not JSON: EOF while parsing"),
            (r#"[{"n": 1}]"#, "a line is a JSON array, expected an object"),
            ("17", "a line is a JSON number, expected an object"),
            (r#"{"n": 1}"#, "column `t` is missing, expected utf8"),
            (r#"{"n": null, "t": ""}"#, "column `n` is null, expected int64"),
            (r#"{"n": "1", "t": ""}"#, "column `n` is `\"1\"`, expected int64"),
            (r#"{"n": 1.5, "t": ""}"#, "column `n` is `1.5`, expected int64"),
            (r#"{"n": 1e30, "t": ""}"#, "column `n` is `1e30`, expected int64"),
            (r#"{"n": true, "t": ""}"#, "column `n` is `true`, expected int64"),
            (r#"{"n": 1, "t": 2}"#, "column `t` is `2`, expected utf8"),
            (r#"{"n": 1, "t": ""}{"n": 1, "t": ""}"#, "a line is not JSON: trailing characters"),
            (r#"{"n": 1, "t": "", "x": 1.5"#, "a line is not JSON: EOF"),
            (r#"{"n": 1,, "t": ""}"#, "a line is not JSON: key must be a string"),
            (r#"{"n": 1 "t": ""}"#, "a line is not JSON: expected `,` or `}`"),
            (r#"{"n": 01, "t": ""}"#, "a line is not JSON: invalid number"),
            (r#"{"n": 1., "t": ""}"#, "a line is not JSON: invalid number"),
            (r#"{"n": 1, "t": "", "x": -}"#, "a line is not JSON: invalid number"),
            ("{\"n\": 1, \"t\": \"\0\"}", "a line is not JSON: control character"),
        ] {
            let lines = format!("{good}\n{line}\n{good}\n{good}\n");
            let (slices, bad, first) = decode("n:int64 t:utf8", &lines);
            let first = first.unwrap_or_default();
            assert!(bad == 1 && first.starts_with(reason), "{line}: {bad} bad, {first}");
            assert_eq!(slices.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [3]);
        }
    }

    #[test]
    fn values_outside_their_type_are_bad() {
        for (column, value) in [
            ("v:int32", "2147483648"),
            ("v:uint64", "-1"),
            ("v:float64", r#""1""#),
            ("v:timestamp", r#""yesterday""#),
            ("v:timestamp", "1.5"),
            ("v:date32", r#""2001-02-29""#),
            ("v:date32", "1e30"),
            ("v:decimal128(3,2)", "10.25"),
            ("v:list<int64>", "[1, null]"),
            ("v:list<int64>", "[1.5]"),
            ("v:list<list<utf8>>", r#"[["a", 1]]"#),
            ("v:binary", r#""xyz""#),
            ("v:bool", r#""true""#),
            ("v:int64", "-9223372036854775809"),
            ("v:timestamp", "99999999999999999999"),
            ("v:list<float64>", "[1, 1e400]"),
            ("v:list<date32?>", r#"[null, "2001-02-29"]"#),
        ] {
            let (slices, bad, first) = decode(column, &format!("{{\"v\": {value}}}\n"));
            assert_eq!((slices.len(), bad), (0, 1), "{column} of {value}");
            let first = first.unwrap_or_default();
            assert!(first.starts_with("column `v` is `"), "{first}");
        }
    }

    /// What was lost: 1e400 became infinite, 1.005 became 1.01 (and 1.004 just 1.00), a day was cut
    /// out of a time, a time cut to microseconds, half a byte made a whole one. Nobody was told.
    #[test]
    fn nothing_is_bent_to_fit_its_column() {
        let float = "float64, a number of at most 1.8e308";
        let decimal = "decimal128(9,2), at most 7 digits before the point and 2 after it";
        let day = "date32, a day such as \"2000-02-29\", or days since 1970";
        let time = "timestamp, a time such as \"2000-02-29T12:30:00.123456Z\", or microseconds \
                    since 1970";
        let binary = "binary, text of two hex digits a byte";
        for (data_type, value, allowed) in [
            ("float64", "1e400", float),
            ("float64", "-1e309", float),
            ("decimal128(9,2)", "1.005", decimal),
            ("decimal128(9,2)", "1.00000000000000000001", decimal),
            ("decimal128(9,2)", "1e-3", decimal),
            ("decimal128(9,2)", r#""1.005""#, decimal),
            ("decimal128(9,2)", r#"" 1""#, decimal),
            ("decimal128(9,2)", "12345678", decimal),
            ("date32", r#""2000-02-30""#, day),
            ("date32", r#""2000-02-29T23:59:59Z""#, day),
            ("date32", r#""20000229""#, day),
            ("date32", r#""2000-02-29 or so""#, day),
            ("date32", "1e30", day),
            ("timestamp", r#""2000-02-30T00:00:00Z""#, time),
            ("timestamp", r#""2016-12-31T23:59:60Z""#, time),
            ("timestamp", r#""2000-02-29T12:00:00.0000001Z""#, time),
            ("timestamp", "1.5", time),
            ("binary", r#""abc""#, binary),
            ("binary", r#""xy""#, binary),
        ] {
            let line = format!("{{\"v\": {value}}}");
            let (slices, bad, first) = decode(&format!("v:{data_type}"), &format!("{line}\n"));
            let expected = format!("column `v` is `{value}`, expected {allowed}: `{line}`");
            assert_eq!((slices.len(), bad, first), (0, 1, Some(expected)));
        }
    }

    #[test]
    fn zeros_behind_the_last_digit_change_nothing() {
        let lines = concat!(
            r#"{"sum": 1.2500, "at": "2000-02-29T12:00:00.500000000+01:00"}"#,
            "\n",
            r#"{"sum": "125e-2", "at": 951822000500000}"#,
            "\n"
        );
        let (slices, bad, first) = decode("sum:decimal128(9,2) at:timestamp", lines);
        assert_eq!((bad, first), (0, None));
        let sums = slices[0].column(0).as_primitive::<Decimal128Type>();
        assert_eq!(sums.values(), &[125, 125]);
        let times = slices[0].column(1).as_primitive::<TimestampMicrosecondType>();
        assert_eq!(times.values(), &[951_822_000_500_000, 951_822_000_500_000]);
    }

    /// What was lost: the process. Arrow's words for a value of another type follow it all the way
    /// down, on the stack.
    #[test]
    fn a_value_nested_deeper_than_any_stack_is_one_bad_row() {
        const DEPTH: usize = 400_000;
        let deep = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
        let good = format!("{{\"t\": \"good\", \"x\": {deep}}}");
        let lines = format!("{{\"t\": {deep}}}\n{deep}\n{good}\n");
        for (column, reason) in [("t:utf8", "utf8"), ("t:list<int64>?", "list<int64>")] {
            let mut decoded = Decoded::new(&OnBadRow::DeadLetter(".".into()));
            JsonColumns::new(schema(column), 1 << 20).decode(lines.as_bytes(), &mut decoded);
            let reasons: Vec<_> = decoded.bad.rows.iter().map(|row| row.reason.as_str()).collect();
            assert!(reasons[0].starts_with("column `t` is `[[[["), "{}", reasons[0]);
            assert!(reasons[0].ends_with(&format!("expected {reason}")), "{}", reasons[0]);
            let told = "a line is not JSON: recursion limit exceeded";
            assert!(reasons[1].starts_with(told), "{}", reasons[1]);
        }
    }

    #[test]
    fn an_object_must_stand_on_one_line() {
        // Three lines and three objects, but the first object spans two lines.
        let lines = "{\"n\":\n1}\n{\"n\":1}{\"n\":1}\n{\"n\":4}\n";
        let (slices, bad, _) = decode("n:int64", lines);
        assert_eq!(bad, 3);
        assert_eq!(slices[0].column(0).as_primitive::<Int64Type>().values(), &[4]);
    }

    #[test]
    fn slices_stay_within_their_limits() {
        let lines = "{}\n".repeat(200_000);
        let (slices, bad, _) = decode("a:int64? b:float64? c:utf8?", &lines);
        assert_eq!((slices.iter().map(RecordBatch::num_rows).sum::<usize>(), bad), (200_000, 0));
        for slice in &slices {
            assert!(slice.num_rows() <= SLICE_ROWS_MAX);
            assert!(slice.get_array_memory_size() <= SLICE_BYTES_MAX + 4096);
        }
        let lines = format!("{{\"l\":[{}1]}}\n", "1,".repeat(400)).repeat(1_000);
        let (slices, _, _) = decode("l:list<decimal128(38,0)>", &lines);
        assert!(slices.iter().all(|s| s.get_array_memory_size() <= SLICE_BYTES_MAX + 4096));
    }

    proptest! {
        #[test]
        fn a_bad_line_takes_no_good_one_with_it(
            lines in prop::collection::vec((0_i64..1_000, 0_usize..8), 0..60),
        ) {
            let text: String = lines
                .iter()
                .map(|(n, kind)| match kind {
                    0 => "{\"n\":\n".to_owned(),
                    1 => format!("{{\"n\":{n}}}{{\"n\":{n}}}\n"),
                    2 => format!("{{\"n\":\"{n}\"}}\n"),
                    3 => "{}\n".to_owned(),
                    _ => format!("{{\"n\":{n}}}\n"),
                })
                .collect();
            let (slices, bad, _) = decode("n:int64", &text);
            let good: Vec<i64> = lines.iter().filter(|(_, kind)| *kind > 3).map(|l| l.0).collect();
            prop_assert_eq!(bad, (lines.len() - good.len()) as u64);
            let values = |slice: &RecordBatch| slice.column(0).as_primitive::<Int64Type>().clone();
            let got: Vec<i64> = slices.iter().flat_map(|s| values(s).values().to_vec()).collect();
            prop_assert_eq!(got, good);
        }
    }
}
