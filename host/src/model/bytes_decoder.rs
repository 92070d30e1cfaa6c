//! Model: a program's own way from bytes to rows.
//!
//! Takes bytes as they arrive. Gives rows and how many bytes they were made of; the others are
//! given again, with those that arrive next. Never reads anything itself.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::receiver::BoxError;

/// What a decoder made of bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DecodedBytes {
    /// Rows of the stream's columns, if there are any.
    pub rows: Option<RecordBatch>,
    /// How many bytes are done with, from the first.
    pub taken: usize,
}

/// Makes rows of bytes. A function of bytes is one. It runs where bytes are received, beside other
/// sources: it must not wait.
pub trait BytesDecoder: Send + Sync {
    /// Takes the bytes of a connection from the first that is not done with.
    ///
    /// # Errors
    /// An error, and a panic, are told, and end the connection; the next one begins anew.
    fn decode(&self, bytes: &[u8]) -> Result<DecodedBytes, BoxError>;

    /// Takes the bytes that are left when a connection has ended as it should. What it does not
    /// take is dropped and counted, as all of it is unless the decoder says otherwise.
    ///
    /// # Errors
    /// As [`Self::decode`].
    fn ended(&self, rest: &[u8]) -> Result<DecodedBytes, BoxError> {
        let _dropped = rest;
        Ok(DecodedBytes::default())
    }
}

impl<F> BytesDecoder for F
where
    F: Fn(&[u8]) -> Result<DecodedBytes, BoxError> + Send + Sync,
{
    fn decode(&self, bytes: &[u8]) -> Result<DecodedBytes, BoxError> {
        self(bytes)
    }
}

/// How the bytes of a connection become rows.
#[derive(Clone)]
pub enum BytesDecoding {
    /// Frames: a length of four bytes, the highest first, then so many bytes, which are a row of
    /// one `binary` column `frame`.
    Frames,
    /// A program's own way.
    Program(Arc<dyn BytesDecoder>),
}

impl fmt::Debug for BytesDecoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Frames => "Frames",
            Self::Program(_) => "Program",
        })
    }
}
