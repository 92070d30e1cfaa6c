//! Version: what a job is not to run again, and why.
//!
//! Takes versions that went wrong. Gives the reason when one comes again. Never forgets one for as
//! long as it has room: the oldest goes first.

use std::collections::VecDeque;

use crate::limits::QUARANTINED_MAX;
use crate::model::version::Quarantined;

/// The versions of one job.
#[derive(Debug, Default)]
pub struct Quarantine(VecDeque<Quarantined>);

impl Quarantine {
    /// Puts a version in; the last reason counts.
    pub fn put(&mut self, version: Quarantined) {
        self.lift(&version.plugin, &version.version.digest);
        if self.0.len() == QUARANTINED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(version);
    }

    /// Why a version is in.
    pub fn reason(&self, plugin: &str, digest: &str) -> Option<&str> {
        let found = self.0.iter().find(|held| is(held, plugin, digest));
        found.map(|held| held.reason.as_str())
    }

    /// Lets a version out.
    pub fn lift(&mut self, plugin: &str, digest: &str) {
        self.0.retain(|held| !is(held, plugin, digest));
    }

    /// All of them, the oldest first.
    pub fn all(&self) -> Vec<Quarantined> {
        self.0.iter().cloned().collect()
    }
}

impl FromIterator<Quarantined> for Quarantine {
    fn from_iter<I: IntoIterator<Item = Quarantined>>(versions: I) -> Self {
        let mut all = Self::default();
        versions.into_iter().for_each(|version| all.put(version));
        all
    }
}

fn is(held: &Quarantined, plugin: &str, digest: &str) -> bool {
    held.plugin == plugin && held.version.digest == digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::version::PluginVersion;

    fn version(digest: usize, reason: &str) -> Quarantined {
        let version = PluginVersion { digest: digest.to_string(), version: String::new() };
        Quarantined { plugin: "a".to_owned(), version, reason: reason.to_owned() }
    }

    #[test]
    fn versions_are_held_once_with_their_last_reason() {
        let mut quarantine = Quarantine::default();
        quarantine.put(version(1, "it trapped"));
        quarantine.put(version(1, "it looped"));
        assert_eq!(quarantine.reason("a", "1"), Some("it looped"));
        assert_eq!((quarantine.reason("b", "1"), quarantine.all().len()), (None, 1));
        quarantine.lift("a", "1");
        assert_eq!(quarantine.all(), []);
    }

    #[test]
    fn oldest_goes_when_there_is_no_room() {
        let mut quarantine = Quarantine::default();
        (0..=QUARANTINED_MAX).for_each(|digest| quarantine.put(version(digest, "it trapped")));
        assert_eq!(quarantine.all().len(), QUARANTINED_MAX);
        assert_eq!(quarantine.reason("a", "0"), None);
    }
}
