//! A version that imports more than the one that runs: refused, unless it is allowed by name.
//!
//! Takes components made by hand, of which one imports nothing. No row comes, so that none of them
//! is called.

use std::path::Path;

use serde_json::json;

use super::rig::Rig;
use crate::border::handmade::Handmade;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::tidemill;
use crate::set_up::watched::watch;

const HOST: &str = "tidemill:plugin/host@0.1.0";

fn job(component: &Path) -> String {
    format!(
        "name = \"granted\"\nbatch_interval = \"20ms\"\n[plugins.hand]\ncomponent = \"{}\"\n\
         [sources.lines]\ntype = \"listen\"\naddress = \"127.0.0.1:0\"\n\
         [streams.made]\nfrom = \"lines\"\nsteps = [{{ flat_map = \"hand.op\" }}]\n\
         [sinks.out]\ntype = \"print\"\nfrom = \"made\"\n",
        component.display()
    )
}

/// One that imports nothing of the host's, and one that logs.
fn components(folder: &Path) {
    let world = "export tidemill:plugin/operators@0.1.0;".to_owned();
    let narrow = Handmade { world, imports_log: false, ..Handmade::default() };
    let wide = Handmade::default();
    for (name, made) in [("narrow.wasm", narrow), ("wide.wasm", wide)] {
        std::fs::write(folder.join(name), made.component()).expect("there is room");
    }
}

#[test]
fn more_imports_are_refused_by_name_until_they_are_allowed() {
    let folder = tempfile::tempdir().expect("a folder");
    components(folder.path());
    let (narrow, wide) = (folder.path().join("narrow.wasm"), folder.path().join("wide.wasm"));
    let rig = Rig::over(&folder);
    let submitted = rig.submit(&job(&narrow), folder.path());
    assert_eq!(submitted.status, 201, "{submitted:?}");
    let before = rig.get("/v1/jobs/granted/plugins").json();
    let swap = |allow: &[&str]| {
        let body = json!({ "plugins": { "hand": wide.to_str() }, "allow": allow });
        rig.ask("POST", "/v1/jobs/granted/swap", Some(&body))
    };
    for allow in [&[][..], &["hosts"]] {
        let refused = swap(allow);
        assert_eq!((refused.status, refused.code().as_str()), (409, "swap_refused"));
        assert!(refused.body.contains(&format!("imports `{HOST}`")), "{}", refused.body);
    }
    assert_eq!(rig.get("/v1/jobs/granted/plugins").json(), before);
    let swapped = swap(&["host"]);
    assert_eq!(swapped.status, 202, "{swapped:?}");
    let change = swapped.json()["plugins"][0].clone();
    assert_eq!(change["granted"], json!([HOST]));
    assert_eq!(change["differences"], json!([format!("+ import {HOST}")]));
    // What can do less needs nobody's leave.
    rig.batches_until("granted", |batches| {
        batches
            .iter()
            .any(|batch| batch["plans"][0]["plugins"][0]["digest"] == change["to"]["digest"])
    });
    let body = json!({ "plugins": { "hand": narrow.to_str() } });
    let back = rig.ask("POST", "/v1/jobs/granted/swap", Some(&body));
    assert_eq!(back.status, 202, "{back:?}");
    rig.end();
}

#[test]
fn a_person_allows_by_the_interfaces_name() {
    let folder = JobFolder::new(&job(Path::new("narrow.wasm")));
    components(folder.path());
    let mut running = watch(folder.path(), &["run", "job.toml", "--plain"]);
    running.printed("Time: ");
    let ask = |arguments: &[&str]| tidemill(folder.path(), arguments, "");
    let refused = ask(&["swap", "job.toml", "hand=wide.wasm"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains(HOST), "{}", refused.err);
    let swapped = ask(&["swap", "job.toml", "hand=wide.wasm", "--allow", "host"]);
    assert_eq!(swapped.code, Some(0), "{}", swapped.err);
    assert!(swapped.out.contains(&format!("+ import {HOST}")), "{}", swapped.out);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}
