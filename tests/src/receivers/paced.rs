//! Tests: sources are kept to their rates, by a clock that is moved by hand.

use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::{RecordBatch, StringArray};
use crossbeam_channel::{Sender, unbounded};
use tidemill::api::context::{ContextError, StreamingContext};
use tidemill::api::test_context::TestContext;
use tidemill::ingest::ReceiverEvent;
use tidemill::ingest::file_source::FileSource;
use tidemill::limits::FILE_RANGE_BYTES_PACED;
use tidemill::model::backpressure::{Backpressure, SourceRates};
use tidemill::model::id::SourceId;
use tidemill::model::receiver::{BoxError, Receiver, ReceiverHandle, SharedReceiver};
use tidemill::model::source::{SourceConnector, SourceDeclaration};
use tidemill::sys::storage_memory::MemoryStorage;

use crate::conformance::rig::config;
use crate::ingest_rig::{Rig, counted, lines};
use crate::job_rig::{PATIENCE, engine};

const AT_ONCE: Duration = Duration::ZERO;
const BUDGET: usize = 8 << 20;
const SECOND: Duration = Duration::from_secs(1);

fn paced(connector: SourceConnector, rows: f64) -> SourceDeclaration {
    let rates = SourceRates { max_rate: Some(rows), max_bytes_rate: None };
    SourceDeclaration { rates, ..lines(connector) }
}

fn unlimited(lines: u64) -> SourceConnector {
    SourceConnector::Generate {
        lines_per_second: 0,
        words_per_line: 3,
        vocabulary: 100,
        lines: Some(lines),
    }
}

/// Moves the rig's clock second by second, and gives how many rows came in each.
fn per_second(rig: &Rig, rows: usize, seconds: usize) -> Vec<usize> {
    let one = |_| {
        rig.clock.advance(SECOND);
        rig.rows(rows).len()
    };
    (0..seconds).map(one).collect()
}

#[test]
fn generated_text_keeps_to_its_rate_and_then_ends() {
    let rig = Rig::start(paced(unlimited(2_500), 1_000.0), BUDGET, AT_ONCE);
    rig.event_where(|event| matches!(event, ReceiverEvent::Connected { .. }));
    assert!(rig.events.is_empty(), "no row comes while the clock stands");
    assert_eq!(per_second(&rig, 1_000, 2), [1_000, 1_000]);
    rig.clock.advance(SECOND / 2);
    assert_eq!(rig.rows(500).len(), 500);
    assert_eq!(rig.event(), ReceiverEvent::Ended);
}

#[test]
fn lines_of_a_socket_keep_to_their_rate_though_the_sender_has_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound").to_string();
    let rig = Rig::start(paced(SourceConnector::Socket { address }, 10.0), BUDGET, AT_ONCE);
    let (mut sender, _) = listener.accept().expect("the receiver connects");
    let text: String = (0..25).map(|number| format!("{number}\n")).collect();
    sender.write_all(format!("{text}rest").as_bytes()).expect("it reads");
    drop(sender);
    assert_eq!(per_second(&rig, 10, 2), [10, 10]);
    rig.clock.advance(SECOND);
    assert_eq!(rig.rows(5), ["20", "21", "22", "23", "24"]);
    rig.event_where(|event| matches!(event, ReceiverEvent::Closed { .. }));
    rig.supervisor.seal();
    assert_eq!(rig.rows(1), ["rest"]);
}

#[test]
fn what_was_read_is_stored_at_a_stop_whatever_its_rate() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound").to_string();
    let rig = Rig::start(paced(SourceConnector::Socket { address }, 1.0), BUDGET, AT_ONCE);
    let (mut sender, _) = listener.accept().expect("the receiver connects");
    sender.write_all(b"a\nb\nc\n").expect("it reads");
    rig.clock.advance(SECOND);
    assert_eq!(rig.rows(1), ["a"]);
    let Rig { supervisor, events, .. } = rig;
    supervisor.stop();
    let rows = |event| match event {
        ReceiverEvent::Stored(info) => info.rows,
        _ => 0,
    };
    assert_eq!(events.try_iter().map(|(_, event)| rows(event)).sum::<u64>(), 2);
}

/// Stores rows one by one, then as a block, then single rows again.
struct Mixed(Mutex<Option<Sender<ReceiverHandle>>>);

fn numbered(handle: &ReceiverHandle, numbers: std::ops::Range<u32>) -> RecordBatch {
    let texts = StringArray::from_iter_values(numbers.map(|number| number.to_string()));
    RecordBatch::try_new(handle.schema().clone(), vec![Arc::new(texts)]).expect("lines are rows")
}

impl Receiver for Mixed {
    fn on_start(&self, handle: ReceiverHandle) -> Result<(), BoxError> {
        let kept = self.0.lock().expect("no panic").take().ok_or("it is started once")?;
        kept.send(handle.clone())?;
        handle.store(numbered(&handle, 0..15))?;
        handle.store_block(numbered(&handle, 15..35))?;
        handle.store_line("35")?;
        Ok(())
    }
}

