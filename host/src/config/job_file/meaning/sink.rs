//! Config: the sinks of a job.
//!
//! Takes a sink's table. Gives where rows go. Never opens anything.

use super::{Meaning, span_of};
use crate::config::job_file::value::At;
use crate::config::job_file::written::{Packing, SinkText, SinkType};
use crate::limits::PRINT_ROWS_MAX;
use crate::model::sink::{FileForm, FileFormat, SinkConnector, SinkDeclaration};

/// Rows that `print` shows unless told otherwise, as in Spark.
const PRINT_ROWS_DEFAULT: usize = 10;

impl Meaning<'_> {
    pub(super) fn sink(
        &mut self,
        name: &At<String>,
        table: &At<SinkText>,
    ) -> Option<SinkDeclaration> {
        let sink = &table.value;
        let connector = match sink.kind.value.0 {
            SinkType::Print => {
                let keys = [
                    ("path", span_of(&sink.path)),
                    ("prefix", span_of(&sink.prefix)),
                    ("empty_batches", span_of(&sink.empty_batches)),
                    ("format", span_of(&sink.format)),
                    ("compress", span_of(&sink.compress)),
                    ("suffix", span_of(&sink.suffix)),
                ];
                self.misplaced("a sink of type `print`", &keys);
                let rows = self.number("rows", sink.rows.as_ref(), 1..=PRINT_ROWS_MAX);
                SinkConnector::Print { rows: rows.unwrap_or(PRINT_ROWS_DEFAULT) }
            }
            SinkType::Files => self.files(name, sink)?,
        };
        Some(SinkDeclaration {
            name: name.value.clone(),
            from: sink.from.value.clone(),
            connector,
            on_failure: sink.on_failure.as_ref().map(|at| at.value.0),
        })
    }

    fn files(&mut self, name: &At<String>, sink: &SinkText) -> Option<SinkConnector> {
        self.misplaced("a sink of type `files`", &[("rows", span_of(&sink.rows))]);
        let Some(path) = &sink.path else {
            let message = format!("sink `{}` has no `path`, which its type needs", name.value);
            self.complain(&name.span, message);
            return None;
        };
        for part in [&sink.prefix, &sink.suffix].into_iter().flatten() {
            // It is one part of a path: a separator would put batches somewhere else.
            self.check_name(part);
        }
        let form = self.form(sink);
        let prefix = sink.prefix.as_ref().unwrap_or(name).value.clone();
        Some(SinkConnector::Files {
            prefix: self.path(path)?.join(prefix),
            empty_batches: sink.empty_batches.as_ref().is_some_and(|at| at.value),
            form,
        })
    }

    fn form(&mut self, sink: &SinkText) -> FileForm {
        let format = sink.format.as_ref().map(|at| at.value.0).unwrap_or_default();
        if let (FileFormat::Arrow, Some(compress)) = (format, &sink.compress) {
            let message = "`compress` stands beside the format `arrow`, whose files are packed \
                           already";
            self.complain(&compress.span, message);
        }
        let suffix = sink.suffix.as_ref().map(|at| at.value.clone());
        let gzip = sink.compress.as_ref().is_some_and(|at| at.value.0 == Packing::Gzip);
        FileForm { format, gzip, suffix }
    }
}
