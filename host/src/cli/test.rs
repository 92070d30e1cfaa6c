//! Cli: `test`: cases of a job, each batches of rows in and batches of rows out.
//!
//! Takes a job file and a file of cases. Gives each case's name with what differs. Never sleeps:
//! the clock is moved from batch to batch. Never opens a source, a sink or a dead-letter file of
//! the job.

mod case;
mod diff;
mod rows;
mod written;

use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use tidemill::api::test_job::{TestInput, TestJob};
use tidemill::config::job_file::JobFile;
use tidemill::driver::error::DriverError;
use tidemill::driver::plugins::JobPlugins;
use tidemill::limits::{CASES_BYTES_MAX, LINE_BYTES_MAX};
use tidemill::model::status::{BatchInfo, BatchOutcome};
use tidemill::plan::{PlanDefaults, plan};

use super::args::TestArgs;
use super::exit::{ENDED, FAILED, REFUSED, Shown, print, tell};
use super::host;
use super::run::{load_plugins, located, read_job};
use super::whole_file;
use case::{Case, Expected};

/// What editors of some systems write at the beginning of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Runs the cases. A line that is no case keeps no other from being run.
///
/// # Errors
/// When job file or plugins are wrong, a line is no case, or a case does not hold.
pub fn test(args: &TestArgs) -> anyhow::Result<u8> {
    let job = read_job(&args.job.job)?;
    let config = host::engine_config(args.job.executors, args.job.artefacts.clone())?;
    let engine = tidemill::driver::engine::Engine::start(config.clone())?;
    let plugins = load_plugins(&engine, &job, &tell)?;
    let defaults = PlanDefaults { partitions: engine.config.executors };
    let planned = plan(&job.pipeline, &plugins, defaults)
        .map_err(|errors| located(&job, DriverError::Plan(errors)))?;
    let (mut held, mut failed, mut wrong) = (0, 0, 0);
    for (number, text) in lines(&args.cases)? {
        let case = text.and_then(|text| Case::read(&text, number, &job.pipeline, &planned));
        let case = match case {
            Ok(case) => case,
            Err(error) => {
                wrong += 1;
                // In its place among the others, and with its causes, from what it is to why.
                print(&format!("line {number} ... NO CASE\n  {error:#}\n"))?;
                continue;
            }
        };
        if args.only.as_ref().is_some_and(|only| !case.title().contains(only.as_str())) {
            continue;
        }
        match run(&case, &job, &config, &plugins)? {
            None => {
                held += 1;
                print(&format!("{} ... ok\n", case.title()))?;
            }
            Some(difference) => {
                failed += 1;
                print(&format!("{} ... FAILED{}\n{difference}", case.title(), case.place()))?;
            }
        }
    }
    let ran = held + failed;
    ensure!(ran + wrong > 0, "`{}` has no case to run", args.cases.display());
    let lines = match wrong {
        0 => String::new(),
        1 => ", 1 line is no case".to_owned(),
        wrong => format!(", {wrong} lines are no cases"),
    };
    print(&format!("{held} passed, {failed} failed{lines}\n"))?;
    match (ran, failed + wrong) {
        (0, _) => Err(Shown(REFUSED).into()),
        (_, 0) => Ok(ENDED),
        _ => Err(Shown(FAILED).into()),
    }
}

/// The lines that are to hold cases, with their numbers.
fn lines(path: &Path) -> anyhow::Result<Vec<(usize, anyhow::Result<String>)>> {
    let text = whole_file::read(path, "a file of cases", CASES_BYTES_MAX)?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    let mut cases = Vec::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > LINE_BYTES_MAX {
            let error = anyhow!("it is longer than {LINE_BYTES_MAX} bytes");
            cases.push((number, Err(error)));
            continue;
        }
        let line = std::str::from_utf8(line).context("it is not valid UTF-8");
        let is_case = |line: &str| !(line.trim().is_empty() || line.trim_start().starts_with("//"));
        if line.as_ref().map_or(true, |line| is_case(line)) {
            cases.push((number, line.map(str::to_owned)));
        }
    }
    Ok(cases)
}

/// Runs a case on an engine of its own, as its clock is. Gives what differs.
fn run(
    case: &Case,
    job: &JobFile,
    config: &tidemill::driver::engine::EngineConfig,
    plugins: &JobPlugins,
) -> anyhow::Result<Option<String>> {
    let input = TestInput {
        datasets: case.datasets.clone(),
        states: case.states.clone(),
        broadcasts: case.broadcasts.clone(),
        streams: case.expected.keys().cloned().collect(),
    };
    let load = |_: &_| Ok(plugins.clone());
    let mut running = TestJob::start(config.clone(), job.pipeline.clone(), input, load)
        .map_err(|error| located(job, error))?;
    let mut differences = String::new();
    for batch in 0..case.batches {
        let info = running.next_batch()?;
        for (stream, expected) in &case.expected {
            let Some(expected) = expected.get(batch) else { continue };
            let found = running.dataset(stream);
            let schema = case.schemas.get(stream);
            let rows = diff::Shape { schema, in_order: case.in_order };
            if let Some(difference) = diff::compare(&info.outcome, found, expected, rows) {
                let number = batch + 1;
                differences.push_str(&format!("  batch {number}, `{stream}`:\n{difference}"));
            }
        }
        if let Some(message) = unexpected_failure(&info, case, batch) {
            differences.push_str(&format!("  batch {}: {message}\n", batch + 1));
            break;
        }
    }
    Ok(Some(differences).filter(|text| !text.is_empty()))
}

/// Why a batch failed of which no stream expects that.
fn unexpected_failure(info: &BatchInfo, case: &Case, batch: usize) -> Option<String> {
    let BatchOutcome::Failed { message } = &info.outcome else { return None };
    let mut expected = case.expected.values().filter_map(|batches| batches.get(batch));
    let foreseen = expected.any(|expected| matches!(expected, Expected::Failure(_)));
    (!foreseen).then(|| format!("it failed: {message}"))
}
