//! Ingest: which decoder reads which format.
//!
//! Takes a source's declaration. Gives its decoder, and what its rows take as columns. Never
//! decodes itself: a new format touches this file and brings one of its own.

use super::csv_columns::CsvColumns;
use super::decoder::Decoder;
use super::json_columns::JsonColumns;
use super::line_column::LineColumn;
use super::row_width::RowWidth;
use crate::model::source::{Format, SourceDeclaration};

/// The decoder of a source's format. Records without lines have none: they are read from files, by
/// a reader of their own.
pub fn decoder(source: &SourceDeclaration) -> Box<dyn Decoder> {
    let (schema, line_bytes_max) = (&source.schema, source.line_bytes_max);
    match source.format {
        Format::Lines | Format::Binary { .. } => {
            Box::new(LineColumn::new(schema.to_arrow(), line_bytes_max))
        }
        Format::Json => Box::new(JsonColumns::new(schema.clone(), line_bytes_max)),
        Format::Csv(csv) => Box::new(CsvColumns::new(csv, schema, line_bytes_max)),
    }
}

/// Whether the first line of each stream says how the others are read.
pub fn has_header(source: &SourceDeclaration) -> bool {
    matches!(source.format, Format::Csv(csv) if csv.header)
}

/// What rows of a source take as columns.
pub fn row_width(source: &SourceDeclaration) -> RowWidth {
    match source.format {
        Format::Lines => RowWidth::of_lines(),
        Format::Json => RowWidth::of_json(&source.schema.to_arrow()),
        Format::Csv(_) => RowWidth::of_csv(&source.schema.to_arrow()),
        Format::Binary { record_bytes } => RowWidth::of_records(record_bytes),
    }
}
