//! Operator: a partition as one row.
//!
//! Takes rows. Gives one, each of its columns a list of theirs. No rows give empty lists.

use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray, RecordBatch};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType, Field, SchemaRef};

use super::fold::internal;
use super::verb_answer::rows;
use crate::error::Domain;
use crate::model::operator::{Applied, Operator, OperatorError, TaskScope};

/// Makes one row of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glom {
    /// Its columns, which are lists.
    pub schema: SchemaRef,
}

impl Operator for Glom {
    fn label(&self) -> String {
        "glom".to_owned()
    }

    fn apply(
        &self,
        _scope: &mut TaskScope,
        _want_origin: bool,
        input: &RecordBatch,
    ) -> Result<Applied, OperatorError> {
        if i32::try_from(input.num_rows()).is_err() {
            let found = input.num_rows();
            return Err(OperatorError {
                operator: "glom".to_owned(),
                code: "size",
                message: format!("a partition has {found} rows, a list holds 2147483647"),
                row: None,
                domain: Domain::User,
            });
        }
        let lists = input.columns().iter().zip(self.schema.fields());
        let lists = lists.map(|(column, field)| list(column, field)).collect::<Result<Vec<_>, _>>();
        lists.and_then(|lists| rows(lists, 1)).map_err(|error| internal("glom", &error))
    }
}

fn list(column: &ArrayRef, field: &Field) -> Result<ArrayRef, ArrowError> {
    let DataType::List(item) = field.data_type() else {
        let message = format!("column `{}` is planned as {}", field.name(), field.data_type());
        return Err(ArrowError::SchemaError(message));
    };
    let offsets = OffsetBuffer::from_lengths([column.len()]);
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, Arc::clone(column), None)?))
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;

    use super::*;
    use crate::model::column_type::ColumnType;
    use crate::model::operator::{AppliedRows, TaskFacts};
    use crate::model::schema::{Column, StreamSchema};
    use crate::model::time::BatchTime;

    #[test]
    fn no_rows_are_a_row_of_empty_lists() {
        let lists = ColumnType::List(Box::new(ColumnType::Int64), true);
        let schema = StreamSchema::new(vec![Column::new("n", lists)]).to_arrow();
        for values in [vec![], vec![Some(1), None, Some(3)]] {
            let column: ArrayRef = Arc::new(Int64Array::from(values.clone()));
            let input = RecordBatch::try_from_iter([("n", column)]).expect("one column");
            let facts = TaskFacts {
                batch_time: BatchTime(0),
                partition: 0,
                seed: 0,
                input_rows: 0,
                input_bytes: 0,
            };
            let glom = Glom { schema: SchemaRef::clone(&schema) };
            let applied = glom.apply(&mut TaskScope::new(facts), false, &input).expect("lists");
            let AppliedRows::Batch(made) = applied.rows else { panic!("rows were expected") };
            let list = made.column(0).as_list::<i32>().value(0);
            let found: Vec<Option<i64>> = list.as_primitive::<Int64Type>().iter().collect();
            assert_eq!((made.num_rows(), found), (1, values));
        }
    }
}
