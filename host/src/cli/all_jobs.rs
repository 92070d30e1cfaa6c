//! Cli: `swap --all-jobs`: one swap of many jobs of a process, one after the other.
//!
//! Takes the jobs as the server shows them, and the job whose versions are to be replaced, if one
//! is named. Gives the jobs that run those versions. Never swaps a job of another version.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::Value;

use super::client::Client;

/// The jobs to swap, by name: those that run and whose plugins of these names have the versions
/// that `base` has. Without `base`, those that have them, which must have one version.
///
/// # Errors
/// When no job has them, or nobody says which of several versions is to be replaced.
pub fn chosen(
    client: &Client,
    base: Option<&str>,
    plugins: &[&str],
) -> anyhow::Result<Vec<String>> {
    let answer = client.get("/v1/jobs")?;
    let jobs = answer["jobs"].as_array().context("the server names no jobs")?;
    choose(jobs, base, plugins)
}

fn choose(jobs: &[Value], base: Option<&str>, plugins: &[&str]) -> anyhow::Result<Vec<String>> {
    let named = list(plugins);
    let running = jobs.iter().filter(|job| {
        let state = job["state"].as_str().unwrap_or_default();
        ["running", "paused"].contains(&state)
    });
    let mut by_versions: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for job in running {
        if let Some(digests) = digests(job, plugins) {
            by_versions.entry(digests).or_default().push(job["name"].as_str().unwrap_or_default());
        }
    }
    let owned = |jobs: &Vec<&str>| jobs.iter().map(|job| (*job).to_owned()).collect();
    if let Some(base) = base {
        let same = by_versions.values().find(|jobs| jobs.contains(&base));
        return same
            .map(owned)
            .with_context(|| format!("job `{base}` does not run, or has no plugin {named}"));
    }
    let mut versions = by_versions.iter();
    match (versions.next(), versions.next()) {
        (None, _) => anyhow::bail!("no job that runs has a plugin {named}"),
        (Some((_, jobs)), None) => Ok(owned(jobs)),
        _ => {
            let one = |(digests, jobs): (&Vec<&str>, &Vec<&str>)| {
                let short: Vec<&str> =
                    digests.iter().map(|digest| digest.get(..12).unwrap_or(digest)).collect();
                format!("{} in {}", short.join(" and "), list(jobs))
            };
            let versions: Vec<String> = by_versions.iter().map(one).collect();
            anyhow::bail!(
                "jobs run several versions of plugin {named}: {}; name a job before \
                 `PLUGIN=FILE`, then it and all that run the same version as it are swapped",
                versions.join(", ")
            )
        }
    }
}

/// The digests that a job's plugins of these names have, if it has all of them.
fn digests<'a>(job: &'a Value, plugins: &[&str]) -> Option<Vec<&'a str>> {
    let of_job = job["plugins"].as_array()?;
    let digest = |name: &&str| {
        let plugin = of_job.iter().find(|plugin| plugin["name"] == **name)?;
        plugin["digest"].as_str()
    };
    plugins.iter().map(digest).collect()
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn jobs() -> Vec<Value> {
        let job = |name: &str, state: &str, digest: &str| {
            let plugins = json!([{ "name": "words", "digest": digest }]);
            json!({ "name": name, "state": state, "plugins": plugins })
        };
        vec![
            job("a", "running", "1"),
            job("b", "paused", "1"),
            job("c", "running", "2"),
            job("d", "stopped", "1"),
        ]
    }

    #[test]
    fn jobs_of_the_named_ones_version_are_chosen() {
        let chosen = |base| choose(&jobs(), Some(base), &["words"]).map_err(|it| it.to_string());
        assert_eq!(chosen("b"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(chosen("c"), Ok(vec!["c".to_owned()]));
        let refused = chosen("d").expect_err("it has ended");
        assert_eq!(refused, "job `d` does not run, or has no plugin `words`");
    }

    #[test]
    fn without_a_name_all_jobs_must_have_one_version() {
        let refused = choose(&jobs(), None, &["words"]).expect_err("there are two").to_string();
        assert!(refused.contains("1 in `a`, `b`, 2 in `c`; name a job"), "{refused}");
        let one = choose(&jobs()[..2], None, &["words"]).expect("there is one");
        assert_eq!(one, ["a", "b"]);
        let refused = choose(&jobs(), None, &["words", "lines"]).expect_err("none has both");
        assert_eq!(refused.to_string(), "no job that runs has a plugin `words`, `lines`");
    }
}
