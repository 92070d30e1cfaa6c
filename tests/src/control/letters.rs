//! Dead letters of a running job: listed and fed back, over HTTP and by the command.
//!
//! Takes a guest that traps at one id in a hundred, and one that does not. Every row has an id of
//! its own, so that one that is lost or doubled is seen.

use serde_json::{Value, json};
use tidemill::model::time::BatchTime;

use super::feeder::{Sending, stamping, stamps, stamps_of};
use super::rig::{Rig, counting};
use crate::set_up::http::Client;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::tidemill;
use crate::set_up::watched::watch;
use crate::swap::rig::version;

const LETTERS: &str = "/v1/jobs/stamps/dead-letters";

fn listed(rig: &Rig) -> Vec<Value> {
    let response = rig.get(&format!("{LETTERS}?limit=1000"));
    assert_eq!(response.status, 200, "{response:?}");
    let answer = response.json();
    let letters = answer["letters"].as_array().expect("a list").clone();
    assert_eq!(answer["total"], json!(letters.len()));
    letters
}

fn listed_of(rig: &Rig, count: usize) -> Vec<Value> {
    loop {
        let letters = listed(rig);
        if letters.len() >= count {
            return letters;
        }
        std::thread::yield_now();
    }
}

fn retry(rig: &Rig) -> Value {
    let response = rig.post(&format!("{LETTERS}/retry"));
    assert_eq!(response.status, 202, "{response:?}");
    response.json()
}

fn swap(rig: &Rig, number: u16, behaviour: &str) {
    let plugin = version(number, behaviour);
    let body = json!({ "plugins": { "stamped": plugin.to_str() } });
    let swapped = rig.ask("POST", "/v1/jobs/stamps/swap", Some(&body));
    assert_eq!(swapped.status, 202, "{swapped:?}");
}

/// The story: a poison row was written down, and whoever had mended the plugin had no way to give
/// it the row again but by hand, through the source, to all steps before it.
#[test]
fn poison_rows_go_through_the_mended_plugin_and_no_other_row_comes_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let submitted = rig.submit(&stamping("rarely..", "20ms"), folder.path());
    assert_eq!(submitted.status, 201, "{submitted:?}");
    let mut sending = Sending::to(&rig, "stamps");
    sending.ids(0..300);
    let letters = listed_of(&rig, 3);
    let first = &letters[0];
    assert_eq!((&first["operator"], &first["code"]), (&json!("stamped.stamp"), &json!("panic")));
    assert_eq!((&first["stream"], &first["stays"]), (&json!("stamps"), &Value::Null));
    assert_eq!((&first["attempts"], &first["step"]), (&json!(1), &json!("0")));
    assert!(first["plugin_digest"].as_str().is_some_and(|digest| digest.len() == 64), "{first}");
    let payloads: Vec<&str> = letters.iter().filter_map(|it| it["payload"].as_str()).collect();
    assert_eq!(payloads, [r#"{"id":37}"#, r#"{"id":137}"#, r#"{"id":237}"#]);

    // The same plugin fails again: the letters stay, with an attempt more.
    let again = retry(&rig);
    assert_eq!((&again["delivered"], &again["refused"]), (&json!(0), &json!(3)), "{again}");
    let letters = listed(&rig);
    let attempts: Vec<&Value> = letters.iter().map(|letter| &letter["attempts"]).collect();
    assert_eq!(attempts, [&json!(2); 3]);

    swap(&rig, 2, "honestly");
    let through = retry(&rig);
    assert_eq!((&through["delivered"], &through["refused"]), (&json!(3), &json!(0)), "{through}");
    assert_eq!(listed(&rig), [Value::Null; 0]);
    let out = stamps_of(folder.path(), 300);
    let expected = (0..300).map(|id| ((id, if id % 100 == 37 { 2 } else { 1 }), 1));
    assert_eq!(out, expected.collect());

    // There is nothing to feed back any more.
    assert_eq!(retry(&rig)["delivered"], json!(0));
    sending.ids(300..301);
    stamps_of(folder.path(), 301);
    let rejected = rig.get("/v1/jobs/stamps").json()["rejected_rows"].clone();
    assert_eq!(rejected, json!(3), "what is fed back is counted nowhere else");
    rig.end();
}

/// The story: a batch was retained together with rows that were fed back to it, which nobody can
/// read again: run once more it lacked them, and a version in its shadow seemed to lose them.
#[test]
fn a_batch_that_rows_were_fed_back_to_is_not_retained() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&stamping("rarely..", "20ms"), folder.path()).status, 201);
    let mut sending = Sending::to(&rig, "stamps");
    sending.ids(0..50);
    listed_of(&rig, 1);
    let (mut sent, mut fed) = (100, None);
    // The letter fails each time, and is there for the next one.
    while fed.is_none() {
        sending.ids(sent..sent + 1);
        sent += 100;
        let time = retry(&rig)["batch_time"].clone();
        let is_fed = |batch: &&Value| batch["time_ms"] == time;
        let ended = |batch: &Value| !batch["end"].is_null();
        let has_ended = |batches: &[Value]| batches.iter().find(is_fed).is_some_and(ended);
        let batches = rig.batches_until("stamps", has_ended);
        let batch = batches.iter().find(is_fed).expect("it has ended");
        // In some it is alone, and those are not retained for want of rows.
        fed = batch["end"]["rows_in"].as_u64().filter(|rows| *rows > 0).map(|_| time);
    }
    let asked = json!({ "batch_ms": fed });
    let refused = rig.ask("POST", "/v1/jobs/stamps/replay", Some(&asked));
    assert_eq!((refused.status, refused.code().as_str()), (404, "batch_not_retained"));
    rig.end();
}

