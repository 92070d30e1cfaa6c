//! Api: streams whose rows a program's own code receives or decodes.
//!
//! Takes receivers, and decoders of bytes. Gives streams of their rows. Never runs them on an
//! executor: they have threads of their own, or run where bytes are received.

use std::sync::Arc;

use super::context::StreamingContext;
use super::dstream::DStream;
use crate::model::bytes_decoder::{BytesDecoder, BytesDecoding};
use crate::model::column_type::ColumnType;
use crate::model::receiver::{Receiver, SharedReceiver};
use crate::model::schema::{Column, StreamSchema};
use crate::model::source::SourceConnector;

impl StreamingContext {
    /// Rows that a program's own receiver stores. It is started with the job, and again whenever
    /// it has ended, until the job stops.
    pub fn receiver_stream(
        &self,
        schema: StreamSchema,
        receiver: impl Receiver + 'static,
    ) -> DStream {
        let receiver = SharedReceiver(Arc::new(receiver));
        self.rows(schema, SourceConnector::Receiver(receiver))
    }

    /// Connects to `host:port` and makes rows of what comes by a decoder of the program's own;
    /// reconnects with back-off. A record has at most [`crate::limits::LINE_BYTES_DEFAULT`] bytes.
    pub fn socket_stream(
        &self,
        address: &str,
        schema: StreamSchema,
        decoder: impl BytesDecoder + 'static,
    ) -> DStream {
        let (address, decoding) = (address.to_owned(), BytesDecoding::Program(Arc::new(decoder)));
        self.rows(schema, SourceConnector::DecodedSocket { address, decoding })
    }

    /// Connects to `host:port` and reads frames: a length of four bytes, the highest first, then so
    /// many bytes, which are a row of one `binary` column `frame`; reconnects with back-off. A
    /// longer frame than [`crate::limits::LINE_BYTES_DEFAULT`] is a bad row, and one whose end
    /// never came is dropped and counted.
    pub fn raw_socket_stream(&self, address: &str) -> DStream {
        let (address, decoding) = (address.to_owned(), BytesDecoding::Frames);
        let schema = StreamSchema::new(vec![Column::new("frame", ColumnType::Binary)]);
        self.rows(schema, SourceConnector::DecodedSocket { address, decoding })
    }
}
