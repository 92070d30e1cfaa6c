//! Versions beyond a restart: a job goes on with what it ran last, and with what it had learnt.
//!
//! Takes jobs that were swapped, and the next process over their data folder. Gives the files they
//! were started from away: nothing of them is needed any more.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidemill::driver::planted::PlantedFault;
use tidemill::store::component_folder::ComponentFolder;

use super::rig::Rig;
use super::swapping::{job, stamping, versions};
use crate::job_rig::Feeder;
use crate::set_up::http::{Client, Response};
use crate::set_up::job_folder::JobFolder;
use crate::set_up::patience::patiently;
use crate::set_up::watched::{Watched, watch};
use crate::swap::rig::version;

fn standing(client: &Client, job: &str) -> Value {
    client.get(&format!("/v1/jobs/{job}/plugins")).json()
}

fn swap(client: &Client, job: &str, plugin: &str, file: &Path, force: bool) -> Response {
    let body = json!({ "plugins": { plugin: file.to_str() }, "force": force });
    client.ask("POST", &format!("/v1/jobs/{job}/swap"), Some(&body))
}

/// Waits until the job has said the words, which it does when what they say is kept.
fn said(client: &Client, job: &str, words: &str) {
    let lines = || client.get(&format!("/v1/jobs/{job}/logs")).json()["lines"].to_string();
    patiently(words, || lines().contains(words).then_some(()));
}

/// Waits until a batch with that digest has ended.
fn ran(client: &Client, job: &str, digest: &Value) {
    client.batches_until(job, |batches| {
        batches.iter().rev().any(|batch| {
            let plan = batch["plans"].as_array().and_then(|plans| plans.last());
            let is_it = plan.is_some_and(|plan| plan["plugins"][0]["digest"] == *digest);
            is_it && !batch["end"].is_null()
        })
    });
}

/// Waits until the versions of a job stand so.
fn stands(client: &Client, job: &str, wanted: impl Fn(&Value) -> bool) {
    patiently("versions stand as wanted", || wanted(&standing(client, job)).then_some(()));
}

fn components(folder: &TempDir) -> usize {
    std::fs::read_dir(folder.path().join("data/components")).expect("it is there").count()
}

#[test]
fn job_goes_on_with_the_version_it_ran_last_and_can_go_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = versions(folder.path());
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&job(&one), folder.path()).status, 201);
    let first = standing(&rig, "made")["plugins"][0]["digest"].clone();
    let swapped = swap(&rig, "made", "words", &two, false);
    assert_eq!(swapped.status, 202, "{swapped:?}");
    let second = swapped.json()["plugins"][0]["to"]["digest"].clone();
    said(&rig, "made", "swapped: from batch");
    rig.end();
    for file in [one, two] {
        std::fs::remove_file(file).expect("it is there");
    }
    assert_eq!(components(&folder), 2, "what runs, and what it may go back to");

    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    let now = standing(&rig, "made");
    let previous = &now["previous"]["words"];
    assert_eq!((&now["plugins"][0]["digest"], &previous["digest"]), (&second, &first));
    assert_eq!(previous["version"], "0.1.0");
    said(&rig, "made", "as before the restart: it was swapped in, the job was submitted with");
    ran(&rig, "made", &second);
    let back = rig.post("/v1/jobs/made/rollback");
    assert_eq!(back.status, 202, "{back:?}");
    ran(&rig, "made", &first);
    said(&rig, "made", "rolled back: from batch");
    assert_eq!(standing(&rig, "made")["previous"], Value::Null);
    // The story: this was a swap like any other, and the next rollback went forward again.
    let forward = rig.post("/v1/jobs/made/rollback");
    assert_eq!((forward.status, forward.code().as_str()), (409, "swap_refused"), "{forward:?}");
    rig.end();

    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    assert_eq!(standing(&rig, "made")["plugins"][0]["digest"], first);
    let lines = rig.get("/v1/jobs/made/logs").body;
    assert!(
        !lines.contains("as before the restart"),
        "it runs what it was submitted with: {lines}"
    );
    assert_eq!(rig.post("/v1/jobs/made/stop").status, 202);
    rig.told("job `made` ended");
    rig.end();
    assert_eq!(components(&folder), 0, "no job needs them");
}

