//! `map_partitions`: an operator sees its partition whole, in one call, whatever its size.

use super::rig::Job;
use crate::job_rig::component;
use crate::set_up::job_folder::JobFolder;

const LINE: &str = "a line of forty bytes, with its line end\n";

/// A job over one file of so many lines.
fn lines(count: usize, memory: &str) -> JobFolder {
    let job = JobFolder::new(&format!(
        "name = \"whole\"\nbatch_interval = \"20ms\"\n\
         [plugins.kinds]\ncomponent = \"{}\"\nmemory = \"{memory}\"\n\
         [sources.lines]\ntype = \"files\"\npath = \"in\"\nbounded = true\n\
         [streams.out]\nfrom = \"lines\"\nsteps = [{{ map_partitions = \"kinds.bytes\" }}]\n\
         [sinks.console]\ntype = \"print\"\nfrom = \"out\"\n",
        component("kinds").display()
    ));
    std::fs::create_dir(job.path().join("in")).expect("it is new");
    job.put("in/lines.txt", LINE.repeat(count).as_bytes());
    job
}

#[test]
fn a_partition_of_ten_mebibytes_is_seen_in_one_call() {
    let count = (10 << 20) / LINE.len() + 1;
    let ran = lines(count, "64MiB").run(b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.rows(), [format!("({count},{})", count * (LINE.len() - 1))]);
}

#[test]
fn a_partition_too_large_for_an_instance_is_named() {
    let ran = lines((10 << 20) / LINE.len(), "8MiB").run(b"");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    for words in ["kinds.bytes", "partition 0", "memory"] {
        assert!(ran.err.contains(words), "`{words}` is not in:\n{}", ran.err);
    }
}

#[test]
fn memory_below_what_a_plugin_begins_with_is_refused_at_the_start() {
    let ran = lines(1, "2MiB").run(b"");
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    for words in ["job.toml:3:10", "memory", "limit is 2097152"] {
        assert!(ran.err.contains(words), "`{words}` is not in:\n{}", ran.err);
    }
}

#[test]
fn empty_partitions_and_empty_batches_are_seen_too() {
    let job = Job::numbers(&[&[7]]);
    let sizes = "{ repartition = 3 }, { map_partitions = \"kinds.size\" }";
    job.gives_in_any_order(sizes, &["(0,0)", "(0,0)", "(1,7)"]);
    let empty = "{ filter = \"kinds.none\" }, { map_partitions = \"kinds.size\" }";
    job.gives(empty, &["(0,0)"]);
}
