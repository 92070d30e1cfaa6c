//! Model: versions of plugins: which one a batch ran with, and what a swap changes.
//!
//! Takes digests and descriptions. Gives plain values for batch records, reports and listeners.
//! Never holds a plugin's code.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::replay::GateReport;
use super::text::number_of;
use super::time::BatchTime;
use crate::limits::{SHADOW_SHARE_DEFAULT, SWAP_WATCHED_BATCHES};

/// One version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginVersion {
    /// The blake3 digest of its component, which is what tells versions apart.
    pub digest: String,
    /// What its author calls it.
    pub version: String,
}

impl fmt::Display for PluginVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.digest.get(..12).unwrap_or(&self.digest);
        write!(f, "{} ({short})", self.version)
    }
}

/// The versions of a job's plugins, by their names in the job. Plugins that no step calls are left
/// out.
pub type PluginVersions = Arc<BTreeMap<String, PluginVersion>>;

/// The code of a batch, bound when it begins to run: all its tasks, retries and recomputations run
/// with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchCode {
    /// The versions.
    pub plugins: PluginVersions,
    /// 1 when it begins, and one more each time it is run again on other versions.
    pub revision: u32,
    /// Why it was run again.
    pub reason: Option<String>,
}

/// What a swap is allowed to do, and how long it is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct SwapRules {
    /// What new versions may import that the old ones do not, by the interfaces' names.
    pub allow: Vec<String>,
    /// Whether steps may lose what they keep, where the new version declares it otherwise.
    pub drop_state: bool,
    /// Whether windows may begin anew, where they read what the old version has made: they lack the
    /// batches before the swap then.
    pub restart_windows: bool,
    /// Whether a version that is quarantined for the job is tried once more.
    pub force: bool,
    /// In so many batches a failure takes the job back to the old version.
    pub watched_batches: u32,
    /// So many times the CPU time a row that the old version took is a failure too.
    pub slower_max: Option<f64>,
    /// Whether the last batches whose inputs are retained are run on the new version first: one on
    /// which it fails refuses it.
    pub replay: bool,
    /// Whether it is refused, too, where these batches come out otherwise in any way.
    pub same: bool,
    /// So many live batches are run on the new version after they have ended, and what comes out is
    /// compared and dropped, before it runs in the place of the old one.
    pub shadow_batches: u32,
    /// Of a batch interval, the CPU time that this may take.
    pub shadow_share: f64,
}

impl Default for SwapRules {
    fn default() -> Self {
        let watched_batches = SWAP_WATCHED_BATCHES;
        Self {
            allow: Vec::new(),
            drop_state: false,
            restart_windows: false,
            force: false,
            watched_batches,
            slower_max: None,
            replay: true,
            same: false,
            shadow_batches: 0,
            shadow_share: SHADOW_SHARE_DEFAULT,
        }
    }
}

/// What is new and what is gone in a plugin's new version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginChange {
    /// The plugin's name in the job.
    pub plugin: String,
    /// The version it has.
    pub from: PluginVersion,
    /// The version it is to have.
    pub to: PluginVersion,
    /// The bytes of the components.
    pub bytes: (usize, usize),
    /// Operators, columns, parameters and imports, a line each: `+` new, `-` gone.
    pub differences: Vec<String>,
    /// Imports that are new, and were allowed.
    pub granted: Vec<String>,
}

/// What a step keeps and would not find again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostState {
    /// The step's name.
    pub name: String,
    /// Keys that it has, as of the last batch but one.
    pub keys: usize,
}

/// What an accepted swap will do, as of the next batch that begins to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwapReport {
    /// The plugins.
    pub plugins: Vec<PluginChange>,
    /// Steps that begin anew, and what they kept.
    pub dropped_states: Vec<LostState>,
    /// Streams whose datasets of earlier batches windows read no more: the old version made them.
    pub restarted_windows: Vec<String>,
    /// Streams whose datasets of earlier batches the new versions have made again, for windows.
    pub recomputed_windows: Vec<String>,
    /// What the new versions made of the last batches, where that was tried.
    pub replay: Option<GateReport>,
    /// In the shadow of so many batches they run first.
    pub shadow_batches: u32,
}

/// A version that a job will not run again unless it is forced to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The plugin's name in the job.
    pub plugin: String,
    /// The version.
    pub version: PluginVersion,
    /// What it did.
    pub reason: String,
}

/// How new versions do in the shadow of the current ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShadowStatus {
    /// They.
    pub plugins: PluginVersions,
    /// The batches that they are to run.
    pub batches: u32,
    /// Those that they have run.
    pub ran: u32,
    /// Those of them with another output.
    pub differing: u32,
    /// Batches for which there was no time or no room.
    pub batches_left_out: u32,
    /// Partitions of sources for which there was no time, of those that they have run.
    pub partitions_left_out: u64,
}

/// How a batch went in the shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowedBatch {
    /// The batch.
    pub time: BatchTime,
    /// The versions that it ran on in the shadow.
    pub plugins: PluginVersions,
    /// Whether an output was another one; `None`: it failed, or nothing was compared.
    pub differs: Option<bool>,
    /// The first rows that differ.
    pub lines: Vec<String>,
    /// CPU time on the current versions, and on these.
    pub cpu: (Duration, Duration),
    /// Partitions of sources for which there was no time.
    pub partitions_left_out: u64,
    /// Why it failed, if it has.
    pub failure: Option<String>,
}

