//! Api: a context's start, its end, and what can be asked in between.
//!
//! Takes a context with its graph. Gives the running job's standing, and its end. Never lets a
//! failed start leave anything behind.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{ContextError, ContextState, StreamingContext};
use crate::api::declared::declare;
use crate::api::graph::Running;
use crate::driver::error::DriverError;
use crate::driver::handle::{JobControl, JobHandle};
use crate::driver::launch::{JobRequest, launch_telling};
use crate::driver::pace::Pace;
use crate::driver::status_board::{Listener, ListenerId};
use crate::model::gauges::Gauges;
use crate::model::status::{BatchInfo, JobStatus};

impl StreamingContext {
    /// Where it stands. A job that ends by itself stops its context.
    pub fn state(&self) -> ContextState {
        let running = |job: &JobHandle| job.status().state.is_running();
        match &self.job {
            _ if self.stopped.load(Ordering::Acquire) => ContextState::Stopped,
            None => ContextState::Initialized,
            Some(job) if running(job) => ContextState::Active,
            Some(_) => ContextState::Stopped,
        }
    }

    /// Keeps datasets for at least so long after their batch, for `DStream::slice`; windows keep
    /// what they need by themselves. What is kept is held in memory beside the block budget.
    ///
    /// # Errors
    /// When it is set already, is no time, or the context was started or stopped.
    pub fn remember(&mut self, least: Duration) -> Result<(), ContextError> {
        if self.state() != ContextState::Initialized {
            return Err(ContextError::TooLate { what: "remember" });
        }
        if least < Duration::from_millis(1) {
            return Err(ContextError::RemembersNothing);
        }
        match self.settings.remember {
            Some(before) => Err(ContextError::RememberedBefore(before)),
            None => {
                self.settings.remember = Some(least);
                Ok(())
            }
        }
    }

