//! Ingest: frames: a length of four bytes, the highest first, then so many bytes.
//!
//! Takes bytes of a connection. Gives whole frames, as rows of one binary column. Never keeps a
//! frame that is longer than allowed: its bytes are thrown away as they come.
//!
//! Spark's frames hold rows as its own JVM has serialised them. Here a frame is bytes that nobody
//! has looked at: any program can write it, nothing of a stranger's is trusted, and an operator
//! makes columns of it.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::builder::BinaryBuilder;
use arrow_schema::SchemaRef;

/// Bytes of a frame's length.
const HEAD_BYTES: usize = 4;

/// Where in the frames of a connection the reader is.
#[derive(Debug, Clone)]
pub struct FrameDecoder {
    schema: SchemaRef,
    frame_bytes_max: usize,
    /// Bytes that are still to be thrown away of a frame that is too long.
    skipping: usize,
}

impl FrameDecoder {
    /// At the beginning of a connection, with frames of at most so many bytes.
    pub fn new(schema: SchemaRef, frame_bytes_max: usize) -> Self {
        Self { schema, frame_bytes_max, skipping: 0 }
    }

    /// Takes the bytes that no earlier call has taken. Gives the whole frames, and how many bytes
    /// are done with. Of a frame that is too long the reason is told, and how it begins.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        mut too_long: impl FnMut(String, &[u8]),
    ) -> (Option<RecordBatch>, usize) {
        let mut frames = BinaryBuilder::new();
        let mut at = self.skip(bytes);
        let mut rows = 0;
        while let Some((head, rest)) = bytes[at..].split_first_chunk::<HEAD_BYTES>() {
            let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
            if length > self.frame_bytes_max {
                let allowed = self.frame_bytes_max;
                too_long(format!("a frame of {length} bytes is longer than {allowed}"), rest);
                at += HEAD_BYTES;
                self.skipping = length;
                at += self.skip(rest);
            } else if let Some(frame) = rest.get(..length) {
                frames.append_value(frame);
                rows += 1;
                at += HEAD_BYTES + length;
            } else {
                break;
            }
        }
        let rows = (rows > 0).then(|| {
            let made =
                RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(frames.finish())]);
            made.expect("frames have one required binary column")
        });
        (rows, at)
    }

    /// Begins anew, with another connection.
    pub fn restarted(&mut self) {
        self.skipping = 0;
    }

    fn skip(&mut self, bytes: &[u8]) -> usize {
        let skipped = self.skipping.min(bytes.len());
        self.skipping -= skipped;
        skipped
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use proptest::prelude::*;

    use super::*;
    use crate::model::column_type::ColumnType;
    use crate::model::schema::{Column, StreamSchema};

    const FRAME_BYTES_MAX: usize = 20;

    fn decoder() -> FrameDecoder {
        let schema = StreamSchema::new(vec![Column::new("frame", ColumnType::Binary)]);
        FrameDecoder::new(schema.to_arrow(), FRAME_BYTES_MAX)
    }

    fn framed(payloads: &[Vec<u8>]) -> Vec<u8> {
        let framed = |payload: &Vec<u8>| {
            let length = u32::try_from(payload.len()).expect("it is short");
            [&length.to_be_bytes(), payload.as_slice()].concat()
        };
        payloads.iter().flat_map(framed).collect()
    }

    /// Feeds pieces, keeping what is not done with. Gives frames, reasons, and what is left.
    fn feed<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> (Vec<Vec<u8>>, Vec<String>, usize) {
        let (mut decoder, mut rest) = (decoder(), Vec::new());
        let (mut frames, mut reasons) = (Vec::new(), Vec::new());
        for piece in pieces {
            rest.extend_from_slice(piece);
            let (rows, taken) = decoder.decode(&rest, |reason, _| reasons.push(reason));
            rest.drain(..taken);
            let column = rows.as_ref().map(|rows| rows.column(0).as_binary::<i32>());
            frames.extend(column.into_iter().flatten().flatten().map(<[u8]>::to_vec));
        }
        (frames, reasons, rest.len())
    }

    #[test]
    fn a_frame_that_is_too_long_is_told_and_skipped() {
        let long = vec![7; 1_000];
        let bytes = framed(&[b"a".to_vec(), long, Vec::new(), b"b".to_vec()]);
        let (frames, reasons, left) = feed(bytes.chunks(7));
        assert_eq!(frames, [&b"a"[..], b"", b"b"]);
        assert_eq!(reasons, ["a frame of 1000 bytes is longer than 20"]);
        assert_eq!(left, 0);
    }

    #[test]
    fn a_frame_that_is_cut_stays_undone() {
        let bytes = framed(&[b"whole".to_vec(), b"cut".to_vec()]);
        let (frames, _, left) = feed(std::iter::once(&bytes[..bytes.len() - 1]));
        assert_eq!((frames.len(), left), (1, HEAD_BYTES + 2));
    }

    proptest! {
        #[test]
        fn frames_come_out_of_any_cut(
            payloads in prop::collection::vec(
                prop::collection::vec(any::<u8>(), 0..2 * FRAME_BYTES_MAX),
                0..20,
            ),
            size in 1_usize..64,
        ) {
            let bytes = framed(&payloads);
            let (frames, reasons, left) = feed(bytes.chunks(size));
            let fit = |payload: &&Vec<u8>| payload.len() <= FRAME_BYTES_MAX;
            let fitting: Vec<Vec<u8>> = payloads.iter().filter(fit).cloned().collect();
            prop_assert_eq!(reasons.len(), payloads.len() - fitting.len());
            prop_assert_eq!((frames, left), (fitting, 0));
        }
    }
}
