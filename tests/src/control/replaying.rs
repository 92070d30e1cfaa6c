//! Batches of a running job are run again, over HTTP and by commands.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::feeder::{Sending, stamping};
use super::rig::Rig;
use super::swapping::job;
use crate::job_rig::plugin_component;
use crate::set_up::http::Client;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::patience::patiently;
use crate::set_up::program::tidemill;
use crate::set_up::watched::watch;
use crate::swap::rig::version;

fn words(folder: &Path) -> PathBuf {
    let component = folder.join("words.wasm");
    std::fs::copy(plugin_component("word_count"), &component).expect("there is room");
    component
}

fn with_rows(batches: &[Value]) -> bool {
    batches.iter().any(|batch| batch["end"]["rows_out"].as_u64().is_some_and(|rows| rows > 0))
}

#[test]
fn replayed_batch_has_the_hash_of_the_batch_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let component = words(folder.path());
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&job(&component), folder.path()).status, 201);
    rig.batches_until("made", with_rows);
    let replayed = rig.ask("POST", "/v1/jobs/made/replay", Some(&json!({ "case": true })));
    assert_eq!(replayed.status, 200, "{replayed:?}");
    let report = replayed.json();
    let time = report["time_ms"].clone();
    let of_time = |batch: &&Value| batch["time_ms"] == time && batch["end"].is_object();
    let batches = rig.batches_until("made", |batches| batches.iter().any(|one| of_time(&one)));
    let batch = batches.iter().find(of_time).expect("it is in the log");
    let output = &report["outputs"][0];
    assert_eq!((&output["output"], &output["same"]), (&json!("sink `out`"), &json!(true)));
    assert_eq!(output["given"]["hash"], batch["end"]["outputs"][0]["hash"]);
    assert_eq!(report["rows"], batch["end"]["rows_in"]);
    assert!(report["case"].as_str().is_some_and(|case| case.contains("\"in\":{\"made\":[[")));
    rig.end();
}

/// Of files the rows are retained, not the ranges: the file has gone when the batch is run again.
#[test]
fn batch_of_a_file_that_is_gone_is_run_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (component, read) = (words(folder.path()), folder.path().join("in"));
    std::fs::create_dir(&read).expect("there is room");
    let rig = Rig::over(&folder);
    let source = "[sources.made]\ntype = \"files\"\npath = \"in\"\n";
    let generated = "[sources.made]\ntype = \"generate\"\nlines_per_second = 2000\n";
    let text = job(&component).replace(generated, source);
    assert!(text.contains(source), "{text}");
    assert_eq!(rig.submit(&text, folder.path()).status, 201);
    rig.batches_until("made", |batches| !batches.is_empty());
    let beside = folder.path().join("lines");
    std::fs::write(&beside, "to be or not to be\n").expect("there is room");
    std::fs::rename(&beside, read.join("lines")).expect("it is in one folder");
    rig.batches_until("made", with_rows);
    std::fs::remove_file(read.join("lines")).expect("it is there");
    let report = rig.ask("POST", "/v1/jobs/made/replay", Some(&json!({}))).json();
    assert_eq!((&report["rows"], &report["failure"]), (&json!(1), &Value::Null));
    let output = &report["outputs"][0];
    assert_eq!((&output["same"], &output["given"]["rows"]), (&json!(true), &json!(4)));
    assert_eq!(output["recorded"]["hash"], output["given"]["hash"]);
    rig.end();
}

#[test]
fn what_cannot_be_run_again_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let component = words(folder.path());
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&job(&component), folder.path()).status, 201);
    rig.batches_until("made", with_rows);
    let cases = [
        (json!({ "batch_ms": 7 }), 404, "batch_not_retained"),
        (json!({ "partition": 1_000 }), 404, "no_partition"),
        (json!({ "plugins": { "word": component.to_str() } }), 422, "plugin_unfit"),
        (json!({ "plugins": { "words": "words.wasm" } }), 400, "bad_request"),
        (json!({ "batch": 7 }), 400, "bad_request"),
    ];
    for (body, status, code) in cases {
        let refused = rig.ask("POST", "/v1/jobs/made/replay", Some(&body));
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{body}");
    }
    let body = json!({ "plugins": { "words": component.to_str() }, "same": true, "replay": false });
    let refused = rig.ask("POST", "/v1/jobs/made/swap", Some(&body));
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_request"));
    rig.end();
}

/// What a batch had becomes a case, which the test kit finds as it was.
#[test]
fn a_person_runs_a_batch_again_and_makes_a_case_of_it() {
    let folder = JobFolder::new("");
    let component = words(folder.path());
    std::fs::write(folder.path().join("job.toml"), job(&component)).expect("there is room");
    let mut running = watch(folder.path(), &["run", "job.toml", "--plain"]);
    running.printed("(");
    let ask = |arguments: &[&str]| tidemill(folder.path(), arguments, "");
    let replayed = ask(&["replay", "job.toml", "--input-out", "case.jsonl"]);
    assert_eq!(replayed.code, Some(0), "{}{}", replayed.out, replayed.err);
    let same = "identical to what the sink was given";
    assert!(replayed.out.contains(same), "{}", replayed.out);
    let other = ask(&["replay", "job.toml", "--plugin", "words=words.wasm"]);
    assert!(other.out.contains("sink `out`: identical, "), "{}{}", other.out, other.err);
    let swapped = ask(&["swap", "job.toml", "words=words.wasm", "--same"]);
    assert!(swapped.err.contains("has version 0.1.0"), "{}", swapped.err);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
    let tested = ask(&["test", "job.toml", "--cases", "case.jsonl"]);
    assert_eq!(tested.code, Some(0), "{}{}", tested.out, tested.err);
}

