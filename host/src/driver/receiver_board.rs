//! Driver: which receivers of a job are active, and what last went wrong at each.
//!
//! Takes what receivers say. Gives it to listeners in Spark's three events. Never decides what
//! becomes of a receiver: its supervisor does.

use std::collections::BTreeMap;

use super::status_board::StatusBoard;
use crate::ingest::ReceiverEvent;
use crate::model::id::SourceId;
use crate::model::status::{JobEvent, ReceiverInfo};

/// The receivers of one job.
#[derive(Debug, Default)]
pub struct ReceiverBoard {
    receivers: BTreeMap<SourceId, ReceiverInfo>,
}

impl ReceiverBoard {
    /// The receivers that have been started, by the names of their sources.
    pub fn new(started: impl IntoIterator<Item = (SourceId, String)>) -> Self {
        let info = |(id, source)| {
            let (last_error, last_error_us) = (None, None);
            (id, ReceiverInfo { id, source, active: true, last_error, last_error_us })
        };
        Self { receivers: started.into_iter().map(info).collect() }
    }

    /// Tells that each has been started.
    pub fn started(&self, board: &StatusBoard) {
        for receiver in self.receivers.values() {
            board.tell(&JobEvent::ReceiverStarted(receiver.clone()));
        }
    }

    /// Tells of an error, and of an end.
    pub fn heard(
        &mut self,
        source: SourceId,
        event: &ReceiverEvent,
        now_us: i64,
        board: &StatusBoard,
    ) {
        let Some(receiver) = self.receivers.get_mut(&source) else { return };
        if let ReceiverEvent::Failed { message, .. } | ReceiverEvent::Broken { message } = event {
            receiver.last_error = Some(message.clone());
            receiver.last_error_us = Some(now_us);
            board.tell(&JobEvent::ReceiverError(receiver.clone()));
        }
        if matches!(event, ReceiverEvent::Ended | ReceiverEvent::Broken { .. }) {
            stop(receiver, board);
        }
    }

    /// Tells that those that were still active have been stopped.
    pub fn stopped(&mut self, board: &StatusBoard) {
        self.receivers.values_mut().for_each(|receiver| stop(receiver, board));
    }
}

fn stop(receiver: &mut ReceiverInfo, board: &StatusBoard) {
    if std::mem::take(&mut receiver.active) {
        board.tell(&JobEvent::ReceiverStopped(receiver.clone()));
    }
}
