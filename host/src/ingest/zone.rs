//! Ingest: the same instants under another name of their time zone.
//!
//! Takes schemas and slices whose timestamps are in UTC. Gives them with UTC under its other name,
//! `+00:00`, and back. Never changes an instant: Arrow's JSON knows zones by their offset only.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, ListArray, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

/// UTC as an offset.
const OFFSET: &str = "+00:00";

/// The schema with UTC as an offset; `None` when it has no timestamps.
pub fn by_offset(schema: &SchemaRef) -> Option<SchemaRef> {
    let fields: Vec<FieldRef> = schema.fields().iter().map(field_by_offset).collect();
    let changed = fields.iter().zip(schema.fields()).any(|(new, old)| new != old);
    changed.then(|| Arc::new(Schema::new(fields)))
}

/// The slice under a schema that differs from its own in the names of zones only.
pub fn renamed(slice: &RecordBatch, schema: &SchemaRef) -> RecordBatch {
    let columns = slice.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| column_renamed(column, field.data_type()));
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
        .expect("the schemas differ in the names of zones only")
}

fn field_by_offset(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some(OFFSET.into())),
        DataType::List(item) => DataType::List(field_by_offset(item)),
        _ => return Arc::clone(field),
    };
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}

fn column_renamed(column: &ArrayRef, data_type: &DataType) -> ArrayRef {
    match data_type {
        DataType::Timestamp(_, Some(zone)) => {
            let instants = column.as_primitive::<TimestampMicrosecondType>().clone();
            Arc::new(instants.with_timezone(Arc::clone(zone)))
        }
        DataType::List(item) => {
            let (_, offsets, items, nulls) = column.as_list::<i32>().clone().into_parts();
            let items = column_renamed(&items, item.data_type());
            Arc::new(ListArray::new(Arc::clone(item), offsets, items, nulls))
        }
        _ => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::{ListBuilder, TimestampMicrosecondBuilder};

    use super::*;

    #[test]
    fn instants_survive_a_round_trip() {
        let utc = |_| TimestampMicrosecondBuilder::new().with_timezone("UTC");
        let mut lists = ListBuilder::new(utc(()));
        lists.append_value([Some(1), None]);
        let mut plain = utc(());
        plain.append_value(-7);
        let columns: [(&str, ArrayRef); 2] =
            [("lists", Arc::new(lists.finish())), ("plain", Arc::new(plain.finish()))];
        let slice = RecordBatch::try_from_iter(columns).expect("columns of equal length");
        let schema = by_offset(&slice.schema()).expect("it has timestamps");
        let there = renamed(&slice, &schema);
        assert!(there.schema().to_string().contains("+00:00"));
        assert_eq!(renamed(&there, &slice.schema()), slice);
        assert_eq!(by_offset(&Arc::new(Schema::empty())), None);
    }
}
