//! Tidy: Rust's text taken apart as far as rules need it: code, strings, comments, tests.
//!
//! Takes the text of a file. Gives the same text with parts of it blanked, so that every line keeps
//! its number and every column its place. Never parses more than brackets and words.

use std::ops::Range;

/// One file, scanned.
#[derive(Debug)]
pub struct Scanned {
    /// Code alone: comments and the insides of strings are spaces.
    pub code: String,
    /// Code and strings: comments are spaces.
    pub with_strings: String,
    /// Code outside of items that only tests compile.
    pub production: String,
}

impl Scanned {
    /// Scans a text.
    pub fn new(text: &str) -> Self {
        let (mut code, mut with_strings) = (text.as_bytes().to_vec(), text.as_bytes().to_vec());
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let end = match kind_at(bytes, at) {
                Kind::Comment(end) => {
                    blank(&mut code, at..end);
                    blank(&mut with_strings, at..end);
                    end
                }
                Kind::Quoted { open, end } => {
                    blank(&mut code, at + open..end.saturating_sub(1).max(at + open));
                    end
                }
                Kind::Word(end) => end,
                Kind::Other => at + 1,
            };
            at = end.max(at + 1);
        }
        let code = String::from_utf8_lossy(&code).into_owned();
        let mut production = code.clone().into_bytes();
        for item in test_items(&code) {
            blank(&mut production, item);
        }
        let with_strings = String::from_utf8_lossy(&with_strings).into_owned();
        Self { code, with_strings, production: String::from_utf8_lossy(&production).into_owned() }
    }
}

enum Kind {
    Comment(usize),
    /// A string or character; `open` bytes stand before its inside.
    Quoted {
        open: usize,
        end: usize,
    },
    Word(usize),
    Other,
}

fn kind_at(bytes: &[u8], at: usize) -> Kind {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => Kind::Comment(at + find(rest, b"\n").unwrap_or(rest.len())),
        [b'/', b'*', ..] => Kind::Comment(at + block_comment(rest)),
        [b'"', ..] => Kind::Quoted { open: 1, end: at + string(rest) },
        [b'r' | b'b' | b'c', ..] => prefixed(rest, at),
        [b'\'', b'\\', ..] => Kind::Quoted { open: 1, end: at + character(rest) },
        [b'\'', ..] => {
            let quoted = (2..=5).find(|&length| rest.get(length) == Some(&b'\''));
            let one = |length: &usize| {
                std::str::from_utf8(&rest[1..*length]).is_ok_and(|text| text.chars().count() == 1)
            };
            quoted
                .filter(one)
                .map_or(Kind::Other, |length| Kind::Quoted { open: 1, end: at + length + 1 })
        }
        [first, ..] if is_word(*first) => Kind::Word(at + word(rest)),
        _ => Kind::Other,
    }
}

/// A string with letters before it, or a word that begins with one of them.
fn prefixed(rest: &[u8], at: usize) -> Kind {
    let letters = word(rest);
    let hashes = rest[letters..].iter().take_while(|&&byte| byte == b'#').count();
    let quote = letters + hashes;
    if letters > 2 || rest.get(quote) != Some(&b'"') {
        return Kind::Word(at + letters);
    }
    if !rest[..letters].contains(&b'r') {
        return Kind::Quoted { open: quote + 1, end: at + quote + string(&rest[quote..]) };
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let inside = quote + 1;
    let length = find(&rest[inside..], &close).map_or(rest.len(), |end| inside + end + close.len());
    Kind::Quoted { open: inside, end: at + length }
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn character(rest: &[u8]) -> usize {
    rest.iter().skip(3).position(|&byte| byte == b'\'').map_or(rest.len(), |end| end + 4)
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    rest.len()
}

fn blank(bytes: &mut [u8], range: Range<usize>) {
    let end = range.end.min(bytes.len());
    let start = range.start.min(end);
    bytes[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Whether the byte is part of a name.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn word(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&byte| is_word(byte)).count()
}

/// The line of a place in a text, from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Where words stand that are written so, with no other word around them.
pub fn words<'t>(code: &'t str, wanted: &'t str) -> impl Iterator<Item = usize> + 't {
    let bytes = code.as_bytes();
    code.match_indices(wanted).map(|(at, _)| at).filter(move |&at| {
        let inside = wanted.as_bytes();
        let starts = !is_word(inside[0]) || at == 0 || !is_word(bytes[at - 1]);
        let end = at + wanted.len();
        let ends =
            !is_word(inside[inside.len() - 1]) || bytes.get(end).is_none_or(|b| !is_word(*b));
        starts && ends
    })
}

/// Items under `#[cfg(test)]`, from the attribute to their end.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let marks = code.match_indices("#[cfg(test)]");
    marks.map(|(at, mark)| at..item_end(code, at + mark.len())).collect()
}

/// The end of the item that begins at a place: its closing bracket or its semicolon.
pub fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn comments_and_strings_are_blanked_in_place() {
    let text = "let a = \"x // \\\" y\"; // why\nlet b = r#\"} \"#; /* { /* */ } */ let c = '{';";
    let scanned = Scanned::new(text);
    assert_eq!(scanned.code.len(), text.len());
    let code: String = scanned.code.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(code, "let a = \" \"; let b = r#\" #; let c = ' ';");
    assert!(scanned.with_strings.contains("x //") && !scanned.with_strings.contains("why"));
}

#[test]
fn lifetimes_are_no_characters() {
    let scanned = Scanned::new("fn f<'a>(x: &'a str) -> char { 'é' } // '");
    assert_eq!(scanned.code.trim_end(), "fn f<'a>(x: &'a str) -> char { '  ' }");
}

#[test]
fn items_of_tests_are_no_production_code() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { [1]; }\n}\nfn c() {}\n";
    let production = Scanned::new(text).production;
    assert!(production.contains("fn a") && production.contains("fn c"));
    assert!(!production.contains("fn b"));
    let used = Scanned::new("#[cfg(test)]\nuse a::{b, c};\nfn d() {}").production;
    assert!(!used.contains("use") && used.contains("fn d"));
}

#[test]
fn words_are_whole() {
    let code = "unsafe_code unsafe { not_unsafe }";
    assert_eq!(words(code, "unsafe").collect::<Vec<_>>(), [12]);
}
