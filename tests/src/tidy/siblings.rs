//! Tidy: inside a room, files import one way only; a crate without rooms is one.
//!
//! Takes the paths that files of one room name of each other. Gives every ring of them. A door and
//! what stands behind it may know each other: the door holds what they share.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, expect_none, expect_one};
use super::paths::paths_from;
use super::tree::{SourceFile, files};

type Graph = BTreeMap<String, BTreeSet<String>>;

/// A crate whose files are looked at.
struct Crate {
    folder: &'static str,
    /// Whether it has rooms; how those meet is the table of floors' to say.
    rooms: bool,
}

const HOST: Crate = Crate { folder: "host/src/", rooms: true };
const SDK: Crate = Crate { folder: "guest-sdk/src/", rooms: false };
const MACROS: Crate = Crate { folder: "guest-sdk/macros/src/", rooms: false };
const GUEST_BUILD: Crate = Crate { folder: "guest-build/src/", rooms: false };

impl Crate {
    /// The module path of a file of the crate, such as `wasm::exchange::lift`.
    fn module_of(&self, path: &str) -> Option<String> {
        let inside = path.strip_prefix(self.folder)?.strip_suffix(".rs")?;
        (!matches!(inside, "lib" | "main")).then(|| inside.replace('/', "::"))
    }

    fn graph_of<'f>(&self, all: impl Iterator<Item = &'f SourceFile>) -> Graph {
        let files: Vec<(String, &SourceFile)> =
            all.filter_map(|file| Some((self.module_of(&file.path)?, file))).collect();
        let known: BTreeSet<&str> = files.iter().map(|(module, _)| module.as_str()).collect();
        let mut graph = Graph::new();
        for (module, file) in &files {
            let code = file.scanned().production;
            let above = module.rsplit_once("::").map(|(above, _)| above);
            let mut named: Vec<String> = Vec::new();
            for path in paths_from(&code, "super") {
                let parts = path.parts.join("::");
                named.push(above.map_or(parts.clone(), |above| format!("{above}::{parts}")));
            }
            named.extend(paths_from(&code, "crate").iter().map(|path| path.parts.join("::")));
            let targets = named.iter().filter_map(|path| longest_known(path, &known));
            let room = |module: &str| module.split("::").next().map(str::to_owned);
            let of_room = |to: &String| !self.rooms || room(to) == room(module);
            let apart = |to: &String| !is_above(to, module) && !is_above(module, to);
            let targets = targets.filter(|to| of_room(to) && apart(to)).collect();
            graph.insert(module.clone(), targets);
        }
        graph
    }

    fn rings<'f>(&self, all: impl Iterator<Item = &'f SourceFile>) -> Vec<Finding> {
        let graph = self.graph_of(all);
        let mut found = Vec::new();
        for start in graph.keys() {
            // Each ring is told once, by its first file.
            if let Some(ring) = way_back(&graph, start, start, &mut vec![start.clone()])
                && ring.iter().min() == Some(start)
            {
                let path = format!("{}{}.rs", self.folder, start.replace("::", "/"));
                let message = format!("files import in a ring: {}", ring.join(" -> "));
                found.push(Finding::of(&path, message));
            }
        }
        found
    }
}

/// The file a path leads to: the longest beginning of it that is one.
fn longest_known(path: &str, known: &BTreeSet<&str>) -> Option<String> {
    let mut path = path;
    loop {
        if known.contains(path) {
            return Some(path.to_owned());
        }
        path = path.rsplit_once("::")?.0;
    }
}

/// Whether the one is the other, or a door on the way to it.
fn is_above(above: &str, below: &str) -> bool {
    below.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn way_back(graph: &Graph, goal: &str, at: &str, way: &mut Vec<String>) -> Option<Vec<String>> {
    for next in graph.get(at)? {
        if next == goal {
            return Some(way.clone());
        }
        if !way.contains(next) {
            way.push(next.clone());
            if let Some(ring) = way_back(graph, goal, next, way) {
                return Some(ring);
            }
            way.pop();
        }
    }
    None
}

#[test]
fn files_of_a_room_import_one_way() {
    for one in [HOST, SDK, MACROS, GUEST_BUILD] {
        let rust = || files().iter().filter(|file| file.is_rust());
        assert!(!one.graph_of(rust()).is_empty(), "`{}` has files", one.folder);
        expect_none(one.rings(rust()));
    }
}

#[test]
fn planted_ring_is_found() {
    let planted = [
        SourceFile::planted("host/src/plan.rs", "pub struct Error;"),
        SourceFile::planted("host/src/plan/a.rs", "use super::{b::B, Error};"),
        SourceFile::planted("host/src/plan/b.rs", "use super::c;"),
        SourceFile::planted("host/src/plan/c.rs", "fn f() { crate::plan::a::go() }"),
    ];
    expect_one(&HOST.rings(planted.iter()), 0, "plan::a -> plan::b -> plan::c");
    assert_eq!(HOST.rings(planted[..3].iter()), []);
}

#[test]
fn planted_ring_of_a_crate_without_rooms_is_found() {
    let planted = [
        SourceFile::planted("guest-sdk/src/lib.rs", "use crate::a::A;"),
        SourceFile::planted("guest-sdk/src/a.rs", "use super::b::B;"),
        SourceFile::planted("guest-sdk/src/b/c.rs", "use crate::a::A;"),
        SourceFile::planted("guest-sdk/src/b.rs", "use crate::d::D;"),
        SourceFile::planted("guest-sdk/src/d.rs", "use crate::a::A;"),
    ];
    expect_one(&SDK.rings(planted.iter()), 0, "a -> b -> d");
    assert_eq!(SDK.rings(planted[..4].iter()), []);
    assert_eq!(HOST.rings(planted.iter()), []);
}
