//! Config: the sources of a job.
//!
//! Takes a source's table. Gives its connector, its format and the schema of its rows. Never
//! connects.

use super::format::Records;
use super::{Meaning, span_of};
use crate::config::job_file::bad_row::{BadRowWord, OnBadRowText};
use crate::config::job_file::format::FormatWord;
use crate::config::job_file::value::{At, Named};
use crate::config::job_file::written::{SourceText, SourceType};
use crate::limits::{
    COLUMNS_MAX, GENERATE_LINES_PER_SECOND_MAX, GENERATE_VOCABULARY_MAX, GENERATE_WORDS_MAX,
    LINE_BYTES_DEFAULT, LINE_BYTES_MAX, LISTEN_CONNECTIONS_DEFAULT, LISTEN_CONNECTIONS_MAX,
    NAME_BYTES_MAX,
};
use crate::model::bytes_decoder::BytesDecoding;
use crate::model::column_type::{ColumnType, ColumnTypeError};
use crate::model::policy::OnBadRow;
use crate::model::schema::{Column, StreamSchema};
use crate::model::source::{
    SourceConnector, SourceDeclaration, check_listen_address, check_socket_address,
};

const GENERATED_LINES_PER_SECOND: u64 = 1_000;
const GENERATED_WORDS_PER_LINE: usize = 10;
const GENERATED_VOCABULARY: usize = 5_000;

