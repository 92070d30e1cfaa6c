//! Driver: the file that refused rows are appended to.
//!
//! Takes rows with the reason they were refused for. Gives one JSON object a line. Never loses a
//! row silently: a file that cannot be written fails the batch.

use std::path::Path;

use arrow_array::RecordBatch;
use serde_json::{Value, json};

use crate::exec::attempt::RejectedRow;
use crate::model::time::BatchTime;
use crate::sink::json_lines::json_lines;
use crate::sys::storage::Storage;

/// Appends the rows.
///
/// # Errors
/// Says which file could not be written, and why.
pub fn append(
    storage: &dyn Storage,
    path: &Path,
    time: BatchTime,
    rows: &[RejectedRow],
) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!("failed to write dead letters to `{}`: {error}", path.display())
    };
    let mut lines = Vec::new();
    for rejected in rows {
        let rejection = &rejected.rejection;
        let line = json!({
            "batch_time": time.0,
            "operator": rejection.operator,
            "code": rejection.code,
            "reason": rejection.message,
            "row": row_object(&rejected.row),
        });
        lines.extend_from_slice(line.to_string().as_bytes());
        lines.push(b'\n');
    }
    let (mut file, _) = storage.append(path).map_err(|error| failed(&error))?;
    file.write(&lines).map_err(|error| failed(&error))
}

fn row_object(row: &RecordBatch) -> Value {
    serde_json::from_slice(&json_lines(row)).unwrap_or_default()
}
