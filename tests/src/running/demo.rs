//! The demo, as README's first command runs it: it swaps its plugin and loses no line.
//!
//! Takes a shorter time and fewer lines than a person would. Gives what a person sees.

use crate::set_up::program::tidemill;

#[test]
fn the_demo_swaps_its_plugin_and_loses_no_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = tidemill(folder.path(), &["demo", "--duration", "4s", "--rate", "2000"], "");
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    for words in
        ["Time: ", "Swapped while lines come, from batch ", "none was lost", "0.2.0 (", "counted "]
    {
        assert!(ran.out.contains(words), "`{words}` is not in: {}{}", ran.out, ran.err);
    }
    let last = ran.out.split("\nTime: ").last().unwrap_or_default();
    let counted: Vec<&str> = last.lines().filter(|line| line.starts_with('(')).collect();
    assert!(!counted.is_empty(), "{last}");
    let is_long =
        |line: &&str| line.trim_start_matches('(').split(',').next().map_or(0, str::len) > 3;
    assert!(counted.iter().all(is_long), "the second version leaves out short words: {last}");
}
