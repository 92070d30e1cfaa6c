//! Driver: the broadcasts of a job: read when it starts, and again when it is time.
//!
//! Takes declarations, and the times of batches. Gives each batch that begins one version of each.
//! Never leaves a job without a version: one that cannot be read leaves the one before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::DriverError;
use super::status_board::StatusBoard;
use crate::ingest::broadcast_file::{FileStamp, read, stamp};
use crate::model::broadcast::{
    BroadcastDeclaration, BroadcastFile, BroadcastOrigin, BroadcastValue, BroadcastVersion,
    Broadcasts, Reload,
};
use crate::model::status::JobEvent;
use crate::model::text::number_of;
use crate::model::time::BatchTime;
use crate::sys::storage::Storage;

/// The broadcasts of a job.
#[derive(Debug)]
pub struct JobBroadcasts {
    all: Vec<JobBroadcast>,
    storage: Arc<dyn Storage>,
}

#[derive(Debug)]
struct JobBroadcast {
    declared: BroadcastDeclaration,
    value: BroadcastValue,
    /// What is known of its file.
    looked: Mutex<Looked>,
}

/// When a file was last looked at, and what it was.
#[derive(Debug, Default)]
struct Looked {
    at_ms: i64,
    stamp: Option<FileStamp>,
    /// What kept it from being read: told once.
    problem: Option<String>,
}

impl JobBroadcasts {
    /// Reads all files; `tell` hears of bad rows that were left out.
    ///
    /// # Errors
    /// When one cannot be read, or its rows cannot be a broadcast.
    pub fn open(
        declared: &[BroadcastDeclaration],
        storage: Arc<dyn Storage>,
        now_ms: i64,
        board: &StatusBoard,
    ) -> Result<Self, DriverError> {
        let open = |declared: &BroadcastDeclaration| {
            let mut looked = Looked { at_ms: now_ms, ..Looked::default() };
            let value = match &declared.origin {
                BroadcastOrigin::Value(value) => value.clone(),
                BroadcastOrigin::File(file) => {
                    let name = || declared.name.clone();
                    // Before it is read: what is changed while it is read is read again.
                    looked.stamp = stamp(&*storage, &file.path).ok();
                    let (version, bad) = load(declared, file, &storage)
                        .map_err(|message| DriverError::Broadcast { name: name(), message })?;
                    if let Some(message) = bad {
                        board.tell(&JobEvent::Broadcast { name: name(), message, warning: true });
                    }
                    BroadcastValue::new(version)
                }
            };
            let (declared, looked) = (declared.clone(), Mutex::new(looked));
            Ok(JobBroadcast { declared, value, looked })
        };
        let all = declared.iter().map(open).collect::<Result<_, DriverError>>()?;
        Ok(Self { all, storage })
    }

    /// The versions that a batch which begins now reads.
    pub fn current(&self) -> Broadcasts {
        if self.all.is_empty() {
            return Broadcasts::default();
        }
        let version = |one: &JobBroadcast| (one.declared.name.clone(), one.value.current());
        Broadcasts::new(self.all.iter().map(version).collect::<BTreeMap<_, _>>())
    }

    /// Reads the files again for which it is time.
    pub fn refresh(&self, time: BatchTime, board: &StatusBoard) {
        for one in &self.all {
            let BroadcastOrigin::File(file) = &one.declared.origin else { continue };
            let mut looked = one.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((message, warning)) = one.refresh(file, time, &self.storage, &mut looked) {
                let name = one.declared.name.clone();
                board.tell(&JobEvent::Broadcast { name, message, warning });
            }
        }
    }
}

impl JobBroadcast {
    /// Reads the file again if it is time. Gives what is to be told, and whether it is a warning.
    fn refresh(
        &self,
        file: &BroadcastFile,
        time: BatchTime,
        storage: &Arc<dyn Storage>,
        looked: &mut Looked,
    ) -> Option<(String, bool)> {
        match file.reload {
            Reload::Never => return None,
            Reload::Every(every) => {
                let due_ms = looked
                    .at_ms
                    .saturating_add_unsigned(u64::try_from(every.as_millis()).unwrap_or(u64::MAX));
                if time.0 < due_ms {
                    return None;
                }
            }
            Reload::OnChange => {
                let now = stamp(&**storage, &file.path);
                match now {
                    Ok(now) if looked.stamp == Some(now) => return None,
                    Ok(now) => looked.stamp = Some(now),
                    Err(problem) => {
                        looked.stamp = None;
                        return looked.is_new(problem).map(|problem| (kept(&problem), true));
                    }
                }
            }
        }
        looked.at_ms = time.0;
        match load(&self.declared, file, storage) {
            Ok((version, bad)) => {
                looked.problem = None;
                let rows = number_of(version.rows().num_rows(), "row", "rows");
                self.value.replace(version);
                let message = format!("read again: {rows}");
                Some(match bad {
                    Some(bad) => (format!("{message}; {bad}"), true),
                    None => (message, false),
                })
            }
            Err(problem) => looked.is_new(problem).map(|problem| (kept(&problem), true)),
        }
    }
}

impl Looked {
    /// The problem, if it was not the last one, too.
    fn is_new(&mut self, problem: String) -> Option<String> {
        if self.problem.as_ref() == Some(&problem) {
            return None;
        }
        self.problem = Some(problem.clone());
        Some(problem)
    }
}

fn kept(problem: &str) -> String {
    format!("could not be read again, the rows it had stay: {problem}")
}

/// A version of what the file holds, and what is to be told of bad rows in it.
fn load(
    declared: &BroadcastDeclaration,
    file: &BroadcastFile,
    storage: &Arc<dyn Storage>,
) -> Result<(BroadcastVersion, Option<String>), String> {
    let rows = read(storage, file)?;
    let version = BroadcastVersion::new(&declared.name, &declared.schema, &rows.slices)
        .map_err(|error| error.to_string())?;
    Ok((version, rows.bad))
}
