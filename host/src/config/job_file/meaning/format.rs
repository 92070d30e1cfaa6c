//! Config: how the records of a source are written, and the columns they have.
//!
//! Takes a source's table. Gives its format and the schema of its rows. Never reads a record.

use std::ops::Range;

use super::{Meaning, span_of};
use crate::config::job_file::format::{FormatTable, FormatText, FormatWord};
use crate::config::job_file::value::{At, Named};
use crate::config::job_file::written::SourceType;
use crate::limits::LINE_BYTES_MAX;
use crate::model::column_type::ColumnType;
use crate::model::schema::{Column, StreamSchema};
use crate::model::source::{CsvFormat, Format, check_csv, check_csv_columns};

/// What a source or a broadcast says of its records.
pub(super) struct Records<'a> {
    /// How messages call it.
    pub(super) item: String,
    /// What reads them.
    pub(super) kind: SourceType,
    pub(super) format: Option<&'a At<FormatText>>,
    pub(super) schema: Option<&'a At<Named<At<String>>>>,
}

impl Meaning<'_> {
    /// The format of a source and the rows it gives.
    pub(super) fn format(&mut self, source: &Records<'_>) -> Option<(Format, StreamSchema)> {
        let Some(At { value: written, span }) = source.format else {
            return self.fixed(Format::Lines, source);
        };
        let table = &written.0;
        self.misplaced_in_format(table);
        let format = match table.kind.0 {
            FormatWord::Lines => return self.fixed(Format::Lines, source),
            FormatWord::Binary => {
                let range = 1..=LINE_BYTES_MAX;
                if source.kind != SourceType::Files {
                    self.complain(span, "`binary` records are read by sources of type `files`");
                    return None;
                }
                if table.record_bytes.is_none() {
                    let message = "the format `binary` has no `record_bytes`, which it needs: \
                                   `{ type = \"binary\", record_bytes = 16 }`";
                    self.complain(span, message);
                }
                let found = self.number("record_bytes", table.record_bytes.as_ref(), range)?;
                return self.fixed(Format::Binary { record_bytes: found }, source);
            }
            FormatWord::Frames => return self.frames(source, span),
            FormatWord::Json => Format::Json,
            FormatWord::Csv => Format::Csv(self.csv(table)?),
        };
        let Some(schema) = source.schema else {
            let message = format!("{} has no `schema`", source.item);
            self.complain(span, format!("{message}, which the format `{}` needs", format.word()));
            return None;
        };
        if source.kind == SourceType::Generate {
            let word = format.word();
            self.complain(span, format!("a source of type `generate` makes lines, not `{word}`"));
            return None;
        }
        Some((format, self.columns_of(format, schema)?))
    }

    /// Frames, which the connection itself cuts its bytes into.
    fn frames(
        &mut self,
        source: &Records<'_>,
        span: &Range<usize>,
    ) -> Option<(Format, StreamSchema)> {
        if source.kind != SourceType::Socket {
            self.complain(span, "`frames` are read by sources of type `socket`");
            return None;
        }
        let schema = StreamSchema::new(vec![Column::new("frame", ColumnType::Binary)]);
        self.alone("frames", schema, source).map(|schema| (Format::Lines, schema))
    }

    fn fixed(&mut self, format: Format, source: &Records<'_>) -> Option<(Format, StreamSchema)> {
        let fixed = format.fixed_schema()?;
        self.alone(format.word(), fixed, source).map(|schema| (format, schema))
    }

    /// The columns of a format that has them of its own; no others may be declared.
    fn alone(
        &mut self,
        word: &str,
        fixed: StreamSchema,
        source: &Records<'_>,
    ) -> Option<StreamSchema> {
        let Some(schema) = source.schema else { return Some(fixed) };
        let column = fixed.columns.first().map_or("", |column| column.name.as_str());
        let message = format!(
            "`schema` stands beside the format `{word}`, whose one column is `{column}`; write \
             `format = \"json\"`"
        );
        self.complain(&schema.span, message);
        None
    }

    fn columns_of(
        &mut self,
        format: Format,
        schema: &At<Named<At<String>>>,
    ) -> Option<StreamSchema> {
        let columns = self.columns(schema)?;
        if let (Format::Csv(_), Err(message)) = (format, check_csv_columns(&columns)) {
            self.complain(&schema.span, message);
            return None;
        }
        Some(columns)
    }

    fn csv(&mut self, table: &FormatTable) -> Option<CsvFormat> {
        let default = CsvFormat::default();
        let delimiter = match &table.delimiter {
            None => default.delimiter,
            Some(written) => self.character("delimiter", written)?,
        };
        let quote = match &table.quote {
            None => default.quote,
            Some(At { value, .. }) if value.is_empty() => None,
            Some(written) => Some(self.character("quote", written)?),
        };
        let csv = CsvFormat {
            header: table.header.as_ref().is_some_and(|at| at.value),
            delimiter,
            quote,
        };
        if let Err(message) = check_csv(csv) {
            let span = span_of(&table.quote).or(span_of(&table.delimiter));
            self.complain(span?, message);
            return None;
        }
        Some(csv)
    }

    fn character(&mut self, key: &str, written: &At<String>) -> Option<u8> {
        match written.value.as_bytes() {
            [character] => Some(*character),
            _ => {
                let found: String = written.value.chars().take(8).collect();
                self.complain(
                    &written.span,
                    format!("`{key}` is {found:?}, expected one character of ASCII"),
                );
                None
            }
        }
    }

    /// Complains of keys that belong to another format.
    fn misplaced_in_format(&mut self, table: &FormatTable) {
        let csv = [
            ("header", span_of(&table.header)),
            ("delimiter", span_of(&table.delimiter)),
            ("quote", span_of(&table.quote)),
        ];
        let binary = [("record_bytes", span_of(&table.record_bytes))];
        let (what, groups): (_, [&[_]; 2]) = match table.kind.0 {
            FormatWord::Lines => ("the format `lines`", [&csv, &binary]),
            FormatWord::Json => ("the format `json`", [&csv, &binary]),
            FormatWord::Csv => ("the format `csv`", [&[], &binary]),
            FormatWord::Binary => ("the format `binary`", [&csv, &[]]),
            FormatWord::Frames => ("the format `frames`", [&csv, &binary]),
        };
        for keys in groups {
            self.misplaced(what, keys);
        }
    }
}
