//! Swaps of plugins as a stranger asks for them, over HTTP and by the program's commands.
//!
//! Takes the plugin `word_count` and the same component with a section more, which is another
//! digest that behaves alike. Gives each to a job that counts made-up words.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::rig::Rig;
use crate::job_rig::{Feeder, plugin_component};
use crate::set_up::http::Client;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::patience::patiently;
use crate::set_up::program::tidemill;
use crate::set_up::watched::watch;
use crate::swap::rig::version;

pub(super) fn job(component: &Path) -> String {
    format!(
        "name = \"made\"\nbatch_interval = \"20ms\"\n\
         [plugins.words]\ncomponent = \"{}\"\n\
         [sources.made]\ntype = \"generate\"\nlines_per_second = 2000\n\
         [streams.counts]\nfrom = \"made\"\nsteps = [\n\
         {{ flat_map = \"words.split\" }},\n{{ map = \"words.pair\" }},\n\
         {{ reduce_by_key = \"words.add\" }},\n]\n\
         [sinks.out]\ntype = \"print\"\nfrom = \"counts\"\n",
        component.display()
    )
}

pub(super) fn stamping(component: &Path, feeder: &Feeder) -> String {
    format!(
        "name = \"stamps\"\nbatch_interval = \"20ms\"\n\
         [plugins.stamped]\ncomponent = \"{}\"\n\
         [sources.ids]\ntype = \"socket\"\naddress = \"{}\"\n\
         format = \"csv\"\nschema = {{ id = \"int64\" }}\n\
         [streams.stamped]\nfrom = \"ids\"\nsteps = [{{ flat_map = \"stamped.stamp\" }}]\n\
         [sinks.out]\ntype = \"print\"\nfrom = \"stamped\"\n",
        component.display(),
        feeder.address()
    )
}

/// The two versions, in that folder.
pub(super) fn versions(folder: &Path) -> (PathBuf, PathBuf) {
    let (one, two) = (folder.join("one.wasm"), folder.join("two.wasm"));
    let mut bytes = std::fs::read(plugin_component("word_count")).expect("it is built");
    std::fs::write(&one, &bytes).expect("there is room");
    // A custom section of five bytes: the length of its name, and the name.
    bytes.extend([0, 5, 4, b'n', b'o', b't', b'e']);
    std::fs::write(&two, &bytes).expect("there is room");
    (one, two)
}

fn digests(batches: &[Value]) -> Vec<String> {
    let digest = |batch: &Value| {
        let plans = batch["plans"].as_array().expect("a list").clone();
        let plugin = &plans.last().expect("a plan")["plugins"][0];
        plugin["digest"].as_str().expect("a digest").to_owned()
    };
    batches.iter().map(digest).collect()
}

#[test]
fn each_batch_of_the_log_has_one_version_before_and_after_a_swap() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = versions(folder.path());
    let rig = Rig::over(&folder);
    let submitted = rig.submit(&job(&one), folder.path());
    assert_eq!(submitted.status, 201, "{submitted:?}");
    let first = submitted.json()["plugins"][0]["digest"].clone();
    rig.batches_until("made", |batches| !batches.is_empty());

    let body = json!({ "plugins": { "words": two.to_str() } });
    let swapped = rig.ask("POST", "/v1/jobs/made/swap", Some(&body));
    assert_eq!(swapped.status, 202, "{swapped:?}");
    let change = swapped.json()["plugins"][0].clone();
    assert_eq!((&change["plugin"], &change["from"]["digest"]), (&json!("words"), &first));
    assert_eq!(change["differences"], json!([]));
    let second = change["to"]["digest"].as_str().expect("a digest").to_owned();
    let after = |batches: &[Value]| digests(batches).contains(&second);
    rig.batches_until("made", after);
    assert_eq!(rig.get("/v1/jobs/made/plugins").json()["plugins"][0]["digest"], second.as_str());

    let back = rig.post("/v1/jobs/made/rollback");
    assert_eq!(back.status, 202, "{back:?}");
    let batches = rig.batches_until("made", |batches| {
        let digests = digests(batches);
        let swapped = digests.iter().position(|digest| *digest == second);
        swapped.is_some_and(|at| digests[at..].iter().any(|digest| *digest == first))
    });
    let mut changes = digests(&batches);
    changes.dedup();
    assert_eq!(changes, [first.as_str().expect("a digest"), &second, first.as_str().expect("one")]);
    let failed = batches.iter().filter(|batch| batch["end"]["outcome"] == "failed").count();
    assert_eq!(failed, 0);
    rig.end();
}

