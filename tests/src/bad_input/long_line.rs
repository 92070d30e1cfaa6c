//! A line of one gigabyte over a socket.
//!
//! Takes bytes as they are made. Gives them to the program, and looks at its memory from outside.
//! Never holds the line itself.

use std::io::Write;
use std::net::TcpListener;

use crate::set_up::job_folder::JobFolder;

const LINE_BYTES: u64 = 1 << 30;
/// What the program may take for such a line: its limit for one, many times over, and far less
/// than the line.
const GROWTH_KIB_MAX: u64 = (LINE_BYTES >> 10) / 16;

fn job(address: impl ToString, on_bad_row: &str) -> JobFolder {
    let address = address.to_string();
    JobFolder::new(&format!(
        "name = \"job\"\nbatch_interval = \"20ms\"\nblock_budget = \"32MiB\"\n\
         [sources.lines]\ntype = \"socket\"\naddress = \"{address}\"\n{on_bad_row}\
         [sinks.console]\ntype = \"print\"\nfrom = \"lines\"\n"
    ))
}

/// Writes one line of that many bytes; stops where nobody reads any more.
fn write_long_line(to: &mut impl Write) -> std::io::Result<()> {
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..LINE_BYTES / piece.len() as u64 {
        to.write_all(&piece)?;
    }
    to.write_all(b"\n")
}

/// The most memory the process has had, in KiB, where the system tells.
fn peak_kib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
fn a_line_of_a_gigabyte_is_refused_in_little_memory_and_the_next_line_is_a_row() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let job = job(address, "on_bad_row = \"skip\"\n");
    let mut program = job.watch();
    let (mut sender, _) = listener.accept().expect("the program connects");
    sender.write_all(b"before\n").expect("it reads");
    program.printed("before");
    let before = peak_kib(program.id());
    write_long_line(&mut sender).expect("it reads to the end");
    sender.write_all(b"after\n").expect("it reads");
    program.printed("after");
    let after = peak_kib(program.id());
    if let (Some(before), Some(after)) = (before, after) {
        assert!(after - before < GROWTH_KIB_MAX, "from {before} to {after} KiB");
    }
    program.signal("TERM");
    let ran = program.end();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let expected = "source `lines`: 1 bad row, the first: a line is longer than 1048576 bytes: \
                    `xxxx";
    assert!(ran.err.contains(expected), "{}", ran.err);
    assert!(ran.err.contains("0 failed, 2 rows"), "{}", ran.err);
    assert_eq!(ran.rows(), ["before", "after"], "no part of it is a row");
}

#[test]
fn a_line_of_a_gigabyte_fails_its_batch_before_it_is_read_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let job = job(listener.local_addr().expect("it is bound"), "");
    let program = job.watch();
    let (mut sender, _) = listener.accept().expect("the program connects");
    let sent = write_long_line(&mut sender);
    assert!(sent.is_err(), "the job ends while the line still comes");
    let ran = program.end();
    assert_eq!((ran.code, ran.rows()), (Some(1), vec![]), "{}", ran.err);
    let expected = "source `lines` has 1 bad row; a line is longer than 1048576 bytes: `xxxx";
    assert!(ran.err.contains(expected), "{}", ran.err);
}
