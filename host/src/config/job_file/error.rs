//! Config: the mistakes of a job file, each with its line, its column and the text it is about.
//!
//! Takes byte ranges and words. Gives one line per mistake, or snippets of the file on a terminal.
//! Never prints control characters of the file.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use crate::error::{Classify, Domain, Retry};
use crate::limits::FINDINGS_MAX;
use crate::model::text::{escape, is_plain};

/// Columns of rendered snippets: what a terminal has at least.
const RENDER_WIDTH: usize = 100;
/// Bytes of the lines around a mistake that are shown with it: some screenfuls of columns.
const SNIPPET_BYTES_MAX: usize = 4096;

/// A mistake before the text is put beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Complaint {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// One mistake of a job file.
#[derive(Debug, Clone)]
pub struct JobFileError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What was found, and what is allowed.
    pub message: String,
    /// What would mend it, where that is known.
    pub help: Option<String>,
    span: Range<usize>,
    file_name: Arc<str>,
    /// The file, unless its lines are too long to be shown.
    source: Option<Arc<NamedSource<Arc<str>>>>,
}

impl fmt::Display for JobFileError {
    /// The mistake; with its place where no snippet shows that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source.is_none() {
            write!(f, "{}:{}:{}: ", self.file_name, self.line, self.column)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for JobFileError {}

impl Diagnostic for JobFileError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_deref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(None, self.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}

/// All mistakes of a job file, at least one.
#[derive(Debug, Clone)]
pub struct JobFileErrors {
    /// The mistakes in the order in which they stand in the file.
    pub errors: Vec<JobFileError>,
    file_name: String,
}

impl JobFileErrors {
    pub(super) fn new(file_name: &str, text: Arc<str>, mut complaints: Vec<Complaint>) -> Self {
        complaints.sort_by_key(|complaint| (complaint.span.start, complaint.span.end));
        complaints.dedup();
        complaints.truncate(FINDINGS_MAX);
        let name: Arc<str> = file_name.into();
        let source = Arc::new(NamedSource::new(file_name, showable(&text)));
        let errors = complaints.into_iter().map(|complaint| {
            let span = within(&text, complaint.span);
            let (line, column) = line_and_column(&text, span.start);
            JobFileError {
                line,
                column,
                message: printable(&complaint.message),
                help: complaint.help.as_deref().map(printable),
                source: is_short(&text, &span).then(|| Arc::clone(&source)),
                span,
                file_name: Arc::clone(&name),
            }
        });
        Self { errors: errors.collect(), file_name: file_name.to_owned() }
    }

    /// The mistakes with the lines they are about, without colour.
    pub fn snippets(&self) -> String {
        self.render(GraphicalTheme::unicode_nocolor())
    }

    /// The mistakes with the lines they are about, for a terminal.
    pub fn snippets_in_colour(&self) -> String {
        self.render(GraphicalTheme::unicode())
    }

    fn render(&self, theme: GraphicalTheme) -> String {
        let handler = GraphicalReportHandler::new_themed(theme).with_width(RENDER_WIDTH);
        let mut text = String::new();
        for error in &self.errors {
            // Writing to a string fails only where the snippet cannot be found: say it plainly.
            if handler.render_report(&mut text, error).is_err() {
                return self.to_string();
            }
        }
        text
    }
}

impl fmt::Display for JobFileErrors {
    /// One line per mistake: `job.toml:3:1: what is wrong (what would mend it)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let between = if index > 0 { "\n" } else { "" };
            let JobFileError { line, column, message, help, .. } = error;
            write!(f, "{between}{}:{line}:{column}: {message}", self.file_name)?;
            if let Some(help) = help {
                write!(f, " ({help})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for JobFileErrors {}

impl Diagnostic for JobFileErrors {
    /// The mistakes, each with its own snippet.
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.errors.iter().map(|error| error as &dyn Diagnostic)))
    }
}

impl Classify for JobFileErrors {
    fn domain(&self) -> Domain {
        Domain::User
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// The span moved to character boundaries inside the text.
fn within(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    start..end
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Whether a snippet, which is the lines of the span and those beside them, is short enough to be
/// read. A file that is no job file may be one line of a megabyte.
fn is_short(text: &str, span: &Range<usize>) -> bool {
    let before = text[..span.start].rsplit('\n').take(2).map(str::len).sum::<usize>();
    let after = text[span.end..].split('\n').take(2).map(str::len).sum::<usize>();
    before + span.len() + after <= SNIPPET_BYTES_MAX
}

/// The text as a terminal may show it. Every place in it stays where it is: what could act on a
/// terminal gives way to as many question marks as it has bytes.
fn showable(text: &Arc<str>) -> Arc<str> {
    let is_fit = |c| is_plain(c) || matches!(c, '\n' | '\t');
    if text.chars().all(is_fit) {
        return Arc::clone(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.replace("\r\n", " \n").chars() {
        match is_fit(c) {
            true => shown.push(c),
            false => shown.extend(std::iter::repeat_n('?', c.len_utf8())),
        }
    }
    shown.into()
}

fn printable(words: &str) -> String {
    escape(words, usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_file_acts_on_a_terminal() {
        let text = "a = 1 # \x1b[2J\u{9b}1m \u{202e}txt \u{e0041}\nb = x\n";
        let at = text.find('x').expect("it is there") + 1;
        let complaint = Complaint::new(at..at + 1, "found `\u{202e}\x1b`");
        let errors = JobFileErrors::new("job.toml", Arc::from(text), vec![complaint]);
        for shown in [errors.to_string(), errors.snippets()] {
            assert!(shown.chars().all(|c| c == '\n' || is_plain(c)), "{shown:?}");
            assert!(shown.contains("found `\\u{202e}\\u{1b}`"), "{shown}");
        }
        assert_eq!(showable(&Arc::from(text)).len(), text.len());
    }
}
