//! Version: whether a swap is let in, and a rollback.
//!
//! Takes what is asked and how the job stands. Gives leave, or the reason for none. Never changes
//! anything: a refused swap leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet};

use super::fit::{DroppedState, ShapeFault};
use super::quarantine::Quarantine;
use crate::error::{Classify, Domain, Retry};
use crate::model::text::number_of;
use crate::model::version::PluginVersion;

/// Why a swap or a rollback is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No plugin is named.
    #[error("no plugin is to be swapped: name one at least")]
    Nothing,
    /// The job has no such plugin, or none of its steps calls it.
    #[error("no step of the job calls a plugin `{found}`; swapped can be {}", list(.allowed))]
    Unknown {
        /// The name.
        found: String,
        /// The plugins that are called.
        allowed: Vec<String>,
    },
    /// Two versions of one plugin.
    #[error("plugin `{plugin}` is named twice: all of a batch runs with one version")]
    Twice {
        /// The plugin.
        plugin: String,
    },
    /// There is nothing to swap.
    #[error("plugin `{plugin}` has version {version} already")]
    Same {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: PluginVersion,
    },
    /// It went wrong in this job before.
    #[error(
        "version {version} of plugin `{plugin}` is quarantined for this job: {reason}; it is tried \
         once more with `--force`, over HTTP `force`"
    )]
    Quarantined {
        /// The plugin.
        plugin: String,
        /// The version.
        version: PluginVersion,
        /// What it did.
        reason: String,
    },
    /// The job ends.
    #[error("the job takes no more input and ends: its plugins keep their versions")]
    Ending,
    /// Somebody else swaps.
    #[error("another swap of this job is being prepared: ask again when it is through")]
    Preparing,
    /// A change is decided, and no batch has begun since.
    #[error("a change of versions waits for the next batch: ask again when it has begun")]
    Waiting,
    /// Other versions run in the shadow.
    #[error(
        "other versions run in the shadow of the job's batches: ask again when they have, or roll \
         back, which gives them up"
    )]
    Shadowing,
    /// The job went back to other versions while the swap was prepared.
    #[error("the job's versions have changed while the swap was prepared: ask again")]
    Changed,
    /// There is nothing to go back to.
    #[error("the job has no versions to go back to: it was not swapped since it went back")]
    NoEarlier,
    /// The plan would be another.
    #[error(transparent)]
    Shape(#[from] ShapeFault),
    /// The new version can do more than the one that runs.
    #[error(
        "the new version of plugin `{plugin}` imports {}, which the version that runs does not: it \
         may if that is allowed by name, with `--allow`, over HTTP `allow`",
        list(.imports)
    )]
    Imports {
        /// The plugin.
        plugin: String,
        /// What nobody has allowed.
        imports: Vec<String>,
    },
    /// Steps would lose what they keep.
    #[error(
        "the new version declares other states, which nothing makes of the old ones: {}; they \
         begin anew with `--drop-state`, over HTTP `drop_state`",
        dropped(.0)
    )]
    State(Vec<DroppedState>),
    /// It failed with rows that the job has worked off.
    #[error(
        "the new version fails on batch {batch}, which the current one has run: {reason}; it \
         is swapped in untried with `--no-replay`, over HTTP `\"replay\": false`"
    )]
    Replay {
        /// The batch.
        batch: String,
        /// What happened.
        reason: String,
    },
    /// It failed with rows that windows look back to.
    #[error(
        "windows read what the plugin has made of earlier batches: a window of two versions would \
         mix them, and the new version fails on batch {batch}, which the current one has run: \
         {reason}; {ANEW}"
    )]
    WindowReplay {
        /// The batch.
        batch: String,
        /// What happened.
        reason: String,
    },
    /// It makes something else of rows that the job has worked off, and must not.
    #[error(
        "the new version makes something else of batch {batch} than the current one: {output}, {} \
         gone, {} come{}",
        number_of(.rows.0, "row", "rows"), number_of(.rows.1, "row", "rows"), below(.lines)
    )]
    Differs {
        /// The batch.
        batch: String,
        /// The output.
        output: String,
        /// Rows that only the current version makes, and those that only the new one does.
        rows: (u64, u64),
        /// The first of them.
        lines: Vec<String>,
    },
    /// It must make the same, and nothing shows that it does.
    #[error("nothing shows whether the new version makes the same: {reasons}")]
    NotCompared {
        /// Why.
        reasons: String,
    },
    /// Windows read what old versions made.
    #[error(
        "windows read what plugin {} has made of earlier batches, of stream {}: a window of two \
         versions would mix them, and it cannot be made again: {reason}; {ANEW}",
        list(.plugins), list(.streams)
    )]
    Window {
        /// The plugins.
        plugins: BTreeSet<String>,
        /// The streams whose datasets windows read.
        streams: Vec<String>,
        /// Why it cannot be made again.
        reason: String,
    },
    /// Windows read what old versions made, and not all that it takes to make it again is retained.
    #[error(
        "windows read what the plugin has made of earlier batches: a window of two versions would \
         mix them; to make it again {}; {ANEW}",
        needed_inputs(*.needed, *.retained, *.too_few)
    )]
    WindowInputs {
        /// Batches that windows reach back to.
        needed: usize,
        /// The newest of them, without a gap, whose inputs are retained.
        retained: usize,
        /// What keeps the others from being so.
        too_few: TooFew,
    },
    /// Windows read what old versions made, and letters were fed back to a batch of it, which is
    /// not retained therefore.
    #[error(
        "windows read what the plugin has made of earlier batches: a window of two versions would \
         mix them; to make it again {}: ask again when as many have ended after it; {ANEW}",
        needed_letters(*.needed, .batch)
    )]
    WindowLetters {
        /// Batches that windows reach back to.
        needed: usize,
        /// The newest of them that letters were fed back to.
        batch: String,
    },
}

