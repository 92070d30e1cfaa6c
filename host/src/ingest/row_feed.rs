//! Ingest: the bytes of a connection, on their way to rows that are not lines.
//!
//! Takes bytes as they are read. Gives rows to the intake, and says what is wrong with bytes that
//! are none. Never keeps more undone bytes than a record may have.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::frame_decoder::FrameDecoder;
use super::intake::Intake;
use crate::error::panic_message;
use crate::limits::RECEIVE_BYTES;
use crate::model::bytes_decoder::{BytesDecoder, BytesDecoding, DecodedBytes};
use crate::model::receiver::{BoxError, fit};
use crate::model::source::SourceDeclaration;
use crate::model::text::number_of;

/// The undone bytes of a connection, and what makes rows of them.
pub(super) struct RowFeed {
    schema: SchemaRef,
    decoding: Decoding,
    record_bytes_max: usize,
    rest: Vec<u8>,
}

enum Decoding {
    Frames(FrameDecoder),
    Program(Arc<dyn BytesDecoder>),
}

impl RowFeed {
    /// Nothing undone yet.
    pub(super) fn new(source: &SourceDeclaration, decoding: &BytesDecoding) -> Self {
        let (schema, record_bytes_max) = (source.schema.to_arrow(), source.line_bytes_max);
        let decoding = match decoding {
            BytesDecoding::Frames => {
                Decoding::Frames(FrameDecoder::new(Arc::clone(&schema), record_bytes_max))
            }
            BytesDecoding::Program(decoder) => Decoding::Program(Arc::clone(decoder)),
        };
        Self { schema, decoding, record_bytes_max, rest: Vec::new() }
    }

    /// Where to append what is read: at least [`RECEIVE_BYTES`] fit without growing.
    pub(super) fn room(&mut self) -> &mut Vec<u8> {
        self.rest.reserve(RECEIVE_BYTES);
        &mut self.rest
    }

    /// Makes rows of what has come and stores them, as fast as rate and budget allow.
    ///
    /// # Errors
    /// Says why the bytes are no rows; the connection is of no use then.
    pub(super) async fn store(&mut self, intake: &Intake) -> Result<(), String> {
        let mut done = 0;
        let rest = std::mem::take(&mut self.rest);
        while done < rest.len() {
            let DecodedBytes { rows, taken } = self.decode(&rest[done..], intake)?;
            if let Some(rows) = rows {
                if taken == 0 {
                    return Err("the decoder made rows of no bytes".to_owned());
                }
                self.add(&rows, intake).await?;
            }
            if taken == 0 {
                break;
            }
            done += taken;
        }
        self.rest = rest;
        self.rest.drain(..done);
        if matches!(self.decoding, Decoding::Program(_)) && self.rest.len() > self.record_bytes_max
        {
            let (found, allowed) = (self.rest.len(), self.record_bytes_max);
            return Err(format!("{found} bytes are no record yet, at most {allowed} are allowed"));
        }
        Ok(())
    }

    /// The connection ended as it should: the decoder may take what is left; the rest is dropped
    /// and counted.
    ///
    /// # Errors
    /// As [`Self::store`].
    pub(super) async fn ended(&mut self, intake: &Intake) -> Result<(), String> {
        let rest = std::mem::take(&mut self.rest);
        let mut taken = 0;
        if let Decoding::Program(decoder) = &self.decoding
            && !rest.is_empty()
        {
            let decoded = checked(&rest, || decoder.ended(&rest))?;
            if let Some(rows) = &decoded.rows {
                self.add(rows, intake).await?;
            }
            taken = decoded.taken;
        }
        self.restarted(rest.len() - taken, intake);
        Ok(())
    }

    /// The connection broke off: what is undone is dropped and counted.
    pub(super) fn broken(&mut self, intake: &Intake) {
        let bytes = std::mem::take(&mut self.rest).len();
        self.restarted(bytes, intake);
    }

    fn restarted(&mut self, dropped: usize, intake: &Intake) {
        intake.dropped(dropped);
        if let Decoding::Frames(frames) = &mut self.decoding {
            frames.restarted();
        }
    }

    fn decode(&mut self, bytes: &[u8], intake: &Intake) -> Result<DecodedBytes, String> {
        match &mut self.decoding {
            Decoding::Frames(frames) => {
                let too_long = |reason, beginning: &[u8]| intake.add_bad(|| reason, beginning);
                let (rows, taken) = frames.decode(bytes, too_long);
                Ok(DecodedBytes { rows, taken })
            }
            Decoding::Program(decoder) => checked(bytes, || decoder.decode(bytes)),
        }
    }

    async fn add(&self, rows: &RecordBatch, intake: &Intake) -> Result<(), String> {
        let rows = fit(rows, &self.schema)?;
        // Nothing is taken any more when the job ends at once.
        let _closed = intake.add_rows(&rows).await;
        Ok(())
    }
}

/// What a program's decoder made of bytes, if that can be.
fn checked(
    bytes: &[u8],
    decode: impl FnOnce() -> Result<DecodedBytes, BoxError>,
) -> Result<DecodedBytes, String> {
    let decoded = match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(decoded)) => decoded,
        Ok(Err(error)) => return Err(format!("the decoder failed: {error}")),
        Err(panic) => return Err(format!("the decoder panicked: {}", panic_message(&*panic))),
    };
    if decoded.taken > bytes.len() {
        let (taken, given) = (decoded.taken, bytes.len());
        let taken = number_of(taken, "byte", "bytes");
        return Err(format!("the decoder took {taken} of {given}"));
    }
    Ok(decoded)
}
