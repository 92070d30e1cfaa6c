//! What windows reach back to: kept under the budget, at the level that was asked for.

use std::sync::Arc;
use std::time::Duration;

use tidemill::api::dstream::DStream;
use tidemill::api::given::Partitions;
use tidemill::api::test_context::TestContext;
use tidemill::config::job_file::JobFile;
use tidemill::driver::engine::EngineConfig;
use tidemill::model::column_type::ColumnType;
use tidemill::model::operation::BuiltInFold;
use tidemill::model::partition_store::StoredSizes;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::status::BatchOutcome;
use tidemill::model::storage_level::StorageLevel;
use tidemill::sys::storage_memory::MemoryStorage;

use crate::conformance::rig::{config, partitions, rows_of};

const SECOND: Duration = Duration::from_secs(1);
const ROOM: usize = 64 << 20;
const BATCHES: usize = 8;

fn schema() -> StreamSchema {
    let (key, value) = (Column::new("k", ColumnType::Utf8), Column::new("v", ColumnType::Int64));
    StreamSchema::new(vec![key, value]).with_keys(1)
}

/// Rows of which no two are alike.
fn batch(number: usize) -> Partitions {
    let rows = (0..400).map(|row| {
        let value = ((number * 400 + row) as i64).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64);
        serde_json::json!([format!("key {}", row % 50), value >> 24])
    });
    partitions(&schema(), &rows.collect::<Vec<_>>(), 2)
}

/// A job under a clock that is moved by hand.
struct Rig {
    test: TestContext,
    storage: MemoryStorage,
    input: DStream,
}

fn rig(budget: usize) -> Rig {
    let storage = MemoryStorage::new();
    let config = EngineConfig { storage: Arc::new(storage.clone()), executors: 2, ..config() };
    let mut test = TestContext::new(config, SECOND).expect("an engine starts");
    test.context.settings().block_budget_bytes = budget;
    test.context.settings().seed = Some(7);
    let input = test.input(schema(), (0..BATCHES).map(|number| Some(batch(number))).collect());
    Rig { test, storage, input }
}

impl Rig {
    fn kept(&self) -> StoredSizes {
        let status = self.test.context.status().expect("it was started");
        status.kept.into_values().fold(StoredSizes::default(), |all, of| all + of)
    }

    fn run(&mut self, batches: usize) {
        for info in self.test.run(batches).expect("the job runs on") {
            assert_eq!(info.outcome, BatchOutcome::Completed);
        }
    }
}

/// A window over rows, one that is folded anew, one made of the one before.
fn windows(input: &DStream) -> [DStream; 3] {
    let (length, slide) = (4 * SECOND, SECOND);
    [
        input.window(length, 2 * SECOND),
        input.reduce_by_key_and_window(BuiltInFold::Max, length, slide),
        input.reduce_by_key_and_window(BuiltInFold::Sum, length, slide),
    ]
}

#[test]
fn windows_are_the_same_whether_memory_has_room_or_not() {
    let results = |budget: usize| {
        let mut rig = rig(budget);
        let collected = windows(&rig.input).map(|stream| rig.test.collect(&stream));
        rig.run(BATCHES);
        let rows = collected.map(|collected| {
            collected.by_time().into_iter().map(|(t, rows)| (t, rows_of(&rows))).collect::<Vec<_>>()
        });
        (rows, rig.kept(), rig.storage.files().len())
    };
    let (with_room, in_memory, no_files) = results(ROOM);
    assert!(in_memory.memory_bytes > 0);
    assert_eq!((in_memory.disk_bytes, no_files), (0, 0));
    let (without, on_disk, files) = results(8 * 1024);
    assert_eq!(without, with_room);
    assert!(on_disk.memory_bytes <= 4 * 1024, "half of the budget: {on_disk:?}");
    assert!(on_disk.disk_bytes > 0 && files > 0, "{on_disk:?}");
    assert_eq!(on_disk.partitions, in_memory.partitions);
}

#[test]
fn what_no_window_reaches_any_more_is_let_go() {
    let mut rig = rig(4 * 1024);
    rig.test.collect(&rig.input.window(3 * SECOND, SECOND));
    rig.run(2);
    let two = rig.kept();
    assert_eq!(two.partitions, 2 * 2);
    rig.run(BATCHES - 2);
    // The next window reaches back over two batches and itself.
    assert_eq!(rig.kept().partitions, 3 * 2);
    let files = rig.storage.files().into_keys();
    let files = files.filter(|file| file.extension().is_some_and(|end| end == "arrows")).count();
    assert!(files > 0 && files <= 6, "{files}");
    // Two batches without rows: one of the three has some.
    rig.run(2);
    assert_eq!(rig.kept().partitions, 2);
}

