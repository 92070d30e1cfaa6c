//! Tidy: words that only some rooms may say, and the door that others use instead.
//!
//! Takes the table of such words. Gives every other place that says one. Exceptions name a file and
//! a reason; an exception that nobody needs any more is a finding as well.

use super::finding::{Finding, expect_none, expect_one};
use super::paths::{CodePath, paths_from};
use super::scan::{line_of, words};
use super::tree::{SourceFile, rust_files};

/// A rule about words.
struct Door {
    /// Paths or words; a path also stands for what is imported of it in a group.
    words: &'static [&'static str],
    /// Where the rule holds, by the beginning of the path.
    within: &'static [&'static str],
    /// Where the words may be said, by the beginning of the path.
    rooms: &'static [&'static str],
    /// Further files that say them, each with its reason.
    exceptions: &'static [(&'static str, &'static str)],
    /// What to use instead.
    instead: &'static str,
}

const HOST: &[&str] = &["host/src/"];
const BINARY: &[&str] = &["host/src/main.rs", "host/src/cli"];
const MINDS: &[&str] = &[
    "host/src/limits",
    "host/src/error",
    "host/src/plan",
    "host/src/operator",
    "host/src/batch",
    "host/src/sched",
];

const DOORS: &[Door] = &[
    Door {
        words: &["wasmtime"],
        within: HOST,
        rooms: &["host/src/wasm"],
        exceptions: &[],
        instead: "`crate::wasm`: only it knows what runs a guest",
    },
    Door {
        words: &["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "tokio::net"],
        within: HOST,
        rooms: &["host/src/ingest", "host/src/control"],
        exceptions: &[
            ("host/src/cli/client.rs", "asks a server"),
            ("host/src/cli/demo.rs", "the demo feeds its own socket"),
        ],
        instead: "a receiver in `ingest`, or a path in `control`",
    },
    Door {
        words: &["tokio"],
        within: HOST,
        rooms: &["host/src/ingest", "host/src/control"],
        exceptions: &[
            ("host/src/cli/client.rs", "asks a server"),
            ("host/src/block/budget.rs", "receivers wait for room without a thread"),
            ("host/src/cli/signals.rs", "waits for signals"),
            ("host/src/driver/engine.rs", "owns the runtime that receivers run on"),
        ],
        instead: "threads and channels: only receivers and control are asynchronous",
    },
    Door {
        words: &["std::fs", "tokio::fs", "cap_std", "OpenOptions", "File::open", "File::create"],
        within: HOST,
        rooms: &["host/src/sys/storage"],
        exceptions: &[
            ("host/src/cli/demo/plugins.rs", "writes what the program carries"),
            ("host/src/cli/plugin/build.rs", "says what a built component weighs"),
            ("host/src/cli/replay.rs", "writes the case that it was asked for"),
            ("host/src/cli/whole_file.rs", "reads job files and files of cases"),
            ("host/src/store/batch_log/tests.rs", "cuts files off and alters them"),
            ("host/src/store/component_folder.rs", "keeps components for this user alone"),
            ("host/src/store/database.rs", "opens the file that the embedded store keeps"),
            ("host/src/store/private_file.rs", "the token is checked by the mode of its file"),
            ("host/src/wasm/artefact.rs", "sealed code is checked by owner and mode of its file"),
            ("host/src/wasm/sandbox.rs", "reads a component, its length first"),
        ],
        instead: "`sys::storage::Storage`, which a test can fill up or break",
    },
    Door {
        words: &["Instant::now", "SystemTime::now"],
        within: HOST,
        rooms: &["host/src/sys/clock.rs"],
        exceptions: &[("host/src/cli/demo.rs", "paces the text it sends")],
        instead: "`sys::clock::Clock`, which a test can move",
    },
    Door {
        words: &["thread::sleep", "tokio::time"],
        within: &["host/src/", "guest-build/src/", "tests/src/"],
        rooms: &[],
        exceptions: &[
            ("host/src/cli/demo.rs", "paces the text it sends"),
            ("host/src/cli/swap_wait.rs", "asks another process again, which calls nobody"),
            ("host/src/control/server.rs", "gives a connection up that lasts too long"),
            ("host/src/ingest/receiver.rs", "waits before it connects again, or for a stop"),
            ("host/src/ingest/socket_receiver.rs", "gives a connection up that takes too long"),
        ],
        instead: "`Clock::wait_until_us`, a channel or a condition",
    },
    Door {
        words: &["redb"],
        within: HOST,
        rooms: &["host/src/store"],
        exceptions: &[],
        instead: "`crate::store`: only it knows how a data folder is written",
    },
    Door {
        words: &["axum", "hyper", "hyper_util", "tower_http"],
        within: HOST,
        rooms: &["host/src/control"],
        exceptions: &[("host/src/cli/client.rs", "asks a server")],
        instead: "`crate::control`: only it speaks HTTP",
    },
    Door {
        words: &["std::env"],
        within: HOST,
        rooms: BINARY,
        exceptions: &[("host/src/wasm/compile/child.rs", "a child hears its task as arguments")],
        instead: "a value passed in: only the binary sees arguments and environment",
    },
    Door {
        words: &["getrandom", "rand", "RandomState"],
        within: HOST,
        rooms: &["host/src/sys/entropy.rs"],
        exceptions: &[
            ("host/src/operator/group.rs", "keys a table of which only equality leaves it"),
            ("host/src/operator/key_index.rs", "keys a table of which only equality leaves it"),
            ("host/src/state/delta.rs", "keys a table of which only equality leaves it"),
            ("host/src/state/table.rs", "keys a table of which only equality leaves it"),
            ("host/src/wasm/artefact.rs", "draws the key that seals artefacts"),
        ],
        instead: "`sys::entropy::Entropy`, which a test can seed",
    },
    Door {
        words: &["rustix", "libc"],
        within: HOST,
        rooms: &["host/src/sys"],
        exceptions: &[("host/src/wasm/compile/child.rs", "limits itself before it compiles")],
        instead: "a trait of `sys`",
    },
    Door {
        words: &["println", "eprintln", "print", "eprint"],
        within: HOST,
        rooms: BINARY,
        exceptions: &[("host/src/api/dstream.rs", "has a method of Spark's name")],
        instead: "an event for the job's listeners: a library does not own the terminal",
    },
    Door {
        words: &["anyhow", "clap", "clap_complete", "indicatif"],
        within: HOST,
        rooms: BINARY,
        exceptions: &[],
        instead: "the room's own error, or a value: these are for the terminal",
    },
    Door {
        words: &["eprintln", "eprint"],
        within: HOST,
        rooms: &[],
        exceptions: &[],
        instead: "`cli::exit::tell`: a reader that has left is no reason to panic",
    },
    Door {
        words: &["std::process"],
        within: HOST,
        rooms: BINARY,
        exceptions: &[
            ("host/src/wasm/compile.rs", "compiles in a child"),
            ("host/src/wasm/compile/child.rs", "is that child"),
        ],
        instead: "`wasm::compile`, or a value that the binary turns into an exit code",
    },
    Door {
        words: &["unbounded_channel", "std::sync::mpsc::channel"],
        within: HOST,
        rooms: &[],
        exceptions: &[
            ("host/src/api/moved_clock.rs", "hears what a test has made happen"),
            ("host/src/driver/event_loop/tests.rs", "is the loop's own, which launching makes"),
            ("host/src/driver/launch.rs", "a full channel of events could wait for itself"),
            ("host/src/driver/publisher.rs", "holds at most the batches that are running"),
            ("host/src/exec/executor.rs", "holds at most the tasks of running batches"),
            ("host/src/ingest/test_rig.rs", "hears what a test has made happen"),
        ],
        instead: "a bounded channel with a bound from `limits`",
    },
    Door {
        words: &["Mutex", "RwLock", "Condvar", "std::thread", "std::sync::mpsc", "async"],
        within: MINDS,
        rooms: &[],
        exceptions: &[],
        instead: "facts in, decision out: this room is a mind",
    },
    Door {
        words: &["HashMap", "HashSet"],
        within: HOST,
        rooms: &[],
        exceptions: &[
            ("host/src/block/manager.rs", "looked up by block, never walked"),
            ("host/src/config/job_file.rs", "looked up by place, never walked"),
            ("host/src/config/job_file/reading.rs", "looked up by type, never walked"),
            ("host/src/model/operator.rs", "looked up by number, never walked"),
            ("host/src/model/wiring.rs", "walked in declared order, looked up by name"),
            ("host/src/plan.rs", "looked up by stream, never walked"),
            ("host/src/plan/naming.rs", "asked whether a name is taken"),
            ("host/src/plan/stage.rs", "looked up by origin, never walked"),
        ],
        instead: "`BTreeMap`: no order that changes from run to run may reach an output",
    },
    Door {
        words: &["unsafe"],
        within: &[""],
        rooms: &[],
        exceptions: &[
            ("host/src/wasm/artefact.rs", "loads code that this host has compiled and sealed"),
            ("guest-sdk/src/erased.rs", "rows whose type is erased for one push; allocation"),
        ],
        instead: "safe code: the files that may say it are listed in this rule",
    },
];

fn places(file: &SourceFile, door: &Door) -> Vec<(usize, &'static str)> {
    let code = file.scanned().production;
    let mut found = Vec::new();
    for word in door.words {
        match word.split_once("::").filter(|(first, _)| matches!(*first, "std" | "tokio")) {
            Some((first, rest)) => {
                let rest: Vec<&str> = rest.split("::").collect();
                // Who imports a module, or all that is in it, can say what is guarded there.
                let least = rest.len().saturating_sub(1).max(1);
                let is_said = |path: &CodePath| {
                    path.parts.len() >= least && path.parts.iter().zip(&rest).all(|(a, b)| a == b)
                };
                let paths = paths_from(&code, first);
                let said = paths.iter().filter(|path| is_said(path));
                found.extend(said.map(|path| (path.line, *word)));
            }
            None => found.extend(words(&code, word).map(|at| (line_of(&code, at), *word))),
        }
    }
    found.sort_unstable();
    found
}

fn begins(path: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| path.starts_with(beginning))
}

