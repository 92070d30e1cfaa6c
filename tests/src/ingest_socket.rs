//! Tests of ingest: lines from a socket, through every way in which a connection ends.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use tidemill::ingest::ReceiverEvent;

use crate::ingest_rig::{Rig, counted, socket};
use crate::set_up::patience::patiently;

const AT_ONCE: Duration = Duration::ZERO;
const AT_TICKS: Duration = Duration::from_secs(3600);
const BUDGET: usize = 8 << 20;

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("loopback has ports")
}

fn address(listener: &TcpListener) -> String {
    listener.local_addr().expect("it is bound").to_string()
}

#[test]
fn lines_of_a_socket_are_stored_at_a_tick() {
    let listener = listener();
    let rig = Rig::start(socket(address(&listener)), BUDGET, AT_TICKS);
    let (mut sender, _) = listener.accept().expect("the receiver connects");
    sender.write_all(b"\xef\xbb\xbfone\r\ntwo\n\npart").expect("it reads");
    assert!(matches!(rig.event(), ReceiverEvent::Connected { .. }));
    let mut got = Vec::new();
    while got.len() < 3 {
        assert_eq!(rig.supervisor.seal(), 0, "nothing holds up the tick");
        for (_, event) in rig.events.try_iter() {
            match event {
                ReceiverEvent::Stored(info) => got.extend(rig.take(&info)),
                other => panic!("unexpected {other:?}"),
            }
        }
        std::thread::yield_now();
    }
    assert_eq!(got, ["one", "two", ""]);
}

#[test]
fn an_unfinished_line_is_kept_on_a_clean_end() {
    let listener = listener();
    let rig = Rig::start(socket(address(&listener)), BUDGET, AT_ONCE);
    let (mut sender, _) = listener.accept().expect("the receiver connects");
    sender.write_all(b"whole\npart").expect("it reads");
    assert_eq!(rig.rows(1), ["whole"]);
    drop(sender);
    let closed = rig.event_where(|event| matches!(event, ReceiverEvent::Closed { .. }));
    assert!(format!("{closed:?}").contains(&address(&listener)), "{closed:?}");
    rig.supervisor.seal();
    assert_eq!(rig.rows(1), ["part"]);
}

#[test]
fn an_unfinished_line_is_dropped_and_told_on_a_reset() {
    let listener = listener();
    let rig = Rig::start(socket(address(&listener)), BUDGET, AT_ONCE);
    let (mut sender, _) = listener.accept().expect("the receiver connects");
    sender.write_all(b"whole\npart").expect("it reads");
    assert_eq!(rig.rows(1), ["whole"]);
    sender.set_nonblocking(true).expect("it is a socket");
    rig.runtime.block_on(async {
        let sender = tokio::net::TcpStream::from_std(sender).expect("it is a socket");
        // Closing it now sends a reset, not an end.
        sender.set_zero_linger().expect("it is a socket");
    });
    let told = rig.event_where(|event| !matches!(event, ReceiverEvent::Connected { .. }));
    assert_eq!(told, ReceiverEvent::PartialLineDropped { bytes: 4 });
    assert!(matches!(rig.event(), ReceiverEvent::Failed { .. }));

    let (mut sender, _) = listener.accept().expect("the receiver connects again");
    sender.write_all(b"\xef\xbb\xbfnew\n").expect("it reads");
    assert_eq!(rig.rows(1), ["new"]);
}

#[test]
fn a_refused_connection_is_told_and_tried_again() {
    let address = address(&listener());
    let rig = Rig::start(socket(&address), BUDGET, AT_ONCE);
    let ReceiverEvent::Failed { message, .. } = rig.event() else {
        panic!("nobody listens there");
    };
    assert!(message.starts_with(&format!("cannot connect to `{address}`: ")), "{message}");
    assert!(message.to_lowercase().contains("refused"), "{message}");
    let listener = TcpListener::bind(&address).expect("the port was free");
    let (mut sender, _) = listener.accept().expect("the receiver connects");
    sender.write_all(b"late\n").expect("it reads");
    assert_eq!(rig.rows(1), ["late"]);
}

