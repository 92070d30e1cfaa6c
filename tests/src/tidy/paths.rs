//! Tidy: the paths that code names.
//!
//! Takes scanned code and the word a path begins with. Gives every path from there, those of
//! grouped imports one by one. Never resolves a name.

use super::scan::{is_word, line_of, words};

/// A path in code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodePath {
    /// The line it stands in.
    pub line: usize,
    /// Its parts after the first word.
    pub parts: Vec<String>,
}

/// Every path that begins with `first` and `::`.
pub fn paths_from(code: &str, first: &str) -> Vec<CodePath> {
    let mut found = Vec::new();
    for at in words(code, first) {
        let after = at + first.len();
        let inner = code[..at].trim_end().ends_with("::");
        if !inner && let Some(from) = after_colons(code, after) {
            let mut reader = Reader { code, found: &mut found };
            reader.read(from, &[]);
        }
    }
    found
}

fn skip_space(code: &str, at: usize) -> usize {
    at + (code[at..].len() - code[at..].trim_start().len())
}

fn after_colons(code: &str, at: usize) -> Option<usize> {
    let at = skip_space(code, at);
    code[at..].starts_with("::").then(|| skip_space(code, at + 2))
}

struct Reader<'a> {
    code: &'a str,
    found: &'a mut Vec<CodePath>,
}

impl Reader<'_> {
    /// Reads one path, or a group of them; gives the place behind it.
    fn read(&mut self, at: usize, before: &[String]) -> usize {
        let mut parts = before.to_vec();
        let mut at = at;
        loop {
            if self.code[at..].starts_with('{') {
                return self.group(at + 1, &parts);
            }
            let bytes = self.code.as_bytes();
            let end = (at..bytes.len()).find(|&i| !is_word(bytes[i])).unwrap_or(bytes.len());
            if end == at {
                // A star, or the angle of a turbofish.
                self.note(at, parts);
                return (at + 1).min(bytes.len());
            }
            parts.push(self.code[at..end].to_owned());
            match after_colons(self.code, end) {
                Some(next) => at = next,
                None => {
                    self.note(at, parts);
                    return end;
                }
            }
        }
    }

    fn group(&mut self, at: usize, before: &[String]) -> usize {
        let mut at = at;
        while at < self.code.len() {
            at = skip_space(self.code, at);
            match self.code.as_bytes().get(at) {
                None | Some(b'}') => return at + 1,
                Some(b',') => at += 1,
                Some(_) => {
                    at = self.read(at, before);
                    at = self.skip_alias(at);
                }
            }
        }
        at
    }

    /// Behind `as name`.
    fn skip_alias(&self, at: usize) -> usize {
        let next = self.code[at..].find([',', '}']);
        next.map_or(self.code.len(), |distance| at + distance)
    }

    fn note(&mut self, at: usize, parts: Vec<String>) {
        self.found.push(CodePath { line: line_of(self.code, at), parts });
    }
}

#[test]
fn grouped_paths_are_found_one_by_one() {
    let code = "use crate::{limits::{A, B as C}, model::*};\nfn f() { crate::wasm::go::<u8>() }";
    let found: Vec<(usize, String)> =
        paths_from(code, "crate").into_iter().map(|p| (p.line, p.parts.join("::"))).collect();
    let expected = [(1, "limits::A"), (1, "limits::B"), (1, "model"), (2, "wasm::go")];
    assert_eq!(found, expected.map(|(line, path)| (line, path.to_owned())));
}

#[test]
fn paths_begin_at_their_first_word() {
    assert!(paths_from("use a::crate_b::c; x::crate::y; my_crate::z", "crate").is_empty());
}