/// The story of Spark: `window()` reset the level that the user had set for its parent.
#[test]
fn a_window_leaves_the_level_that_was_set_for_its_parent() {
    use StorageLevel::{DiskOnly, MemoryOnly};
    let window = |stream: &DStream| stream.window(3 * SECOND, SECOND);
    let kept = |level: Option<StorageLevel>, of_window: bool| {
        let mut rig = rig(ROOM);
        let stream = match (level, of_window) {
            (None, _) => window(&rig.input),
            (Some(level), false) => window(&rig.input.key_by(&["k"]).persist(level)),
            (Some(level), true) => window(&rig.input).persist(level),
        };
        rig.test.collect(&stream);
        rig.run(4);
        rig.kept()
    };
    let unset = kept(None, false);
    for of_window in [false, true] {
        let (disk, columns) = (kept(Some(DiskOnly), of_window), kept(Some(MemoryOnly), of_window));
        assert_eq!((disk.memory_bytes, disk.disk_bytes > 0), (0, true), "of_window: {of_window}");
        assert_eq!(columns.disk_bytes, 0);
        assert!(columns.memory_bytes > unset.memory_bytes, "columns are not compressed");
    }
    let rig = rig(ROOM);
    let source = window(&rig.input.persist(DiskOnly));
    let mut rig = rig;
    rig.test.collect(&source);
    rig.run(2);
    assert_eq!(rig.kept().memory_bytes, 0, "a source has a level as well");
}

/// The story: a step by key takes over the shuffle of a `partition_by` that does the same, and the
/// level that was set for its rows went with the stage that was no more.
#[test]
fn a_level_stays_when_its_shuffle_is_taken_over() {
    let mut rig = rig(ROOM);
    rig.test.context.settings().partitions = Some(2);
    let parted = rig.input.key_by(&["k"]).partition_by(2).persist(StorageLevel::DiskOnly);
    rig.test.collect(&parted.group_by_key_and_window(3 * SECOND, SECOND));
    rig.run(3);
    let kept = rig.kept();
    assert_eq!((kept.memory_bytes, kept.disk_bytes > 0), (0, true), "{kept:?}");
}

#[test]
fn a_kept_partition_that_has_changed_on_disk_fails_the_batch_and_is_named() {
    let mut rig = rig(ROOM);
    rig.test.collect(&rig.input.persist(StorageLevel::DiskOnly).window(3 * SECOND, SECOND));
    rig.run(2);
    let file = rig.storage.files().into_keys().next().expect("partitions are on disk");
    rig.storage.put(&file, b"something else");
    let info = rig.test.run(1).expect("the job runs on").remove(0);
    let BatchOutcome::Failed { message } = info.outcome else { panic!("{info:?}") };
    assert!(message.contains(&format!("`{}`", file.display())), "{message}");
    assert!(message.contains("is not what was written there"), "{message}");
}

#[test]
fn a_full_disk_fails_the_batch_and_the_job_goes_on_when_there_is_room() {
    let mut rig = rig(1024);
    let collected = rig.test.collect(&rig.input.window(2 * SECOND, SECOND));
    rig.run(2);
    rig.storage.fail_after(0, std::io::ErrorKind::StorageFull);
    let info = rig.test.run(1).expect("the job runs on").remove(0);
    let BatchOutcome::Failed { message } = info.outcome else { panic!("{info:?}") };
    assert!(message.contains("no space left on the disk"), "{message}");
    assert!(info.retries >= 3, "a task is tried four times");
    rig.storage.repair();
    rig.run(2);
    let last = collected.by_time().into_values().next_back().expect("windows came");
    assert_eq!(rows_of(&last).len(), 800, "two batches");
}

#[test]
fn a_job_file_names_levels_as_spark_does() {
    let job = |level: &str| {
        let text = format!(
            "name = \"job\"\nbatch_interval = \"1s\"\n[sources.lines]\ntype = \"stdin\"\n\
             [streams.counts]\nfrom = \"lines\"\npersist = \"{level}\"\n\
             steps = [{{ window = {{ length = \"2s\" }} }}]\n\
             [sinks.out]\ntype = \"print\"\nfrom = \"counts\"\n"
        );
        JobFile::parse("job.toml", &text, std::path::Path::new("."))
    };
    let read = job("MEMORY_AND_DISK").expect("it is a level").pipeline.streams[0].persist;
    assert_eq!(read, Some(StorageLevel::MemoryAndDisk));
    for (level, expected) in [
        (
            "MEMORY_ONLY_2",
            "keeps a copy on a second machine, and a job runs on one: use `MEMORY_ONLY`",
        ),
        ("OFF_HEAP", "use `MEMORY_AND_DISK_SER`"),
        ("FAST", "`FAST` is unknown; there are MEMORY_ONLY"),
    ] {
        let message = job(level).expect_err("there is no such level").to_string();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("7:11"), "{message}");
    }
}
