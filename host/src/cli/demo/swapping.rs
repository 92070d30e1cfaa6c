//! Cli: the demo's swap: when its time has come, and which lines were counted with which version.
//!
//! Takes what the job tells, and word that half of the time is over. Gives a line when the swap has
//! happened, and a summary. Never swaps before the first version has counted lines.

use std::fmt;
use std::io::Write;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use tidemill::driver::status_board::Listener;
use tidemill::driver::swap::SwapError;
use tidemill::model::status::{BatchOutcome, JobEvent};
use tidemill::model::text::number_of;
use tidemill::model::time::BatchTime;
use tidemill::model::version::{PluginVersion, SwapReport, VersionEvent};

/// The plugin, by its name in the demo's job.
pub const PLUGIN: &str = "words";

/// What the swap waits for.
#[derive(Debug, Clone)]
pub enum Heard {
    /// Half of the demo's time is over.
    HalfTime,
    /// A batch of so many lines was counted by this version.
    Counted(PluginVersion, u64),
    /// From this batch on the job runs other versions.
    Switched(BatchTime),
}

/// What ran with a version.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    version: PluginVersion,
    batches: u64,
    lines: u64,
}

/// What ran with which version, and what came of the swap.
#[derive(Debug, Default)]
pub struct Followed {
    /// In the order in which they ran.
    ran: Vec<Ran>,
    /// Nothing where the job ended before.
    pub swap: Option<Result<SwapReport, SwapError>>,
}

impl fmt::Display for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ran = self.ran.iter().map(|ran| {
            let lines = number_of(ran.lines, "line", "lines");
            let batches = number_of(ran.batches, "batch", "batches");
            format!("{} counted {lines} in {batches}", ran.version)
        });
        let ran: Vec<String> = ran.collect();
        write!(f, "Plugin `{PLUGIN}`: {}.", ran.join(", then "))
    }
}

/// Hears of a job what [`follow`] waits for.
pub fn listener(heard: SyncSender<Heard>) -> Listener {
    Box::new(move |event| {
        let told = match event {
            JobEvent::BatchEnded(batch) if batch.outcome == BatchOutcome::Completed => {
                let version = batch.code.plugins.get(PLUGIN).cloned();
                version.map(|version| Heard::Counted(version, batch.rows_in))
            }
            JobEvent::Versions(VersionEvent::Switched { time, .. }) => Some(Heard::Switched(*time)),
            _ => None,
        };
        if let Some(told) = told {
            // Nobody hears it any more when the demo has failed.
            let _told = heard.send(told);
        }
    })
}

/// Follows the job to its end, and swaps in between, when half of the time is over and a first
/// batch of lines was counted. `shown` is set when there is nothing to wait for any more: the new
/// version has counted lines too, or is refused.
pub fn follow(
    heard: &Receiver<Heard>,
    swap: impl FnOnce() -> Result<SwapReport, SwapError>,
    output: &Mutex<dyn Write + Send>,
    shown: &AtomicBool,
) -> Followed {
    let (mut swap, mut half_time) = (Some(swap), false);
    let mut followed = Followed::default();
    for heard in heard {
        match heard {
            Heard::HalfTime => half_time = true,
            Heard::Counted(version, lines) => followed.count(version, lines),
            Heard::Switched(time) => followed.tell(time, output),
        }
        if half_time
            && followed.ran.iter().any(|ran| ran.lines > 0)
            && let Some(swap) = swap.take()
        {
            followed.swap = Some(swap());
        }
        if followed.is_shown() {
            shown.store(true, Ordering::Release);
        }
    }
    followed
}

impl Followed {
    fn count(&mut self, version: PluginVersion, lines: u64) {
        match self.ran.iter_mut().find(|ran| ran.version == version) {
            Some(ran) => {
                ran.batches += 1;
                ran.lines += lines;
            }
            None => self.ran.push(Ran { version, batches: 1, lines }),
        }
    }

    fn is_shown(&self) -> bool {
        let counted = |version| self.ran.iter().any(|ran| ran.version == version && ran.lines > 0);
        match &self.swap {
            Some(Ok(report)) => report.plugins.iter().all(|change| counted(change.to.clone())),
            Some(Err(_)) => true,
            None => false,
        }
    }

