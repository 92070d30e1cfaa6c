//! Tidy: which room may import which.
//!
//! Takes the one table of floors, and the paths that the host's code names. Gives every import that
//! goes up, sideways, or where the table has no door. Never looks into tests of a file: they may
//! build what they need.

use super::finding::{Finding, expect_none, expect_one};
use super::paths::paths_from;
use super::tree::{SourceFile, files, text_of};

/// A room: its floor, its name, and the rooms it may import.
struct Room {
    floor: u8,
    name: &'static str,
    imports: &'static [&'static str],
}

const fn room(floor: u8, name: &'static str, imports: &'static [&'static str]) -> Room {
    Room { floor, name, imports }
}

/// The floor plan. Rooms of one floor never meet: the driver carries values between them.
const ROOMS: &[Room] = &[
    room(0, "limits", &[]),
    room(1, "error", &[]),
    room(2, "model", &["limits", "error"]),
    room(3, "config", &["limits", "error", "model"]),
    room(3, "sys", &["limits", "error"]),
    // The minds: they know neither time nor disk, so nothing below them but nouns.
    room(4, "plan", &["limits", "error", "model"]),
    room(4, "operator", &["limits", "error", "model"]),
    room(4, "batch", &["limits", "error", "model"]),
    room(4, "sched", &["limits", "error", "model"]),
    room(4, "version", &["limits", "error", "model"]),
    room(5, "wasm", &["limits", "error", "model", "sys"]),
    room(6, "ingest", &["limits", "error", "model", "sys"]),
    room(6, "block", &["limits", "error", "model", "sys"]),
    room(6, "shuffle", &["limits", "error", "model", "sys"]),
    room(6, "sink", &["limits", "error", "model", "sys"]),
    room(6, "state", &["limits", "error", "model", "sys"]),
    room(6, "store", &["limits", "error", "sys"]),
    // Neither blocks nor the sandbox: the driver hands it readers of slices and bound calls.
    room(7, "exec", &["limits", "error", "model", "sys", "operator", "shuffle", "sink", "state"]),
    room(8, "driver", &DRIVER_IMPORTS),
    room(9, "api", &["limits", "error", "model", "sys", "driver", "wasm", "sink"]),
    // Jobs come to it as files, and their batches from the log.
    room(9, "control", &["limits", "error", "model", "config", "sys", "sink", "store", "driver"]),
];

/// All below, but for what a person writes: jobs come to it declared.
const DRIVER_IMPORTS: [&str; 17] = [
    "limits", "error", "model", "sys", "plan", "operator", "batch", "sched", "version", "wasm",
    "ingest", "block", "shuffle", "sink", "state", "store", "exec",
];

/// What the binary may name of the library: doors for asking. Of the data plane only how rows are
/// read and written, which `plugin run` must do as a job does.
const BINARY_IMPORTS: &[&str] = &[
    "limits", "error", "model", "config", "plan", "wasm", "ingest", "sink", "store", "driver",
    "api", "control",
];

const LIBRARY: &str = "host/src/lib.rs";

fn room_named(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

/// The room of a file, if it is the library's.
fn room_of(path: &str) -> Option<&'static Room> {
    let inside = path.strip_prefix("host/src/")?;
    room_named(inside.split('/').next()?.trim_end_matches(".rs"))
}

fn is_binary(path: &str) -> bool {
    path == "host/src/main.rs" || path == "host/src/cli.rs" || path.starts_with("host/src/cli/")
}

fn wrong_imports(file: &SourceFile) -> Vec<Finding> {
    let Some(room) = room_of(&file.path) else { return Vec::new() };
    let code = file.scanned().production;
    let mut found = Vec::new();
    for path in paths_from(&code, "crate") {
        let Some(to) = path.parts.first() else { continue };
        if to == room.name || room.imports.contains(&to.as_str()) {
            continue;
        }
        let why = match room_named(to) {
            Some(other) => format!("floor {}", other.floor),
            None => "no room".to_owned(),
        };
        let (name, floor) = (room.name, room.floor);
        let message = format!(
            "`{name}` (floor {floor}) names `crate::{}` ({why}); it may import {}",
            path.parts.join("::"),
            listed(room.imports)
        );
        found.push(Finding::at(&file.path, path.line, message));
    }
    found
}

fn listed(rooms: &[&str]) -> String {
    let all: Vec<String> = rooms.iter().map(|room| format!("`{room}`")).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// Paths by which a file climbs out of its room without naming it.
fn hidden_imports(file: &SourceFile) -> Vec<Finding> {
    let code = file.scanned().production;
    let is_door = file.path.strip_prefix("host/src/").is_some_and(|inside| !inside.contains('/'));
    let mut found = Vec::new();
    for path in paths_from(&code, "super") {
        let twice = path.parts.first().is_some_and(|part| part == "super");
        if twice || is_door {
            let path_text = format!("super::{}", path.parts.join("::"));
            let message = format!("found `{path_text}`; write `crate::room::Item`");
            found.push(Finding::at(&file.path, path.line, message));
        }
    }
    found
}

fn wrong_binary_imports(file: &SourceFile) -> Vec<Finding> {
    let code = file.scanned().production;
    let through = paths_from(&code, "tidemill");
    let wrong = through.iter().filter(|path| {
        path.parts.first().is_none_or(|room| !BINARY_IMPORTS.contains(&room.as_str()))
    });
    let inside = paths_from(&code, "crate");
    let own = inside.iter().filter(|path| path.parts.first().is_none_or(|first| first != "cli"));
    let allowed = listed(BINARY_IMPORTS);
    wrong
        .map(|path| (path, "tidemill"))
        .chain(own.map(|path| (path, "crate")))
        .map(|(path, first)| {
            let name = path.parts.join("::");
            let message = format!("found `{first}::{name}`; allowed of `tidemill::` are {allowed}");
            Finding::at(&file.path, path.line, message)
        })
        .collect()
}

fn host_files() -> impl Iterator<Item = &'static SourceFile> {
    files().iter().filter(|file| file.is_rust() && file.path.starts_with("host/src/"))
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    expect_none(host_files().flat_map(wrong_imports).collect());
}

#[test]
fn rooms_are_named_where_they_are_imported() {
    expect_none(host_files().flat_map(hidden_imports).collect());
}

#[test]
fn binary_reaches_the_library_through_its_doors() {
    let binary = host_files().filter(|file| is_binary(&file.path));
    expect_none(binary.flat_map(wrong_binary_imports).collect());
}

#[test]
fn table_of_floors_only_points_down() {
    for room in ROOMS {
        for import in room.imports {
            let other = room_named(import).expect("the table names rooms");
            assert!(other.floor < room.floor, "`{}` imports `{import}`", room.name);
        }
    }
}

#[test]
fn every_room_of_the_library_has_a_floor() {
    let mut declared: Vec<&str> = text_of(LIBRARY)
        .lines()
        .filter(|line| !line.starts_with("//") && !line.is_empty())
        .map(|line| {
            let name = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'));
            name.unwrap_or_else(|| panic!("{LIBRARY} holds `{line}`, allowed is `pub mod room;`"))
        })
        .collect();
    let mut planned: Vec<&str> = ROOMS.iter().map(|room| room.name).collect();
    declared.sort_unstable();
    planned.sort_unstable();
    assert_eq!(declared, planned, "{LIBRARY} against the table of floors");
}

#[test]
fn planted_imports_are_found() {
    let sideways = "use crate::model::id;\nuse crate::{limits::A, block::manager::BlockManager};\n";
    let found = wrong_imports(&SourceFile::planted("host/src/ingest/intake.rs", sideways));
    expect_one(&found, 2, "`crate::block::manager::BlockManager` (floor 6)");
    let inline = "fn f() {\n    crate::driver::engine::go()\n}\n";
    let found = wrong_imports(&SourceFile::planted("host/src/sched.rs", inline));
    expect_one(&found, 2, "floor 8");
    let in_a_test = "#[cfg(test)]\nmod tests { use crate::wasm::x; }\n";
    assert_eq!(wrong_imports(&SourceFile::planted("host/src/sched.rs", in_a_test)), []);
}

#[test]
fn planted_ways_around_are_found() {
    let climbing = "use super::super::block::manager;\n";
    let found = hidden_imports(&SourceFile::planted("host/src/exec/stage.rs", climbing));
    expect_one(&found, 1, "super::super");
    let found =
        hidden_imports(&SourceFile::planted("host/src/exec.rs", "fn f() { super::wasm::g() }"));
    expect_one(&found, 1, "crate::room::Item");
    let found = wrong_binary_imports(&SourceFile::planted(
        "host/src/cli/run.rs",
        "use tidemill::{model::id, block::manager::BlockManager};\n",
    ));
    expect_one(&found, 1, "block::manager");
}
