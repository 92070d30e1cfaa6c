//! Ingest: which decoder reads which format.
//!
//! Takes a source's declaration. Gives its decoder, and what its rows take as columns. Never
//! decodes itself: a new format touches this file and brings one of its own.

use super::decoder::Decoder;
use super::json_columns::JsonColumns;
use super::line_column::LineColumn;
use super::row_width::RowWidth;
use crate::model::source::{Format, SourceDeclaration};

/// The decoder of a source's format.
pub fn decoder(source: &SourceDeclaration) -> Box<dyn Decoder> {
    match source.format {
        Format::Lines => Box::new(LineColumn::new(source.schema.to_arrow(), source.line_bytes_max)),
        Format::Json => Box::new(JsonColumns::new(source.schema.clone(), source.line_bytes_max)),
    }
}

/// What rows of a source take as columns.
pub fn row_width(source: &SourceDeclaration) -> RowWidth {
    match source.format {
        Format::Lines => RowWidth::of_lines(),
        Format::Json => RowWidth::of_json(&source.schema.to_arrow()),
    }
}
