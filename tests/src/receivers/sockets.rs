//! Tests: sockets whose bytes are lines, frames, or what a program's decoder makes of them.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use crossbeam_channel::unbounded;
use tidemill::api::context::StreamingContext;
use tidemill::ingest::ReceiverEvent;
use tidemill::model::bytes_decoder::{BytesDecoder, BytesDecoding, DecodedBytes};
use tidemill::model::column_type::ColumnType;
use tidemill::model::policy::OnBadRow;
use tidemill::model::receiver::BoxError;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::source::{SourceConnector, SourceDeclaration};

use crate::ingest_rig::{Rig, lines};
use crate::job_rig::{Feeder, PATIENCE, engine, reset};

const AT_ONCE: Duration = Duration::ZERO;
const BUDGET: usize = 8 << 20;
const FRAME_BYTES_MAX: usize = 100_000;

fn numbers_schema() -> StreamSchema {
    StreamSchema::new(vec![Column::new("n", ColumnType::Int64)])
}

/// Numbers of eight bytes, the lowest first. What is no whole number yet is left.
fn numbers(bytes: &[u8]) -> Result<DecodedBytes, BoxError> {
    let whole = bytes.chunks_exact(8);
    let taken = bytes.len() - whole.remainder().len();
    let numbers: Vec<i64> =
        whole.map(|eight| i64::from_le_bytes(eight.try_into().expect("eight"))).collect();
    match numbers.iter().find(|number| **number < 0) {
        Some(-1) => panic!("minus one"),
        Some(negative) => return Err(format!("{negative} is no count").into()),
        None => {}
    }
    let rows = RecordBatch::try_new(
        numbers_schema().to_arrow(),
        vec![Arc::new(Int64Array::from(numbers))],
    )?;
    Ok(DecodedBytes { rows: Some(rows).filter(|rows| rows.num_rows() > 0), taken })
}

fn connect(schema: StreamSchema, decoding: BytesDecoding) -> (Rig, TcpListener, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound").to_string();
    let source = SourceDeclaration {
        schema,
        line_bytes_max: FRAME_BYTES_MAX,
        on_bad_row: OnBadRow::Skip,
        ..lines(SourceConnector::DecodedSocket { address, decoding })
    };
    let rig = Rig::start(source, BUDGET, AT_ONCE);
    let (sender, _) = listener.accept().expect("the receiver connects");
    (rig, listener, sender)
}

fn decoded() -> (Rig, TcpListener, TcpStream) {
    connect(numbers_schema(), BytesDecoding::Program(Arc::new(numbers)))
}

fn framed() -> (Rig, TcpListener, TcpStream) {
    let schema = StreamSchema::new(vec![Column::new("frame", ColumnType::Binary)]);
    connect(schema, BytesDecoding::Frames)
}

/// The next so many rows' slices.
fn slices(rig: &Rig, rows: usize) -> Vec<RecordBatch> {
    let mut slices: Vec<RecordBatch> = Vec::new();
    while slices.iter().map(RecordBatch::num_rows).sum::<usize>() < rows {
        if let ReceiverEvent::Stored(info) = rig.event() {
            let block = rig.manager.get(info.id).expect("a stored block is kept");
            slices.extend(block.slices.iter().cloned());
            rig.manager.remove(info.id);
        }
    }
    slices
}

fn numbers_of(rig: &Rig, rows: usize) -> Vec<i64> {
    let of = |slice: &RecordBatch| slice.column(0).as_primitive::<Int64Type>().values().to_vec();
    slices(rig, rows).iter().flat_map(of).collect()
}

