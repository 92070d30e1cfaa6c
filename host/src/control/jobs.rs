//! Control: the jobs of this process by name: one that was started here, or many that are hosted.
//!
//! Takes jobs as files. Gives them running, and again at the next start. Never runs two of a name,
//! and never forgets a job because the process ended.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::ControlError;
use super::hosted::{Asked, Hosted, JobFacts};
use super::kept_versions::KeptVersions;
use super::lines::RecentLines;
use super::restart::{self, Restart};
use super::unstarted::Unstarted;
use super::version_follower::VersionFollower;
use super::views::{FindingView, JobView, Submission};
use crate::config::job_file::{JobFile, JobFileErrors};
use crate::driver::engine::Engine;
use crate::driver::error::DriverError;
use crate::driver::handle::JobHandle;
use crate::driver::launch::{JobRequest, launch};
use crate::driver::plugins::JobPlugins;
use crate::limits::HOSTED_JOBS_MAX;
use crate::sink::SharedWriter;
use crate::store::StoreError;
use crate::store::batch_log::{BatchLog, BatchQuery};
use crate::store::batch_record::BatchRecord;
use crate::store::job_shelf::{JobShelf, ShelvedJob};
use crate::sys::clock::Clock;

/// Hears what the process that hosts jobs has to say.
pub type Report = Box<dyn Fn(&str) + Send + Sync>;

/// The jobs of this process.
#[derive(Debug)]
pub struct Jobs {
    log: BatchLog,
    clock: Arc<dyn Clock>,
    slots: Mutex<BTreeMap<String, Slot>>,
    host: Option<Arc<Host>>,
}

#[derive(Debug, Clone)]
enum Slot {
    /// Its plugins are being loaded.
    Starting,
    /// It runs, or has ended.
    There(Arc<Hosted>),
    /// It ran in the last process, and could not be started again.
    Unstarted(Arc<Unstarted>),
}

impl Slot {
    /// Whether the name is taken.
    fn is_running(&self) -> bool {
        match self {
            Self::Starting => true,
            Self::There(hosted) => hosted.is_running(),
            Self::Unstarted(_) => false,
        }
    }

    /// When its job was submitted, unless it is not there yet.
    fn submitted_ms(&self) -> Option<i64> {
        match self {
            Self::Starting => None,
            Self::There(hosted) => Some(hosted.submitted_ms()),
            Self::Unstarted(unstarted) => Some(unstarted.submitted_ms()),
        }
    }

    fn view(&self) -> Option<JobView> {
        match self {
            Self::Starting => None,
            Self::There(hosted) => Some(hosted.view()),
            Self::Unstarted(unstarted) => Some(unstarted.view()),
        }
    }
}

/// What hosting many jobs takes.
pub struct Host {
    /// What they run on.
    pub engine: Arc<Engine>,
    /// Where they are kept for the next start.
    pub shelf: JobShelf,
    /// Which versions of their plugins they are then to run.
    pub versions: Arc<KeptVersions>,
    /// Where their `print` sinks print.
    pub output: SharedWriter,
    /// Who hears of their starts and ends.
    pub report: Report,
    ending: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("shelf", &self.shelf).finish_non_exhaustive()
    }
}

impl Host {
    /// Hosts no job yet.
    pub fn new(
        engine: Arc<Engine>,
        (shelf, versions): (JobShelf, Arc<KeptVersions>),
        output: SharedWriter,
        report: Report,
    ) -> Self {
        let (ending, threads) = (AtomicBool::new(false), Mutex::default());
        Self { engine, shelf, versions, output, report, ending, threads }
    }
}

impl Host {
    /// A job is not to be started again, and its versions are nobody's any more.
    fn end(&self, hosted: &Hosted) -> Result<(), StoreError> {
        self.shelf.end(hosted.name(), hosted.submitted_ms())?;
        self.versions.forget(hosted.name(), hosted.submitted_ms())
    }
}

