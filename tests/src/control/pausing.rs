//! Pausing a job: no batch begins, what comes is received, and resuming works it off.
//!
//! Takes a job that reads a socket. Gives it lines while it is paused.

use std::io::Write;

use serde_json::Value;

use super::rig::Rig;
use crate::job_rig::Feeder;
use crate::set_up::patience::patiently;

fn until(rig: &Rig, enough: impl Fn(&Value) -> bool) -> Value {
    patiently("the job stands as wanted", || {
        let job = rig.get("/v1/jobs/one").json();
        enough(&job).then_some(job)
    })
}

/// A job that prints the lines that the feeder sends.
fn printing(feeder: &Feeder) -> String {
    format!(
        "name = \"one\"\nbatch_interval = \"20ms\"\n\
         [sources.lines]\ntype = \"socket\"\naddress = \"{}\"\n\
         [sinks.out]\ntype = \"print\"\nfrom = \"lines\"\n",
        feeder.address()
    )
}

#[test]
fn what_comes_during_a_pause_is_in_the_first_batch_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rig, feeder) = (Rig::over(&folder), Feeder::new());
    assert_eq!(rig.submit(&printing(&feeder), folder.path()).status, 201);
    let mut stream = feeder.accept();
    until(&rig, |job| job["batches"].as_u64() > Some(0));
    assert_eq!(rig.post("/v1/jobs/one/pause").status, 202);
    until(&rig, |job| job["state"] == "paused");
    stream.write_all(b"a\nb\nc\n").expect("it is received");
    let paused = until(&rig, |job| job["backlog_rows"] == 3);
    assert_eq!((&paused["state"], &paused["rows_in"]), (&"paused".into(), &0.into()));
    assert_eq!(rig.post("/v1/jobs/one/pause").status, 202, "it is paused, as is asked for");
    assert_eq!(rig.post("/v1/jobs/one/resume").status, 202);
    let batches = rig.batches_until("one", |batches| {
        batches.iter().any(|batch| batch["end"]["rows_in"].as_u64() > Some(0))
    });
    let with_rows = batches.iter().filter(|batch| batch["end"]["rows_in"].as_u64() > Some(0));
    let rows: Vec<&Value> = with_rows.map(|batch| &batch["end"]["rows_in"]).collect();
    assert_eq!(rows, [&Value::from(3)]);
    until(&rig, |job| job["state"] == "running");
    rig.end();
}

#[test]
fn a_paused_job_that_is_to_end_works_off_what_it_received() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rig, feeder) = (Rig::over(&folder), Feeder::new());
    assert_eq!(rig.submit(&printing(&feeder), folder.path()).status, 201);
    assert_eq!(rig.post("/v1/jobs/one/pause").status, 202);
    feeder.accept().write_all(b"a\nb\n").expect("it is received");
    until(&rig, |job| job["backlog_rows"] == 2);
    assert_eq!(rig.post("/v1/jobs/one/drain").status, 202);
    rig.told("job `one` ended");
    let ended = rig.get("/v1/jobs/one").json();
    assert_eq!((&ended["state"], &ended["rows_in"]), (&"stopped".into(), &2.into()));
    rig.end();
}