#[test]
fn what_is_no_swap_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, _) = versions(folder.path());
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&job(&one), folder.path()).status, 201);
    // Its loop tells how many versions it holds only once it runs.
    rig.batches_until("made", |batches| !batches.is_empty());
    let plugins = || rig.get("/v1/jobs/made/plugins").json();
    let before = plugins();
    let missing = folder.path().join("missing.wasm");
    let cases = [
        (json!({ "plugins": { "word": one.to_str() } }), 409, "swap_refused"),
        (json!({ "plugins": {} }), 409, "swap_refused"),
        (json!({ "plugins": { "words": missing.to_str() } }), 422, "plugin_unfit"),
        (json!({ "plugins": { "words": "one.wasm" } }), 400, "bad_request"),
        (json!({ "plugin": {} }), 400, "bad_request"),
        (json!({ "plugins": { "words": one.to_str() }, "slower_max": 0.5 }), 400, "bad_request"),
    ];
    for (body, status, code) in cases {
        let refused = rig.ask("POST", "/v1/jobs/made/swap", Some(&body));
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{body}");
    }
    let back = rig.post("/v1/jobs/made/rollback");
    assert_eq!((back.status, back.code().as_str()), (409, "swap_refused"));
    assert_eq!(plugins(), before);
    rig.end();
}

#[test]
fn swaps_of_many_clients_at_once_are_done_one_by_one_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = versions(folder.path());
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&job(&one), folder.path()).status, 201);
    let body = json!({ "plugins": { "words": two.to_str() } });
    let codes: BTreeSet<u16> = std::thread::scope(|scope| {
        let ask = |_| scope.spawn(|| rig.ask("POST", "/v1/jobs/made/swap", Some(&body)).status);
        let asked: Vec<_> = (0..8).map(ask).collect();
        asked.into_iter().map(|asked| asked.join().expect("no panic")).collect()
    });
    assert!(codes.contains(&202), "one of them is done: {codes:?}");
    assert!(codes.is_subset(&[202, 409].into()), "{codes:?}");
    rig.end();
}

