//! Tidy: lines, functions and files stay small.
//!
//! Takes the bounds and two ratchets: what is larger today, with its number. Gives what is larger
//! than its bound or its number. A number may only shrink, and is struck when it is needed no more.

use super::finding::{Finding, expect_none, expect_one};
use super::scan::{is_word, line_of, words};
use super::tree::{SourceFile, rust_files};

/// Columns of a line.
const LINE_MAX: usize = 100;
/// Lines of code of a file, tests included: past it one looks twice, and lists it below.
const FILE_LINES_LISTED: usize = 400;
/// Lines of code of a file: past it nothing may go.
const FILE_LINES_MAX: usize = 600;
/// Lines of code between a function's brackets.
const FUNCTION_LINES_MAX: usize = 70;

/// Files above the first bound, with their lines.
const LONG_FILES: &[(&str, usize)] = &[("guest-sdk/tests/operators.rs", 419)];
/// Functions above their bound, with their lines.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

fn code_lines(code: &str) -> usize {
    code.lines().filter(|line| !line.trim().is_empty()).count()
}

fn long_lines(file: &SourceFile) -> Vec<Finding> {
    let code = file.scanned().with_strings;
    let columns = |line: &str| line.chars().count();
    file.text
        .lines()
        .zip(code.lines())
        .enumerate()
        // A line of one long string or address is as short as it can be.
        .filter(|(_, (line, code))| columns(line) > LINE_MAX && !is_one_word(line, code))
        .map(|(index, (line, _))| {
            let message = format!("{} columns, allowed are {LINE_MAX}", columns(line));
            Finding::at(&file.path, index + 1, message)
        })
        .collect()
}

fn is_one_word(line: &str, code: &str) -> bool {
    let text = line.trim_start().trim_start_matches('/').trim();
    (code.trim().is_empty() && !text.contains(' ')) || text.starts_with("#[arg(")
}

fn long_file(file: &SourceFile, listed: &[(&str, usize)]) -> Option<Finding> {
    let lines = code_lines(&file.scanned().with_strings);
    let known = listed.iter().find(|(path, _)| *path == file.path).map(|(_, lines)| *lines);
    let message = match known {
        _ if lines > FILE_LINES_MAX => format!("{lines} lines of code, at most {FILE_LINES_MAX}"),
        Some(known) if lines > known => {
            format!("{lines} lines of code, it had {known} and may only shrink")
        }
        Some(_) if lines <= FILE_LINES_LISTED => {
            format!("{lines} lines of code: strike it from the list")
        }
        None if lines > FILE_LINES_LISTED => {
            format!("{lines} lines of code, allowed are {FILE_LINES_LISTED}: one idea per file")
        }
        _ => return None,
    };
    Some(Finding::of(&file.path, message))
}

/// Each function of a file: its line, its name and its lines of code.
fn functions(file: &SourceFile) -> Vec<(usize, String, usize)> {
    let scanned = file.scanned();
    let code = &scanned.code;
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let rest = code[at + 2..].trim_start();
        let end = rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len());
        if end > 0
            && let Some((open, close)) = body(code, at)
        {
            let inside = code_lines(&scanned.with_strings[open..close]);
            // The brackets' own lines hold none of the body.
            let lines = inside.saturating_sub(if code[open..close].contains('\n') { 2 } else { 0 });
            found.push((line_of(code, at), rest[..end].to_owned(), lines));
        }
    }
    found
}

/// The brackets of the body of the function that begins at a place; a declaration has none.
fn body(code: &str, from: usize) -> Option<(usize, usize)> {
    let (mut round, mut curly, mut open) = (0_usize, 0_usize, None);
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round = round.saturating_sub(1),
            b';' if round == 0 && curly == 0 => return None,
            b'{' => {
                open = open.or(Some(at));
                curly += 1;
            }
            b'}' => {
                curly = curly.saturating_sub(1);
                if curly == 0 {
                    return Some((open?, at + 1));
                }
            }
            _ => {}
        }
    }
    None
}

fn long_functions(file: &SourceFile, listed: &[(&str, &str, usize)]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (line, name, lines) in functions(file) {
        let known = listed.iter().find(|(path, known, _)| *path == file.path && *known == name);
        let allowed = known.map_or(FUNCTION_LINES_MAX, |(_, _, lines)| *lines);
        if lines > allowed {
            let message = format!("`{name}` has {lines} lines, allowed are {allowed}: split it");
            found.push(Finding::at(&file.path, line, message));
        } else if known.is_some() && lines <= FUNCTION_LINES_MAX {
            let message = format!("`{name}` has {lines} lines: strike it from the list");
            found.push(Finding::at(&file.path, line, message));
        }
    }
    found
}

#[test]
fn lines_fit_a_hundred_columns() {
    expect_none(rust_files().flat_map(long_lines).collect());
}

#[test]
fn files_hold_one_idea() {
    expect_none(rust_files().filter_map(|file| long_file(file, LONG_FILES)).collect());
}

#[test]
fn functions_fit_a_screen() {
    expect_none(rust_files().flat_map(|file| long_functions(file, LONG_FUNCTIONS)).collect());
}

#[test]
fn listed_giants_still_exist() {
    let exists = |path: &str| rust_files().any(|file| file.path == path);
    let files = LONG_FILES.iter().map(|(path, _)| *path);
    let gone = files.chain(LONG_FUNCTIONS.iter().map(|(path, _, _)| *path));
    let gone = gone.filter(|path| !exists(path));
    expect_none(gone.map(|path| Finding::of(path, "is gone: strike it from the list")).collect());
}

#[test]
fn planted_giants_are_found() {
    let long = SourceFile::planted("a.rs", &format!("fn f() {{\n{}}}\n", "    g(1);\n".repeat(71)));
    expect_one(&long_functions(&long, &[]), 1, "`f` has 71 lines");
    assert_eq!(long_functions(&long, &[("a.rs", "f", 71)]), []);
    let short =
        SourceFile::planted("a.rs", "fn f(a: [u8; 2]) {\n    g();\n    // Why.\n}\nfn h();");
    assert_eq!(functions(&short), [(1, "f".to_owned(), 1)]);
    expect_one(&long_functions(&short, &[("a.rs", "f", 71)]), 1, "strike it");

    let file = |lines| SourceFile::planted("a.rs", &"a();\n// Why.\n\n".repeat(lines));
    assert_eq!(long_file(&file(400), &[]), None);
    expect_one(&Vec::from_iter(long_file(&file(401), &[])), 0, "allowed are 400");
    expect_one(&Vec::from_iter(long_file(&file(411), &[("a.rs", 410)])), 0, "it had 410");
    expect_one(&Vec::from_iter(long_file(&file(390), &[("a.rs", 410)])), 0, "strike it");
    expect_one(&Vec::from_iter(long_file(&file(601), &[("a.rs", 900)])), 0, "at most 600");
}

#[test]
fn planted_long_line_is_found() {
    let line = format!("let a = {};\n", "1 + ".repeat(25));
    expect_one(&long_lines(&SourceFile::planted("a.rs", &line)), 1, "110 columns");
    let address = format!("// https://{}\n", "a".repeat(120));
    assert_eq!(long_lines(&SourceFile::planted("a.rs", &address)), []);
}
