//! Block: slices as compressed Arrow IPC, and back.
//!
//! Takes slices of one schema. Gives bytes from which the same slices come again, and the memory
//! that slices hold. Never keeps either.

use std::collections::BTreeMap;
use std::io::Cursor;

use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::ArrowError;

use crate::model::partition_store::StoreError;

/// The slices as one stream of Arrow IPC, compressed with lz4. No slices are no bytes.
///
/// # Errors
/// When the slices differ in schema.
pub fn to_bytes(slices: &[RecordBatch]) -> Result<Vec<u8>, StoreError> {
    let Some(first) = slices.first() else { return Ok(Vec::new()) };
    let write = || {
        let options = IpcWriteOptions::default();
        let options = options.try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let mut bytes = Vec::new();
        let mut writer = StreamWriter::try_new_with_options(&mut bytes, &first.schema(), options)?;
        slices.iter().try_for_each(|slice| writer.write(slice))?;
        writer.finish()?;
        drop(writer);
        Ok(bytes)
    };
    write().map_err(|error: ArrowError| StoreError::Serialised(error.to_string()))
}

/// The slices of those bytes, cut as they were.
///
/// # Errors
/// When the bytes are not such slices.
pub fn to_slices(bytes: &[u8]) -> Result<Vec<RecordBatch>, StoreError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let read = || StreamReader::try_new(Cursor::new(bytes), None)?.collect::<Result<_, _>>();
    read().map_err(|error: ArrowError| StoreError::Serialised(error.to_string()))
}

/// Bytes of memory that the slices hold. Buffers that several of them share count once, and whole.
pub fn memory_bytes(slices: &[RecordBatch]) -> usize {
    let mut held = BTreeMap::new();
    for column in slices.iter().flat_map(RecordBatch::columns) {
        hold(&column.to_data(), &mut held);
    }
    held.values().sum()
}

fn hold(data: &ArrayData, held: &mut BTreeMap<usize, usize>) {
    let nulls = data.nulls().map(|nulls| nulls.buffer());
    for buffer in data.buffers().iter().chain(nulls) {
        held.insert(address(buffer), buffer.capacity());
    }
    data.child_data().iter().for_each(|child| hold(child, held));
}

/// Where the memory behind a buffer begins, which slices of it share.
fn address(buffer: &Buffer) -> usize {
    buffer.data_ptr().as_ptr() as usize
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    fn rows() -> RecordBatch {
        let words = StringArray::from_iter((0..1_000).map(|n| (n % 7 > 0).then_some("word")));
        let numbers = Int64Array::from_iter_values(0..1_000);
        let columns: [(&str, ArrayRef); 2] = [("word", Arc::new(words)), ("n", Arc::new(numbers))];
        RecordBatch::try_from_iter(columns).expect("columns of equal length")
    }

    #[test]
    fn slices_come_back_as_they_were_cut() {
        let rows = rows();
        for slices in [vec![], vec![rows.slice(3, 500), rows.slice(0, 0), rows.slice(503, 497)]] {
            let bytes = to_bytes(&slices).expect("one schema");
            assert_eq!(to_slices(&bytes).expect("they were written now"), slices);
        }
        let bytes = to_bytes(std::slice::from_ref(&rows)).expect("one schema").len();
        assert!(bytes < memory_bytes(&[rows]), "{bytes} bytes");
    }

    #[test]
    fn memory_that_slices_share_counts_once() {
        let rows = rows();
        let halves = [rows.slice(0, 500), rows.slice(500, 500)];
        assert_eq!(memory_bytes(&halves), memory_bytes(&[rows]));
    }

    #[test]
    fn bytes_that_are_no_slices_are_an_error() {
        let error = to_slices(b"no slices at all").expect_err("it is text").to_string();
        assert!(error.starts_with("a kept partition cannot be serialised: "), "{error}");
    }
}