/// What keeps inputs of batches from being retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooFew {
    /// The most batches that may be.
    Batches(usize),
    /// The most bytes that may be.
    Bytes(usize),
}

impl Refusal {
    /// Why windows are not made again, where nobody asks for a swap.
    pub fn of_windows(&self) -> String {
        match self {
            Self::Window { reason, .. } => reason.clone(),
            Self::WindowInputs { needed, retained, too_few } => {
                needed_inputs(*needed, *retained, *too_few)
            }
            Self::WindowLetters { needed, batch } => needed_letters(*needed, batch),
            Self::WindowReplay { batch, reason } => format!("batch {batch}: {reason}"),
            other => other.to_string(),
        }
    }
}

/// What else can be done about windows.
const ANEW: &str = "windows begin anew with the new version's batches with `--restart-windows`, \
                    over HTTP `restart_windows`";

fn needed_inputs(needed: usize, retained: usize, too_few: TooFew) -> String {
    let (batches, told) = (number_of(needed, "batch", "batches"), too_few.told(needed));
    format!(
        "the inputs of the last {batches} are needed, and those of {retained} are retained: {told}"
    )
}

fn needed_letters(needed: usize, batch: &str) -> String {
    let batches = number_of(needed, "batch", "batches");
    format!(
        "the inputs of the last {batches} are needed, and those of batch {batch} are not retained, \
         because dead letters were fed back to it"
    )
}

impl TooFew {
    fn told(self, needed: usize) -> String {
        match self {
            Self::Batches(allowed) => format!(
                "`retained_inputs` is {allowed}: set it to {needed} or more, and \
                 `retained_input_bytes` to what they take"
            ),
            Self::Bytes(allowed) => format!(
                "`retained_input_bytes`, {}, has no room for more: set it to what they take",
                number_of(allowed, "byte", "bytes")
            ),
        }
    }
}

impl Classify for Refusal {
    fn domain(&self) -> Domain {
        Domain::User
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Preparing | Self::Waiting | Self::Shadowing | Self::Changed => Retry::Backoff,
            _ => Retry::Never,
        }
    }
}

fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}

