//! State: keys and states as bytes, and back.
//!
//! Takes columns. Gives one run of bytes a row, in which equal keys have equal bytes, as long as
//! floats among them are in canonical form. Never outlives the process: bytes on disk are others.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{ArrowError, SchemaRef};

/// Columns of a schema as bytes.
#[derive(Debug)]
pub struct RowCodec {
    schema: SchemaRef,
    /// None where there are no columns: every row is empty then.
    converter: Option<RowConverter>,
}

/// Encoded rows.
#[derive(Debug)]
pub struct EncodedRows {
    rows: Option<Rows>,
}

impl EncodedRows {
    /// The bytes of a row.
    pub fn row(&self, index: usize) -> &[u8] {
        match &self.rows {
            Some(rows) => rows.row(index).data(),
            None => &[],
        }
    }
}

impl RowCodec {
    /// A codec of rows of that schema.
    ///
    /// # Errors
    /// When a column is of a type that cannot be encoded, which planning refuses.
    pub fn new(schema: &SchemaRef) -> Result<Self, ArrowError> {
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let fields: Vec<SortField> = fields.collect();
        let converter = if fields.is_empty() { None } else { Some(RowConverter::new(fields)?) };
        Ok(Self { schema: Arc::clone(schema), converter })
    }

    /// The rows of columns of the schema.
    ///
    /// # Errors
    /// When the columns are others.
    pub fn encode(&self, columns: &[ArrayRef]) -> Result<EncodedRows, ArrowError> {
        let encode = |converter: &RowConverter| converter.convert_columns(columns);
        Ok(EncodedRows { rows: self.converter.as_ref().map(encode).transpose()? })
    }

    /// Columns of so many rows that were encoded by a codec of this schema.
    ///
    /// # Errors
    /// When the bytes are no such rows.
    pub fn decode<'a>(
        &self,
        rows: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> Result<RecordBatch, ArrowError> {
        let count = rows.len();
        let columns = match &self.converter {
            None => Vec::new(),
            Some(converter) => {
                let parser = converter.parser();
                let columns = converter.convert_rows(rows.map(|row| parser.parse(row)))?;
                debug_assert!(columns.iter().all(|column| column.len() == count));
                columns
            }
        };
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float64Array, Int64Array, ListArray, StringArray};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        let columns: Vec<ArrayRef> =
            vec![
                Arc::new(StringArray::from(vec![Some("tide"), None, Some("")])),
                Arc::new(Float64Array::from(vec![-0.0, f64::INFINITY, 1.5])),
                Arc::new(ListArray::from_iter_primitive::<arrow_array::types::Int64Type, _, _>(
                    vec![Some(vec![Some(1), Some(2)]), Some(vec![]), Some(vec![Some(3)])],
                )),
            ];
        let fields = columns.iter().zip(["a", "b", "c"]);
        let fields = fields.map(|(c, name)| Field::new(name, c.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let codec = RowCodec::new(&schema).expect("known types");
        let encoded = codec.encode(&columns).expect("these columns");
        let rows = [2, 0, 1].map(|row| encoded.row(row));
        let back = codec.decode(rows.into_iter()).expect("these rows");
        let (before, after) = (columns[1].to_data(), back.column(1).to_data());
        assert_eq!(before.slice(0, 2), after.slice(1, 2));
        assert_eq!(back.column(0).to_data(), {
            let texts: ArrayRef = Arc::new(StringArray::from(vec![Some(""), Some("tide"), None]));
            texts.to_data()
        });
        assert_eq!(back.column(2).len(), 3);
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let codec = RowCodec::new(&Arc::new(Schema::empty())).expect("no types");
        let encoded = codec.encode(&[]).expect("no columns");
        assert_eq!(encoded.row(7), b"");
        let two = codec.decode([&b""[..], b""].into_iter()).expect("two empty rows");
        assert_eq!(two.num_rows(), 2);
    }

    #[test]
    fn whole_numbers_are_told_apart() {
        let field = Field::new("n", DataType::Int64, false);
        let codec = RowCodec::new(&Arc::new(Schema::new(vec![field]))).expect("known types");
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 1]));
        let encoded = codec.encode(&[numbers]).expect("these columns");
        assert!(encoded.row(0) == encoded.row(2) && encoded.row(0) != encoded.row(1));
    }
}
