//! Signals: the first one drains the job, the second one ends it.
//!
//! Takes a job whose batch is far away, so that what was received waits for the drain. Gives it
//! signals once it has told that it has read everything. A build is given one as well.

use std::fs;
use std::io::{PipeReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use tidemill_guest_build::new_plugin;

use crate::border::handmade::Handmade;
use crate::job_rig::PATIENCE;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::program;
use crate::set_up::watched::{Watched, watch, watch_command_to};

/// Words that are said when no more input is taken.
const DRAINING: &str = "draining: what was received is worked off";

fn head(address: impl ToString) -> String {
    let address = address.to_string();
    format!(
        "name = \"job\"\nbatch_interval = \"1day\"\n\
         [sources.lines]\ntype = \"socket\"\naddress = \"{address}\"\n"
    )
}

/// Starts the job of that head and tail, and lets it receive the text.
fn received(tail: &str, files: &[(&str, &[u8])], text: &str) -> (JobFolder, Watched) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let job = JobFolder::new(&format!("{}{tail}", head(address)));
    files.iter().for_each(|(name, bytes)| job.put(name, bytes));
    let mut program = job.watch();
    program.told("durability: none");
    let (mut sender, _) = listener.accept().expect("the program connects");
    sender.write_all(text.as_bytes()).expect("it reads");
    drop(sender);
    program.told("closed the connection");
    (job, program)
}

#[test]
fn either_signal_drains_what_was_received_and_ends() {
    for name in ["INT", "TERM"] {
        let sink = "[sinks.console]\ntype = \"print\"\nfrom = \"lines\"\n";
        let (_job, mut program) = received(sink, &[], "one\ntwo\nthree\n");
        program.signal(name);
        program.told(DRAINING);
        let ran = program.end();
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.err);
        assert_eq!(ran.rows(), ["one", "two", "three"], "{name}");
        assert!(ran.err.contains("job `job` ended: "), "{}", ran.err);
        assert!(ran.err.contains("0 failed, 3 rows"), "{}", ran.err);
        assert!(!ran.err.contains("ended at once"), "{}", ran.err);
    }
}

#[test]
fn a_second_signal_ends_at_once_and_says_what_is_lost() {
    // A plugin that never comes back, for longer than any test waits.
    let forever = "(loop $again (br $again)) (i32.const 0)".to_owned();
    let plugin = Handmade { apply: forever, ..Handmade::default() }.component();
    let tail = "[plugins.words]\ncomponent = \"words.wasm\"\ncpu = \"10m\"\n\
                [streams.out]\nfrom = \"lines\"\nsteps = [{ flat_map = \"words.op\" }]\n\
                [sinks.console]\ntype = \"print\"\nfrom = \"out\"\n";
    for (first, second) in [("INT", "INT"), ("TERM", "INT"), ("INT", "TERM")] {
        let (_job, mut program) = received(tail, &[("words.wasm", &plugin)], "one\n");
        program.signal(first);
        program.told("signal: a second one ends at once");
        program.signal(second);
        let ran = program.end();
        assert_eq!((ran.code, ran.out.as_str()), (Some(130), ""), "{}", ran.err);
        let last = "ended at once: what was received and not published is dropped";
        assert_eq!(ran.err.lines().last(), Some(last), "{}", ran.err);
    }
}

#[test]
fn a_signal_stops_a_job_that_received_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let sink = "[sinks.console]\ntype = \"print\"\nfrom = \"lines\"\n";
    let job = JobFolder::new(&format!("{}{sink}", head(address)));
    let mut program = job.watch();
    program.told("durability: none");
    program.signal("TERM");
    let ran = program.end();
    assert_eq!((ran.code, ran.rows()), (Some(0), vec![]), "{}", ran.err);
    assert!(ran.err.contains("0 failed, 0 rows"), "{}", ran.err);
}

/// What the peer sends after the signal is not read any more, so the drain has an end.
#[test]
fn a_drain_ends_while_the_source_still_sends() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let sink = "[streams.all]\nfrom = \"lines\"\nsteps = [{ count = true }]\n\
                [sinks.console]\ntype = \"print\"\nfrom = \"all\"\n";
    let text = head(address).replace("1day", "20ms");
    let job = JobFolder::new(&format!("{text}{sink}"));
    let mut program = job.watch();
    let (mut sender, _) = listener.accept().expect("the program connects");
    let sending = std::thread::spawn(move || while sender.write_all(b"line\n").is_ok() {});
    program.printed("1");
    program.signal("INT");
    let ran = program.end();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    sending.join().expect("no panic");
}

