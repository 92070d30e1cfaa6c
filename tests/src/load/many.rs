//! Many swaps under load, of a server that is a process of its own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rig::Load;
use crate::job_rig::scratch;
use crate::set_up::http::Client;
use crate::set_up::watched::watch;
use crate::swap::rig::version;

/// Enough for many boundaries; the bench `swaps` does a thousand.
const SWAPS: usize = 100;

#[test]
fn swaps_under_load_lose_repeat_and_mix_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let artefacts = scratch("artefacts-of-programs").display().to_string();
    let arguments =
        ["serve", "--data", "served", "--control", "127.0.0.1:0", "--artefacts", &artefacts];
    let mut server = watch(folder.path(), &arguments);
    server.told("control: http://127.0.0.1:");
    let client = Client::of(&folder.path().join("served"));
    let versions = [1, 2].map(|number| version(number, "honestly"));
    let load = Load::start(&client, folder.path(), "steady", (&versions[0], ""));
    let mut digests = BTreeMap::new();
    for number in 1..=SWAPS {
        let report = load.swapped(&versions[number % 2]);
        let change = &report["plugins"][0];
        for (key, stamp) in [("from", 1 + (number - 1) % 2), ("to", 1 + number % 2)] {
            digests.insert(change[key]["digest"].to_string(), stamp as i64);
        }
        // Each version runs a batch with rows at least before the next swap: of batches that come
        // late all but the first are empty. The first to end may be the one before it.
        load.until(|standing| standing["waiting"].is_null());
        load.more_rows();
        load.more_rows();
    }
    load.batches_more(1);
    let logged = load.batches_until(|batches| batches.iter().any(|batch| !batch["end"].is_null()));
    let output = load.end();
    output.ledger.is_whole();
    assert_eq!(digests.len(), 2, "{digests:?}");
    // The log says of each batch which code made it, and its rows bear that code's stamp.
    let mut compared = 0;
    for batch in &logged {
        let plan = batch["plans"].as_array().and_then(|plans| plans.last());
        let plan = plan.expect("a batch has a plan");
        assert_eq!((&plan["revision"], &plan["reason"]), (&1.into(), &Value::Null));
        let time = batch["time_ms"].as_i64().expect("a time");
        if let Some(stamp) = output.versions.get(&time) {
            assert_eq!(digests[&plan["plugins"][0]["digest"].to_string()], *stamp);
            compared += 1;
        }
    }
    assert!(compared > SWAPS / 2, "{compared} batches have rows");
    assert!(output.changes().len() > SWAPS / 2, "swaps are seen in the rows");
    server.signal("TERM");
    assert_eq!(server.end().code, Some(0));
}