    /// Tells the listener everything that happens from now on, on a thread of its own. It may be
    /// added before the start or later. One that is slow delays nobody, and misses events when more
    /// than some thousand wait for it; one that panics is told the next.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn add_listener(&self, listener: Listener) -> Result<ListenerId, ContextError> {
        let what = "a listener";
        let added = self.listeners.add(listener);
        added.map_err(|source| DriverError::System { what, source }.into())
    }

    /// Tells the listener nothing more.
    pub fn remove_listener(&self, listener: ListenerId) {
        self.listeners.remove(listener);
    }

    /// Starts the job, and returns. While it runs, a further call does nothing, and warns.
    ///
    /// # Errors
    /// When it was stopped before, a stream was built wrongly, there is no output, or the job does
    /// not fit together. The context is stopped then, and everything released.
    pub fn start(&mut self) -> Result<(), ContextError> {
        match self.state() {
            ContextState::Stopped => return Err(ContextError::Stopped),
            ContextState::Active => {
                self.tell_misuse()?;
                tracing::warn!("the context was started before: this start does nothing");
                return Ok(());
            }
            ContextState::Initialized => {}
        }
        self.lock().close();
        let started = self.launch();
        if started.is_err() {
            self.stopped.store(true, Ordering::Release);
            self.listeners.end();
        }
        started
    }

    /// Starts the job, telling the listeners what happens.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(&mut self, listeners: Vec<Listener>) -> Result<(), ContextError> {
        for listener in listeners {
            self.add_listener(listener)?;
        }
        self.start()
    }

    fn launch(&mut self) -> Result<(), ContextError> {
        self.tell_misuse()?;
        let graph = self.lock().clone();
        if !graph.has_outputs() {
            return Err(ContextError::NoOutputs);
        }
        let lowered = graph.lower();
        let names = lowered.names.clone();
        let (pipeline, plugins) = declare(&self.engine, &self.name, self.settings.clone(), lowered);
        let request = JobRequest {
            pipeline,
            plugins,
            listeners: Vec::new(),
            output: Arc::new(Mutex::new(std::io::stdout())),
            log: None,
        };
        let job = launch_telling(&self.engine, request, Pace::Clock, Arc::clone(&self.listeners))?;
        let remembered = job.remembered().clone();
        self.lock().runs_as(Running { remembered, names });
        self.job = Some(job);
        Ok(())
    }

    /// Waits until the job has ended. After that, it gives the same answer at once.
    ///
    /// # Errors
    /// What the job failed of first. At once: when it was not started, when a listener calls, or
    /// when a stream was built after the start.
    pub fn await_termination(&self) -> Result<(), ContextError> {
        match self.job_to_wait_for()? {
            Some(job) => Ok(job.wait()?),
            None => Ok(()),
        }
    }

    /// As [`Self::await_termination`], but by the engine's clock no longer than that. Gives whether
    /// the job has ended.
    ///
    /// # Errors
    /// As [`Self::await_termination`].
    pub fn await_termination_or_timeout(&self, longest: Duration) -> Result<bool, ContextError> {
        match self.job_to_wait_for()? {
            Some(job) => Ok(job.wait_at_most(longest)?),
            None => Ok(true),
        }
    }

    /// Ends the job at once and waits for that; what was received and not published is dropped.
    /// Before the start, nothing can be started any more. The engine and other jobs on it go on.
    /// A further stop does nothing, and warns.
    ///
    /// # Errors
    /// What the job failed of before. When a listener calls: the job goes on then.
    pub fn stop(&self) -> Result<(), ContextError> {
        self.stop_by(JobControl::stop)
    }

    /// Takes no more input, works off what was received, and waits for the end. What is not done
    /// `graceful_stop_timeout` after the receivers have stopped is given up.
    ///
    /// # Errors
    /// As [`Self::stop`], and what was given up.
    pub fn stop_gracefully(&self) -> Result<(), ContextError> {
        self.stop_by(JobControl::drain)
    }

    fn stop_by(&self, end: impl Fn(&JobControl)) -> Result<(), ContextError> {
        if self.listeners.is_calling() {
            return Err(ContextError::InListener);
        }
        self.lock().close();
        let state = self.state();
        let ended = match &self.job {
            Some(job) if state == ContextState::Active => {
                end(&job.control());
                job.wait()
            }
            _ => {
                if state == ContextState::Stopped {
                    tracing::warn!("the context was stopped before: this stop does nothing");
                }
                self.listeners.end();
                Ok(())
            }
        };
        self.stopped.store(true, Ordering::Release);
        ended?;
        self.tell_misuse()
    }

    /// What stops the job from another thread, without waiting for it.
    ///
    /// # Errors
    /// When it was not started.
    pub fn control(&self) -> Result<JobControl, ContextError> {
        Ok(self.job()?.control())
    }

    /// How the job stands.
    ///
    /// # Errors
    /// When it was not started.
    pub fn status(&self) -> Result<JobStatus, ContextError> {
        Ok(self.job()?.status())
    }

    /// The numbers that a dashboard draws.
    ///
    /// # Errors
    /// When it was not started.
    pub fn gauges(&self) -> Result<Gauges, ContextError> {
        Ok(self.job()?.board().gauges())
    }

    /// The batches that ended last, the oldest first: as many as `retained_batches` says.
    ///
    /// # Errors
    /// When it was not started.
    pub fn completed_batches(&self) -> Result<Vec<BatchInfo>, ContextError> {
        Ok(self.job()?.board().completed_batches())
    }

    pub(super) fn job(&self) -> Result<&JobHandle, ContextError> {
        self.job.as_ref().ok_or(ContextError::NotStarted)
    }

    /// The job; none when the context was stopped without one.
    fn job_to_wait_for(&self) -> Result<Option<&JobHandle>, ContextError> {
        if self.listeners.is_calling() {
            return Err(ContextError::InListener);
        }
        self.tell_misuse()?;
        match (&self.job, self.state()) {
            (None, ContextState::Initialized) => Err(ContextError::NotStarted),
            (job, _) => Ok(job.as_ref()),
        }
    }

    fn tell_misuse(&self) -> Result<(), ContextError> {
        self.lock().take_misuse().map_or(Ok(()), |misuse| Err(misuse.into()))
    }
}