/// The story: a signal ended the program, and cargo with its compilers and build scripts went on
/// for seconds, or for good, on the machine of somebody who had stopped them.
#[test]
fn a_signal_while_a_plugin_is_built_ends_all_that_builds_it() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let folder = tempfile::tempdir().expect("a folder");
    let plugin = new_plugin(&folder.path().join("endless")).expect("it is made");
    // A build script that says it is there, and stays until it is ended.
    let script = r#"use std::io::Read;

fn main() {
    let mut peer = std::net::TcpStream::connect("ADDRESS").expect("it listens");
    peer.read_exact(&mut [0]).expect("something comes");
}
"#;
    let script = script.replace("ADDRESS", &address.to_string());
    fs::write(plugin.join("build.rs"), script).expect("written");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/target/tidemill-guests");
    let target = target.to_string_lossy();
    for name in ["INT", "TERM"] {
        let build = ["plugin", "build", "endless", "--target-dir", &target];
        let mut program = watch(folder.path(), &build);
        let (mut script, _) = listener.accept().expect("the build script connects");
        program.signal(name);
        program.told("ended by a signal");
        let ran = program.end();
        assert_eq!((ran.code, ran.out.as_str()), (Some(130), ""), "{name}: {}", ran.err);
        script.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        assert_eq!(script.read(&mut [0]).expect("nobody is there any more"), 0, "{name}");
    }
}

/// Starts a job whose sink stands still: nobody reads what it prints. Its batch is under way.
fn standing_still(settings: &str) -> (JobFolder, PipeReader, Watched) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let head = head(address).replace("1day", "20ms");
    let sink = "[sinks.console]\ntype = \"print\"\nfrom = \"lines\"\nrows = 10000\n";
    let job = JobFolder::new(&format!("{settings}{head}{sink}"));
    let (reader, writer) = std::io::pipe().expect("the system has pipes");
    let mut command = Command::new(program());
    command.args(job.arguments("run")).current_dir(job.path());
    let mut program = watch_command_to(&mut command, writer.into());
    let (mut sender, _) = listener.accept().expect("the program connects");
    // Much more than a pipe holds.
    sender.write_all(&[&[b'x'; 1000][..], b"\n"].concat().repeat(4000)).expect("it reads");
    drop(sender);
    program.told("closed the connection");
    let mut begun = [0];
    (&reader).read_exact(&mut begun).expect("it prints");
    (job, reader, program)
}

#[test]
fn a_sink_that_stands_still_is_given_up_when_the_time_is_over() {
    let (_job, _reader, mut program) = standing_still("graceful_stop_timeout = \"50ms\"\n");
    program.signal("INT");
    program.told("signal: a second one ends at once");
    let ran = program.end();
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let last = ran.err.lines().last().unwrap_or_default();
    let told = "error: what was received was not worked off within 50ms: given up were ";
    assert!(last.starts_with(told), "{}", ran.err);
    assert!(last.ends_with("; `graceful_stop_timeout` allows more time"), "{}", ran.err);
}

#[test]
fn a_second_signal_ends_at_once_whatever_a_sink_does() {
    let (_job, _reader, mut program) = standing_still("");
    program.signal("INT");
    program.told("signal: a second one ends at once");
    program.signal("INT");
    let ran = program.end();
    assert_eq!(ran.code, Some(130), "{}", ran.err);
    assert!(ran.err.ends_with("what was received and not published is dropped\n"), "{}", ran.err);
}

#[test]
fn a_sink_that_goes_on_is_waited_for() {
    let (_job, mut reader, mut program) = standing_still("");
    program.signal("INT");
    program.told(DRAINING);
    let reading = std::thread::spawn(move || {
        let mut rest = String::new();
        reader
            .read_to_string(&mut rest)
            .map(|_| rest.lines().filter(|l| l.starts_with('x')).count())
    });
    let ran = program.end();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("0 failed, 4,000 rows"), "{}", ran.err);
    assert_eq!(reading.join().expect("no panic").expect("it ends"), 4000);
}
