//! Api: other versions of the plugins of a context's running job.
//!
//! Takes components. Gives what they change. Never starts or stops anything: batches go on.

use std::path::PathBuf;

use super::{ContextError, StreamingContext};
use crate::driver::replay::ReplayControl;
use crate::driver::swap::{NewCode, SwapControl};
use crate::model::version::{SwapReport, SwapRules};

impl StreamingContext {
    /// Has the running job run the component in the file in the place of the plugin of that name,
    /// from the next batch on that begins to run. As [`SwapControl::swap`], which takes several
    /// plugins and those that are loaded.
    ///
    /// # Errors
    /// When it was not started, and what is in the way of the swap: the job is as it was then.
    pub fn swap(
        &self,
        plugin: &str,
        component: impl Into<PathBuf>,
        rules: SwapRules,
    ) -> Result<SwapReport, ContextError> {
        let new = [(plugin.to_owned(), NewCode::Component(component.into()))];
        Ok(self.swaps()?.swap(&new, rules)?)
    }

    /// Has the running job run the versions that its last swap replaced, from the next batch on
    /// that begins to run.
    ///
    /// # Errors
    /// When it was not started, there was no swap since it went back, or the job ends.
    pub fn roll_back(&self) -> Result<(), ContextError> {
        Ok(self.swaps()?.roll_back()?)
    }

    /// What runs the job's last batches again, from this thread or another: on the versions that
    /// they ran with, or on others.
    ///
    /// # Errors
    /// When it was not started.
    pub fn replays(&self) -> Result<ReplayControl, ContextError> {
        Ok(self.job()?.replays().clone())
    }

    /// What swaps plugins of the job from another thread.
    ///
    /// # Errors
    /// When it was not started.
    pub fn swaps(&self) -> Result<SwapControl, ContextError> {
        Ok(self.job()?.swaps().clone())
    }
}