/// The trap: in Spark a block that is stored whole goes past the rate.
#[test]
fn rows_of_a_program_keep_to_their_rate_in_blocks_too() {
    let (sender, handles) = unbounded();
    let receiver = SharedReceiver(Arc::new(Mixed(Mutex::new(Some(sender)))));
    let rig = Rig::start(paced(SourceConnector::Receiver(receiver), 10.0), BUDGET, AT_ONCE);
    let _kept = handles.recv_timeout(PATIENCE).expect("the receiver starts");
    rig.event_where(|event| *event == ReceiverEvent::Started);
    assert!(rig.events.is_empty(), "no row comes while the clock stands");
    assert_eq!(per_second(&rig, 10, 1), [10]);
    rig.clock.advance(SECOND / 2);
    assert_eq!(rig.rows(5).len(), 5);
    rig.clock.advance(SECOND / 10);
    let block = rig.event_where(|event| matches!(event, ReceiverEvent::Stored(_)));
    assert!(matches!(block, ReceiverEvent::Stored(info) if info.rows == 20), "it comes whole");
    let acknowledge = rig.event_where(|event| matches!(event, ReceiverEvent::Acknowledge(_)));
    let ReceiverEvent::Acknowledge(acknowledgement) = acknowledge else { unreachable!() };
    acknowledgement.give();
    // Its 20 rows took the rate of two seconds, of which a tenth had been saved up.
    rig.clock.advance(SECOND * 19 / 10);
    assert!(rig.events.is_empty());
    rig.clock.advance(SECOND / 5);
    assert_eq!(rig.rows(1), ["35"]);
}

#[test]
fn bytes_have_a_rate_as_well() {
    let rates = SourceRates { max_rate: None, max_bytes_rate: Some(100.0) };
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound").to_string();
    let source = SourceDeclaration { rates, ..lines(SourceConnector::Socket { address }) };
    let rig = Rig::start(source, BUDGET, AT_ONCE);
    let (mut sender, _) = listener.accept().expect("the receiver connects");
    // Two lines of 50 bytes a second.
    let text: String = (0..6).map(|number| format!("{number:049}\n")).collect();
    sender.write_all(text.as_bytes()).expect("it reads");
    assert_eq!(per_second(&rig, 2, 3), [2, 2, 2]);
}

/// A job over endless text, with these rates and a batch a second.
fn job(backpressure: Backpressure) -> TestContext {
    let mut test = TestContext::new(config(), SECOND).expect("an engine starts");
    test.context.settings().backpressure = backpressure;
    test.context.lines(unlimited(u64::MAX)).for_each_batch(|_, _| Ok(()));
    test
}

/// Spark's first batch takes whatever is there, however long it may take.
#[test]
fn the_first_batches_are_bounded_by_the_initial_rate() {
    let backpressure =
        Backpressure { enabled: true, initial_rate: Some(50.0), ..Backpressure::default() };
    let mut test = job(backpressure);
    let (mut rows, mut batches) = (0, 0);
    while rows < 200 {
        rows += test.run(1).expect("the job runs")[0].rows_in;
        batches += 1;
        assert!(rows <= 50 * batches, "{rows} rows in {batches} batches");
    }
}

#[test]
fn rates_that_are_none_are_refused_at_the_start() {
    let none = Backpressure { max_rate: Some(0.0), ..Backpressure::default() };
    let mut context = StreamingContext::new(&engine(), SECOND);
    context.settings().backpressure = none;
    context.lines(unlimited(1)).for_each_batch(|_, _| Ok(()));
    let refused = context.start().expect_err("a rate of nothing lets nothing through");
    assert!(matches!(refused, ContextError::Job(_)));
    let expected = "`backpressure` cannot work: `max_rate` is 0, allowed is more than 0 a second";
    assert!(refused.to_string().contains(expected), "{refused}");

    let mut context = StreamingContext::new(&engine(), SECOND);
    context.source(paced(unlimited(1), -1.0)).for_each_batch(|_, _| Ok(()));
    let refused = context.start().expect_err("nor does less");
    let expected = "source `lines`: `max_rate` is -1, allowed is more than 0 a second";
    assert!(refused.to_string().contains(expected), "{refused}");
}

#[test]
fn every_row_comes_once_however_slowly() {
    let rig = Rig::start(paced(unlimited(300), 100.0), BUDGET, AT_ONCE);
    let mut got = Vec::new();
    for _ in 0..3 {
        rig.clock.advance(SECOND);
        got.extend(rig.rows(100));
    }
    let free = Rig::start(lines(unlimited(300)), BUDGET, AT_ONCE);
    assert_eq!(counted(got), counted(free.rows(300)), "the same lines as without a rate");
}

#[test]
fn a_batch_of_files_is_given_what_its_rate_comes_to() {
    let storage = MemoryStorage::new();
    storage.put("/in/a", &vec![b'\n'; 5 * FILE_RANGE_BYTES_PACED]);
    let connector = SourceConnector::Files { path: "/in".into(), bounded: true };
    let (unbounded, none) = (u64::MAX, Some(0));
    let source = FileSource::open(
        SourceId(0),
        &lines(connector),
        Arc::new(storage),
        SECOND,
        (unbounded, none),
        1_000,
    );
    let mut source = source.expect("it opens").expect("it is a source of files");
    assert_eq!(source.take().len(), 1, "one range at least");
    source.pace(2 * FILE_RANGE_BYTES_PACED as u64);
    assert_eq!(source.take().len(), 2);
    source.pace(u64::MAX);
    assert_eq!(source.take().len(), 2, "and the rest");
}

#[test]
fn connections_of_a_source_that_listens_share_its_rate() {
    let connector =
        SourceConnector::Listen { address: "127.0.0.1:0".to_owned(), connections_max: 4 };
    let rig = Rig::start(paced(connector, 10.0), BUDGET, AT_ONCE);
    let ReceiverEvent::Told { message, .. } = rig.event() else { panic!("it tells its address") };
    let address = message.strip_prefix("listens on ").expect("an address");
    let text: String = (0..15).map(|number| format!("{number}\n")).collect();
    for _ in 0..2 {
        let mut sender = std::net::TcpStream::connect(address).expect("it listens");
        sender.write_all(text.as_bytes()).expect("it reads");
    }
    let seconds = per_second(&rig, 10, 3);
    assert_eq!(seconds.iter().sum::<usize>(), 30, "{seconds:?}");
}
