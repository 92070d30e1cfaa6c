//! Operator: rows of a stream with those of a broadcast that have equal keys.
//!
//! Takes a slice, and the version of the broadcast that its batch reads. Gives rows in the slice's
//! order, cut into slices. Never shuffles, and never makes more rows than are allowed: they are
//! counted before the first is made.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::take::take;

use super::fold::internal;
use super::key_index::KeyIndex;
use crate::error::Domain;
use crate::limits::{JOIN_ROWS_MAX, SLICE_BYTES_MAX, SLICE_ROWS_MAX};
use crate::model::join::JoinKind;
use crate::model::operator::{Operator, OperatorError, TaskScope};
use crate::model::verb_call::BroadcastJoinCall;

/// A join with a broadcast.
#[derive(Debug)]
pub struct BroadcastJoin {
    call: BroadcastJoinCall,
    schema: SchemaRef,
    /// Under which the version keeps the index, for all steps that look up the same columns.
    key: String,
}

impl BroadcastJoin {
    /// A join as planned.
    pub fn new(call: BroadcastJoinCall) -> Self {
        let (schema, key) = (call.output.to_arrow(), format!("index of {:?}", call.with));
        Self { call, schema, key }
    }

    fn partners_of(&self, input: &RecordBatch, index: &KeyIndex) -> Result<Pairs, ArrowError> {
        let keys: Vec<ArrayRef> =
            self.call.on.iter().map(|at| Arc::clone(input.column(*at))).collect();
        let partners = index.partners(&keys, self.call.null_equal)?;
        let alone = |partners: &&[u32]| match self.call.kind {
            JoinKind::Anti | JoinKind::LeftOuter => u64::from(partners.is_empty()),
            _ => 0,
        };
        let anti = self.call.kind == JoinKind::Anti;
        let with = |partners: &&[u32]| if anti { 0 } else { partners.len() as u64 };
        let found = partners.iter().map(|partners| with(partners) + alone(partners)).sum();
        if found > JOIN_ROWS_MAX {
            return Ok(Pairs { found, rows: Vec::new() });
        }
        let mut rows = Vec::with_capacity(usize::try_from(found).unwrap_or_default());
        for (row, partners) in (0..).zip(partners) {
            if alone(&partners) > 0 {
                rows.push((row, None));
            } else if !anti {
                rows.extend(partners.iter().map(|partner| (row, Some(*partner))));
            }
        }
        Ok(Pairs { found, rows })
    }

    fn rows(
        &self,
        input: &RecordBatch,
        table: &RecordBatch,
        pairs: &[(u32, Option<u32>)],
    ) -> Result<RecordBatch, ArrowError> {
        let ours: UInt32Array = pairs.iter().map(|pair| pair.0).collect();
        let theirs: UInt32Array = pairs.iter().map(|pair| pair.1).collect();
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for column in input.columns() {
            columns.push(take(column, &ours, None)?);
        }
        if self.call.kind != JoinKind::Anti {
            for at in &self.call.values {
                columns.push(take(table.column(*at), &theirs, None)?);
            }
        }
        if self.call.kind == JoinKind::LeftOuter {
            let matched: BooleanArray =
                (0..theirs.len()).map(|row| Some(theirs.is_valid(row))).collect();
            columns.push(Arc::new(matched));
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }

    fn too_large(&self, input: &RecordBatch, table: &RecordBatch, found: u64) -> OperatorError {
        let (left, right, name) = (input.num_rows(), table.num_rows(), &self.call.broadcast);
        OperatorError {
            operator: self.label(),
            code: "output-limit",
            message: format!(
                "with {left} rows and the {right} of broadcast `{name}` it would have made \
                 {found} rows in one partition, allowed are {JOIN_ROWS_MAX}: some key has very \
                 many rows in both"
            ),
            row: None,
            domain: Domain::User,
        }
    }
}

/// The rows that come out, each by the rows it is made of; none where they are too many.
struct Pairs {
    found: u64,
    rows: Vec<(u32, Option<u32>)>,
}

/// Rows of the output that fill a slice, as far as the average tells.
fn slice_rows(input: &RecordBatch, table: &RecordBatch) -> usize {
    let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or_default();
    let row = |of: &RecordBatch| {
        of.columns().iter().map(bytes).sum::<usize>().div_ceil(of.num_rows().max(1))
    };
    (SLICE_BYTES_MAX / (row(input) + row(table)).max(1)).clamp(1, SLICE_ROWS_MAX)
}

impl Operator for BroadcastJoin {
    fn label(&self) -> String {
        self.call.label.clone()
    }

    fn spread(
        &self,
        scope: &mut TaskScope,
        input: &RecordBatch,
    ) -> Result<Vec<RecordBatch>, OperatorError> {
        let broken = |error: &ArrowError| internal(&self.call.label, error);
        let version = scope.broadcasts.get(&self.call.broadcast).cloned().ok_or_else(|| {
            let name = &self.call.broadcast;
            broken(&ArrowError::ComputeError(format!("no broadcast is called `{name}`")))
        })?;
        let table = version.rows();
        let index = version.derived(&self.key, || {
            let keys: Vec<ArrayRef> =
                self.call.with.iter().map(|at| Arc::clone(table.column(*at))).collect();
            KeyIndex::new(&keys, table.num_rows())
        });
        let index = index.map_err(|error| broken(&error))?;
        let pairs = self.partners_of(input, &index).map_err(|error| broken(&error))?;
        scope.joined_rows = scope.joined_rows.saturating_add(pairs.found);
        if scope.joined_rows > JOIN_ROWS_MAX {
            return Err(self.too_large(input, table, scope.joined_rows));
        }
        let slices = pairs.rows.chunks(slice_rows(input, table));
        let slices = slices.map(|pairs| self.rows(input, table, pairs));
        slices.collect::<Result<_, _>>().map_err(|error| broken(&error))
    }
}