    /// Says what was swapped, in a line among the batches.
    fn tell(&self, time: BatchTime, output: &Mutex<dyn Write + Send>) {
        let Some(Ok(report)) = &self.swap else { return };
        let tried = report.replay.as_ref().map_or(0, |replay| replay.batches.len());
        let tried = number_of(tried, "batch", "batches");
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        for change in &report.plugins {
            // Whoever reads has left: the job ends by itself.
            let _written = writeln!(
                output,
                "Swapped while lines come, from batch {} on: plugin `{}` {} -> {}, which leaves \
                 out words of fewer than four letters; tried on {tried} before.\n",
                time.of_day(),
                change.plugin,
                change.from,
                change.to,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use tidemill::model::version::PluginChange;

    use super::*;

    fn version(digest: &str) -> PluginVersion {
        PluginVersion { digest: digest.to_owned(), version: "1".to_owned() }
    }

    fn report() -> SwapReport {
        let change = PluginChange {
            plugin: PLUGIN.to_owned(),
            from: version("old"),
            to: version("new"),
            bytes: (1, 2),
            differences: Vec::new(),
            granted: Vec::new(),
        };
        SwapReport {
            plugins: vec![change],
            dropped_states: Vec::new(),
            restarted_windows: Vec::new(),
            recomputed_windows: Vec::new(),
            replay: None,
            shadow_batches: 0,
        }
    }

    /// What follows from these, in this order: whether there was a swap, both versions were shown,
    /// and what was said.
    fn followed(told: &[Heard]) -> (Followed, bool, String) {
        let (sender, heard) = channel();
        told.iter().for_each(|told| sender.send(told.clone()).expect("it is open"));
        drop(sender);
        let (output, shown) = (Mutex::new(Vec::new()), AtomicBool::new(false));
        let followed = follow(&heard, || Ok(report()), &output, &shown);
        let said = output.into_inner().expect("nobody panicked");
        (followed, shown.into_inner(), String::from_utf8(said).expect("it is text"))
    }

    #[test]
    fn the_swap_waits_for_half_time_and_a_first_batch_of_lines() {
        let old = |lines| Heard::Counted(version("old"), lines);
        for told in [&[Heard::HalfTime, old(0)][..], &[old(5), old(5)], &[]] {
            let (followed, shown, _) = followed(told);
            assert!(followed.swap.is_none() && !shown, "{told:?}");
        }
        for told in [[Heard::HalfTime, old(5)], [old(5), Heard::HalfTime]] {
            let (followed, shown, _) = followed(&told);
            assert!(followed.swap.is_some() && !shown, "{told:?}");
        }
    }

    #[test]
    fn it_is_shown_when_both_versions_have_counted_lines() {
        let (old, new) = (version("old"), version("new"));
        let mut told = vec![
            Heard::Counted(old, 1000),
            Heard::HalfTime,
            Heard::Switched(BatchTime(3_723_000)),
            Heard::Counted(new.clone(), 0),
        ];
        assert!(!followed(&told).1);
        told.push(Heard::Counted(new, 24));
        let (followed, shown, said) = followed(&told);
        assert!(shown);
        assert!(
            said.contains("from batch 01:02:03 on: plugin `words` 1 (old) -> 1 (new)"),
            "{said}"
        );
        assert_eq!(
            followed.to_string(),
            "Plugin `words`: 1 (old) counted 1,000 lines in 1 batch, then 1 (new) counted 24 \
             lines in 2 batches."
        );
    }

    #[test]
    fn a_swap_that_is_refused_is_not_waited_for() {
        let (sender, heard) = channel();
        sender.send(Heard::HalfTime).expect("it is open");
        sender.send(Heard::Counted(version("old"), 1)).expect("it is open");
        drop(sender);
        let (output, shown) = (Mutex::new(Vec::new()), AtomicBool::new(false));
        let followed = follow(&heard, || Err(SwapError::Ended), &output, &shown);
        assert!(shown.into_inner() && matches!(followed.swap, Some(Err(SwapError::Ended))));
    }
}
