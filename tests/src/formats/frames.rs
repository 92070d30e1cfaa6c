//! Frames: bytes behind their length, from a socket that a job file names.
//!
//! Takes frames, whole and cut. Gives the rows that the program prints of them.

use std::io::Write;
use std::net::TcpListener;

use super::PRINT;
use crate::set_up::job_folder::JobFolder;

/// A frame of those bytes.
fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("it is short").to_be_bytes();
    [&length[..], bytes].concat()
}

#[test]
fn frames_of_a_socket_are_rows_of_bytes() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let job = JobFolder::new(&format!(
        "name = \"job\"\nbatch_interval = \"1day\"\n[sources.rows]\ntype = \"socket\"\n\
         address = \"{address}\"\nformat = \"frames\"\n{PRINT}\n"
    ));
    let mut program = job.watch();
    let (mut sender, _) = listener.accept().expect("the program connects");
    let whole = [frame(b"hi"), frame(b"\n\x00\xff")].concat();
    sender.write_all(&[&whole[..], &[0, 0]].concat()).expect("it reads");
    drop(sender);
    program.told("closed the connection");
    program.signal("INT");
    let ran = program.end();
    assert_eq!((ran.code, ran.rows()), (Some(0), vec!["6869", "0a00ff"]), "{}", ran.err);
}