/// The story: windows began anew with a rollback after a restart, and nothing said so.
#[test]
fn rollback_after_a_restart_tells_which_windows_begin_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = versions(folder.path());
    let rig = Rig::over(&folder);
    let windowed = "[streams.lately]\nfrom = \"counts\"\n\
                    steps = [{ window = { length = \"60ms\" } }]\n\
                    [sinks.lately]\ntype = \"print\"\nfrom = \"lately\"\n";
    let text = format!("{}{windowed}", job(&one));
    let submitted = rig.submit(&text, folder.path());
    assert_eq!(submitted.status, 201, "{submitted:?}");
    assert_eq!(swap(&rig, "made", "words", &two, false).status, 202);
    said(&rig, "made", "swapped: from batch");
    rig.end();
    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    assert_eq!(rig.post("/v1/jobs/made/rollback").status, 202);
    said(&rig, "made", "after the rollback windows of `counts` begin anew");
    rig.end();
}

#[test]
fn job_without_a_swap_has_nothing_to_go_back_to_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, _) = versions(folder.path());
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&job(&one), folder.path()).status, 201);
    rig.end();
    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    let refused = rig.post("/v1/jobs/made/rollback");
    assert_eq!((refused.status, refused.code().as_str()), (409, "swap_refused"));
    assert!(refused.body.contains("no versions to go back to"), "{}", refused.body);
    rig.end();
}

/// A job that is submitted anew under its old name is another job: it runs its file's version.
#[test]
fn job_that_is_submitted_anew_runs_what_its_file_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = versions(folder.path());
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&job(&one), folder.path()).status, 201);
    let first = standing(&rig, "made")["plugins"][0]["digest"].clone();
    assert_eq!(swap(&rig, "made", "words", &two, false).status, 202);
    said(&rig, "made", "swapped: from batch");
    assert_eq!(rig.post("/v1/jobs/made/stop").status, 202);
    rig.told("job `made` ended");
    assert_eq!(rig.submit(&job(&one), folder.path()).status, 201);
    assert_eq!(standing(&rig, "made")["plugins"][0]["digest"], first);
    rig.end();
    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    assert_eq!(standing(&rig, "made")["plugins"][0]["digest"], first);
    rig.end();
}

#[test]
fn quarantine_survives_a_restart_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rig, feeder) = (Rig::over(&folder), Feeder::new());
    let first = version(1, "honestly");
    assert_eq!(rig.submit(&stamping(&first, &feeder), folder.path()).status, 201);
    let mut stream = feeder.accept();
    let bad = version(2, "trapping");
    let swapped = swap(&rig, "stamps", "stamped", &bad, false);
    assert_eq!(swapped.status, 202, "{swapped:?}");
    let change = swapped.json()["plugins"][0].clone();
    said(&rig, "stamps", "swapped: from batch");
    stream.write_all(b"1\n2\n").expect("it is received");
    said(&rig, "stamps", "rolled back: batch");
    let job = rig.get("/v1/jobs/stamps").json();
    assert_eq!(
        (&job["swaps"], &job["rollbacks"], &job["quarantined"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let metrics = rig.get("/metrics").body;
    for name in ["swaps_total", "rollbacks_total", "quarantined_versions"] {
        let line = format!("\ntidemill_{name}{{job=\"stamps\"}} 1\n");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    rig.end();
    assert_eq!(components(&folder), 1, "the broken one is gone");

    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    let refused = swap(&rig, "stamps", "stamped", &bad, false);
    assert_eq!((refused.status, refused.code().as_str()), (409, "swap_refused"));
    for words in ["quarantined for this job", "this version traps"] {
        assert!(refused.body.contains(words), "`{words}` is not in {}", refused.body);
    }
    let now = standing(&rig, "stamps");
    assert_eq!(now["plugins"][0]["digest"], change["from"]["digest"]);
    assert_eq!(now["quarantined"][0]["digest"], change["to"]["digest"]);
    assert_eq!(components(&folder), 1, "nothing is left of what was refused");
    let forced = swap(&rig, "stamps", "stamped", &bad, true);
    assert_eq!(forced.status, 202, "{forced:?}");
    said(&rig, "stamps", "swapped: from batch");
    assert_eq!(standing(&rig, "stamps")["quarantined"], json!([]));
    rig.end();
}

/// The story: what is kept was made of events, and a listener whose queue is full hears no further
/// ones. A job that had been swapped meanwhile was started again with the version before.
#[test]
fn job_goes_on_with_the_version_it_ran_last_where_the_event_of_its_swap_was_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = versions(folder.path());
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&job(&one), folder.path()).status, 201);
    let first = standing(&rig, "made")["plugins"][0]["digest"].clone();
    rig.jobs.get("made").expect("it runs").plant(PlantedFault::UntoldVersions);
    let swapped = swap(&rig, "made", "words", &two, false);
    assert_eq!(swapped.status, 202, "{swapped:?}");
    let second = swapped.json()["plugins"][0]["to"]["digest"].clone();
    ran(&rig, "made", &second);
    let lines = rig.get("/v1/jobs/made/logs").json()["lines"].to_string();
    assert!(!lines.contains("swapped: from batch"), "nobody was told: {lines}");
    rig.end();
    assert_eq!(components(&folder), 2, "what runs, and what it may go back to");

    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    assert_eq!(standing(&rig, "made")["plugins"][0]["digest"], second);
    rig.jobs.get("made").expect("it runs").plant(PlantedFault::UntoldVersions);
    assert_eq!(rig.post("/v1/jobs/made/rollback").status, 202);
    stands(&rig, "made", |now| now["plugins"][0]["digest"] == first);
    rig.end();
    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    assert_eq!(standing(&rig, "made")["plugins"][0]["digest"], first);
    rig.end();
}

