//! Swaps under load while something else happens: a pause, a drain, a batch that fails, another
//! job with the same plugin, and many clients at once.

use std::collections::BTreeSet;

use serde_json::json;

use super::rig::Load;
use crate::control::rig::Rig;
use crate::swap::rig::version;

const CLIENTS: usize = 8;
const REQUESTS: usize = 5;

#[test]
fn swap_of_a_paused_job_waits_and_takes_effect_when_it_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let load = Load::start(&rig, folder.path(), "paused", (&version(1, "honestly"), ""));
    assert_eq!(load.ask("POST", "pause").status, 202);
    load.until_job(|job| job["state"] == "paused");
    let report = load.swapped(&version(2, "honestly"));
    let standing = load.standing();
    assert_eq!(standing["waiting"]["stamped"], report["plugins"][0]["to"]);
    let second = load.swap(&version(3, "honestly"), json!({}));
    assert_eq!((second.status, second.code().as_str()), (409, "swap_refused"));
    assert_eq!(load.standing()["waiting"], standing["waiting"], "the first stays");
    assert_eq!(load.ask("POST", "resume").status, 202);
    load.until(|standing| standing["waiting"].is_null());
    load.batches_more(3);
    let output = load.end();
    output.ledger.is_whole();
    assert_eq!(output.changes(), [1, 2]);
    rig.end();
}

#[test]
fn swap_of_a_draining_job_is_refused_and_all_is_worked_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let mut load = Load::start(&rig, folder.path(), "draining", (&version(1, "honestly"), ""));
    // Paused, it has something to work off.
    assert_eq!(load.ask("POST", "pause").status, 202);
    load.until_job(|job| job["backlog_rows"].as_u64() > Some(10_000));
    load.end_feed();
    assert_eq!(load.ask("POST", "drain").status, 202);
    for refused in [load.swap(&version(2, "honestly"), json!({})), load.ask("POST", "rollback")] {
        // It may be through with all by now.
        let (status, code) = (refused.status, refused.code());
        assert!(status == 409 && ["swap_refused", "job_ended"].contains(&&*code), "{refused:?}");
    }
    let output = load.end();
    output.ledger.is_whole();
    assert_eq!(output.changes(), [1]);
    rig.end();
}

/// A third version is asked for while a batch fails on the second. Whether it is let in and given
/// up, or refused, nothing of the second is published and nothing is lost.
#[test]
fn swap_during_a_failing_batch_mixes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let first = (&*version(1, "honestly"), "cpu = \"100ms\"");
    let load = Load::start(&rig, folder.path(), "failing", first);
    let bad = load.swapped(&version(2, "looping"))["plugins"][0]["to"]["digest"].clone();
    load.until(|standing| {
        let is_seen = standing["plugins"][0]["digest"] == bad;
        is_seen || standing["quarantined"].as_array().is_some_and(|list| !list.is_empty())
    });
    let during = load.swap(&version(3, "honestly"), json!({}));
    assert!([202, 409].contains(&during.status), "{during:?}");
    load.until(|standing| standing["quarantined"][0]["digest"] == bad);
    // If it was let in behind the failing version it is gone with it, and may come again.
    let third = load.swap(&version(3, "honestly"), json!({}));
    assert!([202, 409].contains(&third.status), "{third:?}");
    load.until(|standing| standing["waiting"].is_null());
    load.batches_more(3);
    let output = load.end();
    output.ledger.is_whole();
    assert_eq!(output.changes(), [1, 3]);
    rig.end();
}

#[test]
fn second_job_with_the_same_plugin_is_untouched() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let first = version(1, "honestly");
    let one = Load::start(&rig, folder.path(), "one", (&first, ""));
    let other = Load::start(&rig, folder.path(), "other", (&first, ""));
    let before = other.standing();
    one.swapped(&version(2, "honestly"));
    one.until(|standing| standing["waiting"].is_null());
    other.batches_more(5);
    assert_eq!(other.standing(), before);
    for (load, changes) in [(one, vec![1, 2]), (other, vec![1])] {
        let output = load.end();
        output.ledger.is_whole();
        assert_eq!(output.changes(), changes);
    }
    rig.end();
}

#[test]
fn requests_of_many_clients_are_done_one_by_one_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let load = Load::start(&rig, folder.path(), "crowded", (&version(1, "honestly"), ""));
    let versions: Vec<_> =
        (2..2 + CLIENTS as u16).map(|number| version(number, "honestly")).collect();
    let codes: BTreeSet<u16> = std::thread::scope(|scope| {
        let load = &load;
        let ask = move |number: usize, component| {
            (0..REQUESTS).map(move |_| match number % 4 {
                0 => load.ask("POST", "rollback").status,
                _ => load.swap(component, json!({})).status,
            })
        };
        let clients: Vec<_> = versions
            .iter()
            .enumerate()
            .map(|(number, it)| scope.spawn(move || ask(number, it).collect::<Vec<_>>()))
            .collect();
        clients.into_iter().flat_map(|asked| asked.join().expect("no panic")).collect()
    });
    assert!(codes.contains(&202) && codes.is_subset(&[202, 409].into()), "{codes:?}");
    load.until(|standing| standing["waiting"].is_null());
    load.batches_more(3);
    let held = load.standing()["held"].as_u64();
    assert!(held <= Some(3), "{held:?} versions are held");
    let output = load.end();
    output.ledger.is_whole();
    assert!(output.changes().len() > 1, "one of them was done");
    rig.end();
}
