//! Many jobs in one process: submitted, started again by the next process, and kept apart.
//!
//! Takes jobs of made-up lines. Gives them to servers over one data folder, one after the other.

use super::rig::{Rig, counting};

fn names(rig: &Rig) -> Vec<(String, String)> {
    let word = |value: &serde_json::Value| value.as_str().expect("a word").to_owned();
    let jobs = rig.get("/v1/jobs").json();
    let jobs = jobs["jobs"].as_array().expect("a list").clone();
    jobs.iter().map(|job| (word(&job["name"]), word(&job["state"]))).collect()
}

#[test]
fn a_job_runs_on_in_the_next_process_until_somebody_stops_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let response = rig.submit(&counting("one", ""), folder.path());
    assert_eq!((response.status, &response.json()["state"]), (201, &"running".into()));
    rig.batches_until("one", |batches| batches.iter().any(|batch| !batch["end"].is_null()));
    rig.end();

    let rig = Rig::over(&folder);
    assert_eq!(names(&rig), []);
    rig.jobs.start_again().expect("it can be read");
    assert_eq!(names(&rig), [("one".to_owned(), "running".to_owned())]);
    let first = rig.batches_until("one", |batches| !batches.is_empty())[0]["run_us"].clone();
    rig.batches_until("one", |batches| batches.iter().any(|batch| batch["run_us"] != first));
    assert_eq!(rig.post("/v1/jobs/one/stop").status, 202);
    rig.told("job `one` ended");
    assert_eq!(names(&rig), [("one".to_owned(), "stopped".to_owned())]);
    let response = rig.post("/v1/jobs/one/stop");
    assert_eq!((response.status, response.code()), (409, "job_ended".to_owned()));
    rig.end();

    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    assert_eq!(names(&rig), []);
    let batches = rig.batches_until("one", |batches| !batches.is_empty());
    let unended = batches.iter().find(|batch| batch["end"].is_null());
    assert_eq!(unended, None, "the log has every batch with its end");
    rig.end();
}

#[test]
fn a_job_whose_sources_have_ended_is_not_started_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&counting("short", "lines = 10"), folder.path()).status, 201);
    rig.told("job `short` ended");
    rig.end();
    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    assert_eq!(names(&rig), []);
    rig.end();
}

#[test]
fn one_of_many_submissions_of_a_name_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let (job, path) = (counting("one", ""), folder.path());
    let responses: Vec<_> = std::thread::scope(|scope| {
        let ask = |_| scope.spawn(|| rig.submit(&job, path));
        let asked: Vec<_> = (0..8).map(ask).collect();
        asked.into_iter().map(|asked| asked.join().expect("no panic")).collect()
    });
    let won = responses.iter().filter(|response| response.status == 201).count();
    assert_eq!(won, 1, "{responses:?}");
    for response in responses.iter().filter(|response| response.status != 201) {
        assert_eq!((response.status, response.code()), (409, "job_exists".to_owned()));
    }
    rig.end();
}

#[test]
fn many_submissions_of_different_names_all_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let names: Vec<String> = (0..8).map(|number| format!("job-{number}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            let (rig, folder) = (&rig, &folder);
            scope.spawn(move || {
                assert_eq!(rig.submit(&counting(name, ""), folder.path()).status, 201);
                rig.batches_until(name, |batches| {
                    batches.iter().any(|batch| batch["end"]["outcome"] == "completed")
                });
            });
        }
    });
    assert_eq!(self::names(&rig).len(), 8);
    rig.end();
}

#[test]
fn a_job_that_is_refused_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let unknown = counting("one", "").replace("count = true", "cuont = true");
    let no_plugin = counting("one", "").replace("count = true", "map = \"gone.op\"");
    let missing = format!("{no_plugin}\n[plugins.gone]\ncomponent = \"gone.wasm\"\n");
    for (text, words, line) in
        [(unknown, "cuont", 9), (no_plugin, "gone", 9), (missing, "gone.wasm", 14)]
    {
        let response = rig.submit(&text, folder.path());
        assert_eq!((response.status, response.code()), (422, "job_refused".to_owned()));
        let finding = &response.json()["error"]["findings"][0];
        assert!(finding["message"].as_str().is_some_and(|it| it.contains(words)), "{finding}");
        assert_eq!(finding["line"], line, "{finding}");
    }
    assert_eq!(names(&rig), []);
    assert_eq!(rig.submit(&counting("one", ""), folder.path()).status, 201, "the name is free");
    rig.end();
}

