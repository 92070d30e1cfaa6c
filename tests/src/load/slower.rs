//! A version that is too slow, where a person asks that it be gone back from.

use super::rig::Load;
use crate::job_rig::scratch;
use crate::set_up::http::Client;
use crate::set_up::program::tidemill;
use crate::set_up::watched::watch;
use crate::swap::rig::version;

/// A person says how slow a version may be, and finds why the job has gone back, and that it takes
/// the version no more.
#[test]
fn person_has_a_version_gone_back_from_that_is_too_slow() {
    let folder = tempfile::tempdir().expect("a folder");
    let artefacts = scratch("artefacts-of-programs").display().to_string();
    let serve = ["serve", "--data", "served", "--control", "127.0.0.1:0"];
    let mut server = watch(folder.path(), &[&serve[..], &["--artefacts", &artefacts]].concat());
    server.told("control: http://127.0.0.1:");
    let client = Client::of(&folder.path().join("served"));
    let load = Load::start(&client, folder.path(), "slowed", (&version(1, "toiling"), ""));
    let swap = |factor: &str| {
        let slow = format!("stamped={}", version(2, "dawdling").display());
        let arguments = ["swap", "slowed", &slow, "--slower-max", factor, "--data", "served"];
        tidemill(folder.path(), &arguments, "")
    };
    let wrong = swap("0.5");
    assert_eq!(wrong.code, Some(2), "{}", wrong.out);
    assert!(wrong.err.contains("`slower_max` is 0.5, expected a number from 1"), "{}", wrong.err);
    // The story: JSON has no word for it, and the server was asked for a swap without that limit.
    let wrong = swap("nan");
    assert_eq!(wrong.code, Some(2), "{}", wrong.out);
    assert!(wrong.err.contains("expected a number, such as 1.5"), "{}", wrong.err);
    let swapped = swap("1.5");
    assert_eq!(swapped.code, Some(0), "{}", swapped.err);
    assert!(swapped.out.contains("from the next batch on"), "{}", swapped.out);
    let standing = load.until(|standing| !standing["quarantined"][0].is_null());
    let reason = standing["quarantined"][0]["reason"].to_string();
    assert!(reason.contains("allowed are 1.5"), "{reason}");
    let refused = swap("1.5");
    assert_eq!(refused.code, Some(2), "{}", refused.out);
    assert!(refused.err.contains("quarantined for this job"), "{}", refused.err);
    let output = load.end();
    output.ledger.is_whole();
    assert_eq!(output.versions.values().next_back(), Some(&1));
    server.signal("TERM");
    assert_eq!(server.end().code, Some(0));
}