#[test]
fn a_full_budget_slows_the_sender_and_loses_nothing() {
    const LINES: usize = 300_000;
    let listener = listener();
    let rig = Rig::start(socket(address(&listener)), 2 << 20, AT_ONCE);
    let (mut sender, _) = listener.accept().expect("the receiver connects");
    let sending = std::thread::spawn(move || {
        let text: String = (0..LINES).map(|n| format!("line {n:0>290}\n")).collect();
        sender.write_all(text.as_bytes()).expect("it reads in the end");
    });
    // Nobody takes a block: what is held grows until the receiver must stop reading.
    let mut stored = Vec::new();
    while rig.manager.gauges().held_bytes < (2 << 20) - (256 << 10) {
        if let ReceiverEvent::Stored(info) = rig.event() {
            stored.push(info);
        }
    }
    assert!(!sending.is_finished(), "89 MB do not fit into 2 MiB and the kernel's buffers");
    let mut got: Vec<String> = stored.iter().flat_map(|info| rig.take(info)).collect();
    while got.len() < LINES {
        got.extend(rig.rows(1));
    }
    sending.join().expect("everything was sent");
    assert!(rig.manager.gauges().held_bytes_max < 3 << 20, "{:?}", rig.manager.gauges());
    let counts = counted(got);
    assert_eq!((counts.len(), counts.values().max()), (LINES, Some(&1)));
}

#[test]
fn bad_lines_are_counted_and_left_out() {
    let listener = listener();
    let rig = Rig::start(socket(address(&listener)), BUDGET, AT_ONCE);
    let (mut sender, _) = listener.accept().expect("the receiver connects");
    // Joined, the two halves of a letter would be valid: they are not on one line.
    sender.write_all(b"a\xc3\n\xa9b\nfine\n").expect("it reads");
    let bad = rig.event_where(|event| matches!(event, ReceiverEvent::BadRows { .. }));
    let first = "a line is not valid UTF-8: `a\u{fffd}`".to_owned();
    assert_eq!(bad, ReceiverEvent::BadRows { count: 2, first });
    assert_eq!(rig.rows(1), ["fine"]);

    let junk = vec![b'x'; 1 << 20];
    (0..64).for_each(|_| sender.write_all(&junk).expect("it reads"));
    sender.write_all(b"x\nafter\n").expect("it reads");
    let bad = rig.event_where(|event| matches!(event, ReceiverEvent::BadRows { .. }));
    let ReceiverEvent::BadRows { count: 1, first } = bad else { panic!("{bad:?}") };
    assert!(first.starts_with("a line is longer than 1024 bytes: `xxx"), "{first}");
    assert_eq!(rig.rows(1), ["after"]);
    assert!(rig.manager.gauges().held_bytes_max < 2 << 20);
}

#[test]
fn a_stop_stores_what_was_received() {
    let listener = listener();
    let rig = Rig::start(socket(address(&listener)), BUDGET, AT_TICKS);
    let (mut sender, _) = listener.accept().expect("the receiver connects");
    sender.write_all(b"whole\npart").expect("it reads");
    patiently("bytes are held", || (rig.manager.gauges().held_bytes > 0).then_some(()));
    let Rig { supervisor, events, manager, runtime, .. } = rig;
    supervisor.stop();
    let told: Vec<ReceiverEvent> = events.try_iter().map(|(_, event)| event).collect();
    assert!(told.contains(&ReceiverEvent::PartialLineDropped { bytes: 4 }), "{told:?}");
    assert!(told.iter().any(|event| matches!(event, ReceiverEvent::Stored(i) if i.rows == 1)));
    assert_eq!(manager.gauges().blocks, 1);
    drop(runtime);
}