/// The story: such a swap was refused with the advice to retain more inputs, which helps nothing.
#[test]
fn a_swap_whose_windows_reach_back_to_letters_is_refused_for_that_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let line = r#"{"source":"ids","reason":"no `id`","text":"{\"id\":7}"}"#;
    std::fs::write(folder.path().join("bad.jsonl"), format!("{line}\n")).expect("room");
    // It reaches back to all batches of this test.
    let window = "{ window = { length = \"1h\", slide = \"1h\" } }";
    let stamp = "{ flat_map = \"stamped.stamp\" }";
    let job = stamping("honestly", "20ms").replace(stamp, &format!("{stamp}, {window}"));
    assert_eq!(rig.submit(&job, folder.path()).status, 201);
    let told = retry(&rig);
    assert_eq!(told["delivered"], json!(1), "{told}");
    let plugin = version(2, "honestly");
    let body = json!({ "plugins": { "stamped": plugin.to_str() } });
    let refused = rig.ask("POST", "/v1/jobs/stamps/swap", Some(&body));
    assert_eq!((refused.status, refused.code().as_str()), (409, "swap_refused"));
    let batch = BatchTime(told["batch_time"].as_i64().expect("a time")).of_day();
    let words =
        format!("those of batch {batch} are not retained, because dead letters were fed back");
    assert!(refused.body.contains(&words), "`{words}` is not in {}", refused.body);
    rig.end();
}

#[test]
fn bad_rows_of_a_source_are_read_again_and_stay_when_they_are_still_bad() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    // Left by an earlier run, whose schema was another; nothing can be done about the others.
    let lines = [
        r#"{"source":"ids","reason":"no `id`","text":"{\"id\":7}"}"#,
        r#"{"source":"ids","reason":"no JSON","text":"{\"id\":"}"#,
        r#"{"source":"ids","reason":"too long","text":"{\"id\":","cut":true}"#,
        r#"{"source":"gone","reason":"no `id`","text":"{\"id\":8}"}"#,
        concat!(
            r#"{"batch_time":1,"stream":"stamps","stage":9,"step":"0","partition":0,"#,
            r#""operator":"x.y","reason":"odd","row":{"id":9}}"#
        ),
    ];
    std::fs::write(folder.path().join("bad.jsonl"), lines.join("\n") + "\n").expect("room");
    assert_eq!(rig.submit(&stamping("honestly", "20ms"), folder.path()).status, 201);
    let told = retry(&rig);
    assert_eq!((&told["delivered"], &told["refused"]), (&json!(1), &json!(1)), "{told}");
    let stay = told["stay"].as_array().expect("a list").clone();
    assert_eq!(stay.len(), 3, "{stay:?}");
    assert_eq!(stamps_of(folder.path(), 1), [((7, 1), 1)].into());
    let letters = listed(&rig);
    assert_eq!(letters.len(), 4);
    let why = |letter: &Value| letter["stays"].as_str().map(str::to_owned);
    let whys: Vec<String> = letters.iter().filter_map(why).collect();
    assert_eq!(whys.len(), 3, "{letters:?}");
    for words in ["too long", "no source `gone`", "does not call `x.y` in that place any more"] {
        assert!(whys.iter().any(|why| why.contains(words)), "`{words}` is not in {whys:?}");
    }
    let bad = letters.last().expect("the one that was tried");
    assert_eq!((&bad["attempts"], &bad["source"]), (&json!(2), &json!("ids")));
    // The row of a source went to every stream that reads it.
    let state = rig.get("/v1/jobs/stamps/state?step=totals").json();
    assert_eq!(state["shown"], json!(["(1,1)"]), "{state}");
    rig.end();
}