fn below(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

fn dropped(states: &[DroppedState]) -> String {
    states.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Which plugins are asked for, each once and each one that the job calls.
///
/// # Errors
/// Names the first that is not.
pub fn may_name(asked: &[&str], called: &BTreeMap<String, PluginVersion>) -> Result<(), Refusal> {
    if asked.is_empty() {
        return Err(Refusal::Nothing);
    }
    for (index, name) in asked.iter().enumerate() {
        if !called.contains_key(*name) {
            let allowed = called.keys().cloned().collect();
            return Err(Refusal::Unknown { found: (*name).to_owned(), allowed });
        }
        if asked[..index].contains(name) {
            return Err(Refusal::Twice { plugin: (*name).to_owned() });
        }
    }
    Ok(())
}

/// How a job stands when a swap that fits is handed in.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Whether no more input is taken, or the job has failed.
    pub is_ending: bool,
    /// Whether a change waits for the next batch.
    pub is_waiting: bool,
    /// Whether other versions run in the shadow.
    pub is_shadowing: bool,
    /// Whether the job still has the versions for which the swap was prepared.
    pub is_as_prepared: bool,
    /// What batches that begin now run with.
    pub current: &'a BTreeMap<String, PluginVersion>,
    /// What is not to run again.
    pub quarantine: &'a Quarantine,
}

/// Whether these versions may wait for the next batch. Others that are the same stay.
///
/// # Errors
/// Says what is in the way.
pub fn may_wait(
    asked: &BTreeMap<String, PluginVersion>,
    force: bool,
    standing: Standing<'_>,
) -> Result<(), Refusal> {
    if standing.is_ending {
        return Err(Refusal::Ending);
    }
    if standing.is_waiting {
        return Err(Refusal::Waiting);
    }
    if standing.is_shadowing {
        return Err(Refusal::Shadowing);
    }
    if !standing.is_as_prepared {
        return Err(Refusal::Changed);
    }
    for (plugin, version) in asked {
        if standing.current.get(plugin).is_some_and(|now| now.digest == version.digest) {
            return Err(Refusal::Same { plugin: plugin.clone(), version: version.clone() });
        }
        may_run(standing.quarantine, (plugin, version), force)?;
    }
    Ok(())
}

/// Whether a version may be tried and run: not one that is quarantined, unless it is forced.
///
/// # Errors
/// When it is, with the reason.
pub fn may_run(
    quarantine: &Quarantine,
    (plugin, version): (&str, &PluginVersion),
    force: bool,
) -> Result<(), Refusal> {
    match quarantine.reason(plugin, &version.digest).filter(|_| !force) {
        None => Ok(()),
        Some(reason) => Err(Refusal::Quarantined {
            plugin: plugin.to_owned(),
            version: version.clone(),
            reason: reason.to_owned(),
        }),
    }
}

/// Whether the job may go back at the next batch.
///
/// # Errors
/// Says what is in the way.
pub fn may_go_back(is_ending: bool, is_waiting: bool, has_earlier: bool) -> Result<(), Refusal> {
    match (is_ending, is_waiting, has_earlier) {
        (true, ..) => Err(Refusal::Ending),
        (_, true, _) => Err(Refusal::Waiting),
        (.., false) => Err(Refusal::NoEarlier),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::version::Quarantined;

    fn versions(of: &[(&str, &str)]) -> BTreeMap<String, PluginVersion> {
        let version =
            |digest: &str| PluginVersion { digest: digest.to_owned(), version: "1.0.0".to_owned() };
        of.iter().map(|(name, digest)| ((*name).to_owned(), version(digest))).collect()
    }

    #[test]
    fn plugins_are_named_once_and_are_the_jobs() {
        let called = versions(&[("a", "1"), ("b", "2")]);
        assert_eq!(may_name(&["b", "a"], &called), Ok(()));
        assert_eq!(may_name(&[], &called), Err(Refusal::Nothing));
        assert_eq!(may_name(&["a", "a"], &called), Err(Refusal::Twice { plugin: "a".to_owned() }));
        let unknown = may_name(&["c"], &called).expect_err("there is no `c`").to_string();
        assert_eq!(unknown, "no step of the job calls a plugin `c`; swapped can be `a`, `b`");
    }

    #[test]
    fn swap_waits_only_where_nothing_is_in_its_way() {
        let (current, quarantine) = (versions(&[("a", "1"), ("b", "2")]), Quarantine::default());
        let standing = Standing {
            is_ending: false,
            is_waiting: false,
            is_shadowing: false,
            is_as_prepared: true,
            current: &current,
            quarantine: &quarantine,
        };
        let new = versions(&[("a", "9")]);
        assert_eq!(may_wait(&new, false, standing), Ok(()));
        let refused = |standing| may_wait(&new, true, standing);
        assert_eq!(refused(Standing { is_ending: true, ..standing }), Err(Refusal::Ending));
        assert_eq!(refused(Standing { is_waiting: true, ..standing }), Err(Refusal::Waiting));
        assert_eq!(refused(Standing { is_shadowing: true, ..standing }), Err(Refusal::Shadowing));
        assert_eq!(refused(Standing { is_as_prepared: false, ..standing }), Err(Refusal::Changed));
        let same = may_wait(&versions(&[("b", "2")]), true, standing);
        assert!(matches!(same, Err(Refusal::Same { .. })), "{same:?}");
    }

    #[test]
    fn quarantined_version_waits_only_when_forced() {
        let (current, mut quarantine) = (versions(&[("a", "1")]), Quarantine::default());
        let new = versions(&[("a", "9")]);
        let bad = Quarantined {
            plugin: "a".to_owned(),
            version: new["a"].clone(),
            reason: "it trapped".to_owned(),
        };
        quarantine.put(bad);
        let standing = Standing {
            is_ending: false,
            is_waiting: false,
            is_shadowing: false,
            is_as_prepared: true,
            current: &current,
            quarantine: &quarantine,
        };
        let refused = may_wait(&new, false, standing).expect_err("it is quarantined").to_string();
        assert!(refused.contains("it trapped"), "{refused}");
        assert_eq!(may_wait(&new, true, standing), Ok(()));
        // The same component under another name of the job has done nothing.
        let other = versions(&[("b", "9")]);
        assert_eq!(may_wait(&other, false, standing), Ok(()));
    }

    #[test]
    fn job_goes_back_only_to_what_it_came_from() {
        assert_eq!(may_go_back(false, false, true), Ok(()));
        assert_eq!(may_go_back(false, false, false), Err(Refusal::NoEarlier));
        assert_eq!(may_go_back(false, true, true), Err(Refusal::Waiting));
        assert_eq!(may_go_back(true, false, true), Err(Refusal::Ending));
    }
}
