//! Places that are not there: folders, ports, files to write to.
//!
//! Takes job files that name them. Gives them to the program.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::time::SystemTime;

use crate::bad_input::unwrapped;
use crate::set_up::job_folder::JobFolder;

const HEAD: &str = "name = \"job\"\nbatch_interval = \"20ms\"\n";
const SOURCE: &str = "[sources.lines]\ntype = \"stdin\"\n";
const SINK: &str = "[sinks.out]\ntype = \"print\"\nfrom = \"lines\"\n";

fn check(job: &str, place: &str, expected: &[&str]) {
    let job = JobFolder::new(job);
    job.put("file", b"a file is no folder");
    let ran = job.run(b"a\n");
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    let said = unwrapped(&ran.err);
    for words in [&[place], expected].concat() {
        assert!(said.contains(words), "`{words}` is not in:\n{}", ran.err);
    }
    assert!(!said.contains("durability"), "it started:\n{}", ran.err);
}

#[test]
fn folders_of_sources_that_are_missing_are_named() {
    let source = "[sources.lines]\ntype = \"files\"\npath = \"in\"\n";
    let missing = ["source `lines` cannot be read: cannot list `/", "/in`: it does not exist"];
    check(&format!("{HEAD}{source}{SINK}"), "[job.toml:5:8]", &missing);
    check(&format!("{HEAD}{source}bounded = true\n{SINK}"), "[job.toml:5:8]", &missing);
    let source = source.replace("\"in\"", "\"file\"");
    let no_folder = ["source `lines` cannot be read: cannot list `/", "/file`: Not a directory"];
    check(&format!("{HEAD}{source}{SINK}"), "[job.toml:5:8]", &no_folder);
}

#[test]
fn folders_of_sinks_that_cannot_be_made_are_named() {
    let sink = "[sinks.out]\ntype = \"files\"\nfrom = \"lines\"\npath = \"file/out\"\n";
    let expected =
        ["sink `out` cannot write: cannot create folder `/", "/file/out`: Not a directory"];
    check(&format!("{HEAD}{SOURCE}{sink}"), "[job.toml:8:8]", &expected);
}

#[test]
fn a_pattern_that_names_files_is_told() {
    let source = "[sources.lines]\ntype = \"files\"\npath = \"fi*\"\n";
    let expected = ["no folder matches `/", "/fi*`; `*` and `?` stand for folders"];
    check(&format!("{HEAD}{source}bounded = true\n{SINK}"), "[job.toml:5:8]", &expected);
    let job = JobFolder::new(&format!("{HEAD}{source}{SINK}"));
    let mut program = job.watch();
    program.told("source `lines`: no folder matches `");
}

#[test]
fn what_a_folder_does_not_give_is_told() {
    let source = "[sources.lines]\ntype = \"files\"\npath = \"in\"\n";
    let job = JobFolder::new(&format!("{HEAD}{source}bounded = true\n{SINK}"));
    let input = job.path().join("in");
    std::fs::create_dir(&input).expect("it is new");
    let ran = job.run(b"");
    assert_eq!((ran.code, ran.rows()), (Some(0), vec![]), "{}", ran.err);
    let empty = format!("source `lines`: no file to read in `{}`", input.display());
    assert!(ran.err.contains(&empty), "{}", ran.err);

    job.put("in/old", b"a\n");
    job.put("job.toml", format!("{HEAD}{source}{SINK}").as_bytes());
    let old = File::options().append(true).open(input.join("old")).expect("it is there");
    old.set_modified(SystemTime::UNIX_EPOCH).expect("it is ours");
    let mut program = job.watch();
    let told = program.told("source `lines`: watches `");
    assert!(told.contains(&format!("`{}` for new files; older files", input.display())), "{told}");
    assert!(told.ends_with("which `bounded = true` reads: 1"), "{told}");
    std::fs::copy(input.join("old"), input.join(".moved")).expect("there is room");
    let moved = File::options().append(true).open(input.join(".moved")).expect("it is there");
    moved.set_modified(SystemTime::UNIX_EPOCH).expect("it is ours");
    std::fs::rename(input.join(".moved"), input.join("moved")).expect("it is there");
    program.told("moved` came too old to be read");
    program.signal("INT");
    assert_eq!(program.end().code, Some(0));
}

#[test]
fn dead_letter_files_that_cannot_be_written_are_named() {
    let kept = "on_bad_row = { dead_letter = \"gone/bad.jsonl\" }\n";
    let expected = [
        "source `lines` cannot keep bad rows: cannot append to `",
        "gone/bad.jsonl`: it does not exist",
    ];
    check(&format!("{HEAD}{SOURCE}{kept}{SINK}"), "[job.toml:3:10]", &expected);
    let kept = "on_rejected = { dead_letter = \"gone/bad.jsonl\" }\n";
    let expected =
        ["rejected rows cannot be kept: cannot append to `", "gone/bad.jsonl`: it does not exist"];
    check(&format!("{HEAD}{kept}{SOURCE}{SINK}"), "[job.toml:", &expected);
}

/// A port at which nobody listens is no mistake: somebody may listen later.
#[test]
fn a_refused_port_is_told_and_tried_again_until_somebody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = free.local_addr().expect("it is bound");
    drop(free);
    let source = format!("[sources.lines]\ntype = \"socket\"\naddress = \"{address}\"\n");
    let job = JobFolder::new(&format!("{HEAD}{source}{SINK}"));
    let mut program = job.watch();
    let refused = format!("source `lines`: cannot connect to `{address}`: Connection refused");
    for _ in 0..2 {
        let told = program.told(&refused);
        assert!(told.contains("trying again in "), "{told}");
    }
    let listener = TcpListener::bind(address).expect("the port was free");
    let (mut sender, _) = listener.accept().expect("the program connects");
    program.told(&format!("source `lines`: connected to {address}"));
    sender.write_all(b"late\n").expect("it reads");
    program.printed("late");
    program.signal("INT");
    assert_eq!(program.end().code, Some(0));
}
