//! Ingest: a line of CSV, cut into its fields.
//!
//! Takes a line, and what stands between and around fields. Gives the fields without quotes. Never
//! guesses: a quote that stands where none may makes the line a bad one, since a field that was
//! meant to go on in the next line looks so.

/// Cuts lines, one at a time.
#[derive(Debug, Clone)]
pub struct CsvFields {
    delimiter: u8,
    quote: Option<u8>,
    /// The fields of the line one after the other, without quotes.
    text: String,
    /// Where in it each field begins and ends.
    places: Vec<(usize, usize)>,
    /// The fields that are nothing but quotes.
    quoted: Vec<usize>,
}

impl CsvFields {
    /// Cuts lines with these characters of ASCII between and around fields.
    pub fn new(delimiter: u8, quote: Option<u8>) -> Self {
        Self { delimiter, quote, text: String::new(), places: Vec::new(), quoted: Vec::new() }
    }

    /// Cuts a line, in place of the one before.
    ///
    /// # Errors
    /// Says what of its quotes is wrong; there are no fields then.
    pub fn cut(&mut self, line: &str) -> Result<(), &'static str> {
        self.text.clear();
        self.places.clear();
        self.quoted.clear();
        match self.quote {
            Some(quote) if memchr::memchr(quote, line.as_bytes()).is_some() => {
                let cut = self.cut_quoted(line, quote);
                if cut.is_err() {
                    self.places.clear();
                }
                cut
            }
            _ => {
                self.cut_plain(line);
                Ok(())
            }
        }
    }

    /// How many fields the line has.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// The field of that number, from 0; nothing where there is none.
    pub fn get(&self, number: usize) -> &str {
        self.places.get(number).map_or("", |(start, end)| &self.text[*start..*end])
    }

    /// Whether that field is two quotes, not nothing at all.
    pub fn is_empty_text(&self, number: usize) -> bool {
        self.quoted.contains(&number)
    }

    /// All fields in order.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|(start, end)| &self.text[*start..*end])
    }

    fn cut_plain(&mut self, line: &str) {
        self.text.push_str(line);
        let mut start = 0;
        for end in memchr::memchr_iter(self.delimiter, line.as_bytes()) {
            self.places.push((start, end));
            start = end + 1;
        }
        self.places.push((start, line.len()));
    }

    fn cut_quoted(&mut self, line: &str, quote: u8) -> Result<(), &'static str> {
        let bytes = line.as_bytes();
        let mut at = 0;
        loop {
            let start = self.text.len();
            if bytes.get(at) == Some(&quote) {
                at = self.unquote(line, at + 1, quote)?;
                if self.text.len() == start {
                    self.quoted.push(self.places.len());
                }
            } else {
                let rest = &line[at..];
                let field = memchr::memchr(self.delimiter, rest.as_bytes());
                let field = field.map_or(rest, |end| &rest[..end]);
                if memchr::memchr(quote, field.as_bytes()).is_some() {
                    return Err("a quote stands in a field that does not begin with one");
                }
                self.text.push_str(field);
                at += field.len();
            }
            self.places.push((start, self.text.len()));
            match bytes.get(at) {
                None => return Ok(()),
                Some(found) if *found == self.delimiter => at += 1,
                Some(_) => return Err("something stands behind the closing quote of a field"),
            }
        }
    }

    /// Takes a field that began before `at`; doubled quotes in it are one. Gives where it ends.
    fn unquote(&mut self, line: &str, mut at: usize, quote: u8) -> Result<usize, &'static str> {
        loop {
            let rest = &line[at..];
            let Some(end) = memchr::memchr(quote, rest.as_bytes()) else {
                return Err("a quoted field does not end on its line; line breaks in fields are \
                            not supported");
            };
            self.text.push_str(&rest[..end]);
            at += end + 1;
            if line.as_bytes().get(at) != Some(&quote) {
                return Ok(at);
            }
            self.text.push(char::from(quote));
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(line: &str) -> Result<Vec<String>, &'static str> {
        let mut fields = CsvFields::new(b',', Some(b'"'));
        // What the line before has left must not show.
        let _ = fields.cut("\"an,other\",line,\"");
        fields.cut(line)?;
        assert_eq!(fields.count(), fields.all().count());
        Ok(fields.all().map(str::to_owned).collect())
    }

    #[test]
    fn fields_are_found_and_unquoted() {
        for (line, expected) in [
            ("a,b", &["a", "b"][..]),
            ("", &[""]),
            (",", &["", ""]),
            ("a,", &["a", ""]),
            (" a , b ", &[" a ", " b "]),
            (r#""a","b""#, &["a", "b"]),
            (r#""a,b",c"#, &["a,b", "c"]),
            (r#""say ""so""","""#, &["say \"so\"", ""]),
            (r#""","""""#, &["", "\""]),
            ("\"\u{e9},\",\u{e9}", &["\u{e9},", "\u{e9}"]),
        ] {
            assert_eq!(fields(line).expect(line), expected, "{line}");
        }
    }

    #[test]
    fn quotes_that_stand_wrong_are_told() {
        for (line, reason) in [
            (r#"a,"b"#, "a quoted field does not end on its line"),
            (r#"""#, "a quoted field does not end on its line"),
            (r#"a""","""#, "a quote stands in a field"),
            (r#"5" pipe,b"#, "a quote stands in a field"),
            (r#""a"b,c"#, "something stands behind the closing quote"),
            (r#""a" ,c"#, "something stands behind the closing quote"),
        ] {
            let found = fields(line).expect_err(line);
            assert!(found.starts_with(reason), "{line}: {found}");
        }
    }

    /// What would be lost: the second half of a field with a line break in it would be a row.
    #[test]
    fn neither_half_of_a_field_with_a_line_break_is_taken() {
        for half in ["1,\"first", "second\",3"] {
            assert!(fields(half).is_err(), "{half}");
        }
    }

    #[test]
    fn other_characters_or_no_quotes_at_all_are_taken() {
        let mut fields = CsvFields::new(b'\t', None);
        fields.cut("5\" pipe\t\"\ta,b").expect("quotes mean nothing");
        assert_eq!(fields.all().collect::<Vec<_>>(), ["5\" pipe", "\"", "a,b"]);
        let mut fields = CsvFields::new(b';', Some(b'\''));
        fields.cut("'it''s;so';\"").expect("it is right");
        assert_eq!((fields.get(0), fields.get(1), fields.get(2)), ("it's;so", "\"", ""));
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(
            expected in prop::collection::vec("[a,\" \u{e9}]{0,8}", 1..6),
        ) {
            let quoted = expected.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\"")));
            let line = quoted.collect::<Vec<_>>().join(",");
            prop_assert_eq!(fields(&line), Ok(expected));
        }

        #[test]
        fn no_line_is_a_panic(line in "[a,\"\u{e9}]{0,20}") {
            if let Ok(found) = fields(&line) {
                prop_assert!(!found.is_empty());
            }
        }
    }
}
