//! Operator: key columns in the one form in which equal values have equal bytes.
//!
//! Takes key columns. Gives columns in which -0.0 is 0.0 and every NaN is the same one, so that
//! equality of keys is equality of values (DESIGN 2, keys). Never copies a column without floats.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array};
use arrow_schema::DataType;

/// The key columns with floats made canonical.
pub fn canonical_keys(keys: &[ArrayRef]) -> Vec<ArrayRef> {
    keys.iter().map(canonical_key).collect()
}

fn canonical_key(key: &ArrayRef) -> ArrayRef {
    if key.data_type() != &DataType::Float64 {
        return Arc::clone(key);
    }
    let floats = key.as_primitive::<Float64Type>();
    let canonical: Float64Array = floats.unary(canonical_float);
    Arc::new(canonical)
}

fn canonical_float(value: f64) -> f64 {
    if value.is_nan() {
        f64::NAN
    } else if value == 0.0 {
        0.0
    } else {
        value
    }
}
