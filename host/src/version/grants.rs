//! Version: whether a new version of a plugin may import what it imports.
//!
//! Takes what the version that runs imports, what the new one does, and what somebody has allowed.
//! Gives what is new, or what nobody has allowed of it. Never takes back what a running version
//! has.

use super::admission::Refusal;

/// The interface that has types alone: whoever imports it can do nothing more.
const TYPES: &str = "types";

/// What a new version imports that the running one does not, all of it allowed.
///
/// # Errors
/// Names the plugin, and what is not allowed.
pub fn may_import(
    plugin: &str,
    running: &[String],
    new: &[String],
    allowed: &[String],
) -> Result<Vec<String>, Refusal> {
    let wider = new.iter().filter(|import| {
        let is_there = running.iter().any(|known| short(known) == short(import));
        !is_there && short(import) != TYPES
    });
    let wider: Vec<String> = wider.cloned().collect();
    let is_allowed =
        |import: &&String| allowed.iter().any(|of| of == *import || of == short(import));
    let refused: Vec<String> = wider.iter().filter(|import| !is_allowed(import)).cloned().collect();
    if refused.is_empty() {
        return Ok(wider);
    }
    Err(Refusal::Imports { plugin: plugin.to_owned(), imports: refused })
}

/// The name of an interface without package and version: `host` of `tidemill:plugin/host@0.1.0`.
fn short(import: &str) -> &str {
    let name = import.rsplit_once('/').map_or(import, |(_, name)| name);
    name.split_once('@').map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "tidemill:plugin/host@0.1.0";

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|name| (*name).to_owned()).collect()
    }

    fn ask(running: &[&str], new: &[&str], allowed: &[&str]) -> Result<Vec<String>, Refusal> {
        may_import("p", &names(running), &names(new), &names(allowed))
    }

    #[test]
    fn what_runs_already_imports_may_stay_and_go() {
        assert_eq!(ask(&[HOST], &[HOST], &[]), Ok(names(&[])));
        assert_eq!(ask(&[HOST], &[], &[]), Ok(names(&[])));
        // The same interface in a later version of the treaty is no wider.
        assert_eq!(ask(&[HOST], &["tidemill:plugin/host@0.1.1"], &[]), Ok(names(&[])));
        assert_eq!(ask(&[], &["tidemill:plugin/types@0.1.0"], &[]), Ok(names(&[])));
    }

    #[test]
    fn more_imports_are_refused_by_name_until_they_are_allowed() {
        let refused = ask(&[], &[HOST, "tidemill:plugin/files@0.1.0"], &["host"]);
        let refused = refused.expect_err("nobody has allowed files").to_string();
        assert!(refused.contains("`tidemill:plugin/files@0.1.0`"), "{refused}");
        assert!(refused.contains("plugin `p`") && !refused.contains("host@"), "{refused}");
        for allowed in ["host", HOST] {
            assert_eq!(ask(&[], &[HOST], &[allowed]), Ok(names(&[HOST])));
        }
        for other in ["tidemill:plugin/host", "hos", ""] {
            assert!(ask(&[], &[HOST], &[other]).is_err(), "{other}");
        }
    }
}
