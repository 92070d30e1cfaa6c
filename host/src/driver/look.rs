//! Driver: the outside's look into a running job: its dead letters, rows of its batches, and what
//! its steps keep.
//!
//! Takes questions from any thread. Gives copies. Never keeps the job alive.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use super::event::Event;
use super::letter_control::LetterControl;
use super::state_look::StateLook;
use super::tap::TapControl;
use super::versions::VersionBase;
use crate::limits::FED_LETTERS_MAX;
use crate::model::id::StageId;
use crate::model::pipeline::Pipeline;
use crate::sys::storage::Storage;

/// Looks into one job. Its clones look into the same.
#[derive(Debug, Clone)]
pub struct JobLook(Arc<Looks>);

#[derive(Debug)]
struct Looks {
    letters: LetterControl,
    taps: TapControl,
    states: StateLook,
}

/// What looking into a job takes.
pub(super) struct Looked {
    pub(super) pipeline: Pipeline,
    pub(super) base: Arc<VersionBase>,
    pub(super) seed: u64,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) datasets: BTreeMap<String, StageId>,
    pub(super) events: Sender<Event>,
}

impl JobLook {
    pub(super) fn new(looked: Looked) -> Self {
        let Looked { pipeline, base, seed, storage, datasets, events } = looked;
        let pipeline = Arc::new(pipeline);
        let letters = LetterControl {
            pipeline: Arc::clone(&pipeline),
            base: Arc::clone(&base),
            seed,
            storage,
            events: events.clone(),
            on_their_way: Arc::default(),
            one: Mutex::default(),
            at_once: AtomicUsize::new(FED_LETTERS_MAX),
        };
        let taps = TapControl { pipeline, base: Arc::clone(&base), datasets, events };
        Self(Arc::new(Looks { letters, taps, states: StateLook { base, seed } }))
    }

    /// Its dead letters.
    pub fn letters(&self) -> &LetterControl {
        &self.0.letters
    }

    /// Rows of its batches.
    pub fn taps(&self) -> &TapControl {
        &self.0.taps
    }

    /// What its steps keep.
    pub fn states(&self) -> &StateLook {
        &self.0.states
    }
}