impl Jobs {
    /// The jobs of a process that runs one and takes no other.
    pub fn of_one(log: BatchLog, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { log, clock, slots: Mutex::default(), host: None })
    }

    /// The jobs of a process that hosts what it is given.
    pub fn of_many(log: BatchLog, host: Host) -> Arc<Self> {
        let clock = Arc::clone(&host.engine.config.clock);
        Arc::new(Self { log, clock, slots: Mutex::default(), host: Some(Arc::new(host)) })
    }

    /// The batch log.
    pub fn log(&self) -> &BatchLog {
        &self.log
    }

    /// Takes in a job that was launched elsewhere.
    pub fn adopt(&self, hosted: Hosted) {
        let name = hosted.name().to_owned();
        self.lock().insert(name, Slot::There(Arc::new(hosted)));
    }

    /// All jobs that were started, by name.
    pub fn all(&self) -> Vec<Arc<Hosted>> {
        let there = |slot: &Slot| match slot {
            Slot::There(hosted) => Some(Arc::clone(hosted)),
            Slot::Starting | Slot::Unstarted(_) => None,
        };
        self.lock().values().filter_map(there).collect()
    }

    /// How all jobs stand, by name; also those that could not be started again.
    pub fn views(&self) -> Vec<JobView> {
        let slots: Vec<Slot> = self.lock().values().cloned().collect();
        slots.iter().filter_map(Slot::view).collect()
    }

    /// How the job of that name stands.
    ///
    /// # Errors
    /// When there is none.
    pub fn view(&self, name: &str) -> Result<JobView, ControlError> {
        let unknown = || ControlError::UnknownJob { name: name.to_owned() };
        let slot = self.lock().get(name).cloned();
        slot.and_then(|slot| slot.view()).ok_or_else(unknown)
    }

    /// The last lines of the job of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn lines(&self, name: &str) -> Result<Arc<RecentLines>, ControlError> {
        match self.lock().get(name) {
            Some(Slot::There(hosted)) => Ok(Arc::clone(hosted.lines())),
            Some(Slot::Unstarted(unstarted)) => Ok(Arc::clone(unstarted.lines())),
            _ => Err(ControlError::UnknownJob { name: name.to_owned() }),
        }
    }

    /// The job of that name.
    ///
    /// # Errors
    /// When there is none, or it was not started.
    pub fn get(&self, name: &str) -> Result<Arc<Hosted>, ControlError> {
        match self.lock().get(name) {
            Some(Slot::There(hosted)) => Ok(Arc::clone(hosted)),
            Some(Slot::Unstarted(unstarted)) => Err(unstarted.refusal()),
            _ => Err(ControlError::UnknownJob { name: name.to_owned() }),
        }
    }

    /// Batches of a job, the oldest of them first; also of one that ran in an earlier process.
    ///
    /// # Errors
    /// When nobody knows the job, or the log cannot be read.
    pub fn batches(&self, name: &str, query: BatchQuery) -> Result<Vec<BatchRecord>, ControlError> {
        let found = self.log.batches(name, query)?;
        if found.is_empty() && !self.log.jobs()?.iter().any(|known| known == name) {
            self.view(name)?;
        }
        Ok(found)
    }

    /// A job that does not run here any more, as it was submitted last.
    ///
    /// # Errors
    /// When none of that name was, or it cannot be read.
    pub fn ended(&self, name: &str) -> Result<JobFile, ControlError> {
        let unknown = || ControlError::UnknownJob { name: name.to_owned() };
        let host = self.host.as_ref().ok_or_else(unknown)?;
        as_submitted(&host.shelf.get(name)?.ok_or_else(unknown)?)
    }

    /// Commands a job. One that is to end is not started again.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot do that any more.
    pub fn command(&self, name: &str, asked: Asked) -> Result<Arc<Hosted>, ControlError> {
        let hosted = self.get(name)?;
        if let Some(host) = &self.host
            && asked.ends()
        {
            host.shelf.end(name, hosted.submitted_ms())?;
        }
        hosted.command(asked)?;
        Ok(hosted)
    }

    /// Forgets a job that does not run: its file, the versions of its plugins and its last lines.
    /// Its batches stay in the batch log as long as any.
    ///
    /// # Errors
    /// When it runs, nobody knows it, or it cannot be written.
    pub fn remove(&self, name: &str) -> Result<(), ControlError> {
        let host = self.host()?;
        // Nobody starts one of that name meanwhile.
        let mut slots = self.lock();
        let there = match slots.get(name) {
            Some(slot) if slot.is_running() => {
                return Err(ControlError::JobRuns { name: name.to_owned() });
            }
            slot => slot.and_then(Slot::submitted_ms),
        };
        let shelved = host.shelf.remove(name)?.map(|job| job.submitted_ms);
        if there.is_none() && shelved.is_none() {
            return Err(ControlError::UnknownJob { name: name.to_owned() });
        }
        for submitted_ms in [there, shelved].into_iter().flatten() {
            host.versions.forget(name, submitted_ms)?;
        }
        slots.remove(name);
        Ok(())
    }

    /// Starts a job, and keeps it for the next start.
    ///
    /// # Errors
    /// When the file or a plugin is wrong, or a job of that name runs. Nothing is left of it then.
    pub fn submit(&self, submission: &Submission) -> Result<Arc<Hosted>, ControlError> {
        let job = self.read(submission)?;
        let name = job.pipeline.name.clone();
        // Another than the last job's of that name, however the clock is set: its end is not to be
        // taken for this one's.
        let last_ms = self.lock().get(&name).and_then(Slot::submitted_ms).unwrap_or(i64::MIN);
        let submitted_ms = self.clock.now_ms().max(last_ms.saturating_add(1));
        let shelved = ShelvedJob {
            name: name.clone(),
            file_name: submission.file_name.clone(),
            folder: submission.folder.clone(),
            text: submission.text.clone(),
            submitted_ms,
            wanted: true,
        };
        let host = self.host()?;
        self.start(host, (&job, submitted_ms), |host| Ok(host.shelf.put(&shelved)?))
    }

    /// Starts again what ran when the last process ended. What cannot be started is reported and
    /// shown as failed, and tried again at the next start.
    ///
    /// # Errors
    /// When the jobs cannot be read.
    pub fn start_again(&self) -> Result<(), ControlError> {
        let host = self.host()?;
        let wanted: Vec<_> = host.shelf.all()?.into_iter().filter(|job| job.wanted).collect();
        host.versions.forget_others(&wanted.iter().map(|job| job.name.clone()).collect())?;
        for ShelvedJob { name, file_name, folder, text, submitted_ms, .. } in wanted {
            let submission = Submission { text, folder, file_name };
            let job = self.read(&submission);
            let interval =
                job.as_ref().map_or(Duration::ZERO, |job| job.pipeline.settings.batch_interval);
            let started = job.and_then(|job| self.start(host, (&job, submitted_ms), |_| Ok(())));
            if let Err(error) = started {
                (host.report)(&format!("job `{name}` is not started again: {error}"));
                let unstarted =
                    Unstarted::new((&name, submitted_ms, interval), &error, &self.clock);
                // Somebody may have submitted another of that name meanwhile.
                self.lock().entry(name).or_insert(Slot::Unstarted(Arc::new(unstarted)));
            }
        }
        Ok(())
    }

    /// Has all jobs take no more input, and takes no further one.
    pub fn drain(&self) {
        let Some(host) = &self.host else { return };
        host.ending.store(true, Ordering::Release);
        // One that has ended needs no command.
        self.all().iter().for_each(|hosted| drop(hosted.command(Asked::Drain)));
    }

    /// Takes no job any more, has all of them work off what they received, and waits for that.
    /// They are started again by the next process.
    pub fn finish(&self) {
        // Again: a job may have been on its way in when the others were told.
        self.drain();
        let Some(host) = &self.host else { return };
        let threads = std::mem::take(&mut *lock(&host.threads));
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }

    /// What keeps the versions of jobs for the next process, where that is done.
    pub(super) fn kept_versions(&self) -> Option<&Arc<KeptVersions>> {
        self.host.as_ref().map(|host| &host.versions)
    }

    fn host(&self) -> Result<&Arc<Host>, ControlError> {
        let host = self.host.as_ref().ok_or(ControlError::OneJob)?;
        if host.ending.load(Ordering::Acquire) { Err(ControlError::Ending) } else { Ok(host) }
    }

    fn read(&self, submission: &Submission) -> Result<JobFile, ControlError> {
        let Submission { text, folder, file_name } = submission;
        self.host()?;
        if !Path::new(folder).is_absolute() {
            let message = format!(
                "`folder` is `{folder}`, expected a path from the root: paths of the job \
                         are taken from there"
            );
            return Err(ControlError::BadRequest { message });
        }
        JobFile::parse(file_name, text, Path::new(folder)).map_err(|errors| refused(&errors))
    }

    fn start(
        &self,
        host: &Arc<Host>,
        (job, submitted_ms): (&JobFile, i64),
        keep: impl FnOnce(&Host) -> Result<(), ControlError>,
    ) -> Result<Arc<Hosted>, ControlError> {
        let name = &job.pipeline.name;
        let before = self.reserve(name)?;
        let started = self.launch(host, job, submitted_ms).and_then(|started| {
            keep(host)?;
            Ok(started)
        });
        let mut slots = self.lock();
        match started {
            Ok((hosted, handle)) => {
                let hosted = Arc::new(hosted);
                slots.insert(name.clone(), Slot::There(Arc::clone(&hosted)));
                drop(slots);
                (host.report)(&format!("job `{name}` runs"));
                self.wait_aside(host, Arc::clone(&hosted), handle)?;
                Ok(hosted)
            }
            Err(error) => {
                match before {
                    Some(ended) => slots.insert(name.clone(), ended),
                    None => slots.remove(name),
                };
                Err(error)
            }
        }
    }

    /// Takes the name, unless a job of it runs. Gives the one that had it.
    fn reserve(&self, name: &str) -> Result<Option<Slot>, ControlError> {
        let mut slots = self.lock();
        if slots.get(name).is_some_and(Slot::is_running) {
            return Err(ControlError::JobExists { name: name.to_owned() });
        }
        if slots.values().filter(|slot| slot.is_running()).count() >= HOSTED_JOBS_MAX {
            return Err(ControlError::TooManyJobs);
        }
        if slots.len() >= 2 * HOSTED_JOBS_MAX {
            // Those that have ended are in the batch log; those that were not started are not.
            slots.retain(|_, slot| slot.is_running() || matches!(slot, Slot::Unstarted(_)));
        }
        Ok(slots.insert(name.to_owned(), Slot::Starting))
    }

    fn launch(
        &self,
        host: &Host,
        job: &JobFile,
        submitted_ms: i64,
    ) -> Result<(Hosted, JobHandle), ControlError> {
        let (mut pipeline, lines) =
            (job.pipeline.clone(), RecentLines::new(Arc::clone(&self.clock)));
        let located = |error: DriverError| match error.findings() {
            Some(findings) => refused(&job.locate(findings)),
            None => error.into(),
        };
        let report = |line: &str| lines.say("info", line);
        let (name, run_us) = (pipeline.name.clone(), self.clock.now_us());
        let mut restart = Restart::of(&host.versions, &name, submitted_ms);
        restart.find(&mut pipeline.plugins, &report, &located)?;
        let plugins =
            JobPlugins::load(&host.engine, &pipeline.plugins, &report).map_err(located)?;
        restart.check(&plugins)?;
        let facts = JobFacts::new(&name, pipeline.settings.batch_interval, run_us, &plugins);
        let follower = VersionFollower::new(&host.versions, (&name, submitted_ms), &lines);
        let request = JobRequest {
            pipeline,
            plugins: plugins.clone(),
            listeners: vec![follower.listener()],
            output: Arc::clone(&host.output),
            log: Some(self.log.job(&name, run_us)),
        };
        let handle = launch(&host.engine, request).map_err(located)?;
        restart.done(&plugins, &handle)?;
        follower.follow(handle.board());
        let facts = JobFacts { submitted_ms, ..facts };
        Ok((Hosted::new(facts, &handle, lines), handle))
    }

    /// Waits for the job's end on a thread of its own.
    fn wait_aside(
        &self,
        host: &Arc<Host>,
        hosted: Arc<Hosted>,
        handle: JobHandle,
    ) -> Result<(), ControlError> {
        let waiting = Arc::clone(host);
        let wait = move || {
            let (ended, name) = (handle.wait(), hosted.name());
            drop(handle);
            restart::keep_up(Some(&waiting.versions), &hosted);
            let told = match ended {
                Ok(()) if waiting.ending.load(Ordering::Acquire) => format!("job `{name}` ended"),
                // Its sources have ended, or somebody has stopped it.
                Ok(()) => match waiting.end(&hosted) {
                    Ok(()) => format!("job `{name}` ended"),
                    Err(error) => {
                        format!("job `{name}` ended, and would be started again: {error}")
                    }
                },
                // It is started again with the next process: what it failed of may have passed.
                Err(error) => {
                    hosted.lines().say("error", &error.to_string());
                    format!("job `{name}` failed: {error}")
                }
            };
            (waiting.report)(&told);
        };
        let thread = std::thread::Builder::new().name("job-end".to_owned()).spawn(wait);
        let thread = thread.map_err(|source| {
            let action = "wait for the job's end".to_owned();
            ControlError::System { action, source }
        })?;
        let mut threads = lock(&host.threads);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Slot>> {
        lock(&self.slots)
    }
}

/// A job that lies on a shelf.
///
/// # Errors
/// When its file is no job for this program.
pub fn as_submitted(job: &ShelvedJob) -> Result<JobFile, ControlError> {
    let ShelvedJob { file_name, text, folder, .. } = job;
    JobFile::parse(file_name, text, Path::new(folder)).map_err(|errors| refused(&errors))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(errors: &JobFileErrors) -> ControlError {
    let finding = |error: &crate::config::job_file::JobFileError| FindingView {
        line: error.line,
        column: error.column,
        message: error.message.clone(),
        help: error.help.clone(),
    };
    let findings = errors.errors.iter().map(finding).collect();
    ControlError::JobRefused { message: errors.to_string(), findings }
}
