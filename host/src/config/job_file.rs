//! Config: a job file, from its text to a pipeline.
//!
//! Takes the text and the folder it lies in. Gives the pipeline and, for whatever turns out wrong
//! with it later, the way back to line and column. Never stops at the first mistake.

mod bad_row;
mod constant;
mod error;
mod format;
mod meaning;
mod quantity;
mod reading;
mod schema;
mod stand_in;
#[cfg(test)]
mod tests;
mod value;
mod written;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::limits::{FINDINGS_MAX, JOB_FILE_BYTES_MAX};
use crate::model::finding::{Finding, Item, Part, Place};
use crate::model::pipeline::Pipeline;
use crate::model::wiring::wire;

use error::Complaint;
pub use error::{JobFileError, JobFileErrors};
pub use quantity::{read_duration, read_size};
pub use schema::json_schema;

/// A job file that was read.
#[derive(Debug, Clone)]
pub struct JobFile {
    /// The job it declares.
    pub pipeline: Pipeline,
    /// What it declares in vain.
    pub warnings: Vec<Finding>,
    file_name: String,
    text: Arc<str>,
    places: Places,
}

impl JobFile {
    /// Reads the text of a job file. `file_name` is how messages call it; paths in it are taken
    /// from `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with it as far as it can be told without its plugins.
    pub fn parse(file_name: &str, text: &str, folder: &Path) -> Result<Self, JobFileErrors> {
        let fail = |complaints| Err(JobFileErrors::new(file_name, Arc::from(text), complaints));
        if text.len() > JOB_FILE_BYTES_MAX {
            let found = format!("a job file of {} bytes", text.len());
            let message = format!("{found} is too long, at most {JOB_FILE_BYTES_MAX} are allowed");
            return fail(vec![Complaint::new(0..0, message)]);
        }
        let (written, mut complaints) = reading::read(text);
        let Some(written) = written else { return fail(complaints) };
        let (mut pipeline, places, lost) = meaning::of(&written, folder, &mut complaints);
        // Where names are missing, nobody knows what names them in vain.
        if written.lacks_names {
            return fail(complaints);
        }
        stand_in::complete(&mut pipeline, &lost);
        match wire(&pipeline) {
            Ok(wiring) if complaints.is_empty() => {
                let (file_name, text) = (file_name.to_owned(), Arc::from(text));
                let warnings = wiring.warnings(&pipeline);
                Ok(Self { pipeline, warnings, file_name, text, places })
            }
            wired => {
                let findings = wired.err().unwrap_or_default().into_iter();
                complaints.extend(findings.map(|finding| places.complaint(finding)));
                fail(complaints)
            }
        }
    }

    /// Points at the lines that findings of planning are about.
    pub fn locate(&self, findings: impl IntoIterator<Item = Finding>) -> JobFileErrors {
        let complaints = findings.into_iter().take(FINDINGS_MAX);
        let complaints = complaints.map(|finding| self.places.complaint(finding)).collect();
        JobFileErrors::new(&self.file_name, Arc::clone(&self.text), complaints)
    }
}

/// Where in the text the items of a job stand.
#[derive(Debug, Clone, Default)]
struct Places(HashMap<Place, Range<usize>>);

impl Places {
    fn note(&mut self, item: Item, part: Part, span: Range<usize>) {
        self.0.insert(Place { item, part }, span);
    }

    /// The part's span, or else that of the whole item.
    fn complaint(&self, finding: Finding) -> Complaint {
        let Finding { place, message, help } = finding;
        let span = self.0.get(&place).or_else(|| self.0.get(&Place::whole(place.item.clone())));
        Complaint { span: span.cloned().unwrap_or(0..0), message, help }
    }
}
