//! Cli: JSON of a case, in which no key stands twice and every number is as it is written.
//!
//! Takes a line. Gives its object, or where the first key stands again. Never takes the last of two
//! values, as parsers do: in a case both were meant. Never makes a double of a number: it would
//! hold neither every decimal nor every integer.

use std::fmt;

use anyhow::{Context, anyhow, bail};
use serde::de::IgnoredAny;

/// Lists and objects within each other, as many as `serde_json` takes.
const NESTING_MAX: usize = 128;

/// A value, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    Null,
    Bool(bool),
    /// Its digits.
    Number(String),
    Text(String),
    List(Vec<Written>),
    Object(Fields),
}

/// Names and values of an object, in the order in which they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(pub(super) Vec<(String, Written)>);

impl Fields {
    /// The value of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Written> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl Written {
    /// The items, if it is a list.
    pub(super) fn as_list(&self) -> Option<&Vec<Written>> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// The text, if it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(digits) => f.write_str(digits),
            Self::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Object(fields) => {
                f.write_str("{")?;
                for (index, (name, value)) in fields.0.iter().enumerate() {
                    let name = serde_json::Value::from(name.as_str());
                    write!(f, "{}{name}:{value}", if index > 0 { "," } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// The object of a line.
pub(super) fn object(text: &str) -> anyhow::Result<Fields> {
    // In words and with places that people know from elsewhere; what follows knows that it is JSON.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        bail!("it is no JSON object: {}", without_line(&error));
    }
    match (Reader { text, at: 0 }).value(0)? {
        Written::Object(fields) => Ok(fields),
        _ => Err(anyhow!("it is no JSON object")),
    }
}

/// A case is one line: its column alone tells the place.
fn without_line(error: &serde_json::Error) -> String {
    error.to_string().replacen(" at line 1 column ", ", at column ", 1)
}

/// Reads text that is JSON.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn value(&mut self, depth: usize) -> anyhow::Result<Written> {
        let next = self.next();
        if depth > NESTING_MAX {
            bail!("lists and objects are nested deeper than {NESTING_MAX}, at column {}", self.at);
        }
        Ok(match next {
            Some(b'{') => Written::Object(self.fields(depth)?),
            Some(b'[') => {
                let mut items = Vec::new();
                self.each(b']', |reader| {
                    items.push(reader.value(depth + 1)?);
                    Ok(())
                })?;
                Written::List(items)
            }
            Some(b'"') => Written::Text(self.string()?),
            _ => match self.until(|byte| matches!(byte, b',' | b']' | b'}') || is_blank(byte)) {
                "null" => Written::Null,
                "true" => Written::Bool(true),
                "false" => Written::Bool(false),
                number => Written::Number(number.to_owned()),
            },
        })
    }

    fn fields(&mut self, depth: usize) -> anyhow::Result<Fields> {
        let mut fields = Fields::default();
        self.each(b'}', |reader| {
            let name = reader.string()?;
            if fields.get(&name).is_some() {
                bail!("`{name}` stands twice, allowed is once, at column {}", reader.at);
            }
            if reader.next() == Some(b':') {
                reader.at += 1;
            }
            fields.0.push((name, reader.value(depth + 1)?));
            Ok(())
        })?;
        Ok(fields)
    }

    /// Reads what stands between this bracket and that one, with a comma behind each.
    fn each(
        &mut self,
        end: u8,
        mut read: impl FnMut(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.at += 1;
        loop {
            match self.next() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == end => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => read(self)?,
                None => bail!("it is no JSON object"),
            }
        }
    }

    fn string(&mut self) -> anyhow::Result<String> {
        let from = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while bytes.get(self.at).is_some_and(|byte| *byte != b'"') {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        let token = self.text.get(from..self.at).context("it is no JSON object")?;
        Ok(serde_json::from_str(token)?)
    }

    /// Everything up to a byte of that kind.
    fn until(&mut self, is_end: impl Fn(u8) -> bool) -> &'t str {
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(is_end).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// The next byte that is not blank.
    fn next(&mut self) -> Option<u8> {
        self.until(|byte| !is_blank(byte));
        self.text.as_bytes().get(self.at).copied()
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        object(text).map(|_| "fine".to_owned()).unwrap_or_else(|error| error.to_string())
    }

    /// The story: of a key that stood twice the last value was taken: half of a case went unread.
    #[test]
    fn a_key_that_stands_twice_is_refused_where_it_does() {
        assert_eq!(
            refused(r#"{"in": [], "in": [1]}"#),
            "`in` stands twice, allowed is once, at column 15"
        );
        let row = r#"{"in": [[{"a": 1, "a": 2}]]}"#;
        assert_eq!(refused(row), "`a` stands twice, allowed is once, at column 21");
        assert_eq!(refused("[1]"), "it is no JSON object");
        assert!(refused(r#"{"in": "#).starts_with("it is no JSON object: EOF while parsing"));
        assert!(refused("{} {}").starts_with("it is no JSON object: trailing characters"));
        let right =
            r#"{"a":[1,-2,1.50,true,false,null,"x\"\\\n",{"b":18446744073709551616},[],{}]}"#;
        let read = object(right).expect("it is right");
        assert_eq!(Written::Object(read).to_string(), right);
        let blanks = "\t{ \"a\" : [ 1 , {\"\u{fc}\\u0041\" : null } ] } ";
        let read = object(blanks).expect("it is right");
        assert_eq!(Written::Object(read).to_string(), "{\"a\":[1,{\"\u{fc}A\":null}]}");
    }

    /// The story: numbers went through doubles, so `1234567890123456.78` and `.79` were the same.
    #[test]
    fn numbers_keep_every_digit() {
        let line = r#"{"n":[1234567890123456.78,9999999999999999.99,1e400,-0.0,1E+2]}"#;
        assert_eq!(Written::Object(object(line).expect("it is JSON")).to_string(), line);
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused() {
        let nested = |depth| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(refused(&nested(NESTING_MAX)), "fine");
        let told = refused(&nested(1_000_000));
        assert!(told.starts_with("lists and objects are nested deeper than 128"), "{told}");
    }
}