fn said_elsewhere(file: &SourceFile, door: &Door) -> Vec<Finding> {
    let excepted = door.exceptions.iter().any(|(path, _)| *path == file.path);
    if !begins(&file.path, door.within) || begins(&file.path, door.rooms) || excepted {
        return Vec::new();
    }
    let message = |word: &str| format!("found `{word}`; use {}", door.instead);
    let found = places(file, door).into_iter();
    found.map(|(line, word)| Finding::at(&file.path, line, message(word))).collect()
}

fn needless_exceptions(door: &Door) -> Vec<Finding> {
    let used = |path: &str| {
        let mut files = rust_files().filter(|file| file.path == path);
        files.any(|file| !places(file, door).is_empty())
    };
    let idle = door.exceptions.iter().filter(|(path, _)| !used(path));
    let message = |reason| format!("says none of {:?} any more; strike `{reason}`", door.words);
    idle.map(|(path, reason)| Finding::of(path, message(reason))).collect()
}

/// `serde` is the rim: what a person writes, a disk keeps or a client reads has mirror types there,
/// and inner types stay inner.
fn derives_serde(file: &SourceFile) -> Vec<Finding> {
    const WORDS: [&str; 3] = ["Serialize", "Deserialize", "JsonSchema"];
    let allowed = ["host/src/config/job_file", "host/src/store", "host/src/control/views.rs"];
    if !begins(&file.path, HOST) || begins(&file.path, &allowed) {
        return Vec::new();
    }
    let code = file.scanned().production;
    let mut found = Vec::new();
    for at in words(&code, "derive") {
        let list = code[at..].split(')').next().unwrap_or_default();
        for word in WORDS.iter().filter(|word| words(list, word).next().is_some()) {
            let message =
                format!("derives `{word}`; allowed in {allowed:?}: mirror the type there");
            found.push(Finding::at(&file.path, line_of(&code, at), message));
        }
    }
    found
}

