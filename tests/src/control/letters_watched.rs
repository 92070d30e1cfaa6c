//! Dead letters that are fed back while a new version is watched: what becomes of them is no
//! fault of its.

use serde_json::{Value, json};

use super::feeder::{Sending, stamping, stamps_of};
use super::rig::Rig;
use crate::swap::rig::version;

const JOB: &str = "/v1/jobs/stamps";

/// A letter of a record that the source could not read once.
fn letter(id: i64) -> String {
    let text = json!({ "id": id }).to_string();
    format!("{}\n", json!({ "source": "ids", "reason": "r", "text": text }))
}

/// A job that takes out so many rows a batch and stamps rows behind a shuffle, so that letters of
/// its source are rows like any other there. Both of its versions fail with ids that end with 37.
fn job(poison_rows_max: usize) -> String {
    stamping("rarely..", "20ms")
        .replace("poison_rows_max = 100", &format!("poison_rows_max = {poison_rows_max}"))
        .replace("[{ flat_map", "[{ repartition = 2 }, { flat_map")
}

fn swapped_in(rig: &Rig) {
    let plugin = version(2, "rarely");
    let body = json!({ "plugins": { "stamped": plugin.to_str() }, "replay": false });
    let swapped = rig.ask("POST", &format!("{JOB}/swap"), Some(&body));
    assert_eq!(swapped.status, 202, "{swapped:?}");
}

fn retry(rig: &Rig) -> Value {
    let response = rig.post(&format!("{JOB}/dead-letters/retry"));
    assert_eq!(response.status, 202, "{response:?}");
    response.json()
}

/// Payloads and attempts of the letters that wait, in the order of the payloads.
fn waiting(rig: &Rig) -> Vec<(String, u64)> {
    let listed = rig.get(&format!("{JOB}/dead-letters")).json();
    let of = |letter: &Value| {
        let payload = letter["payload"].as_str().expect("a text").to_owned();
        (payload, letter["attempts"].as_u64().expect("a number"))
    };
    let mut waiting: Vec<_> =
        listed["letters"].as_array().expect("a list").iter().map(of).collect();
    waiting.sort_unstable();
    waiting
}

/// The version runs, is watched, and was not blamed.
#[track_caller]
fn nobody_is_blamed(rig: &Rig) {
    let standing = rig.get(&format!("{JOB}/plugins")).json();
    assert_eq!((&standing["quarantined"], &standing["waiting"]), (&json!([]), &Value::Null));
    assert!(!standing["previous"].is_null(), "{standing}");
    let batches = rig.batches_until("stamps", |batches| !batches.is_empty());
    assert!(batches.iter().all(|batch| batch["plans"].as_array().is_some_and(|it| it.len() == 1)));
}

/// A batch fails with letters: it is run again without them before its version is judged, and only
/// what fails then would be the version's fault. With a row of its own that fails it is run on the
/// old version as well, and all of it counts once: rows, letters, and what is told of them.
#[test]
fn letters_that_break_a_watched_batch_are_withdrawn_before_its_version_is_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    std::fs::write(folder.path().join("bad.jsonl"), letter(37) + &letter(137)).expect("room");
    assert_eq!(rig.submit(&job(1), folder.path()).status, 201);
    let mut sending = Sending::to(&rig, "stamps");
    sending.ids(200..230);
    stamps_of(folder.path(), 30);
    swapped_in(&rig);
    // Most often in one batch with the letters.
    sending.ids(230..240);
    let told = retry(&rig);
    assert_eq!((&told["delivered"], &told["refused"]), (&json!(0), &json!(2)), "{told}");
    assert!(
        told["withdrawn"].as_str().is_some_and(|why| why.contains("at most 1 may be left out")),
        "{told}"
    );
    let out = stamps_of(folder.path(), 39);
    assert!(out.values().all(|times| *times == 1), "{out:?}");
    let ids: Vec<i64> = out.keys().map(|(id, _)| *id).collect();
    assert_eq!(ids, (200..240).filter(|id| *id != 237).collect::<Vec<_>>());
    let letters =
        [(37, 2), (137, 2), (237, 1)].map(|(id, tried)| (format!("{{\"id\":{id}}}"), tried));
    let mut expected = letters.to_vec();
    expected.sort_unstable();
    assert_eq!(waiting(&rig), expected);
    nobody_is_blamed(&rig);
    rig.end();
}

/// A letter may go through its step and break the one behind it, where its row is taken out as any
/// other: on the old version it might have failed before. Such a batch shows nothing of its
/// version. The next one without letters does.
#[test]
fn version_is_not_judged_by_rows_of_a_batch_that_letters_were_fed_back_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    std::fs::write(folder.path().join("bad.jsonl"), letter(37) + &letter(38)).expect("room");
    let honest = version(1, "honestly").display().to_string();
    let job = job(100).replace(&version(1, "rarely..").display().to_string(), &honest);
    assert_eq!(rig.submit(&job, folder.path()).status, 201);
    swapped_in(&rig);
    let told = retry(&rig);
    assert_eq!((&told["delivered"], &told["withdrawn"]), (&json!(2), &Value::Null), "{told}");
    assert_eq!(stamps_of(folder.path(), 1), [((38, 2), 1)].into());
    assert_eq!(waiting(&rig), [("{\"id\":37}".to_owned(), 1)]);
    nobody_is_blamed(&rig);
    Sending::to(&rig, "stamps").ids(137..139);
    assert_eq!(stamps_of(folder.path(), 3), [38, 137, 138].map(of_its_version).into());
    let standing = rig.get(&format!("{JOB}/plugins")).json();
    let reason = standing["quarantined"][0]["reason"].to_string();
    assert!(reason.contains("calls failed with 1 row, on the old version with 0"), "{standing}");
    assert_eq!(waiting(&rig), [("{\"id\":37}".to_owned(), 1)]);
    rig.end();
}

/// What was published before the job went back has the second version, the rest the first.
fn of_its_version(id: i64) -> ((i64, i64), usize) {
    ((id, if id < 100 { 2 } else { 1 }), 1)
}
