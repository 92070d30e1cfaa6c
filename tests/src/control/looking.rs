//! Looking into a running job: rows of its batches, and what its steps keep.
//!
//! Takes names as a person would type them. Gives the rows that are there, or the nearest name.

use serde_json::{Value, json};

use super::feeder::{Sending, stamping};
use super::rig::{Rig, counting};
use crate::set_up::job_folder::JobFolder;
use crate::set_up::patience::patiently;
use crate::set_up::program::tidemill;
use crate::set_up::watched::watch;

/// A server with the job, which has been given ids up to 30.
fn stamps_job(folder: &tempfile::TempDir) -> (Rig, Sending) {
    let rig = Rig::over(folder);
    let submitted = rig.submit(&stamping("honestly", "20ms"), folder.path());
    assert_eq!(submitted.status, 201, "{submitted:?}");
    let mut sending = Sending::to(&rig, "stamps");
    sending.ids(0..30);
    rig.batches_until("stamps", |batches| {
        let rows = batches.iter().filter_map(|batch| batch["end"]["rows_in"].as_u64());
        rows.sum::<u64>() == 30
    });
    (rig, sending)
}

fn get(rig: &Rig, path: &str) -> Value {
    let response = rig.get(path);
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

#[test]
fn rows_of_the_next_batches_are_seen_behind_every_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rig, mut sending) = stamps_job(&folder);
    let places = get(&rig, "/v1/jobs/stamps/tap")["places"].clone();
    let expected =
        json!(["ids", "stamped.key", "stamped.stamp", "stamped.total", "stamps", "totals"]);
    assert_eq!(places, expected);
    for (of, shown) in [
        ("ids", json!(["100", "101"])),
        ("stamps", json!(["(100,1)", "(101,1)"])),
        ("stamped.stamp", json!(["(100,1)", "(101,1)"])),
        ("stamped.key", json!(["(1,1)", "(2,1)"])),
    ] {
        let seen = std::thread::scope(|scope| {
            let path = format!("/v1/jobs/stamps/tap?of={of}&limit=2&wait_ms=60000");
            let rig = &rig;
            let asked = scope.spawn(move || get(rig, &path));
            // It may look only at a later batch than the first: rows come until it has seen two.
            while !asked.is_finished() {
                sending.ids(100..102);
                std::thread::yield_now();
            }
            asked.join().expect("no panic")
        });
        let batches = seen["batches"].as_array().expect("a list");
        let rows: Vec<Value> =
            batches.iter().flat_map(|it| it["shown"].as_array().expect("rows").clone()).collect();
        assert_eq!(rows.len(), 2, "{seen}");
        let allowed = shown.as_array().expect("a list");
        assert!(rows.iter().all(|row| allowed.contains(row)), "{of}: {seen}");
        assert!(batches.iter().all(|batch| batch["time_ms"].is_i64()), "{seen}");
    }
    rig.end();
}

#[test]
fn names_that_nobody_knows_are_refused_with_the_nearest() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rig, _sending) = stamps_job(&folder);
    for (path, status, code, words) in [
        ("tap?of=stamp", 404, "unknown_name", "did you mean `stamps`?"),
        ("tap?of=elsewhere", 404, "unknown_name", "there is `ids`, `stamped.key`"),
        ("tap?off=stamps", 400, "bad_request", "known are `of`, `limit`, `wait_ms`"),
        ("tap?of=stamps&limit=0", 400, "bad_request", "expected 1 to 1000"),
        ("state?step=total", 404, "unknown_name", "did you mean `totals`?"),
        ("state?step=totals&key=one", 400, "bad_key", "the keys of step `totals` are `_1: int64`"),
        ("dead-letters?limit=2000", 400, "bad_request", "expected 1 to 1000"),
        ("state?key=1", 400, "bad_request", "found `key` in the query without the `step`"),
        ("state?after=totals:0.1", 400, "bad_request", "found `after` in the query without the"),
        ("tap?limit=3", 400, "bad_request", "found `limit` in the query without the `of`"),
        ("state?step=a&step=totals", 400, "bad_request", "`step` stands more than once"),
        ("state?step=totals&key=1&key=2", 400, "bad_request", "`key` stands more than once"),
        ("state?step=totals&key=1&after=totals:0.1", 400, "bad_request", "one key has no pages"),
    ] {
        let refused = rig.get(&format!("/v1/jobs/stamps/{path}"));
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{path}");
        assert!(refused.body.contains(words), "{path}: {}", refused.body);
    }
    rig.end();
}

