//! What a reader of the README has and does: a folder, a shell, its commands and changes.
//!
//! Takes a section's blocks. Gives them as they stand there, and what comes of them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::README;
use crate::set_up::program::program;

/// The lines of the first block of a language below a title.
pub fn lines(title: &str, language: &str) -> Vec<&'static str> {
    let (_, section) = README.split_once(title).expect("README has the section");
    let (_, block) = section.split_once(&format!("```{language}\n")).expect("it has a block");
    block.split("```").next().unwrap_or(block).lines().collect()
}

/// A shell that is to run a line of the README, with the program on its search path.
pub fn shell(folder: &Path, line: &str) -> Command {
    let own = program().parent().expect("it lies in a folder");
    let path = std::env::var("PATH").expect("there is a search path");
    let mut command = Command::new("sh");
    // In the place of the shell: what it is sent reaches the program.
    command.args(["-c", &format!("exec {line}")]).current_dir(folder);
    command.env("PATH", format!("{}:{path}", own.display()));
    command
}

/// Runs a line to its end. Gives its exit code and what it prints and says.
pub fn ended(folder: &Path, line: &str) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = shell(folder, line).output().expect("there is a shell");
    let [out, err] = [stdout, stderr].map(|it| String::from_utf8(it).expect("it is text"));
    (status.code(), out, err)
}

/// Runs a line to its end, which is a good one. Gives what it prints.
pub fn ran(folder: &Path, line: &str) -> String {
    let (code, out, err) = ended(folder, line);
    assert_eq!(code, Some(0), "`{line}`: {out}{err}");
    out
}

/// Changes a file as the README shows below a title: each line that goes, into the one that comes
/// behind it.
pub fn change(file: &Path, title: &str) {
    let mut text = fs::read_to_string(file).expect("it is there");
    for pair in lines(title, "diff").chunks(2) {
        let [gone, new] = pair else { panic!("a line comes for each that goes: {pair:?}") };
        let (gone, new) = (gone.strip_prefix('-'), new.strip_prefix('+'));
        let (gone, new) = (gone.expect("a line that goes"), new.expect("a line that comes"));
        assert_eq!(text.lines().filter(|line| *line == gone).count(), 1, "`{gone}`");
        text = text.replace(gone, new);
    }
    fs::write(file, text).expect("there is room");
}
