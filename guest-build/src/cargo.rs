//! Runs cargo for a plugin and reads what it says.
//!
//! Takes a manifest, a toolchain and a target folder. Gives the path of the module, or rustc's own
//! diagnostics. Never guesses where cargo puts things.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::command::{Command, CommandError, Finished, Line, last_words};
use crate::error::{BuildError, said};
use crate::manifest::Manifest;
use crate::options::Options;
use crate::toolchain::{TARGET, Toolchain};

/// A cold build of the SDK takes some ten seconds; downloads may take minutes.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);
/// Bytes of diagnostics kept; a plugin with more errors has the first ones to mend.
const RENDERED_BYTES_MAX: usize = 256 * 1024;
/// Words that cargo begins a line with when it does something worth telling.
const TOLD: [&str; 6] = ["Compiling", "Downloading", "Updating", "Locking", "Adding", "Blocking"];
/// Words of cargo's that mean the registry could not be reached.
const UNREACHABLE: [&str; 5] = [
    "spurious network error",
    "Could not resolve host",
    "failed to download",
    "download of config.json failed",
    "failed to query replaced source",
];

/// What one run of cargo came to.
#[derive(Debug, Default)]
struct Outcome {
    module: Option<PathBuf>,
    errors: String,
}

/// Compiles the plugin; gives the path of its core module.
pub fn compile(
    manifest: &Manifest,
    toolchain: &Toolchain,
    target_dir: &Path,
    options: &Options<'_>,
) -> Result<PathBuf, BuildError> {
    let (mut finished, mut outcome) = run(manifest, toolchain, target_dir, options, &[])?;
    let unreachable = UNREACHABLE.iter().any(|words| finished.stderr.contains(words));
    if !finished.success && unreachable && outcome.errors.is_empty() {
        (options.report)("the registry cannot be reached: trying with what is here");
        (finished, outcome) = run(manifest, toolchain, target_dir, options, &["--offline"])?;
    }
    let package = manifest.package.clone();
    match outcome.module {
        Some(module) if finished.success => Ok(module),
        _ if !outcome.errors.is_empty() => {
            Err(BuildError::Compile { package, rendered: outcome.errors })
        }
        _ if finished.success => {
            let message = "it built no module for the sandbox".to_owned();
            Err(BuildError::Cargo { package, message })
        }
        _ => Err(BuildError::Cargo { package, message: said(&last_words(&finished.stderr)) }),
    }
}

fn run(
    manifest: &Manifest,
    toolchain: &Toolchain,
    target_dir: &Path,
    options: &Options<'_>,
    more: &[&str],
) -> Result<(Finished, Outcome), BuildError> {
    let format = if options.colour { "json-diagnostic-rendered-ansi" } else { "json" };
    let command = Command::new("cargo")
        .args(["build", "--lib", "--release", "--target", TARGET, "--target-dir"])
        .arg(target_dir)
        .args(["--message-format", format])
        .args(more)
        .env("CARGO_TERM_COLOR", "never")
        // The plugin's own `.cargo/config.toml` counts only in its folder.
        .current_dir(&manifest.folder)
        .limit(BUILD_LIMIT);
    let mut outcome = Outcome::default();
    let ran = toolchain.apply(command).hear(&mut |line| match line {
        Line::Out(text) => outcome.take_message(text, manifest, options),
        Line::Err(text) => {
            let text = text.trim();
            if TOLD.iter().any(|word| text.starts_with(word)) {
                (options.report)(text);
            }
        }
    });
    match ran {
        Ok(finished) => Ok((finished, outcome)),
        Err(CommandError::Missing { .. }) => Err(BuildError::CargoMissing),
        Err(error) => {
            Err(BuildError::Cargo { package: manifest.package.clone(), message: error.to_string() })
        }
    }
}

impl Outcome {
    fn take_message(&mut self, text: &str, manifest: &Manifest, options: &Options<'_>) {
        let Ok(message) = serde_json::from_str::<Value>(text) else { return };
        match message["reason"].as_str() {
            Some("compiler-artifact") if is_plugin(&message, manifest) => {
                let files = message["filenames"].as_array().into_iter().flatten();
                let mut modules = files.filter_map(Value::as_str);
                self.module = modules.find(|file| file.ends_with(".wasm")).map(PathBuf::from);
            }
            Some("compiler-message") => {
                let message = &message["message"];
                let rendered = rendered_in_folder(message, manifest);
                let level = message["level"].as_str().unwrap_or_default();
                if level.starts_with("error") || level == "failure-note" {
                    self.take_error(&rendered);
                } else {
                    (options.warnings)(&rendered);
                }
            }
            _ => {}
        }
    }

    fn take_error(&mut self, rendered: &str) {
        if self.errors.len() + rendered.len() <= RENDERED_BYTES_MAX {
            self.errors.push_str(rendered);
        }
    }
}

/// rustc's words, with the plugin's folder before its files: who reads them stands elsewhere.
fn rendered_in_folder(message: &Value, manifest: &Manifest) -> String {
    let rendered = message["rendered"].as_str().unwrap_or_default();
    let folder = manifest.folder.file_name().unwrap_or_default().to_string_lossy();
    let mut files = Vec::new();
    collect_files(message, &mut files);
    // Of a member of a workspace, rustc names files from the workspace's folder.
    let own = |file: &&str| Path::new(file).is_relative() && manifest.folder.join(file).is_file();
    files.retain(own);
    let in_folder = |line: &str| {
        let places = line.contains("--> ") || line.contains("::: ");
        let found = files.iter().filter(|_| places).find_map(|file| {
            let at = line.find(&format!("{file}:"))?;
            (!line[..at].ends_with('/')).then_some(at)
        });
        found.map_or(line.to_owned(), |at| format!("{}{folder}/{}", &line[..at], &line[at..]))
    };
    rendered.split_inclusive('\n').map(in_folder).collect()
}

/// Every file that a message is about, also those in which a macro was written or used.
fn collect_files<'a>(message: &'a Value, files: &mut Vec<&'a str>) {
    match message {
        Value::Object(object) => {
            files.extend(object.get("file_name").and_then(Value::as_str));
            object.values().for_each(|value| collect_files(value, files));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_files(value, files)),
        _ => {}
    }
    files.sort_unstable();
    files.dedup();
}

fn is_plugin(message: &Value, manifest: &Manifest) -> bool {
    let kinds = message["target"]["kind"].as_array().into_iter().flatten();
    let path = message["manifest_path"].as_str().map(Path::new);
    path == Some(&manifest.path()) && kinds.filter_map(Value::as_str).any(|kind| kind == "cdylib")
}