#[test]
fn a_step_shows_what_it_keeps_as_the_last_batch_left_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rig, _sending) = stamps_job(&folder);
    let steps = get(&rig, "/v1/jobs/stamps/state")["steps"].clone();
    assert_eq!((&steps[0]["step"], &steps[0]["keys"]), (&json!("totals"), &json!(3)), "{steps}");
    let all = get(&rig, "/v1/jobs/stamps/state?step=totals");
    let mut shown = all["shown"].as_array().expect("a list").clone();
    shown.sort_by_key(ToString::to_string);
    assert_eq!(shown, [json!("(0,10)"), json!("(1,10)"), json!("(2,10)")]);
    assert_eq!((&all["keys"], &all["schema"]), (&json!(3), &json!("_1: int64 | value: int64")));
    assert!(all["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{all}");
    let one = get(&rig, "/v1/jobs/stamps/state?step=totals&key=2");
    assert_eq!(one["rows"], json!([{ "_1": 2, "value": 10 }]));
    let none = get(&rig, "/v1/jobs/stamps/state?step=totals&key=3");
    assert_eq!((&none["rows"], &none["keys"]), (&json!([]), &json!(3)));
    let few = get(&rig, "/v1/jobs/stamps/state?step=totals&limit=2");
    assert_eq!(few["rows"].as_array().map(Vec::len), Some(2));
    rig.end();
}

/// The story: of more than a thousand keys nobody could see the rest.
#[test]
fn pages_of_a_state_show_every_key_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rig, _sending) = stamps_job(&folder);
    let (mut shown, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = get(&rig, &format!("/v1/jobs/stamps/state?step=totals&limit=1{after}"));
        shown.extend(page["shown"].as_array().expect("a list").clone());
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    shown.sort_by_key(ToString::to_string);
    assert_eq!(shown, [json!("(0,10)"), json!("(1,10)"), json!("(2,10)")]);
    assert_eq!(pages, 4, "the last one is empty");
    let refused = rig.get("/v1/jobs/stamps/state?step=totals&after=here");
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_request"));
    assert!(refused.body.contains("what `next` of the page before says"), "{}", refused.body);
    let other = get(&rig, "/v1/jobs/stamps/state?step=totals&limit=1")["next"].clone();
    let other = other.as_str().expect("there are more").replace("totals", "sums");
    let refused = rig.get(&format!("/v1/jobs/stamps/state?step=totals&after={other}"));
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_request"));
    assert!(refused.body.contains("of step `sums`: expected"), "{}", refused.body);
    rig.end();
}

#[test]
fn a_person_turns_the_pages_of_a_state() {
    let job = counting("paged", "vocabulary = 5\nwords_per_line = 1\n").replace(
        "steps = [{ count = true }]",
        "steps = [{ count_by_value = true },\n{ update_state_by_key = \"sum\", name = \"seen\" }]",
    );
    let folder = JobFolder::new(&job);
    let mut running = watch(folder.path(), &["run", "job.toml", "--plain"]);
    running.printed("Time: ");
    let page = |more: &[&str]| {
        let arguments = [&["state", "job.toml", "seen", "--json"], more].concat();
        let ran = tidemill(folder.path(), &arguments, "");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let row = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
        let word = |line: &str| row(line)["line"].as_str().expect("a word").to_owned();
        let next = ran.err.split_once("the keys that follow: --after ");
        let next = next.map(|(_, next)| next.trim().to_owned());
        (ran.out.lines().map(word).collect::<Vec<String>>(), next)
    };
    let mut all = patiently("all words", || Some(page(&[]).0).filter(|words| words.len() == 5));
    let (mut shown, mut next) = page(&["-n", "2"]);
    while let Some(after) = next {
        let (more, and_then) = page(&["-n", "2", "--after", &after]);
        shown.extend(more);
        next = and_then;
    }
    all.sort();
    shown.sort();
    assert_eq!(shown, all);
    let wrong = tidemill(folder.path(), &["state", "job.toml", "seen", "--after", "here"], "");
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("`after` is `here`, expected what `next`"), "{}", wrong.err);
    for alone in ["--after", "--key"] {
        let wrong = tidemill(folder.path(), &["state", "job.toml", alone, "1"], "");
        assert!(wrong.code == Some(2) && wrong.err.contains("<STEP>"), "{}", wrong.err);
    }
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

/// Totals of the host's own, by text: keys are typed by their column, not by how they look.
#[test]
fn running_totals_are_seen_by_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let job = counting("words", "vocabulary = 1\nwords_per_line = 1\n").replace(
        "steps = [{ count = true }]",
        "steps = [{ count_by_value = true },\n{ update_state_by_key = \"sum\", name = \"seen\" }]",
    );
    let submitted = rig.submit(&job, folder.path());
    assert_eq!(submitted.status, 201, "{submitted:?}");
    rig.batches_until("words", |batches| {
        batches.iter().any(|batch| batch["end"]["rows_in"].as_u64() > Some(0))
    });
    let all = get(&rig, "/v1/jobs/words/state?step=seen");
    let word = all["rows"][0]["line"].as_str().expect("a word").to_owned();
    let one = get(&rig, &format!("/v1/jobs/words/state?step=seen&key={word}"));
    assert_eq!(one["rows"][0]["line"], json!(word));
    rig.end();
}

