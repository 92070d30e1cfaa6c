//! Many swaps under load, of a server that is a process of its own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rig::{Load, job, ran_with};
use crate::job_rig::scratch;
use crate::set_up::http::Client;
use crate::set_up::watched::watch;
use crate::swap::rig::version;

const SWAPS: usize = 1_000;
/// What a swap may add to memory.
const SWAP_BYTES_MAX: f64 = 10.0 * 1024.0;
/// Swaps in which all that is bounded has come to its bound.
const SETTLED: usize = 400;

/// Resident bytes of a process, where the system says.
fn resident_bytes(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024.0)
}

fn median(bytes: &[f64]) -> f64 {
    let mut sorted = bytes.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Bytes a swap: from the middle of the first third to that of the last one, by their medians, to
/// which a batch that held much at once means nothing.
fn bytes_a_swap(resident: &[f64]) -> f64 {
    let third = resident.len() / 3;
    let (first, last) = (&resident[..third], &resident[resident.len() - third..]);
    (median(last) - median(first)) / (resident.len() - third) as f64
}

/// Both versions, by digest, and the digest of the first.
fn digests(report: &Value) -> BTreeMap<String, i64> {
    let change = &report["plugins"][0];
    [("from", 1), ("to", 2)].map(|(key, stamp)| (change[key]["digest"].to_string(), stamp)).into()
}

#[test]
fn swaps_under_load_lose_repeat_and_mix_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let artefacts = scratch("artefacts-of-programs").display().to_string();
    let serve = ["serve", "--data", "served", "--control", "127.0.0.1:0"];
    // Else memory grows with the pages of the log that are cached, for longer than this takes.
    let kept = ["--log-bytes", "64KiB", "--artefacts", &artefacts];
    let mut server = watch(folder.path(), &[&serve[..], &kept].concat());
    server.told("control: http://127.0.0.1:");
    let client = Client::of(&folder.path().join("served"));
    let versions = [1, 2].map(|number| version(number, "honestly"));
    let load = Load::start_with(&client, folder.path(), "steady", |address| {
        let job = job("steady", address, &versions[0], "");
        // Else memory grows with the batches that can still be asked for, up to a thousand.
        format!("retained_batches = 10\n{job}")
    });
    let (mut by_digest, mut resident, mut logged) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    for number in 1..=SWAPS {
        let report = load.swapped(&versions[number % 2]);
        // Each version runs a batch with rows before the next swap.
        for batch in load.rows_of(&report["plugins"][0]["to"]["digest"]) {
            logged.insert(batch["time_ms"].as_i64().expect("a time"), batch);
        }
        if number == 1 {
            by_digest = digests(&report);
        }
        resident.extend(resident_bytes(server.id()));
    }
    let output = load.end();
    output.ledger.is_whole();
    assert_eq!(by_digest.len(), 2, "{by_digest:?}");
    let mut ran: Vec<&Value> = logged.values().map(ran_with).collect();
    ran.dedup();
    assert_eq!(ran.len(), 1 + SWAPS, "each swap took effect, and nothing else did");
    // The log says of each batch which code made it, and its rows bear that code's stamp.
    let mut compared = 0;
    for (time, batch) in &logged {
        let plan = &batch["plans"][0];
        assert_eq!((&plan["revision"], &plan["reason"]), (&1.into(), &Value::Null));
        if let Some(stamp) = output.versions.get(time) {
            assert_eq!(by_digest[&ran_with(batch).to_string()], *stamp);
            compared += 1;
        }
    }
    assert!(compared > SWAPS, "{compared} batches have rows");
    assert_eq!(output.changes().len(), 1 + SWAPS, "each swap is seen in the rows");
    if resident.len() == SWAPS {
        let grown = bytes_a_swap(&resident[SETTLED..]);
        eprintln!("a swap adds {grown:.0} bytes to memory");
        assert!(grown <= SWAP_BYTES_MAX, "a swap adds {grown:.0} bytes to memory");
    }
    server.signal("TERM");
    assert_eq!(server.end().code, Some(0));
}