/// The story: `replay` ended with 1 where a batch differs, and `swap --same` with 2, as if the
/// arguments were wrong.
#[test]
fn a_batch_that_differs_where_it_must_not_gives_one_and_wrong_arguments_two() {
    let poison = "on_failure = \"dead-letter\"\npoison_rows_max = 100\n";
    let folder = JobFolder::new(&stamping("honestly", "20ms").replace(poison, ""));
    let mut running = watch(folder.path(), &["run", "job.toml", "--plain"]);
    running.told("control: http://127.0.0.1:");
    let client = Client::of(&folder.path().join(".tidemill/stamps"));
    let mut sending = Sending::to(&client, "stamps");
    sending.ids(1..5);
    patiently("a batch is retained", || {
        let job = client.get("/v1/jobs/stamps").json();
        (job["retained_inputs"].as_u64() > Some(0)).then_some(())
    });
    let ask = |arguments: &[&str]| tidemill(folder.path(), arguments, "");
    let file = |number, behaviour| {
        format!("stamped={}", version(number, behaviour).to_str().expect("it is text"))
    };
    let other = file(2, "honestly");
    let differs = ask(&["swap", "job.toml", &other, "--same"]);
    assert_eq!(differs.code, Some(1), "{}{}", differs.out, differs.err);
    let words = "error: the new version makes something else of batch ";
    assert!(differs.err.starts_with(words), "{}", differs.err);
    let fails = ask(&["swap", "job.toml", &file(3, "trapping")]);
    assert_eq!(fails.code, Some(1), "{}{}", fails.out, fails.err);
    assert!(fails.err.starts_with("error: the new version fails on batch "), "{}", fails.err);
    let wrong = ask(&["swap", "job.toml", &file(1, "honestly"), "--same"]);
    assert_eq!(wrong.code, Some(2), "{}{}", wrong.out, wrong.err);
    // That it differs is what is asked for.
    let shown = ask(&["replay", "job.toml", "--plugin", &other]);
    assert_eq!(shown.code, Some(0), "{}{}", shown.out, shown.err);
    assert!(shown.out.contains(" rows gone, "), "{}", shown.out);
    let body = json!({ "plugins": { "stamped": version(2, "honestly") }, "same": true });
    let refused = client.ask("POST", "/v1/jobs/stamps/swap", Some(&body));
    assert_eq!((refused.status, refused.code().as_str()), (409, "replay_refused"));
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

/// Of swaps and shadows at one moment one is let in; the others change nothing. Batches of the log
/// say how they went in the shadow, and no batch counts on the new version before.
#[test]
fn shadows_of_many_clients_are_one_and_stand_in_the_batch_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = words(folder.path());
    let two = folder.path().join("two.wasm");
    let mut bytes = std::fs::read(&one).expect("it is there");
    // A custom section: another digest that behaves alike.
    bytes.extend([0, 5, 4, b'n', b'o', b't', b'e']);
    std::fs::write(&two, &bytes).expect("there is room");
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&job(&one), folder.path()).status, 201);
    rig.batches_until("made", with_rows);
    let body = json!({
        "plugins": { "words": two.to_str() },
        "same": true,
        "shadow_batches": 5,
        "shadow_share": 1.0,
    });
    let codes: Vec<u16> = std::thread::scope(|scope| {
        let ask = |_| scope.spawn(|| rig.ask("POST", "/v1/jobs/made/swap", Some(&body)).status);
        let asked: Vec<_> = (0..8).map(ask).collect();
        asked.into_iter().map(|asked| asked.join().expect("no panic")).collect()
    });
    assert!(codes.contains(&202), "one of them is done: {codes:?}");
    assert!(codes.iter().all(|code| [202, 409].contains(code)), "{codes:?}");
    let digest = |batch: &Value| batch["plans"][0]["plugins"][0]["digest"].clone();
    let old = rig.batches_until("made", with_rows);
    let old = digest(old.iter().find(|batch| batch["end"].is_object()).expect("one has ended"));
    let batches = rig.batches_until("made", |batches| {
        batches.iter().any(|batch| batch["plans"].is_array() && digest(batch) != old)
    });
    let shadowed: Vec<&Value> =
        batches.iter().filter(|batch| batch["shadow"].is_object()).collect();
    assert!(shadowed.len() >= 5, "{}", shadowed.len());
    for batch in shadowed {
        assert_eq!(digest(batch), old);
        assert_ne!(batch["shadow"]["digests"]["words"], old);
        assert_ne!(batch["shadow"]["same"], json!(false));
    }
    rig.end();
}