/// The story: a key went through a double, so the state of the account beside it was shown, and
/// keys of several columns with a decimal among them were refused.
#[test]
fn a_key_is_looked_up_by_all_its_digits() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let step = |keys: &str, name: &str| {
        format!(
            "[streams.{name}]\nfrom = \"rows\"\nsteps = [\n{{ select = [{keys}, \"n\"] }},\n\
             {{ key_by = [{keys}] }},\n{{ update_state_by_key = \"sum\", name = \"{name}\" }},\n]\n\
             [sinks.{name}]\ntype = \"print\"\nfrom = \"{name}\"\n"
        )
    };
    let job = format!(
        "name = \"ledger\"\nbatch_interval = \"20ms\"\n\
         [sources.rows]\ntype = \"listen\"\naddress = \"127.0.0.1:0\"\nformat = \"json\"\n\
         schema = {{ account = \"decimal128(38,2)\", id = \"int64?\", n = \"int64\" }}\n{}{}{}",
        step("\"account\"", "one"),
        step("\"id\"", "ids"),
        step("\"account\", \"id\"", "both"),
    );
    let submitted = rig.submit(&job, folder.path());
    assert_eq!(submitted.status, 201, "{submitted:?}");
    let (first, second) =
        ("123456789012345678901234567890123456.78", "123456789012345678901234567890123456.79");
    Sending::to(&rig, "ledger").text(&format!(
        "{{\"account\":{first},\"id\":9007199254740992,\"n\":1}}\n\
         {{\"account\":{second},\"id\":9007199254740993,\"n\":2}}\n\
         {{\"account\":{second},\"id\":null,\"n\":4}}\n"
    ));
    rig.batches_until("ledger", |batches| {
        let rows = batches.iter().filter_map(|batch| batch["end"]["rows_in"].as_u64());
        rows.sum::<u64>() == 3
    });
    for (step, key, n) in [
        ("one", first.to_owned(), 1),
        ("one", second.to_owned(), 6),
        ("ids", "9007199254740992".to_owned(), 1),
        ("ids", "9007199254740993".to_owned(), 2),
        ("ids", "null".to_owned(), 4),
        ("both", format!("%5b{second},9007199254740993%5d"), 2),
        ("both", format!("%5b{second},null%5d"), 4),
    ] {
        let response = rig.get(&format!("/v1/jobs/ledger/state?step={step}&key={key}"));
        assert_eq!(response.status, 200, "{key}: {response:?}");
        assert!(response.body.contains(&format!("\"n\":{n}}}]")), "{key}: {}", response.body);
    }
    let third = first.replace(".78", ".77");
    let none = get(&rig, &format!("/v1/jobs/ledger/state?step=one&key={third}"));
    assert_eq!(none["rows"], json!([]));
    rig.end();
}

#[test]
fn a_person_looks_by_commands() {
    let folder = JobFolder::new(&counting("looked", ""));
    let mut running = watch(folder.path(), &["run", "job.toml", "--plain"]);
    running.printed("Time: ");
    let ask = |arguments: &[&str]| tidemill(folder.path(), arguments, "");
    let places = ask(&["tap", "job.toml"]);
    assert_eq!((places.code, places.out.as_str()), (Some(0), "counts\nmade\n"), "{}", places.err);
    let rows = ask(&["tap", "job.toml", "made", "-n", "3"]);
    assert_eq!(rows.code, Some(0), "{}", rows.err);
    assert!(rows.out.starts_with("-----") && rows.out.contains("\nTime: "), "{}", rows.out);
    let json = ask(&["tap", "job.toml", "made", "-n", "3", "--json"]);
    assert_eq!(json.out.lines().count(), 3, "{}", json.out);
    let first: Value = serde_json::from_str(json.out.lines().next().expect("a row")).expect("JSON");
    assert!(first["line"].is_string(), "{first}");
    let wrong = ask(&["tap", "job.toml", "maid"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("did you mean `made`?"), "{}", wrong.err);
    let none = ask(&["state", "job.toml"]);
    let told = "no step of the job keeps anything for keys\n";
    assert_eq!((none.code, none.out.as_str(), none.err.as_str()), (Some(0), "", told));
    let none = ask(&["state", "job.toml", "counts"]);
    let told = "error: no step `counts` of the job keeps anything for keys, nor does any other\n";
    assert_eq!((none.code, none.err.as_str()), (Some(2), told));
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}
