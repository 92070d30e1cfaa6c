//! Rig: versions of the guest `stamped`, jobs that run them, and a ledger of their rows.
//!
//! Takes the number of a version and how it behaves. Gives rows by batch, and which of them are
//! lost, repeated or of mixed versions. Every row has an id of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use crossbeam_channel::{Receiver, Sender, bounded};
use serde_json::{Value, json};
use tidemill::api::context::StreamingContext;
use tidemill::api::dstream::DStream;
use tidemill::api::given::Partitions;
use tidemill::api::plugin::LoadedPlugin;
use tidemill::api::test_context::{Collected, TestContext};
use tidemill::model::operation::OperatorRef;
use tidemill::model::status::{BatchInfo, BatchOutcome, JobEvent, JobStatus};
use tidemill::model::version::{SwapReport, SwapRules};

use crate::conformance::rig::{config, partitions, rows_of};
use crate::job_rig::{component, scratch};
use crate::lifecycle::rig::{Bench, SECOND, ears, gate, schema};

/// The name of the guest in jobs.
pub const PLUGIN: &str = "stamped";
const STAMP: &[u8] = b"stamp:0000:honestly.";

/// The component of a version of that number that behaves so.
pub fn version(number: u16, behaviour: &str) -> PathBuf {
    static ORIGINAL: OnceLock<Vec<u8>> = OnceLock::new();
    let original =
        ORIGINAL.get_or_init(|| std::fs::read(component(PLUGIN)).expect("the guest is built"));
    let mut bytes = original.clone();
    let at = bytes.windows(STAMP.len()).position(|window| window == STAMP);
    let at = at.expect("the component has its stamp");
    let stamp = format!("stamp:{number:04}:{behaviour:.<8}.");
    assert_eq!(stamp.len(), STAMP.len(), "`{behaviour}` has eight letters at most");
    bytes[at..at + stamp.len()].copy_from_slice(stamp.as_bytes());
    let file = scratch("stamped").join(format!("{number:04}-{behaviour}.wasm"));
    // Tests run side by side: each writes its own, and all write the same.
    let own = file.with_extension(format!("{:?}", std::thread::current().id()));
    std::fs::write(&own, &bytes).expect("there is room");
    std::fs::rename(&own, &file).expect("it is in one folder");
    file
}

/// A swap of which the last batches are not run first: what is broken is met by a live batch.
pub fn untried() -> SwapRules {
    SwapRules { replay: false, ..SwapRules::default() }
}

/// Ids of a batch: so many, the first of them after those of the batches before.
pub fn ids(batch: usize, rows: usize) -> Partitions {
    let first = batch * rows;
    let ids: Vec<Value> = (first..first + rows).map(|id| json!(id)).collect();
    partitions(&schema(), &ids, 2)
}

/// A job that stamps rows with version 1, whose tasks wait until somebody lets go of `open`.
pub struct Gated {
    /// Its engine and clock.
    pub bench: Bench,
    /// Its context, which was started.
    pub context: StreamingContext,
    /// What holds its tasks back.
    pub open: Sender<()>,
    /// What it tells.
    pub events: Receiver<JobEvent>,
}

impl Gated {
    /// Starts it with so many batches at once.
    pub fn start(concurrent_jobs: usize) -> Self {
        let bench = Bench::new();
        let mut context = bench.context();
        context.settings().concurrent_jobs = concurrent_jobs;
        let plugin = bench.engine.load_plugin(version(1, "honestly")).expect("it loads");
        let (open, opened) = bounded(0);
        let input = context.constant(schema(), ids(0, 4));
        let stamp = plugin.operator("stamp").expect("it has it");
        input.map(gate(opened)).flat_map(stamp).for_each_batch(|_, _| Ok(()));
        let (listener, events) = ears();
        context.start_with(vec![listener]).expect("it starts");
        Self { bench, context, open, events }
    }
}

/// A job that stamps rows with version 1.
pub struct Stamping {
    /// The context.
    pub test: TestContext,
    /// What came out.
    pub stamped: Collected,
    rows: usize,
    batches: usize,
}

impl Stamping {
    /// Over so many batches of so many rows; version 1 behaves so.
    pub fn over(batches: usize, rows: usize, behaviour: &str) -> Self {
        Self::through(batches, rows, behaviour, |ids, stamp| ids.flat_map(stamp))
    }

    /// The same, where the operator is used as `build` says.
    pub fn through(
        batches: usize,
        rows: usize,
        behaviour: &str,
        build: impl Fn(&DStream, OperatorRef) -> DStream,
    ) -> Self {
        let input = (0..batches).map(|batch| Some(ids(batch, rows))).collect();
        Self { rows, ..Self::fed(input, &version(1, behaviour), build) }
    }

