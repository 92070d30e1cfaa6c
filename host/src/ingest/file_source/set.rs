//! Ingest: a set of files that is read once, whole.
//!
//! Takes a path that names files. Gives a source of their ranges, all of which are there at once.
//! Never looks for further files.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::FileSource;
use crate::ingest::IngestError;
use crate::ingest::file_cut::range_bytes;
use crate::ingest::file_pattern::list_named;
use crate::model::id::SourceId;
use crate::model::source::SourceDeclaration;
use crate::model::stage::PartitionInput;
use crate::sys::storage::{Storage, absolute};

impl FileSource {
    /// The files that a path names, in at least so many ranges where they have as many bytes.
    pub(super) fn of_set(
        id: SourceId,
        declared: &SourceDeclaration,
        storage: Arc<dyn Storage>,
        path: &Path,
        partitions_min: usize,
    ) -> Result<Self, IngestError> {
        let wrong = |problem| IngestError::Declaration { name: declared.name.clone(), problem };
        declared.check().map_err(wrong)?;
        let failed = |source| IngestError::File { name: declared.name.clone(), source };
        let folder = absolute(path);
        let files = list_named(&*storage, &folder).map_err(failed)?;
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        let share = (bytes / partitions_min.max(1) as u64).max(1);
        let share = usize::try_from(share).unwrap_or(usize::MAX);
        let mut source = Self {
            id,
            folder,
            storage,
            rules: None,
            left: VecDeque::new(),
            files: 0,
            range_bytes: range_bytes(declared, share),
            batch_bytes_max: u64::MAX,
            paced_bytes: u64::MAX,
            opening: None,
            late_lines: 0,
            unlisted: None,
        };
        files.iter().for_each(|file| source.cut(file));
        Ok(source)
    }

    /// Everything that no batch has been given yet, in the order of names.
    pub fn take_all(&mut self) -> Vec<PartitionInput> {
        self.left.drain(..).map(PartitionInput::FileRange).collect()
    }
}
