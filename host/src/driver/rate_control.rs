//! Driver: rates of sources, which follow how batches went.
//!
//! Takes batches that have ended. Gives each receiver's limiter its rate, and says how many bytes
//! of files a batch may be given. Never slows a source by a batch that failed: nobody knows how
//! long its rows would have taken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::running_batch::RunningBatch;
use crate::batch::rate::{BatchPace, PidRateEstimator};
use crate::ingest::IngestError;
use crate::ingest::rate_limiter::{RateLimiters, limiters};
use crate::model::block::BlockInfo;
use crate::model::id::SourceId;
use crate::model::pipeline::Pipeline;
use crate::model::status::{BatchInfo, BatchOutcome};
use crate::sys::clock::Clock;

/// The rates of one job's sources.
pub struct RateControl {
    interval: Duration,
    limiters: RateLimiters,
    estimators: BTreeMap<SourceId, PidRateEstimator>,
    /// Bytes of a row of files, as the last batch had them.
    row_bytes: BTreeMap<SourceId, f64>,
}

impl RateControl {
    /// The rates before the first batch.
    ///
    /// # Errors
    /// Names a source with a rate that is none.
    pub fn start(pipeline: &Pipeline, clock: &Arc<dyn Clock>) -> Result<Self, IngestError> {
        let (interval, settings) =
            (pipeline.settings.batch_interval, pipeline.settings.backpressure);
        let limiters = limiters(&pipeline.sources, &settings, interval, clock)?;
        let mut estimators = BTreeMap::new();
        for &id in limiters.keys().filter(|_| settings.enabled) {
            let estimator = PidRateEstimator::new(interval, settings).map_err(|error| {
                let name = pipeline.sources[id.0 as usize].name.clone();
                IngestError::Declaration { name, problem: error.to_string() }
            })?;
            estimators.insert(id, estimator);
        }
        Ok(Self { interval, limiters, estimators, row_bytes: BTreeMap::new() })
    }

    /// What keeps receivers to their rates.
    pub fn limiters(&self) -> &RateLimiters {
        &self.limiters
    }

    /// Hears of a batch that has ended, and of the blocks it had.
    pub fn batch_ended(
        &mut self,
        batch: &RunningBatch,
        blocks: &[BlockInfo],
        info: &BatchInfo,
        now_us: i64,
    ) {
        if info.outcome != BatchOutcome::Completed {
            return;
        }
        let mut rows = batch.file_rows();
        for (source, bytes) in batch.file_bytes() {
            let rows = rows.get(&source).copied().unwrap_or(0).max(1);
            self.row_bytes.insert(source, bytes as f64 / rows as f64);
        }
        for block in blocks {
            *rows.entry(block.id.source).or_default() += block.rows;
        }
        for (source, estimator) in &mut self.estimators {
            let pace = BatchPace {
                ended_us: now_us,
                rows: rows.get(source).copied().unwrap_or(0),
                processing_delay: info.processing_delay,
                scheduling_delay: info.scheduling_delay,
            };
            let Some(rate) = estimator.ended(pace) else { continue };
            if let Some(limiter) = self.limiters.get(source) {
                limiter.update(rate);
                tracing::debug!(source = source.0, rate, "rows a second from now on");
            }
        }
    }