impl Meaning<'_> {
    pub(super) fn source(
        &mut self,
        name: &At<String>,
        table: &At<SourceText>,
    ) -> Option<SourceDeclaration> {
        let source = &table.value;
        self.misplaced_in_source(source);
        let connector = self.connector(name, source);
        let records = Records {
            item: format!("source `{}`", name.value),
            kind: source.kind.value.0,
            format: source.format.as_ref(),
            schema: source.schema.as_ref(),
        };
        let (format, schema) = self.format(&records)?;
        let line_bytes =
            self.bytes("line_bytes_max", source.line_bytes_max.as_ref(), 1..=LINE_BYTES_MAX);
        let on_bad_row = self.on_bad_row(source.on_bad_row.as_ref());
        let rates = self.source_rates(source);
        Some(SourceDeclaration {
            name: name.value.clone(),
            connector: connector?,
            format,
            schema,
            on_bad_row: on_bad_row?,
            line_bytes_max: line_bytes.unwrap_or(LINE_BYTES_DEFAULT),
            rates,
        })
    }

    fn misplaced_in_source(&mut self, source: &SourceText) {
        let address = ("address", span_of(&source.address));
        let listen = [("connections_max", span_of(&source.connections_max))];
        let both = [address, listen[0]];
        let files = [("path", span_of(&source.path)), ("bounded", span_of(&source.bounded))];
        let generate = [
            ("lines_per_second", span_of(&source.lines_per_second)),
            ("words_per_line", span_of(&source.words_per_line)),
            ("vocabulary", span_of(&source.vocabulary)),
            ("lines", span_of(&source.lines)),
        ];
        let (what, groups): (_, [&[_]; 3]) = match source.kind.value.0 {
            SourceType::Socket => ("a source of type `socket`", [&listen, &files, &generate]),
            SourceType::Listen => ("a source of type `listen`", [&[], &files, &generate]),
            SourceType::Files => ("a source of type `files`", [&both, &[], &generate]),
            SourceType::Generate => ("a source of type `generate`", [&both, &files, &[]]),
            SourceType::Stdin => ("a source of type `stdin`", [&both, &files, &generate]),
        };
        for keys in groups {
            self.misplaced(what, keys);
        }
    }

    fn connector(&mut self, name: &At<String>, source: &SourceText) -> Option<SourceConnector> {
        match source.kind.value.0 {
            SourceType::Socket => {
                let address = self.needed(name, "address", source.address.as_ref())?;
                if let Err(message) = check_socket_address(&address.value) {
                    self.complain(&address.span, message);
                    return None;
                }
                let address = address.value.clone();
                Some(match source.format.as_ref().map(|at| at.value.0.kind.0) {
                    Some(FormatWord::Frames) => {
                        let decoding = BytesDecoding::Frames;
                        SourceConnector::DecodedSocket { address, decoding }
                    }
                    _ => SourceConnector::Socket { address },
                })
            }
            SourceType::Listen => {
                let address = self.needed(name, "address", source.address.as_ref())?;
                if let Err(message) = check_listen_address(&address.value) {
                    self.complain(&address.span, message);
                    return None;
                }
                let most = source.connections_max.as_ref();
                let most = self.number("connections_max", most, 1..=LISTEN_CONNECTIONS_MAX);
                let connections_max = most.unwrap_or(LISTEN_CONNECTIONS_DEFAULT);
                Some(SourceConnector::Listen { address: address.value.clone(), connections_max })
            }
            SourceType::Files => {
                let path = self.needed(name, "path", source.path.as_ref())?;
                let bounded = source.bounded.as_ref().is_some_and(|at| at.value);
                Some(SourceConnector::Files { path: self.path(path)?, bounded })
            }
            SourceType::Generate => {
                let rate = self.number(
                    "lines_per_second",
                    source.lines_per_second.as_ref(),
                    1..=GENERATE_LINES_PER_SECOND_MAX,
                );
                let words = self.number(
                    "words_per_line",
                    source.words_per_line.as_ref(),
                    1..=GENERATE_WORDS_MAX,
                );
                let vocabulary = self.number(
                    "vocabulary",
                    source.vocabulary.as_ref(),
                    1..=GENERATE_VOCABULARY_MAX,
                );
                Some(SourceConnector::Generate {
                    lines_per_second: rate.unwrap_or(GENERATED_LINES_PER_SECOND),
                    words_per_line: words.unwrap_or(GENERATED_WORDS_PER_LINE),
                    vocabulary: vocabulary.unwrap_or(GENERATED_VOCABULARY),
                    lines: self.number("lines", source.lines.as_ref(), 1..=i64::MAX.unsigned_abs()),
                })
            }
            SourceType::Stdin => Some(SourceConnector::Stdin),
        }
    }

    pub(super) fn needed<'v, T>(
        &mut self,
        name: &At<String>,
        key: &str,
        at: Option<&'v At<T>>,
    ) -> Option<&'v At<T>> {
        if at.is_none() {
            let message = format!("source `{}` has no `{key}`, which its type needs", name.value);
            self.complain(&name.span, message);
        }
        at
    }

    pub(super) fn columns(&mut self, schema: &At<Named<At<String>>>) -> Option<StreamSchema> {
        let written = &schema.value.0;
        if !(1..=COLUMNS_MAX).contains(&written.len()) {
            let found = format!("a schema of {} columns", written.len());
            self.complain(&schema.span, format!("{found}, allowed are 1 to {COLUMNS_MAX}"));
            return None;
        }
        let before = self.complaints.len();
        let mut columns = Vec::with_capacity(written.len());
        for (name, word) in written {
            self.check_columns(&At { value: vec![name.value.clone()], span: name.span.clone() });
            let (data_type, nullable) = match word.value.strip_suffix('?') {
                Some(data_type) => (data_type, true),
                None => (word.value.as_str(), false),
            };
            match data_type.parse::<ColumnType>() {
                Ok(data_type) => {
                    columns.push(Column { name: name.value.clone(), data_type, nullable });
                }
                Err(_) => {
                    let found = word.value.chars().take(NAME_BYTES_MAX).collect();
                    self.complain(&word.span, ColumnTypeError { found }.to_string());
                }
            }
        }
        (self.complaints.len() == before).then(|| StreamSchema::new(columns))
    }

    /// What a word or a table says becomes of bad rows; failing where nothing is written.
    pub(super) fn on_bad_row(&mut self, written: Option<&At<OnBadRowText>>) -> Option<OnBadRow> {
        Some(match written.map(|at| &at.value) {
            None | Some(OnBadRowText::Word(BadRowWord::Fail)) => OnBadRow::Fail,
            Some(OnBadRowText::Word(BadRowWord::Skip)) => OnBadRow::Skip,
            Some(OnBadRowText::Word(BadRowWord::DeadLetter)) => self.default_dead_letter(),
            Some(OnBadRowText::DeadLetter(path)) => OnBadRow::DeadLetter(self.path(path)?),
        })
    }

    /// Bad rows go to the job's own file.
    pub(super) fn default_dead_letter(&self) -> OnBadRow {
        let file = format!("{}.dead-letters.jsonl", self.job_name);
        OnBadRow::DeadLetter(self.folder.join(file))
    }
}