#[test]
fn a_person_swaps_and_goes_back_by_commands() {
    let folder = JobFolder::new("");
    let (one, _two) = versions(folder.path());
    std::fs::write(folder.path().join("job.toml"), job(&one)).expect("there is room");
    let mut running = watch(folder.path(), &["run", "job.toml", "--plain"]);
    running.printed("Time: ");
    let ask = |arguments: &[&str]| tidemill(folder.path(), arguments, "");
    let swapped = ask(&["swap", "job.toml", "words=two.wasm"]);
    assert_eq!(swapped.code, Some(0), "{}", swapped.err);
    assert!(swapped.out.starts_with("words: 0.1.0 ("), "{}", swapped.out);
    assert!(swapped.out.contains(" bytes, from the next batch on\n"), "{}", swapped.out);
    assert!(swapped.out.contains(" us; sink `out`: identical, "), "{}", swapped.out);
    running.told("swapped: from batch");
    let back = ask(&["rollback", "job.toml"]);
    assert_eq!(back.code, Some(0), "{}", back.err);
    running.told("rolled back: from batch");
    let waited = ask(&["swap", "job.toml", "words=two.wasm", "--wait"]);
    assert_eq!(waited.code, Some(0), "{}", waited.err);
    assert!(waited.out.ends_with("batches run on it\n"), "{}", waited.out);
    let jobs = ask(&["jobs", "--data", ".tidemill/made"]);
    assert!(jobs.out.contains("\n  words 0.1.0 ("), "{} {}", jobs.out, jobs.err);
    assert!(jobs.out.contains("), 2 swaps, 1 rollback\n"), "{}", jobs.out);
    let back = ask(&["rollback", "job.toml"]);
    assert!(back.out.starts_with("words: 0.1.0 ("), "{}", back.out);
    assert!(back.out.ends_with("), from the next batch on\n"), "{}", back.out);
    let wrong = ask(&["swap", "job.toml", "words"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("as in `words=words.wasm`"), "{}", wrong.err);
    // A plugin's source, where `plugin check` and job files take it.
    let folder_words = "it is a folder, expected a component file: `tidemill plugin build`";
    for command in [&["swap", "job.toml"] as &[&str], &["replay", "job.toml", "--plugin"]] {
        let wrong = ask(&[command, &["words=."]].concat());
        assert_eq!(wrong.code, Some(2));
        assert!(wrong.err.contains(folder_words), "{}", wrong.err);
    }
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

/// The story: a swap ended with 0, and a moment later the job had gone back.
#[test]
fn who_waits_is_told_that_the_job_has_gone_back() {
    let (folder, feeder) = (JobFolder::new(""), Feeder::new());
    let arguments = ["serve", "--data", "served", "--control", "127.0.0.1:0"];
    let mut server = watch(folder.path(), &arguments);
    server.told("control: http://127.0.0.1:");
    let client = Client::of(&folder.path().join("served"));
    let text = stamping(&version(1, "honestly"), &feeder);
    assert_eq!(client.submit(&text, folder.path()).status, 201);
    let mut stream = feeder.accept();
    let new = format!("stamped={}", version(2, "trapping").display());
    let asked = std::thread::scope(|scope| {
        let arguments = ["swap", "stamps", &new, "--wait", "--no-replay", "--data", "served"];
        let asked = scope.spawn(move || tidemill(folder.path(), &arguments, ""));
        patiently("the swap is undone", || {
            stream.write_all(b"1\n").expect("it is received");
            asked.is_finished().then_some(())
        });
        asked.join().expect("it has run")
    });
    assert_eq!(asked.code, Some(1), "{} {}", asked.out, asked.err);
    let told = asked.out.split_once("it does not run: batch ").map(|(_, reason)| reason);
    assert!(told.is_some_and(|reason| reason.contains("this version traps")), "{asked:?}");
    server.signal("TERM");
    assert_eq!(server.end().code, Some(0));
}

/// The story: a server that was told to end went on taking swaps, and its jobs went on reading, for
/// as long as a request of somebody was under way.
#[test]
fn jobs_of_a_server_that_ends_take_no_swap_while_it_still_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = versions(folder.path());
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&job(&one), folder.path()).status, 201);
    rig.jobs.drain();
    let body = json!({ "plugins": { "words": two.to_str() } });
    let refused = rig.ask("POST", "/v1/jobs/made/swap", Some(&body));
    assert_eq!(refused.status, 409, "{refused:?}");
    let other = job(&one).replace("\"made\"\nbatch", "\"other\"\nbatch");
    let refused = rig.submit(&other, folder.path());
    assert_eq!((refused.status, refused.code().as_str()), (503, "ending"), "{refused:?}");
    rig.end();
}