#[test]
fn quarantine_survives_a_restart_where_the_event_of_the_rollback_was_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rig, feeder) = (Rig::over(&folder), Feeder::new());
    let first = version(1, "honestly");
    assert_eq!(rig.submit(&stamping(&first, &feeder), folder.path()).status, 201);
    let mut stream = feeder.accept();
    rig.jobs.get("stamps").expect("it runs").plant(PlantedFault::UntoldVersions);
    let bad = version(2, "trapping");
    let swapped = swap(&rig, "stamps", "stamped", &bad, false);
    assert_eq!(swapped.status, 202, "{swapped:?}");
    let change = swapped.json()["plugins"][0].clone();
    ran(&rig, "stamps", &change["to"]["digest"]);
    stream.write_all(b"1\n2\n").expect("it is received");
    stands(&rig, "stamps", |now| now["quarantined"] != json!([]));
    rig.end();
    assert_eq!(components(&folder), 1, "the broken one is gone");

    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    let now = standing(&rig, "stamps");
    assert_eq!(now["plugins"][0]["digest"], change["from"]["digest"]);
    assert_eq!(now["quarantined"][0]["digest"], change["to"]["digest"]);
    let refused = swap(&rig, "stamps", "stamped", &bad, false);
    assert!(refused.body.contains("quarantined for this job"), "{refused:?}");
    rig.end();
}

#[test]
fn old_components_go_when_no_job_needs_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rig, feeder) = (Rig::over(&folder), Feeder::new());
    let first = version(1, "honestly");
    assert_eq!(rig.submit(&stamping(&first, &feeder), folder.path()).status, 201);
    assert_eq!(components(&folder), 1);
    for number in 2..5 {
        let swapped = swap(&rig, "stamps", "stamped", &version(number, "honestly"), false);
        assert_eq!(swapped.status, 202, "{swapped:?}");
        let digest = swapped.json()["plugins"][0]["to"]["digest"].clone();
        said(&rig, "stamps", &format!("({})", &digest.as_str().expect("a digest")[..12]));
        assert_eq!(components(&folder), 2, "the current version and the one before");
    }
    let no_component = folder.path().join("text.wasm");
    std::fs::write(&no_component, "no component").expect("there is room");
    assert_eq!(swap(&rig, "stamps", "stamped", &no_component, false).status, 422);
    assert_eq!(components(&folder), 2, "nothing is left of what was refused");
    rig.end();
}

/// A job that has run, the path of its kept component, and the digest of that.
fn kept_job(folder: &TempDir, component: &Path) -> (PathBuf, String) {
    let rig = Rig::over(folder);
    assert_eq!(rig.submit(&job(component), folder.path()).status, 201);
    let digest = standing(&rig, "made")["plugins"][0]["digest"].clone();
    let digest = digest.as_str().expect("a digest").to_owned();
    rig.end();
    (folder.path().join(format!("data/components/{digest}.wasm")), digest)
}

