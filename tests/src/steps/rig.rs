//! Rig: JSON rows through steps, as a person runs them.
//!
//! Takes rows, one file a partition, and the steps of a stream. Gives the printed rows. Everything
//! comes in one batch, which is what a bounded folder is.

use std::fs;

use crate::job_rig::component;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::Ran;

/// A job over the folder `in`.
#[derive(Debug, Clone)]
pub struct Job {
    schema: &'static str,
    files: Vec<String>,
    settings: &'static str,
    more: &'static str,
}

impl Job {
    /// Over rows of those columns, such as `n = "int64"`; each text is the rows of one partition.
    pub fn over(schema: &'static str, files: &[&str]) -> Self {
        let files = files.iter().map(|&rows| rows.to_owned()).collect();
        Self { schema, files, settings: "", more: "" }
    }

    /// Over whole numbers.
    pub fn numbers(partitions: &[&[i64]]) -> Self {
        let rows = |numbers: &&[i64]| numbers.iter().map(|n| format!("{{\"n\":{n}}}\n")).collect();
        let files = partitions.iter().map(rows).collect();
        Self { schema: "n = \"int64\"", files, settings: "", more: "" }
    }

    /// Further settings of the job.
    pub fn settings(mut self, settings: &'static str) -> Self {
        self.settings = settings;
        self
    }

    /// Further tables of the job file.
    pub fn more(mut self, tables: &'static str) -> Self {
        self.more = tables;
        self
    }

    /// Runs the steps.
    pub fn run(&self, steps: &str) -> Ran {
        let (Self { schema, settings, more, .. }, kinds) = (self, component("kinds"));
        let job = JobFolder::new(&format!(
            "name = \"steps\"\nbatch_interval = \"20ms\"\npartitions = 2\n{settings}\n\
             [plugins.kinds]\ncomponent = \"{}\"\n\
             [sources.rows]\ntype = \"files\"\npath = \"in\"\nbounded = true\n\
             format = \"json\"\nschema = {{ {schema} }}\n\
             [streams.out]\nfrom = \"rows\"\nsteps = [{steps}]\n{more}\n\
             [sinks.console]\ntype = \"print\"\nfrom = \"out\"\nrows = 1000\n",
            kinds.display()
        ));
        fs::create_dir(job.path().join("in")).expect("it is new");
        for (number, rows) in self.files.iter().enumerate() {
            job.put(&format!("in/{number}.jsonl"), rows.as_bytes());
        }
        job.run(b"")
    }

    /// The rows after the steps, in the order in which they are printed.
    #[track_caller]
    pub fn gives(&self, steps: &str, expected: &[&str]) {
        let ran = self.run(steps);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert_eq!(ran.rows(), expected, "{steps}");
    }

    /// The rows after the steps, whatever partitions they are in.
    #[track_caller]
    pub fn gives_in_any_order(&self, steps: &str, expected: &[&str]) {
        let ran = self.run(steps);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let mut rows = ran.rows();
        rows.sort_unstable();
        assert_eq!(rows, expected, "{steps}");
    }

    /// Words of the error with which the steps fail while the job runs.
    #[track_caller]
    pub fn fails(&self, steps: &str, expected: &[&str]) {
        let ran = self.run(steps);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        for words in expected {
            assert!(ran.err.contains(words), "`{words}` is not in:\n{}", ran.err);
        }
    }
}
