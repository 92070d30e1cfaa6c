//! The README is tried as a reader would: its plugin is built, its job file is run.
//!
//! Takes the README's own blocks. Changes only the address, which must be free, and where the
//! component is, so that the guests of all tests share what they compile.

mod look;
mod reader;
mod swap;

use std::io::Write;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Sender, unbounded};
use tidemill::config::job_file::JobFile;
use tidemill::driver::launch::{JobRequest, launch};
use tidemill::driver::plugins::JobPlugins;
use tidemill_guest_build::{Options, build, new_plugin};

use crate::job_rig::{Feeder, PATIENCE, engine};
use crate::set_up::job_folder::JobFolder;

const README: &str = include_str!("../../README.md");

/// Two requests that were answered, and a line that is no request.
const LOG: &str = "::1 - - [x] \"GET / HTTP/1.1\" 200 5\nnothing\n\
                   ::1 - - [x] \"GET /a HTTP/1.1\" 404 0\n::1 - - [x] \"GET / HTTP/1.1\" 200 5\n";

/// The blocks of a language, without their fences.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("```{language}\n");
    let after = README.split(opening.as_str()).skip(1);
    after.map(|rest| rest.split("```").next().unwrap_or(rest)).collect()
}

/// Hands on what is printed.
struct Printed(Sender<String>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // A test that has seen enough listens no more.
        let _sent = self.0.send(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The README's plugin of that name, made and built as the README says.
fn component(name: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let plugin = folder.path().join(name);
    new_plugin(&plugin).expect("it is made");
    let export = format!("plugin!({name})");
    let source = blocks("rust").into_iter().find(|block| block.contains(&export));
    std::fs::write(plugin.join("src/lib.rs"), source.expect("README has it")).expect("written");
    let shared =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/target/tidemill-guests");
    let warned = |text: &str| panic!("the README's plugin has a warning: {text}");
    let options = Options { target_dir: Some(shared), warnings: &warned, ..Options::default() };
    build(&plugin, &options).expect("it builds").component.display().to_string()
}

#[test]
fn plugin_and_job_of_the_readme_count_status_codes() {
    let feeder = Feeder::new();
    let text = blocks("toml")
        .into_iter()
        .find(|block| block.starts_with("name = "))
        .expect("README has a job file")
        .replace("127.0.0.1:9999", &feeder.address())
        .replace("\"1s\"", "\"20ms\"")
        .replace("source = \"status\"", &format!("component = \"{}\"", component("status")));
    let job = JobFile::parse("status.toml", &text, std::path::Path::new(".")).expect("it is a job");
    let plugins =
        JobPlugins::load(&engine(), &job.pipeline.plugins, &|_| ()).expect("its plugin loads");
    let (sender, printed) = unbounded();
    let request = JobRequest {
        pipeline: job.pipeline,
        plugins,
        listeners: Vec::new(),
        output: Arc::new(Mutex::new(Printed(sender))),
        log: None,
    };
    let handle = launch(&engine(), request).expect("it starts");
    feeder.send(LOG);
    let mut seen = String::new();
    while !(seen.contains("(200,") && seen.contains("(404,1)")) {
        seen.push_str(&printed.recv_timeout(PATIENCE).expect("a batch is printed"));
    }
    assert!(!seen.contains("nothing"), "{seen}");
    handle.drain().expect("it ends");
}

#[test]
fn the_window_of_the_readme_gives_what_it_says() {
    let title = "name = \"busy-pages\"";
    let job = blocks("toml").into_iter().find(|block| block.starts_with(title));
    let job = JobFolder::new(job.expect("README has the job"));
    let case = blocks("json").into_iter().find(|block| block.contains("busy pages"));
    job.put("cases.jsonl", case.expect("README has a case of it").as_bytes());
    let ran = job.test();
    assert_eq!(ran.out, "busy pages ... ok\n1 passed, 0 failed\n", "{}", ran.err);
}

#[test]
fn plugin_of_the_readme_with_all_that_an_operator_may_use_builds() {
    let component = component("large");
    assert!(std::path::Path::new(&component).is_file(), "{component}");
}

#[test]
fn every_job_file_of_the_readme_is_understood() {
    let jobs: Vec<&str> =
        blocks("toml").into_iter().filter(|block| block.starts_with("name = ")).collect();
    assert!(!jobs.is_empty());
    for text in jobs {
        let job = JobFile::parse("job.toml", text, std::path::Path::new("."));
        assert!(job.is_ok(), "{job:?}");
    }
}
