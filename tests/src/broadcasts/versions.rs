//! Which version of a broadcast a batch reads: the one that was there when it began, in all tasks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tidemill::api::broadcast::Broadcast;
use tidemill::api::test_context::TestContext;
use tidemill::driver::engine::EngineConfig;
use tidemill::model::join::JoinKind;
use tidemill::model::source::SourceConnector;
use tidemill::sys::storage::{HeldFile, Listing, Storage, StorageError, StoredFile, SystemStorage};

use super::rig::{INTERVAL, by_batch, context, input, ran, rows, schema};
use crate::conformance::rig::config;

#[test]
fn an_update_counts_from_the_next_batch_on() {
    let mut test = context();
    let (orders, table) = (schema("k: int64"), schema("k: int64, name: utf8"));
    let ada = rows(&table, &json!([[1, "Ada"]]));
    let customers = test.context.broadcast("table", table.clone(), &ada).expect("the rows fit");
    let stream = input(&test, &orders, &json!([[1]]), 3);
    let collected = test.collect(&stream.broadcast_join("table", &["k"], JoinKind::Inner));
    ran(&mut test, 1);
    customers.update(&rows(&table, &json!([[1, "Bob"]]))).expect("the rows fit");
    ran(&mut test, 1);
    let wrong = schema("k: utf8, name: utf8");
    let refused = customers.update(&rows(&wrong, &json!([["1", "Eve"]]))).expect_err("text");
    assert_eq!(
        refused.to_string(),
        "the rows of broadcast `table` are (k: utf8, name: utf8), expected are (k: int64, name: \
         utf8)"
    );
    ran(&mut test, 1);
    let names: Vec<_> = by_batch(&collected).iter().map(|rows| rows[0][1].clone()).collect();
    assert_eq!(names, [json!("Ada"), json!("Bob"), json!("Bob")]);
}

/// The second stage of a batch begins after the program has replaced the rows.
#[test]
fn all_stages_of_a_batch_read_one_version() {
    let mut test = context();
    let (orders, table) = (schema("k: int64"), schema("k: int64, name: utf8"));
    let ada = rows(&table, &json!([[1, "Ada"]]));
    let customers = test.context.broadcast("table", table.clone(), &ada).expect("the rows fit");
    let replaced = rows(&table, &json!([[1, "Bob"]]));
    let stream = input(&test, &orders, &json!([[1]]), 2);
    let updating = stream.transform(orders.clone(), move |dataset, _| {
        customers.update(&replaced)?;
        Ok(Some(dataset.partitions.clone()))
    });
    let collected = test.collect(&updating.broadcast_join("table", &["k"], JoinKind::Inner));
    ran(&mut test, 2);
    let names: Vec<_> = by_batch(&collected).iter().map(|rows| rows[0][1].clone()).collect();
    assert_eq!(names, [json!("Ada"), json!("Bob")]);
}

/// The system's files, of which one cannot be read the first time; the broadcast is replaced then.
#[derive(Debug)]
struct Flaky {
    files: SystemStorage,
    at_failure: Mutex<Option<(PathBuf, Broadcast)>>,
}

impl Storage for Flaky {
    fn list(&self, folder: &Path) -> Result<Listing, StorageError> {
        self.files.list(folder)
    }

    fn read_at(&self, file: &Path, offset: u64, to: &mut [u8]) -> Result<usize, StorageError> {
        let mut at_failure = self.at_failure.lock().unwrap_or_else(PoisonError::into_inner);
        if at_failure.as_ref().is_some_and(|(path, _)| path == file)
            && let Some((path, customers)) = at_failure.take()
        {
            let table = schema("line: utf8, name: utf8");
            customers.update(&rows(&table, &json!([["1", "Bob"]]))).expect("the rows fit");
            let source = io::Error::other("a cable was pulled");
            return Err(StorageError { action: "read", path, source });
        }
        drop(at_failure);
        self.files.read_at(file, offset, to)
    }

    fn create_folder(&self, folder: &Path) -> Result<(), StorageError> {
        self.files.create_folder(folder)
    }

    fn create(&self, file: &Path) -> Result<Box<dyn StoredFile>, StorageError> {
        self.files.create(file)
    }

    fn append(&self, file: &Path) -> Result<(Box<dyn StoredFile>, u64), StorageError> {
        self.files.append(file)
    }

    fn sync_folder(&self, folder: &Path) -> Result<(), StorageError> {
        self.files.sync_folder(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        self.files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), StorageError> {
        self.files.remove(path)
    }

    fn hold(&self, file: &Path) -> Result<Option<Box<dyn HeldFile>>, StorageError> {
        self.files.hold(file)
    }

    fn exists(&self, path: &Path) -> Result<bool, StorageError> {
        self.files.exists(path)
    }
}

/// A task fails after its broadcast was replaced, and is tried again: it must not see the new rows
/// beside tasks that have seen the old ones.
#[test]
fn a_retry_reads_the_version_its_batch_began_with() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("orders.txt");
    std::fs::write(&path, "1\n").expect("there is room");
    let storage = Arc::new(Flaky { files: SystemStorage, at_failure: Mutex::default() });
    let config = EngineConfig { storage: Arc::clone(&storage) as _, ..config() };
    let mut test = TestContext::new(config, INTERVAL).expect("an engine starts");
    let table = schema("line: utf8, name: utf8");
    let ada = rows(&table, &json!([["1", "Ada"]]));
    let customers = test.context.broadcast("table", table, &ada).expect("the rows fit");
    *storage.at_failure.lock().expect("nobody panics") = Some((path, customers));
    let connector = SourceConnector::Files { path: folder.path().to_owned(), bounded: true };
    let lines = test.context.lines(connector);
    let collected = test.collect(&lines.broadcast_join("table", &["line"], JoinKind::Inner));
    let infos = ran(&mut test, 1);
    assert_eq!(infos[0].retries, 1);
    assert_eq!(by_batch(&collected), [[json!(["1", "Ada"])]]);
}

#[test]
fn broadcasts_are_made_once_and_before_the_start() {
    let mut test = context();
    let table = schema("k: int64");
    test.context.broadcast("table", table.clone(), &[]).expect("it is new");
    let again = test.context.broadcast("table", table.clone(), &[]).expect_err("it is taken");
    assert_eq!(again.to_string(), "a broadcast is called `table` already");
    let stream = input(&test, &table, &json!([[1]]), 1);
    test.collect(&stream);
    ran(&mut test, 1);
    let late = test.context.broadcast("late", table, &[]).expect_err("it runs");
    assert_eq!(
        late.to_string(),
        "broadcast `late` is made before the context is started; later it is updated"
    );
}
