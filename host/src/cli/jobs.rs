//! Cli: `jobs`: the jobs of a server, and what their plugins have gone through.
//!
//! Takes where the server keeps its data. Gives two lines a job, or JSON. Never starts a server.

use anyhow::Context;
use serde_json::Value;
use tidemill::model::text::number_of;

use super::args::JobsArgs;
use super::ask::{client_of, told};
use super::data;
use super::exit::{self, ENDED};
use super::swap::version_of;

/// Shows the jobs of a server.
///
/// # Errors
/// When no server runs.
pub fn jobs(args: &JobsArgs) -> anyhow::Result<u8> {
    let answer = client_of(&data::of_server(args.data.data.as_deref())?)?.get("/v1/jobs")?;
    let jobs = answer["jobs"].as_array().context("the server names no jobs")?;
    if args.json {
        for job in jobs {
            exit::print(&format!("{job}\n"))?;
        }
        return Ok(ENDED);
    }
    for job in jobs {
        told(job)?;
        exit::print(&code_of(job))?;
    }
    Ok(ENDED)
}

/// The plugins of a job in a line below its own, with what has become of them in its run.
fn code_of(job: &Value) -> String {
    let plugins = job["plugins"].as_array().into_iter().flatten();
    let plugins = plugins.map(|plugin| {
        let name = plugin["name"].as_str().unwrap_or_default();
        format!("{name} {}", version_of(plugin))
    });
    let counts = [
        ("swaps", "swap", "swaps"),
        ("rollbacks", "rollback", "rollbacks"),
        ("quarantined", "version quarantined", "versions quarantined"),
    ];
    let counts = counts.into_iter().filter_map(|(key, one, several)| {
        let number = job[key].as_u64().filter(|number| *number > 0)?;
        Some(number_of(number, one, several))
    });
    let words: Vec<String> = plugins.chain(counts).collect();
    if words.is_empty() { String::new() } else { format!("  {}\n", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The story: after a rollback `jobs` said nothing of it, nor which version ran.
    #[test]
    fn plugins_of_a_job_and_what_has_become_of_them_are_told() {
        let plugin = json!({ "name": "log", "version": "1.0.0", "digest": "0123456789abcdef" });
        let job = json!({ "plugins": [plugin], "swaps": 2, "rollbacks": 1, "quarantined": 1 });
        let told = "  log 1.0.0 (0123456789ab), 2 swaps, 1 rollback, 1 version quarantined\n";
        assert_eq!(code_of(&job), told);
        assert_eq!(code_of(&json!({ "plugins": [], "swaps": 0 })), "");
    }
}
