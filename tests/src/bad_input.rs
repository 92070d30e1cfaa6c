//! Tests of bad input, as a user meets it: what is said, where, and with which exit code.
//!
//! Takes wrong job files, components, places and rows. Gives them to the program, or to a job in
//! this process. Never looks at how a mistake is found.

mod dead_letters;
mod full_disk;
mod job_files;
mod json_junk;
mod junk;
mod long_line;
mod places;
mod plugins;
mod together;

/// What the program said, with its frames and line breaks taken off: it wraps to a width.
fn unwrapped(said: &str) -> String {
    let words = said.split_whitespace().filter(|word| !matches!(*word, "│" | "·" | "×"));
    words.collect::<Vec<_>>().join(" ")
}

/// Whether text could act on a terminal.
fn acts_on_a_terminal(said: &str) -> bool {
    said.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}
