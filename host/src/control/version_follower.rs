//! Control: who sees to it that the versions of a hosted job are kept as they stand.
//!
//! Takes whatever the job tells, which says only that it is time to look. Gives what stands on its
//! board to who keeps it. Never takes an event's word: events are dropped where a queue is full.

use std::sync::{Arc, OnceLock, Weak};

use super::kept_versions::KeptVersions;
use super::lines::RecentLines;
use crate::driver::status_board::{Listener, StatusBoard};

/// Follows one job.
#[derive(Debug)]
pub(super) struct VersionFollower {
    kept: Arc<KeptVersions>,
    job: String,
    submitted_ms: i64,
    lines: Arc<RecentLines>,
    /// Unset until the job has begun. Weak: the board holds the listener, and that holds this.
    board: OnceLock<Weak<StatusBoard>>,
}

impl VersionFollower {
    /// Of a job that was submitted then.
    pub(super) fn new(
        kept: &Arc<KeptVersions>,
        (job, submitted_ms): (&str, i64),
        lines: &Arc<RecentLines>,
    ) -> Arc<Self> {
        let (kept, lines, job) = (Arc::clone(kept), Arc::clone(lines), job.to_owned());
        Arc::new(Self { kept, job, submitted_ms, lines, board: OnceLock::new() })
    }

    /// Hears the job, and its lines hear all it tells: a swap is said when it is kept. What cannot
    /// be kept is said too.
    pub(super) fn listener(self: &Arc<Self>) -> Listener {
        let (follower, say) = (Arc::clone(self), self.lines.listener());
        Box::new(move |event| {
            follower.look();
            say(event);
        })
    }

    /// The job has begun, and says on that board how it stands.
    pub(super) fn follow(&self, board: &Arc<StatusBoard>) {
        // A job begins once.
        let _set = self.board.set(Arc::downgrade(board));
        self.look();
    }

    fn look(&self) {
        if let Some(board) = self.board.get().and_then(Weak::upgrade) {
            keep(&self.kept, (&self.job, self.submitted_ms), &board, &self.lines);
        }
    }
}

/// Keeps how the versions of a job stand; what cannot be kept is said among its lines.
pub(super) fn keep(
    kept: &KeptVersions,
    job: (&str, i64),
    board: &StatusBoard,
    lines: &RecentLines,
) {
    if let Err(error) = kept.keep(job, board) {
        lines.say("error", &format!("a restart would run other versions: {error}"));
    }
}