/// What dies between the batch and its note is fed back again: once too often, but never too
/// seldom. What dies before is as if nobody had asked.
#[test]
fn a_job_that_ends_before_the_batch_leaves_every_letter() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let line = r#"{"source":"ids","reason":"no `id`","text":"{\"id\":7}"}"#;
    std::fs::write(folder.path().join("bad.jsonl"), format!("{line}\n")).expect("room");
    // No batch comes in the lifetime of this test.
    assert_eq!(rig.submit(&stamping("honestly", "1h"), folder.path()).status, 201);
    let refused = std::thread::scope(|scope| {
        let asked = scope.spawn(|| rig.post(&format!("{LETTERS}/retry")));
        // A second one is refused, or comes first: either way one of the two waits for the batch.
        loop {
            let busy = rig.get("/v1/jobs/stamps");
            assert_eq!(busy.status, 200);
            if asked.is_finished() {
                break;
            }
            rig.post("/v1/jobs/stamps/stop");
        }
        asked.join().expect("no panic")
    });
    assert_eq!((refused.status, refused.code().as_str()), (409, "job_ended"));
    let kept = std::fs::read_to_string(folder.path().join("bad.jsonl")).expect("it is there");
    assert_eq!(kept, format!("{line}\n"));
    assert!(stamps(folder.path()).is_empty());
    rig.end();
}

/// The story: a letter that goes through its own step may break one behind it, for which it is a
/// row like any other. The batch failed with it, with all of its live rows, and the job stopped.
#[test]
fn letters_that_break_their_batch_behind_their_step_do_no_harm_to_its_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let letter = |id: i64| {
        format!("{{\"source\":\"ids\",\"reason\":\"r\",\"text\":\"{{\\\"id\\\":{id}}}\"}}\n")
    };
    std::fs::write(folder.path().join("bad.jsonl"), letter(37) + &letter(7)).expect("room");
    let job = stamping("rarely..", "20ms")
        .replace("on_failure = \"dead-letter\"\npoison_rows_max = 100", "on_failure = \"stop\"")
        .replace("[{ flat_map", "[{ repartition = 2 }, { flat_map");
    assert_eq!(rig.submit(&job, folder.path()).status, 201);
    let mut sending = Sending::to(&rig, "stamps");
    sending.ids(100..130);
    let both = retry(&rig);
    assert_eq!((&both["delivered"], &both["refused"]), (&json!(0), &json!(2)), "{both}");
    assert!(both["withdrawn"].as_str().is_some_and(|why| why.contains("traps")), "{both}");
    // Half as many the next time: one that breaks its batch does not hold the others back for ever.
    assert_eq!(both["at_once"], json!(1));
    let one = retry(&rig);
    assert_eq!((&one["refused"], &one["later"]), (&json!(1), &json!(1)), "{one}");
    let other = retry(&rig);
    assert_eq!((&other["delivered"], &other["withdrawn"]), (&json!(1), &Value::Null), "{other}");
    let out = stamps_of(folder.path(), 31);
    assert_eq!(out, (100..130).chain([7]).map(|id| ((id, 1), 1)).collect());
    let left = listed(&rig);
    let told: Vec<_> = left.iter().map(|it| (&it["payload"], &it["attempts"])).collect();
    assert_eq!(told, [(&json!("{\"id\":37}"), &json!(3))]);
    let job = rig.get("/v1/jobs/stamps").json();
    assert_eq!((&job["state"], &job["failed_batches"]), (&json!("running"), &json!(0)));
    rig.end();
}

/// The story: each letter that looped took all the time that a task may, and a batch waited for all
/// of them. The first one ends the letters of its task; the others stay as they are.
#[test]
fn one_letter_that_loops_is_tried_and_the_others_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let letter = |id: i64| {
        format!(
            "{{\"batch_time\":1,\"stream\":\"stamps\",\"stage\":2,\"step\":\"0\",\"partition\":0,\
             \"operator\":\"stamped.stamp\",\"reason\":\"r\",\"row\":{{\"id\":{id}}}}}\n"
        )
    };
    let lines: String = (0..3).map(letter).collect();
    std::fs::write(folder.path().join("letters.jsonl"), lines).expect("room");
    let job = stamping("looping.", "20ms")
        .replace("[plugins.stamped]\n", "[plugins.stamped]\ncpu = \"100ms\"\n");
    assert_eq!(rig.submit(&job, folder.path()).status, 201);
    let told = retry(&rig);
    assert_eq!((&told["refused"], &told["late"]), (&json!(1), &json!(2)), "{told}");
    let attempts: Vec<Value> = listed(&rig).iter().map(|it| it["attempts"].clone()).collect();
    assert_eq!(attempts, [json!(1), json!(1), json!(2)]);
    rig.end();
}

