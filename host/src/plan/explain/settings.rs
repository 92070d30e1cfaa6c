//! Plan: what a job says of failures, bad rows, missed ticks and rates, in stable text.
//!
//! Takes settings as declared. Gives words, those of the whole job always and others where they are
//! set. Never shows a seed or a number of bytes: they change no row.

use crate::model::backpressure::Backpressure;
use crate::model::pipeline::JobSettings;
use crate::model::policy::{CatchUp, OnBadRow, OnFailure};
use crate::model::sink::SinkDeclaration;
use crate::model::source::SourceDeclaration;

/// Lines of the policies that hold for the whole job.
pub(super) fn of_job(settings: &JobSettings) -> String {
    let catch_up = match settings.catch_up {
        CatchUp::Replay => "replay",
        CatchUp::Merge => "merge",
    };
    let (failure, rejected) = (on_failure(settings.on_failure), on_bad_row(&settings.on_rejected));
    let rates = backpressure(&settings.backpressure);
    let failures = format!("  on_failure {failure}, on_rejected {rejected}\n");
    failures + &format!("  catch_up {catch_up}, backpressure {rates}\n")
}

/// What a source sets itself.
pub(super) fn of_source(source: &SourceDeclaration) -> Option<String> {
    let mut own = Vec::new();
    if source.on_bad_row != OnBadRow::Fail {
        own.push(format!("on_bad_row {}", on_bad_row(&source.on_bad_row)));
    }
    own.extend(source.rates.max_rate.map(|rate| format!("max_rate {rate} rows/s")));
    own.extend(source.rates.max_bytes_rate.map(|rate| format!("max_bytes_rate {rate} bytes/s")));
    (!own.is_empty()).then(|| own.join(", "))
}

/// What a sink sets itself.
pub(super) fn of_sink(sink: &SinkDeclaration) -> String {
    let policy = sink.on_failure.map(on_failure);
    policy.map(|word| format!(", on_failure {word}")).unwrap_or_default()
}

fn on_failure(policy: OnFailure) -> &'static str {
    match policy {
        OnFailure::Stop => "stop",
        OnFailure::Skip => "skip",
    }
}

fn on_bad_row(policy: &OnBadRow) -> String {
    match policy {
        OnBadRow::Fail => "fail".to_owned(),
        OnBadRow::Skip => "skip".to_owned(),
        OnBadRow::DeadLetter(path) => format!("dead-letter {}", path.display()),
    }
}

fn backpressure(rates: &Backpressure) -> String {
    let max = rates.max_rate.map(|rate| format!(", max_rate {rate}")).unwrap_or_default();
    if !rates.enabled {
        return format!("off{max}");
    }
    let initial = rates.initial_rate.map(|rate| format!(", initial_rate {rate}"));
    format!("on{}{max}, min_rate {}", initial.unwrap_or_default(), rates.min_rate)
}
