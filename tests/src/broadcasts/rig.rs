//! Rig: orders by batch, and tables of customers.
//!
//! Takes rows as JSON. Gives the rows of streams. Never runs a job in real time.

use std::time::Duration;

use arrow_array::RecordBatch;
use serde_json::Value;
use tidemill::api::dstream::DStream;
use tidemill::api::given::Partitions;
use tidemill::api::test_context::{Collected, TestContext};
use tidemill::ingest::decoder::{Decoded, Decoder};
use tidemill::ingest::json_columns::JsonColumns;
use tidemill::model::policy::OnBadRow;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::status::{BatchInfo, BatchOutcome};

use crate::conformance::rig::{config, rows_of};

/// Time between batches.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// Columns such as `k: utf8?, n: int64`.
pub fn schema(words: &str) -> StreamSchema {
    let column = |word: &str| {
        let (name, data_type) = word.split_once(": ").expect("a name and a type");
        let plain = data_type.trim_end_matches('?');
        let column = Column::new(name, plain.parse().expect("a column type"));
        if plain.len() < data_type.len() { column.nullable() } else { column }
    };
    StreamSchema::new(words.split(", ").map(column).collect())
}

/// Rows of a schema, each a list of its columns' values.
pub fn rows(schema: &StreamSchema, rows: &Value) -> Vec<RecordBatch> {
    let mut text = String::new();
    for row in rows.as_array().expect("a list of rows") {
        let cells = row.as_array().expect("a list of cells");
        let names = schema.columns.iter().map(|column| column.name.clone());
        let row: serde_json::Map<_, _> = names.zip(cells.iter().cloned()).collect();
        text.push_str(&Value::Object(row).to_string());
        text.push('\n');
    }
    let mut decoded = Decoded::new(&OnBadRow::Fail);
    let mut columns = JsonColumns::new(schema.clone(), 1 << 20);
    columns.decode(text.as_bytes(), &mut decoded);
    columns.finish(&mut decoded);
    assert_eq!(decoded.bad.first, None);
    decoded.slices
}

/// A context on an engine of its own.
pub fn context() -> TestContext {
    TestContext::new(config(), INTERVAL).expect("an engine starts")
}

/// A stream that has these rows in each of so many batches, in one partition.
pub fn input(test: &TestContext, schema: &StreamSchema, batch: &Value, batches: usize) -> DStream {
    let partitions: Partitions = vec![rows(schema, batch)];
    test.input(schema.clone(), vec![Some(partitions); batches])
}

/// Runs batches that succeed.
pub fn ran(test: &mut TestContext, batches: usize) -> Vec<BatchInfo> {
    let infos = test.run(batches).expect("the job runs");
    for info in &infos {
        assert_eq!(info.outcome, BatchOutcome::Completed);
    }
    infos
}

/// The rows of each batch so far.
pub fn by_batch(collected: &Collected) -> Vec<Vec<Value>> {
    collected.by_time().values().map(rows_of).collect()
}