/// The versions of a job have changed, or will not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionEvent {
    /// From this batch on others run.
    Switched {
        /// The first batch that runs with them.
        time: BatchTime,
        /// All of them.
        plugins: PluginVersions,
        /// Whether somebody asked for the versions before.
        back: bool,
    },
    /// A batch failed on new versions: it is run again on the old ones, as are all that follow.
    RolledBack {
        /// The batch.
        time: BatchTime,
        /// The old versions.
        plugins: PluginVersions,
        /// What happened.
        reason: String,
        /// What is not to run again.
        quarantined: Vec<Quarantined>,
    },
    /// Windows of the versions to which the job went back for a batch lack batches before it.
    ShortWindows {
        /// The batch.
        time: BatchTime,
        /// Why they were not made again.
        reason: String,
    },
    /// A batch that failed on new versions has failed on the old ones too: the new ones are not to
    /// blame and may be swapped in again.
    Absolved {
        /// The batch.
        time: BatchTime,
    },
    /// A swap that waited for the next batch is given up: it was made for versions that are gone.
    GivenUp {
        /// What it would have brought.
        plugins: PluginVersions,
    },
    /// New versions begin to run in the shadow of the current ones.
    ShadowBegun {
        /// They.
        plugins: PluginVersions,
        /// For so many batches.
        batches: u32,
    },
    /// A batch was run in the shadow.
    Shadowed(ShadowedBatch),
    /// New versions have run in the shadow for as many batches as they were to.
    ShadowPassed(ShadowStatus),
    /// New versions are not let in for what they did in the shadow.
    ShadowRefused {
        /// They.
        plugins: PluginVersions,
        /// Why.
        reason: String,
        /// What is not to run again.
        quarantined: Vec<Quarantined>,
    },
    /// New versions have run for as many batches as they were watched.
    Proven {
        /// The last of them.
        time: BatchTime,
    },
}

/// How the versions of a job stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeStatus {
    /// What batches that begin now run with.
    pub plugins: PluginVersions,
    /// What a rollback goes back to.
    pub previous: Option<PluginVersions>,
    /// What the next batch that begins switches to.
    pub waiting: Option<PluginVersions>,
    /// What runs in the shadow of the current ones.
    pub shadow: Option<ShadowStatus>,
    /// For how many batches the new versions are still watched.
    pub watched_batches: Option<u32>,
    /// What is not to run again, the oldest first.
    pub quarantined: Vec<Quarantined>,
    /// How often a swap has brought others since the job began.
    pub swaps: u64,
    /// How often the job has gone back since it began, by itself or as somebody asked.
    pub rollbacks: u64,
    /// Sets of versions in memory: the current and the previous one, one that waits, and those of
    /// batches that run or whose inputs are retained.
    pub held: usize,
}

impl CodeStatus {
    /// How often others have come to run since the job began.
    pub fn changes(&self) -> u64 {
        self.swaps + self.rollbacks
    }
}

impl VersionEvent {
    /// Whether somebody should look at it.
    pub fn is_a_failure(&self) -> bool {
        matches!(
            self,
            Self::ShadowRefused { .. }
                | Self::RolledBack { .. }
                | Self::ShortWindows { .. }
                | Self::GivenUp { .. }
        )
    }
}

impl fmt::Display for VersionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switched { time, plugins, back } => {
                let word = if *back { "rolled back" } else { "swapped" };
                let (time, plugins) = (time.of_day(), listed(plugins));
                write!(f, "{word}: from batch {time} on with {plugins}")
            }
            Self::RolledBack { time, plugins, reason, .. } => {
                let (time, plugins) = (time.of_day(), listed(plugins));
                write!(f, "rolled back: batch {time} is run again with {plugins}: {reason}")
            }
            Self::ShortWindows { time, reason } => write!(
                f,
                "from batch {} on windows lack batches that ran on the versions from which the job \
                 went back, until they do not reach back to them any more: {reason}",
                time.of_day()
            ),
            Self::Absolved { time } => {
                let time = time.of_day();
                write!(f, "batch {time} failed on the old versions too: none is quarantined for it")
            }
            Self::GivenUp { plugins } => {
                let plugins = listed(plugins);
                write!(f, "the swap to {plugins} is given up: the job was rolled back before it")
            }
            Self::ShadowBegun { plugins, batches } => {
                let batches = number_of(*batches, "batch", "batches");
                write!(f, "{} run in the shadow of {batches} first", listed(plugins))
            }
            Self::Shadowed(batch) => batch.fmt(f),
            Self::ShadowPassed(status) => write!(
                f,
                "the shadow has run {}, {} of them with other rows: {} are swapped in",
                number_of(status.ran, "batch", "batches"),
                status.differing,
                listed(&status.plugins)
            ),
            Self::ShadowRefused { plugins, reason, .. } => {
                write!(f, "the swap to {} is refused in the shadow: {reason}", listed(plugins))
            }
            Self::Proven { time } => {
                let time = time.of_day();
                write!(f, "the new versions are watched no more: batch {time} was the last")
            }
        }
    }
}

impl fmt::Display for ShadowedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shadow of batch {}: ", self.time.of_day())?;
        match (&self.failure, self.differs) {
            (Some(failure), _) => write!(f, "it failed: {failure}")?,
            (None, Some(false)) => write!(f, "the same")?,
            (None, Some(true)) => write!(f, "other rows: {}", self.lines.join(", "))?,
            (None, None) if self.partitions_left_out == 0 => write!(f, "nothing to compare")?,
            (None, None) => {
                let left_out = number_of(self.partitions_left_out, "partition", "partitions");
                write!(f, "{left_out} left out")?;
            }
        }
        let (old, new) = self.cpu;
        write!(f, " (cpu {} -> {} us)", old.as_micros(), new.as_micros())
    }
}

fn listed(plugins: &PluginVersions) -> String {
    let one = |(name, version): (&String, &PluginVersion)| format!("{name} {version}");
    plugins.iter().map(one).collect::<Vec<_>>().join(", ")
}