/// The story: a letter that its source's format still could not read was noted as tried before the
/// job was asked whether it takes any: with each refusal the file had a letter and a note more.
#[test]
fn nothing_is_written_where_a_job_takes_no_letters() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let line = "{\"source\":\"ids\",\"reason\":\"r\",\"text\":\"{\\\"id\\\":\"}\n";
    let file = folder.path().join("bad.jsonl");
    std::fs::write(&file, line).expect("room");
    let kept = || std::fs::read_to_string(&file).expect("it is there");
    assert_eq!(rig.submit(&stamping("honestly", "20ms"), folder.path()).status, 201);
    for (command, code, words) in
        [("pause", "retry_refused", "the job is paused"), ("stop", "job_ended", "has ended")]
    {
        assert_eq!(rig.post(&format!("/v1/jobs/stamps/{command}")).status, 202);
        let refused = rig.post(&format!("{LETTERS}/retry"));
        assert_eq!((refused.status, refused.code().as_str()), (409, code), "{refused:?}");
        assert!(refused.body.contains(words), "{}", refused.body);
        assert_eq!(kept(), line);
    }
    rig.end();
}

#[test]
fn a_job_that_drains_takes_no_letters_and_a_person_is_told() {
    let job = stamping("looping.", "20ms")
        .replace("[plugins.stamped]\n", "[plugins.stamped]\ncpu = \"10min\"\n");
    let folder = JobFolder::new(&job);
    let line = "{\"source\":\"ids\",\"reason\":\"r\",\"text\":\"{\\\"id\\\":7}\"}\n";
    folder.put("bad.jsonl", line.as_bytes());
    let arguments = ["serve", "--data", "served", "--control", "127.0.0.1:0"];
    let mut server = watch(folder.path(), &arguments);
    server.told("control: http://127.0.0.1:");
    let ask = |arguments: &[&str]| {
        tidemill(folder.path(), &[arguments, &["--data", "served"]].concat(), "")
    };
    assert_eq!(ask(&["submit", "job.toml"]).code, Some(0));
    let client = Client::of(&folder.path().join("served"));
    Sending::to(&client, "stamps").ids(1..2);
    // The batch that has it does not end in the lifetime of this test.
    let has_it = |batch: &Value| batch["inputs"][0]["rows"].as_u64() > Some(0);
    client.batches_until("stamps", |batches| batches.iter().any(has_it));
    let drained = ask(&["stop", "stamps"]);
    assert!(drained.out.starts_with("stamps: draining, "), "{} {}", drained.out, drained.err);
    let refused = ask(&["dead-letters", "stamps", "--retry"]);
    assert_eq!(refused.code, Some(2), "{}", refused.out);
    let words = "the job is draining: no batch begins that rows could be fed back into";
    assert!(refused.err.contains(words), "{}", refused.err);
    let kept = std::fs::read_to_string(folder.path().join("bad.jsonl")).expect("it is there");
    assert_eq!(kept, line);
}

#[test]
fn a_paused_job_and_one_without_letters_say_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&counting("plain", ""), folder.path()).status, 201);
    let none = rig.get("/v1/jobs/plain/dead-letters").json();
    assert_eq!(none, json!({ "letters": [], "total": 0, "files": [] }));
    let refused = rig.post("/v1/jobs/plain/dead-letters/retry");
    assert_eq!((refused.status, refused.code().as_str()), (409, "no_letters"));

    let line = r#"{"source":"ids","reason":"no `id`","text":"{\"id\":7}"}"#;
    std::fs::write(folder.path().join("bad.jsonl"), format!("{line}\n")).expect("room");
    assert_eq!(rig.submit(&stamping("honestly", "20ms"), folder.path()).status, 201);
    assert_eq!(rig.post("/v1/jobs/stamps/pause").status, 202);
    let refused = rig.post(&format!("{LETTERS}/retry"));
    assert_eq!((refused.status, refused.code().as_str()), (409, "retry_refused"));
    assert_eq!(rig.post("/v1/jobs/stamps/resume").status, 202);
    assert_eq!(retry(&rig)["delivered"], json!(1));
    rig.end();
}

