//! Api: reads what `save_as_object_files` has written.
//!
//! Takes the folder of one batch. Gives its partitions in their order. Never reads a file that is
//! no partition, and never gives half of one.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_schema::ArrowError;

use super::given::Partitions;
use crate::error::{Classify, Domain, Retry};
use crate::sys::storage::{FileFacts, Storage, StorageError, SystemStorage, absolute};
use crate::sys::stored_reader::{StoredReader, storage_error};

/// Bytes that are read of a file at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// Why a folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectFileError {
    /// The folder or a file in it cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is no file of a partition.
    #[error("`{}` holds no file `part-*.arrow`", absolute(.folder).display())]
    Nothing {
        /// The folder.
        folder: PathBuf,
    },
    /// A file is not what its name says.
    #[error("cannot read `{}`: it is no whole Arrow file: {source}", absolute(.path).display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ArrowError,
    },
}

impl Classify for ObjectFileError {
    fn domain(&self) -> Domain {
        match self {
            Self::Storage(error) => error.domain(),
            Self::Nothing { .. } | Self::Content { .. } => Domain::User,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Storage(error) => error.retry(),
            Self::Nothing { .. } | Self::Content { .. } => Retry::Never,
        }
    }
}

/// The partitions of the batch that was saved to that folder.
///
/// # Errors
/// When there is no such folder, no partition in it, or a file that is damaged.
pub fn read_object_files(folder: impl AsRef<Path>) -> Result<Partitions, ObjectFileError> {
    let (storage, folder) = (SystemStorage, folder.as_ref());
    let listing = storage.list(folder)?;
    // Names are in order: they have as many digits.
    let parts = listing.files.iter().filter(|file| is_part(&file.path));
    let partitions = parts.map(|file| read(&storage, file)).collect::<Result<Partitions, _>>()?;
    match partitions.is_empty() {
        true => Err(ObjectFileError::Nothing { folder: folder.to_owned() }),
        false => Ok(partitions),
    }
}

fn is_part(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("part-") && name.ends_with(".arrow")
}

fn read(storage: &dyn Storage, file: &FileFacts) -> Result<Vec<RecordBatch>, ObjectFileError> {
    let content = StoredReader::new(storage, &file.path, file.bytes);
    let content = BufReader::with_capacity(BUFFER_BYTES, content);
    let slices = FileReader::try_new(content, None).and_then(Iterator::collect);
    slices.map_err(|error| match error {
        ArrowError::IoError(words, error) => match storage_error(error) {
            Ok(error) => ObjectFileError::Storage(error),
            Err(error) => damaged(file, ArrowError::IoError(words, error)),
        },
        error => damaged(file, error),
    })
}

fn damaged(file: &FileFacts, source: ArrowError) -> ObjectFileError {
    ObjectFileError::Content { path: file.path.clone(), source }
}