#[test]
fn guarded_words_stay_in_their_rooms() {
    let all = || DOORS.iter().flat_map(|door| rust_files().map(move |file| (door, file)));
    expect_none(all().flat_map(|(door, file)| said_elsewhere(file, door)).collect());
}

#[test]
fn every_exception_is_still_needed() {
    expect_none(DOORS.iter().flat_map(needless_exceptions).collect());
}

#[test]
fn inner_types_are_not_serialised() {
    expect_none(rust_files().flat_map(derives_serde).collect());
}

#[test]
fn planted_words_are_found() {
    let planted = [
        ("host/src/exec/stage.rs", "use std::{fs, sync::Arc};", "std::fs"),
        ("host/src/driver/launch.rs", "let now = std::time::Instant::now();", "Instant::now"),
        ("host/src/sched.rs", "async fn next() {}", "async"),
        ("host/src/sched.rs", "use std::sync::mpsc::Sender;", "std::sync::mpsc"),
        ("host/src/sink.rs", "use std::sync::mpsc::{Sender, channel};", "std::sync::mpsc::channel"),
        ("host/src/sink.rs", "use std::sync::mpsc;", "std::sync::mpsc::channel"),
        ("host/src/sink.rs", "use std::sync::mpsc::*;", "std::sync::mpsc::channel"),
        ("host/src/plan.rs", "use wasmtime::Engine;", "wasmtime"),
        ("host/src/sink.rs", "println!(\"a\");", "println"),
        ("guest-sdk/src/row.rs", "unsafe { go() }", "unsafe"),
    ];
    for (path, text, word) in planted {
        let file = SourceFile::planted(path, text);
        let found: Vec<_> = DOORS.iter().flat_map(|door| said_elsewhere(&file, door)).collect();
        expect_one(&found, 1, &format!("`{word}`"));
    }
    let quoted = SourceFile::planted("host/src/plan.rs", "// wasmtime\nlet a = \"unsafe\";");
    assert!(DOORS.iter().all(|door| said_elsewhere(&quoted, door).is_empty()));
    let derived = SourceFile::planted("host/src/model/id.rs", "#[derive(Debug, Serialize)]");
    expect_one(&derives_serde(&derived), 1, "Serialize");
}