    /// Bytes of files that a batch may be given of a source that has a limiter. None are, which is
    /// one range, while rows are limited and nobody knows how long they are.
    pub fn file_bytes_max(&self, source: SourceId) -> Option<u64> {
        let limiter = self.limiters.get(&source)?;
        let row_bytes = self.row_bytes.get(&source).copied().unwrap_or(0.0);
        let by_rows = limiter.rate().map_or(f64::INFINITY, |rate| rate * row_bytes);
        let by_bytes = limiter.bytes_rate().unwrap_or(f64::INFINITY);
        // As an integer, a number without an end is the largest.
        Some((by_rows.min(by_bytes) * self.interval.as_secs_f64()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::driver::job_version::JobVersion;
    use crate::driver::running_batch::{BatchInputs, QueuedBatch};
    use crate::model::backpressure::{Backpressure, SourceRates};
    use crate::model::column_type::ColumnType;
    use crate::model::id::{BlockId, StageId};
    use crate::model::pipeline::JobSettings;
    use crate::model::policy::OnBadRow;
    use crate::model::schema::{Column, StreamSchema};
    use crate::model::source::{Format, SourceConnector, SourceDeclaration};
    use crate::model::stage::{FileRange, JobPlan, PartitionInput};
    use crate::model::time::BatchTime;
    use crate::sys::clock::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);
    const LINES: SourceId = SourceId(0);
    const FILES: SourceId = SourceId(1);

    fn source(connector: SourceConnector, rates: SourceRates) -> SourceDeclaration {
        SourceDeclaration {
            name: "source".to_owned(),
            connector,
            format: Format::Lines,
            schema: StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)]),
            on_bad_row: OnBadRow::Fail,
            line_bytes_max: 1024,
            rates,
        }
    }

    /// The rates of a job of lines and files, with a batch a second.
    fn rates(
        backpressure: Backpressure,
        of_lines: SourceRates,
    ) -> Result<RateControl, IngestError> {
        let files = SourceConnector::Files { path: PathBuf::from("/in"), bounded: false };
        let sources =
            vec![source(SourceConnector::Stdin, of_lines), source(files, SourceRates::default())];
        let settings = JobSettings { backpressure, ..JobSettings::default() };
        let pipeline = Pipeline {
            name: "job".to_owned(),
            settings,
            plugins: Vec::new(),
            sources,
            broadcasts: Vec::new(),
            streams: Vec::new(),
            sinks: Vec::new(),
        };
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_ms(0));
        RateControl::start(&pipeline, &clock)
    }

    /// A batch that ended at a second, with blocks of so many rows, and so many bytes and rows of a
    /// file.
    fn ended(rates: &mut RateControl, second: i64, rows: u64, file: (u64, u64), took: Duration) {
        let (bytes, file_rows) = file;
        let path = PathBuf::from("/in/a");
        let range = FileRange { source: FILES, file: 0, path, start: 0, end: bytes };
        let inputs = BatchInputs::from([(FILES, vec![PartitionInput::FileRange(range)])]);
        let time = BatchTime(second * 1000);
        let (now_us, none) = (second * 1_000_000, BTreeMap::new());
        let queued = QueuedBatch::new(time, none, inputs, |_| String::new(), now_us);
        let plan = JobPlan { stages: Vec::new(), sinks: Vec::new() };
        let version = JobVersion::without_plugins(plan.clone(), Vec::new());
        let began_us = second * 1_000_000;
        let mut batch =
            RunningBatch::begin(&plan, queued, Default::default(), 1, began_us, version);
        batch.has_read(FILES, StageId(0), file_rows);
        batch.has_read(FILES, StageId(1), file_rows);
        let info = BatchInfo { processing_delay: took, ..batch.info(second * 1_000_000) };
        let id = BlockId { source: LINES, sequence: 0 };
        let block = |rows| BlockInfo { id, rows, bytes: 0, bad_rows: 0 };
        let blocks = [block(rows / 2), block(rows - rows / 2)];
        rates.batch_ended(&batch, &blocks, &info, second * 1_000_000);
    }

    #[test]
    fn rates_follow_how_fast_batches_were_worked_off() {
        let backpressure = Backpressure {
            enabled: true,
            initial_rate: Some(500.0),
            max_rate: Some(2_000.0),
            ..Backpressure::default()
        };
        let mut rates = rates(backpressure, SourceRates::default()).expect("rates are rates");
        let limiter = Arc::clone(&rates.limiters()[&LINES]);
        assert_eq!(limiter.rate(), Some(500.0));
        ended(&mut rates, 1, 400, (0, 0), SECOND / 2);
        assert_eq!(limiter.rate(), Some(500.0), "the first batch tells nothing yet");
        ended(&mut rates, 2, 400, (0, 0), SECOND);
        assert_eq!(limiter.rate(), Some(400.0));
        ended(&mut rates, 3, 400, (0, 0), SECOND / 100);
        assert_eq!(limiter.rate(), Some(2_000.0), "no more than the most");
        ended(&mut rates, 4, 0, (0, 0), SECOND);
        assert_eq!(limiter.rate(), Some(2_000.0), "a batch without rows tells nothing");
    }

    /// The trap: Spark counts no rows of files, so rates never heard of them.
    #[test]
    fn files_are_given_by_the_rows_that_were_read() {
        let backpressure =
            Backpressure { enabled: true, initial_rate: Some(100.0), ..Backpressure::default() };
        let mut rates = rates(backpressure, SourceRates::default()).expect("rates are rates");
        assert_eq!(rates.file_bytes_max(FILES), Some(0), "nobody knows how long a row is");
        ended(&mut rates, 1, 0, (5_000, 500), SECOND);
        assert_eq!(rates.file_bytes_max(FILES), Some(1_000), "100 rows of 10 bytes");
        ended(&mut rates, 2, 0, (50_000, 500), SECOND / 2);
        assert_eq!(rates.file_bytes_max(FILES), Some(100_000), "1,000 rows of 100 bytes");
    }

    #[test]
    fn without_backpressure_only_fixed_rates_hold() {
        let of_lines = SourceRates { max_rate: Some(7.0), max_bytes_rate: None };
        let mut rates = rates(Backpressure::default(), of_lines).expect("rates are rates");
        assert_eq!(rates.limiters().keys().collect::<Vec<_>>(), [&LINES]);
        ended(&mut rates, 1, 400, (0, 0), SECOND);
        ended(&mut rates, 2, 1, (0, 0), SECOND);
        assert_eq!(rates.limiters()[&LINES].rate(), Some(7.0));
        assert_eq!(rates.file_bytes_max(FILES), None);
    }

    #[test]
    fn rates_that_are_none_name_their_source() {
        let of_lines = SourceRates { max_rate: Some(0.0), max_bytes_rate: None };
        let error = rates(Backpressure::default(), of_lines).map(|_| ()).expect_err("no rate");
        assert!(error.to_string().contains("source `source` cannot be read: `max_rate` is 0"));
    }
}