#[test]
fn a_job_that_fails_says_why_and_is_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let job = "name = \"broken\"\nbatch_interval = \"20ms\"\n\
               [sources.files]\ntype = \"files\"\npath = \"in\"\nbounded = true\n\
               format = \"json\"\nschema = { n = \"int64\" }\n\
               [sinks.out]\ntype = \"print\"\nfrom = \"files\"\n";
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    std::fs::write(folder.path().join("in/a"), "no json\n").expect("a file");
    assert_eq!(rig.submit(job, folder.path()).status, 201);
    rig.told("job `broken` failed: ");
    let shown = rig.get("/v1/jobs/broken").json();
    assert_eq!(shown["state"], "failed");
    assert!(shown["failure"].as_str().is_some_and(|words| words.contains("json")), "{shown}");
    let lines = rig.get("/v1/jobs/broken/logs").json()["lines"].clone();
    let last = lines.as_array().and_then(|lines| lines.last().cloned()).expect("it has said so");
    assert_eq!((&last["level"], &last["text"]), (&"error".into(), &shown["failure"]));
    let batches = rig.batches_until("broken", |batches| !batches.is_empty());
    assert_eq!(batches[0]["end"]["outcome"], "failed");
    rig.end();
    let rig = Rig::over(&folder);
    rig.jobs.start_again().expect("it can be read");
    rig.told("job `broken` failed: ");
    rig.end();
}

#[test]
fn metrics_name_every_job_with_its_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    for name in ["a", "b"] {
        assert_eq!(rig.submit(&counting(name, "lines = 50"), folder.path()).status, 201);
    }
    (0..2).for_each(|_| drop(rig.told("` ended")));
    let metrics = rig.get("/metrics");
    assert!(metrics.head.contains("content-type: text/plain"), "{}", metrics.head);
    for line in [
        "# TYPE tidemill_rows_total counter",
        "tidemill_rows_total{job=\"a\"} 50",
        "tidemill_rows_total{job=\"b\"} 50",
        "tidemill_batch_interval_seconds{job=\"a\"} 0.02",
        "tidemill_job_info{job=\"b\",state=\"stopped\"} 1",
        "tidemill_batch_log_dropped_total 0",
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line}:\n{}", metrics.body);
    }
    rig.end();
}

/// Log lines are numbered, so that whoever asks again is given none twice.
#[test]
fn lines_of_a_job_are_given_from_a_number_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&counting("one", "lines = 10"), folder.path()).status, 201);
    rig.told("job `one` ended");
    let lines = |after: u64| {
        let answer = rig.get(&format!("/v1/jobs/one/logs?after={after}")).json();
        answer["lines"].as_array().expect("a list").clone()
    };
    let all = lines(0);
    let said: Vec<&str> = all.iter().filter_map(|line| line["text"].as_str()).collect();
    assert!(said.contains(&"source `made`: ended") && said.contains(&"ended"), "{said:?}");
    assert_eq!(lines(1), all[1..]);
    assert_eq!(lines(all.len() as u64), [] as [serde_json::Value; 0]);
    rig.end();
}

/// The story: a job that had ended stood in the list for as long as the server ran, and after its
/// next start nobody could say which letters it had left but the list could not be cleared either.
#[test]
fn a_job_is_removed_when_it_has_ended_and_not_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&counting("gone", ""), folder.path()).status, 201);
    let ask = |rig: &Rig| rig.ask("DELETE", "/v1/jobs/gone", None);
    let refused = ask(&rig);
    assert_eq!((refused.status, refused.code().as_str()), (409, "job_runs"), "{refused:?}");
    rig.batches_until("gone", |batches| !batches.is_empty());
    assert_eq!(rig.post("/v1/jobs/gone/stop").status, 202);
    rig.told("job `gone` ended");
    assert_eq!(ask(&rig).json(), serde_json::json!({ "removed": "gone" }));
    assert_eq!(rig.get("/v1/jobs").json(), serde_json::json!({ "jobs": [] }));
    assert_eq!(rig.get("/v1/jobs/gone/dead-letters").status, 404);
    assert_eq!(rig.get("/v1/jobs/gone/batches").status, 200);
    let again = ask(&rig);
    assert_eq!((again.status, again.code().as_str()), (404, "unknown_job"));
    assert_eq!(rig.submit(&counting("gone", ""), folder.path()).status, 201);
    rig.end();
}