/// The next process, in which the job is not started for that reason.
fn without_the_job(folder: &TempDir, reasons: &[&str]) -> Rig {
    let rig = Rig::over(folder);
    rig.jobs.start_again().expect("it can be read");
    let told = rig.told("job `made` is not started again");
    let view = rig.get("/v1/jobs/made").json();
    assert_eq!((&view["name"], &view["state"]), (&json!("made"), &json!("failed")), "{view}");
    let listed = rig.get("/v1/jobs").json()["jobs"].clone();
    let lines = rig.get("/v1/jobs/made/logs").json()["lines"].to_string();
    let refused = rig.post("/v1/jobs/made/pause");
    assert_eq!((refused.status, refused.code().as_str()), (409, "job_not_started"));
    for text in [told, view["failure"].to_string(), listed.to_string(), lines, refused.body] {
        for reason in reasons {
            assert!(text.contains(reason), "`{reason}` is not in {text}");
        }
    }
    rig
}

/// The story: the error told to remove the kept component, or pointed at the job file, and the job
/// was in no list and had no lines, as if it had never been.
#[test]
fn damaged_component_is_told_and_the_job_is_listed_as_failed_until_it_is_submitted_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = versions(folder.path());
    let (kept, digest) = kept_job(&folder, &one);
    std::fs::copy(&two, &kept).expect("it is there");
    let (found, _) = ComponentFolder::read(&two).expect("it is a file");
    let path = kept.to_str().expect("a path of ours");
    let rig = without_the_job(&folder, &[path, "plugin `words`", &digest, &found]);
    rig.end();
    // What was put back is run again.
    std::fs::copy(&one, &kept).expect("it is there");
    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    ran(&rig, "made", &json!(digest));
    rig.end();

    std::fs::write(&kept, "no component").expect("it is there");
    let rig = without_the_job(&folder, &[path, &digest, "submit the job anew"]);
    let submitted = rig.submit(&job(&two), folder.path());
    assert_eq!(submitted.status, 201, "{submitted:?}");
    ran(&rig, "made", &json!(found));
    rig.end();
}

/// The story: as of one that was altered, only that the reader was sent to the job file, whose
/// component was there.
#[test]
fn missing_component_is_told_and_the_job_can_be_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, _) = versions(folder.path());
    let (kept, digest) = kept_job(&folder, &one);
    std::fs::remove_file(&kept).expect("it is there");
    let path = kept.to_str().expect("a path of ours");
    let rig = without_the_job(&folder, &[path, "plugin `words`", &digest, "is not there"]);
    let removed = rig.ask("DELETE", "/v1/jobs/made", None);
    assert_eq!(removed.status, 200, "{removed:?}");
    assert_eq!(rig.get("/v1/jobs").json()["jobs"], json!([]));
    rig.end();
    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    assert_eq!(rig.get("/v1/jobs").json()["jobs"], json!([]), "nobody tries it again");
    rig.end();
}

#[test]
fn rollback_to_a_component_that_was_altered_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = versions(folder.path());
    let (kept, digest) = kept_job(&folder, &one);
    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    let swapped = swap(&rig, "made", "words", &two, false);
    assert_eq!(swapped.status, 202, "{swapped:?}");
    said(&rig, "made", "swapped: from batch");
    rig.end();
    std::fs::copy(&two, &kept).expect("it is there");
    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    let refused = rig.post("/v1/jobs/made/rollback");
    assert_eq!((refused.status, refused.code().as_str()), (500, "store"));
    let words = "put that component there again, or swap in the version that is to run";
    assert!(refused.body.contains(&digest) && refused.body.contains(words), "{}", refused.body);
    ran(&rig, "made", &swapped.json()["plugins"][0]["to"]["digest"]);
    rig.end();
}

fn serve(folder: &JobFolder) -> Watched {
    let arguments = ["serve", "--data", "data", "--control", "127.0.0.1:0"];
    let mut server = watch(folder.path(), &arguments);
    server.told("control: http://127.0.0.1:");
    server
}

#[test]
fn server_that_is_killed_runs_the_swapped_version_again() {
    let folder = JobFolder::new("");
    let (one, two) = versions(folder.path());
    let server = serve(&folder);
    let client = Client::of(&folder.path().join("data"));
    assert_eq!(client.submit(&job(&one), folder.path()).status, 201);
    let swapped = swap(&client, "made", "words", &two, false);
    assert_eq!(swapped.status, 202, "{swapped:?}");
    said(&client, "made", "swapped: from batch");
    server.signal("KILL");
    assert_eq!(server.end().code, None);
    let mut server = serve(&folder);
    server.told("job `made` runs");
    let client = Client::of(&folder.path().join("data"));
    let now = standing(&client, "made")["plugins"][0]["digest"].clone();
    assert_eq!(now, swapped.json()["plugins"][0]["to"]["digest"]);
    server.signal("TERM");
    assert_eq!(server.end().code, Some(0));
}
