//! What a job is warned of: streams and sources that no sink reads, rows that no window has.
//!
//! Takes jobs that run. Gives the lines that say so.

use crate::set_up::job_folder::JobFolder;

const HEAD: &str = "name = \"job\"\nbatch_interval = \"20ms\"\n[sources.lines]\ntype = \"stdin\"\n";
const SINK: &str = "[sinks.console]\ntype = \"print\"\nfrom = ";

/// The story: a stream that no sink read was neither checked nor shown, and nobody was told.
#[test]
fn streams_that_no_sink_reads_are_told_and_shown() {
    let streams = "[sources.idle]\ntype = \"generate\"\nlines = 1\n\
                   [streams.counted]\nfrom = \"lines\"\nsteps = [{ count_by_value = true }]\n\
                   [streams.more]\nfrom = \"counted\"\nsteps = [{ select = \"line\" }]\n";
    let job = JobFolder::new(&format!("{HEAD}{streams}{SINK}\"lines\"\n"));
    let told = [
        "warning: job.toml:5:10: source `idle` is read by no sink (what it brings is passed \
         over)\n",
        "warning: job.toml:8:10: stream `counted` is read by no sink (its steps are checked, but \
         do not run)\n",
        "warning: job.toml:11:10: stream `more` is read by no sink (",
    ];
    let (explained, ran) = (job.explain(), job.run(b"a\n"));
    for ran in [&explained, &ran] {
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        for words in told {
            assert!(ran.err.contains(words), "`{words}` is not in:\n{}", ran.err);
        }
    }
    let shown = "streams that no sink reads, which do not run\n  counted from lines";
    assert!(explained.out.contains(shown), "{}", explained.out);
    assert!(explained.out.contains("  more from counted"), "{}", explained.out);
}

#[test]
fn streams_that_no_sink_reads_are_checked() {
    let stream = "[streams.wrong]\nfrom = \"lines\"\nsteps = [{ select = \"lime\" }]\n";
    let job = JobFolder::new(&format!("{HEAD}{stream}{SINK}\"lines\"\n"));
    for ran in [job.explain(), job.run(b"a\n")] {
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
        assert!(ran.err.contains("`select` needs column `lime`, found `line`"), "{}", ran.err);
    }
}

/// The story: a bounded run ended before its window fell due, gave nothing and said nothing. The
/// slide of 100 days has its times years apart from any run of this test but one.
#[test]
fn rows_that_no_window_has_are_told_when_a_run_ends() {
    let window = "{ length = \"2400h\", slide = \"2400h\" }";
    let job = JobFolder::new(&format!(
        "{HEAD}[streams.all]\nfrom = \"lines\"\nsteps = [{{ window = {window} }}]\n{SINK}\"all\"\n"
    ));
    let ran = job.run(b"a\nb\nc\n");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let told = "warning: 3 rows of stream `all` fell in no window: its next slide would have been \
                at 00:00:00\n";
    assert!(ran.err.contains(told), "{}", ran.err);
    let every = JobFolder::new(&format!(
        "{HEAD}[streams.all]\nfrom = \"lines\"\nsteps = [{{ window = {{ length = \"40ms\" }} }}]\n\
         {SINK}\"all\"\n"
    ));
    let ran = every.run(b"a\nb\nc\n");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(!ran.err.contains("fell in no window"), "{}", ran.err);
}