fn frames_of(rig: &Rig, rows: usize) -> Vec<Vec<u8>> {
    let of = |slice: &RecordBatch| {
        let frames = slice.column(0).as_binary::<i32>().iter().flatten();
        frames.map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    slices(rig, rows).iter().flat_map(of).collect()
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("it is short");
    [&length.to_be_bytes(), payload].concat()
}

fn failure(rig: &Rig) -> String {
    let failed = rig.event_where(|event| matches!(event, ReceiverEvent::Failed { .. }));
    let ReceiverEvent::Failed { message, .. } = failed else { unreachable!("it was looked for") };
    message
}

/// Case I09.
#[test]
fn lines_of_a_socket_are_the_rows_of_batches() {
    let feeder = Feeder::new();
    let mut context = StreamingContext::new(&engine(), Duration::from_millis(20));
    let (sender, received) = unbounded();
    context.socket_text_stream(&feeder.address()).for_each_batch(move |_, partitions| {
        let texts = partitions.iter().flatten().flat_map(crate::ingest_rig::texts);
        Ok(sender.send(texts.collect::<Vec<_>>())?)
    });
    context.start().expect("the job starts");
    let mut stream = feeder.accept();
    for number in 1..=5 {
        writeln!(stream, "{number}").expect("it reads");
        let mut got = Vec::new();
        while got.is_empty() {
            got = received.recv_timeout(PATIENCE).expect("a batch comes");
        }
        assert_eq!(got, [number.to_string()]);
    }
    context.stop_gracefully().expect("the job drains");
}

#[test]
fn what_a_decoder_leaves_is_given_again_with_what_comes() {
    let (rig, _listener, mut sender) = decoded();
    let bytes: Vec<u8> = (0..10_i64).flat_map(i64::to_le_bytes).collect();
    for (number, piece) in bytes.chunks(13).enumerate() {
        sender.write_all(piece).expect("it reads");
        let whole = (13 * (number + 1)).min(80) / 8 - 13 * number / 8;
        let first = 13 * number as i64 / 8;
        assert_eq!(numbers_of(&rig, whole), (first..first + whole as i64).collect::<Vec<_>>());
    }
}

#[test]
fn undone_bytes_are_dropped_and_counted_at_the_end() {
    let (rig, listener, mut sender) = decoded();
    sender.write_all(&[7_i64.to_le_bytes().as_slice(), b"cut"].concat()).expect("it reads");
    assert_eq!(numbers_of(&rig, 1), [7]);
    drop(sender);
    let dropped = |event: &ReceiverEvent| matches!(event, ReceiverEvent::PartialLineDropped { .. });
    assert_eq!(rig.event_where(dropped), ReceiverEvent::PartialLineDropped { bytes: 3 });
    let (mut sender, _) = listener.accept().expect("the receiver connects again");
    sender.write_all(&8_i64.to_le_bytes()).expect("it reads");
    assert_eq!(numbers_of(&rig, 1), [8], "the next connection begins anew");
}

/// Takes what is left at the end as a number of fewer bytes.
struct ToTheEnd;

impl BytesDecoder for ToTheEnd {
    fn decode(&self, bytes: &[u8]) -> Result<DecodedBytes, BoxError> {
        numbers(bytes)
    }

    fn ended(&self, rest: &[u8]) -> Result<DecodedBytes, BoxError> {
        let mut eight = [0; 8];
        eight[..rest.len()].copy_from_slice(rest);
        Ok(DecodedBytes { taken: rest.len(), ..numbers(&eight)? })
    }
}

#[test]
fn a_decoder_may_take_what_is_left_at_the_end() {
    let decoding = BytesDecoding::Program(Arc::new(ToTheEnd));
    let (rig, _listener, mut sender) = connect(numbers_schema(), decoding);
    sender.write_all(&[5]).expect("it reads");
    drop(sender);
    assert_eq!(numbers_of(&rig, 1), [5]);
    rig.event_where(|event| matches!(event, ReceiverEvent::Closed { .. }));
}

#[test]
fn errors_and_panics_of_a_decoder_end_the_connection() {
    let (rig, listener, mut sender) = decoded();
    for (number, expected) in
        [(-5_i64, "the decoder failed: -5 is no count"), (-1, "the decoder panicked: minus one")]
    {
        sender.write_all(&number.to_le_bytes()).expect("it reads");
        let message = failure(&rig);
        assert!(message.starts_with("cannot use what `127.0.0.1:"), "{message}");
        assert!(message.ends_with(expected), "{message}");
        (sender, _) = listener.accept().expect("the receiver connects again");
    }
    sender.write_all(&6_i64.to_le_bytes()).expect("it reads");
    assert_eq!(numbers_of(&rig, 1), [6]);
}

#[test]
fn answers_of_a_decoder_that_cannot_be_are_refused() {
    type Answer = fn(&[u8]) -> Result<DecodedBytes, BoxError>;
    let cases: [(Answer, &str); 4] = [
        (|_| Ok(DecodedBytes { rows: None, taken: 9 }), "the decoder took 9 bytes of 1"),
        (
            |_| Ok(DecodedBytes { taken: 0, ..numbers(&[0; 8])? }),
            "the decoder made rows of no bytes",
        ),
        (
            |_| {
                let schema = StreamSchema::new(vec![Column::new("m", ColumnType::Int64)]);
                let numbers = Arc::new(Int64Array::from(vec![0]));
                let rows = RecordBatch::try_new(schema.to_arrow(), vec![numbers])?;
                Ok(DecodedBytes { rows: Some(rows), taken: 1 })
            },
            "found columns `m: Int64`, expected `n: Int64`",
        ),
        (|_| Ok(DecodedBytes::default()), "bytes are no record yet, at most 100000 are allowed"),
    ];
    for (answer, expected) in cases {
        let decoding = BytesDecoding::Program(Arc::new(answer));
        let (rig, _listener, mut sender) = connect(numbers_schema(), decoding);
        sender.write_all(b"x").expect("it reads");
        if expected.contains("no record yet") {
            sender.write_all(&vec![b'x'; FRAME_BYTES_MAX]).expect("it reads");
        }
        let message = failure(&rig);
        assert!(message.ends_with(expected), "{message}");
    }
}

#[test]
fn frames_of_any_bytes_become_rows() {
    let (rig, _listener, mut sender) = framed();
    let payloads: Vec<Vec<u8>> =
        vec![b"one".to_vec(), Vec::new(), vec![0xff; FRAME_BYTES_MAX], b"\n\0".to_vec()];
    let bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
    for piece in bytes.chunks(33_333) {
        sender.write_all(piece).expect("it reads");
    }
    assert_eq!(frames_of(&rig, payloads.len()), payloads);
}

#[test]
fn a_frame_that_is_too_long_is_a_bad_row_and_the_next_one_is_read() {
    let (rig, _listener, mut sender) = framed();
    sender.write_all(&frame(&vec![b'x'; 40 * FRAME_BYTES_MAX])).expect("it reads");
    sender.write_all(&frame(b"after")).expect("it reads");
    let bad = rig.event_where(|event| matches!(event, ReceiverEvent::BadRows { .. }));
    let ReceiverEvent::BadRows { count: 1, first } = bad else { panic!("{bad:?}") };
    assert!(first.starts_with("a frame of 4000000 bytes is longer than 100000"), "{first}");
    assert_eq!(frames_of(&rig, 1), [b"after"]);
    assert!(rig.manager.gauges().held_bytes_max < 1 << 20, "it was thrown away as it came");
}

#[test]
fn a_frame_cut_by_the_end_is_dropped_and_counted() {
    let (rig, listener, mut sender) = framed();
    let dropped = |event: &ReceiverEvent| matches!(event, ReceiverEvent::PartialLineDropped { .. });
    sender.write_all(&[frame(b"whole"), frame(b"cut")[..6].to_vec()].concat()).expect("it reads");
    assert_eq!(frames_of(&rig, 1), [b"whole"]);
    drop(sender);
    assert_eq!(rig.event_where(dropped), ReceiverEvent::PartialLineDropped { bytes: 6 });

    let (mut sender, _) = listener.accept().expect("the receiver connects again");
    sender.write_all(&[frame(b"next"), frame(b"reset")[..5].to_vec()].concat()).expect("it reads");
    assert_eq!(frames_of(&rig, 1), [b"next"]);
    reset(sender);
    assert_eq!(rig.event_where(dropped), ReceiverEvent::PartialLineDropped { bytes: 5 });
}