/// The story: letters lie in a file that the job file names, but nobody could list them once the
/// job had ended: nothing ran with its data folder.
#[test]
fn letters_are_listed_when_nobody_runs_the_job() {
    let folder = JobFolder::new(&stamping("honestly", "20ms"));
    let line = r#"{"source":"ids","reason":"no fit","text":"{\"id\":7}"}"#;
    folder.put("bad.jsonl", format!("{line}\n").as_bytes());
    let shown = tidemill(folder.path(), &["dead-letters", "job.toml"], "");
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert_eq!(shown.out, "source ids\n  no fit\n  {\"id\":7}\n1 dead letter\n");
    let refused = tidemill(folder.path(), &["dead-letters", "job.toml", "--retry"], "");
    assert_ne!(refused.code, Some(0));
    assert!(refused.err.contains("nothing runs with the data folder"), "{}", refused.err);
    let logs = tidemill(folder.path(), &["logs", "job.toml"], "");
    assert!(logs.err.contains("kept by its process and end with it"), "{}", logs.err);
}

/// The story: of a job that had ended, commands told which data folders nobody runs with, and not
/// that this is the job's end, nor what can be done; and `logs` told of lines that have ended where
/// there was no such job file.
#[test]
fn a_job_that_has_ended_is_told_to_have_and_what_can_be_done() {
    let folder = JobFolder::new(&stamping("honestly", "20ms"));
    let mut running = watch(folder.path(), &["run", "job.toml", "--plain"]);
    running.printed("Time: ");
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
    let asked: [(&[&str], &str); 7] = [
        (&["dead-letters", "stamps"], "give that file in the place of the name"),
        (&["dead-letters", "stamps", "--retry"], "letters go back to a job that runs"),
        (&["state", "stamps", "totals"], "what its steps keep ends with its process"),
        (&["state", "job.toml"], "what its steps keep ends with its process"),
        (&["tap", "stamps"], "rows are seen while it runs"),
        (&["logs", "stamps"], "see `tidemill batches`"),
        (&["replay", "stamps"], "what its batches read is kept by its process"),
    ];
    for (arguments, hint) in asked {
        let ran = tidemill(folder.path(), arguments, "");
        let starts = "error: job `stamps` does not run: nothing runs with the data folder `";
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.err);
        assert!(ran.err.starts_with(starts) && ran.err.contains(hint), "{}", ran.err);
    }
    let shown = tidemill(folder.path(), &["dead-letters", "job.toml"], "");
    assert_eq!((shown.code, shown.out.as_str()), (Some(0), "0 dead letters\n"), "{}", shown.err);
    let logs = tidemill(folder.path(), &["logs", "gone.toml"], "");
    assert!(!logs.err.contains("kept by its process"), "{}", logs.err);
}

/// The same of a job of a server, which has ended before the server was started again, and of one
/// whose server is gone.
#[test]
fn letters_of_jobs_that_were_hosted_are_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = r#"{"source":"ids","reason":"no fit","text":"{\"id\":7}"}"#;
    std::fs::write(folder.path().join("bad.jsonl"), format!("{line}\n")).expect("room");
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&stamping("honestly", "20ms"), folder.path()).status, 201);
    assert_eq!(rig.post("/v1/jobs/stamps/stop").status, 202);
    assert_eq!(listed_of(&rig, 1).len(), 1);
    rig.end();
    let rig = Rig::over(&folder);
    assert_eq!(rig.get("/v1/jobs/stamps").status, 404);
    assert_eq!(listed_of(&rig, 1).len(), 1);
    rig.end();
    let shown = tidemill(folder.path(), &["dead-letters", "stamps", "--data", "data"], "");
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert_eq!(shown.out, "source ids\n  no fit\n  {\"id\":7}\n1 dead letter\n");
}

#[test]
fn a_person_lists_and_feeds_back_by_the_command() {
    let folder = JobFolder::new(&stamping("honestly", "20ms"));
    let line = r#"{"source":"ids","reason":"no\nfit","text":"{\"id\":7}"}"#;
    folder.put("bad.jsonl", format!("{line}\n").as_bytes());
    let running = {
        let mut running = watch(folder.path(), &["run", "job.toml", "--plain"]);
        running.printed("Time: ");
        running
    };
    let ask = |arguments: &[&str]| tidemill(folder.path(), arguments, "");
    let shown = ask(&["dead-letters", "job.toml"]);
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert_eq!(shown.out, "source ids\n  no\\u{a}fit\n  {\"id\":7}\n1 dead letter\n");
    let fed = ask(&["dead-letters", "job.toml", "--retry"]);
    assert_eq!(fed.code, Some(0), "{}", fed.err);
    assert!(fed.out.starts_with("1: went through in batch "), "{}", fed.out);
    assert_eq!(ask(&["dead-letters", "job.toml", "--json"]).out, "");
    assert_eq!(stamps(folder.path()), [((7, 1), 1)].into());
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}
