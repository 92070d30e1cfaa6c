//! Floor 9, control: jobs of one process as others see and command them, over HTTP.
//!
//! Takes requests of whoever has the token. Gives JSON, a page, and commands to jobs. Never lets a
//! slow or careless client hold up a job or another client.

mod body;
pub mod hosted;
pub mod jobs;
pub mod kept_versions;
pub mod lines;
pub mod looks;
mod metrics;
mod openapi;
mod replays;
pub mod request;
mod restart;
mod routes;
pub mod server;
mod swaps;
pub mod unstarted;
mod version_follower;
pub mod views;

use crate::driver::error::DriverError;
use crate::driver::look_error::LookError;
use crate::driver::replay::ReplayError;
use crate::driver::swap::SwapError;
use crate::error::{Classify, Domain, Retry};
use crate::limits::{CONTROL_BODY_BYTES_MAX, HOSTED_JOBS_MAX};
use crate::store::StoreError;

/// Why a request is not done.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody knows a job of that name.
    #[error("there is no job `{name}`")]
    UnknownJob {
        /// The name.
        name: String,
    },
    /// Only a job that does not run can be removed.
    #[error("job `{name}` runs: stop it before it is removed")]
    JobRuns {
        /// The name.
        name: String,
    },
    /// A job of that name runs.
    #[error("job `{name}` runs already: stop it first, or give this one another name")]
    JobExists {
        /// The name.
        name: String,
    },
    /// The job has ended.
    #[error("job `{name}` has ended")]
    JobEnded {
        /// The name.
        name: String,
    },
    /// The job was hosted before, and could not be started again.
    #[error(
        "job `{name}` does not run, it was not started again: {reason}; `remove` forgets it, \
         `submit` begins it anew"
    )]
    NotStarted {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The job is in no state for that.
    #[error("job `{name}` is {state}: it cannot be paused any more")]
    Draining {
        /// The name.
        name: String,
        /// Where it stands.
        state: &'static str,
    },
    /// The job file or its plugins are wrong.
    #[error("the job cannot be started: {message}")]
    JobRefused {
        /// What is wrong.
        message: String,
        /// The mistakes, with their places in the file.
        findings: Vec<views::FindingView>,
    },
    /// This process runs one job and takes no other.
    #[error("this process runs one job and takes no other: `tidemill serve` hosts many")]
    OneJob,
    /// There is no room for another job.
    #[error("there are {HOSTED_JOBS_MAX} jobs, which is as many as one server hosts")]
    TooManyJobs,
    /// The process ends.
    #[error("the server ends and takes no job any more")]
    Ending,
    /// The token is missing or wrong.
    #[error("a bearer token is needed: it is in the file `token` of the data folder")]
    NoToken,
    /// A page of another site asks, through somebody's browser.
    #[error("requests of other sites are refused")]
    CrossSite,
    /// The request names a host that this server is not.
    #[error("the request is for another host than this one")]
    OtherHost,
    /// There is no such path.
    #[error("there is nothing at `{path}`: `/openapi.json` describes what there is")]
    UnknownPath {
        /// The path.
        path: String,
    },
    /// The path knows other methods.
    #[error("`{path}` does not know this method: `/openapi.json` describes what it knows")]
    UnknownMethod {
        /// The path.
        path: String,
    },
    /// The body is too large.
    #[error("the body is too large, at most {CONTROL_BODY_BYTES_MAX} bytes are allowed")]
    BodyTooLarge,
    /// The body is of another type.
    #[error("the body must be JSON, with `content-type: application/json`")]
    BodyType,
    /// The request is no proper one.
    #[error("{message}")]
    BadRequest {
        /// What is wrong.
        message: String,
    },
    /// Plugins are not swapped.
    #[error(transparent)]
    Swap(SwapError),
    /// Nothing is seen of a job, or fed back to it.
    #[error(transparent)]
    Look(LookError),
    /// A batch is not run again.
    #[error(transparent)]
    Replay(ReplayError),
    /// A component that a job needs is not there as it was kept.
    #[error("{gone}: put that component there again, or {instead}")]
    Component {
        /// Which, and what is there.
        gone: StoreError,
        /// What helps where nobody has it any more.
        instead: &'static str,
    },
    /// The data folder cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The job could not be started.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The system gives no port or thread.
    #[error("failed to {action}: {source}")]
    System {
        /// What was tried.
        action: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ControlError {
    /// A word for programs, and the status of the response.
    pub fn code(&self) -> (&'static str, u16) {
        match self {
            Self::UnknownJob { .. } => ("unknown_job", 404),
            Self::JobRuns { .. } => ("job_runs", 409),
            Self::JobExists { .. } => ("job_exists", 409),
            Self::JobEnded { .. } => ("job_ended", 409),
            Self::NotStarted { .. } => ("job_not_started", 409),
            Self::Draining { .. } => ("job_draining", 409),
            Self::JobRefused { .. } => ("job_refused", 422),
            Self::OneJob => ("one_job", 409),
            Self::TooManyJobs => ("too_many_jobs", 429),
            Self::Ending => ("ending", 503),
            Self::NoToken => ("no_token", 401),
            Self::CrossSite => ("cross_site", 403),
            Self::OtherHost => ("other_host", 403),
            Self::UnknownPath { .. } => ("unknown_path", 404),
            Self::UnknownMethod { .. } => ("unknown_method", 405),
            Self::BodyTooLarge => ("body_too_large", 413),
            Self::BodyType => ("body_type", 415),
            Self::BadRequest { .. } => ("bad_request", 400),
            Self::Swap(error) if error.is_of_a_batch() => ("replay_refused", 409),
            Self::Swap(SwapError::Refused(_)) => ("swap_refused", 409),
            Self::Swap(SwapError::Unfit(_)) => ("plugin_unfit", 422),
            Self::Swap(SwapError::Ended) => ("job_ended", 409),
            Self::Look(error) => look_code(error),
            Self::Replay(ReplayError::NotRetained { .. }) => ("batch_not_retained", 404),
            Self::Replay(ReplayError::NoPartition { .. }) => ("no_partition", 404),
            Self::Replay(ReplayError::CaseTooLarge) => ("case_too_large", 409),
            Self::Replay(_) => ("plugin_unfit", 422),
            Self::Component { .. } | Self::Store(_) => ("store", 500),
            Self::Driver(_) => ("job_failed_to_start", 500),
            Self::System { .. } => ("system", 500),
        }
    }
}

fn look_code(error: &LookError) -> (&'static str, u16) {
    match error {
        LookError::NoLetters => ("no_letters", 409),
        LookError::NoBatch { .. } | LookError::Busy | LookError::Full { .. } => {
            ("retry_refused", 409)
        }
        LookError::BatchFailed { .. } => ("batch_failed", 409),
        LookError::Unknown { .. } => ("unknown_name", 404),
        LookError::BadKey { .. } => ("bad_key", 400),
        LookError::TooMany { .. } => ("too_many", 429),
        LookError::Ended => ("job_ended", 409),
        LookError::NotNoted(_) | LookError::Storage(_) | LookError::Undecodable(_) => {
            ("look_failed", 500)
        }
    }
}

impl Classify for ControlError {
    fn domain(&self) -> Domain {
        match self {
            Self::Swap(error) => error.domain(),
            Self::Look(error) => error.domain(),
            Self::Replay(error) => error.domain(),
            Self::Component { gone: error, .. } | Self::Store(error) => error.domain(),
            Self::Driver(error) => error.domain(),
            Self::System { .. } => Domain::External,
            _ => Domain::User,
        }
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}