    /// Over batches of these datasets, `None` standing for none; it begins with that component.
    pub fn fed(
        input: Vec<Option<Partitions>>,
        first: &PathBuf,
        build: impl Fn(&DStream, OperatorRef) -> DStream,
    ) -> Self {
        let test = TestContext::new(config(), SECOND).expect("an engine starts");
        let first = load(&test, first);
        assert_eq!(first.name(), PLUGIN);
        let input = test.input(schema(), input);
        let stamp = first.operator("stamp").expect("the guest has it");
        let stamped = test.collect(&build(&input, stamp));
        Self { test, stamped, rows: 0, batches: 0 }
    }

    /// Runs so many batches.
    pub fn run(&mut self, batches: usize) -> Vec<BatchInfo> {
        self.batches += batches;
        self.test.run(batches).expect("they run")
    }

    /// Swaps to a version.
    pub fn swap(&self, component: PathBuf, rules: SwapRules) -> Result<SwapReport, String> {
        let swapped = self.test.context.swap(PLUGIN, component, rules);
        swapped.map_err(|error| error.to_string())
    }

    /// How the job stands.
    pub fn status(&self) -> JobStatus {
        self.test.context.status().expect("it runs")
    }

    /// Rows of each dataset that came out, which are in no order behind a shuffle.
    pub fn datasets(&self) -> Vec<Vec<Value>> {
        let sorted = |partitions: &Partitions| {
            let mut rows = rows_of(partitions);
            rows.sort_by_key(Value::to_string);
            rows
        };
        self.stamped.by_time().values().map(sorted).collect()
    }

    /// What came out of the batches so far.
    pub fn ledger(&self) -> Ledger {
        Ledger::of(&self.stamped, 0..self.batches * self.rows)
    }
}

/// Loads a component into the engine of a test.
pub fn load(test: &TestContext, component: &PathBuf) -> LoadedPlugin {
    test.engine.load_plugin(component).expect("the component loads")
}

/// Rows by their ids, and versions by batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Ids that never came out.
    pub lost: Vec<usize>,
    /// Ids that came out more than once.
    pub repeated: Vec<usize>,
    /// Batches with rows of several versions.
    pub mixed: usize,
    /// The version of each batch, in their order; that of a mixed one is the lowest.
    pub versions: Vec<i64>,
}

impl Ledger {
    /// Of all that was collected.
    pub fn of(collected: &Collected, expected: std::ops::Range<usize>) -> Self {
        let rows = |slice: &RecordBatch| {
            let column = |index: usize| slice.column(index).as_primitive::<Int64Type>().clone();
            let (ids, versions) = (column(0), column(1));
            let id = |id: &i64| usize::try_from(*id).expect("ids are not negative");
            let pairs = ids.values().iter().map(id).zip(versions.values().iter().copied());
            pairs.collect::<Vec<_>>()
        };
        let batches: Vec<Vec<(usize, i64)>> = collected
            .by_time()
            .values()
            .map(|partitions| partitions.iter().flatten().flat_map(rows).collect())
            .collect();
        Self::of_rows(batches.iter().map(Vec::as_slice), expected)
    }

    /// Of batches in their order, each with the ids and versions of its rows.
    pub fn of_rows<'a>(
        batches: impl Iterator<Item = &'a [(usize, i64)]>,
        expected: std::ops::Range<usize>,
    ) -> Self {
        let (mut ledger, mut seen) = (Self::default(), BTreeMap::<usize, usize>::new());
        for rows in batches {
            let versions: BTreeSet<i64> = rows.iter().map(|(_, version)| *version).collect();
            rows.iter().for_each(|(id, _)| *seen.entry(*id).or_default() += 1);
            ledger.mixed += usize::from(versions.len() > 1);
            ledger.versions.extend(versions.first());
        }
        ledger.lost = expected.filter(|id| !seen.contains_key(id)).collect();
        ledger.repeated = seen.iter().filter(|(_, times)| **times > 1).map(|(id, _)| *id).collect();
        ledger
    }

    /// Fails unless every row came out once, and no batch mixed versions.
    #[track_caller]
    pub fn is_whole(&self) {
        assert_eq!((&self.lost, &self.repeated, self.mixed), (&vec![], &vec![], 0), "{self:?}");
    }
}

/// The digest with which a batch ran.
pub fn digest(batch: &BatchInfo) -> &str {
    &batch.code.plugins[PLUGIN].digest
}

/// Fails unless the batch succeeded.
#[track_caller]
pub fn is_completed(batch: &BatchInfo) {
    assert_eq!(batch.outcome, BatchOutcome::Completed);
}