/// The story: all that the job gives stands behind a state, which no shadow compares. It told each
/// batch as the same, and a version of which nothing had been compared was let in.
#[test]
fn shadow_that_compares_nothing_refuses_where_the_same_is_asked_for() {
    let folder = JobFolder::new("");
    let (one, _two) = versions(folder.path());
    let add = "{ reduce_by_key = \"words.add\" },\n";
    let text = job(&one)
        .replace(add, &format!("{add}{{ update_state_by_key = \"sum\", name = \"sums\" }},\n"));
    std::fs::write(folder.path().join("job.toml"), text).expect("there is room");
    let mut running = watch(folder.path(), &["run", "job.toml", "--plain"]);
    running.printed("Time: ");
    // As many as it takes until one is run whole.
    let shadow = ["--same", "--shadow", "1000", "--shadow-share", "1", "--wait"];
    let asked = [&["swap", "job.toml", "words=two.wasm"], &shadow[..]].concat();
    let refused = tidemill(folder.path(), &asked, "");
    assert_eq!(refused.code, Some(1), "{} {}", refused.out, refused.err);
    let words = "nothing of it can be compared, and it must give the same";
    assert!(refused.out.contains(words), "{}", refused.out);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

/// The story: it stood still without a word.
#[test]
fn who_waits_for_a_paused_job_is_told() {
    let folder = JobFolder::new("");
    let (one, _two) = versions(folder.path());
    std::fs::write(folder.path().join("job.toml"), job(&one)).expect("there is room");
    let mut running = watch(folder.path(), &["run", "job.toml", "--plain"]);
    running.printed("Time: ");
    assert_eq!(tidemill(folder.path(), &["pause", "job.toml"], "").code, Some(0));
    let mut swap = watch(folder.path(), &["swap", "job.toml", "words=two.wasm", "--wait"]);
    swap.printed("the job is paused: `tidemill resume` has it go on");
    assert_eq!(tidemill(folder.path(), &["resume", "job.toml"], "").code, Some(0));
    swap.printed("batches run on it");
    assert_eq!(swap.end().code, Some(0));
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

/// Three jobs of a server run one plugin, two of them the same version: those are swapped, and
/// the one that refuses the new version makes the exit code 1.
#[test]
fn all_jobs_of_one_version_are_swapped_by_one_command() {
    let folder = JobFolder::new("");
    let (one, two) = versions(folder.path());
    let arguments = ["serve", "--data", "served", "--control", "127.0.0.1:0"];
    let mut server = watch(folder.path(), &arguments);
    server.told("control: http://127.0.0.1:");
    let ask = |arguments: &[&str]| {
        tidemill(folder.path(), &[arguments, &["--data", "served"]].concat(), "")
    };
    for (name, component) in [("a", &one), ("b", &one), ("c", &two)] {
        let text = job(component).replace("\"made\"\nbatch", &format!("\"{name}\"\nbatch"));
        folder.put("job.toml", text.as_bytes());
        let submitted = ask(&["submit", "job.toml"]);
        assert_eq!(submitted.code, Some(0), "{}", submitted.err);
    }
    let unclear = ask(&["swap", "--all-jobs", "words=two.wasm"]);
    assert_eq!(unclear.code, Some(2));
    assert!(unclear.err.contains("jobs run several versions of plugin `words`"), "{}", unclear.err);
    let swapped = ask(&["swap", "a", "words=two.wasm", "--all-jobs"]);
    assert_eq!(swapped.code, Some(0), "{}", swapped.err);
    let begins = |line: &&str| line.contains(": words: ");
    let lines: Vec<&str> = swapped.out.lines().filter(begins).map(|line| &line[..10]).collect();
    assert_eq!(lines, ["a: words: ", "b: words: "], "{}", swapped.out);
    // All three have that version from their next batch on.
    for name in ["a", "b"] {
        server.printed("Time: ");
        let client = Client::of(&folder.path().join("served"));
        let standing = || client.get(&format!("/v1/jobs/{name}/plugins")).json();
        patiently("the swap is done", || standing()["waiting"].is_null().then_some(()));
    }
    let refused = ask(&["swap", "--all-jobs", "words=two.wasm"]);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    let starts = ["a: refused: ", "b: refused: ", "c: refused: "];
    for (line, start) in refused.out.lines().zip(starts) {
        assert!(line.starts_with(start) && line.contains("already"), "{line}");
    }
    let no_job = ask(&["swap", "words=two.wasm"]);
    assert_eq!(no_job.code, Some(2));
    let usage = "swap [OPTIONS] --all-jobs [JOB] <PLUGIN=FILE>...";
    assert!(no_job.err.contains(usage), "{}", no_job.err);
    let nothing = ask(&["swap", "a", "--all-jobs"]);
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.err.contains("as in `words=words.wasm`"), "{}", nothing.err);
    server.signal("TERM");
    assert_eq!(server.end().code, Some(0));
}
