//! Store: a database file with one table of JSON values by name, each change of which survives a
//! loss of power.
//!
//! Takes values. Gives all of them. Never knows what they mean.

use std::path::Path;

use redb::{ReadableDatabase, ReadableTable, TableDefinition, TableError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use super::database::{Kind, Store, guarded};

/// The table of a file.
pub(super) struct JsonTable {
    store: Store,
    table: TableDefinition<'static, &'static str, &'static [u8]>,
}

impl std::fmt::Debug for JsonTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JsonTable({})", self.store.path.display())
    }
}

impl JsonTable {
    /// Opens the file, or begins it.
    pub(super) fn open(
        path: &Path,
        kind: Kind,
        table: TableDefinition<'static, &'static str, &'static [u8]>,
    ) -> Result<Self, StoreError> {
        Ok(Self { store: Store::open(path, kind)?, table })
    }

    /// Puts a value, in place of an earlier one of its name.
    pub(super) fn put(&self, name: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let json = serde_json::to_vec(value).map_err(|error| StoreError::File {
            action: "write a value to",
            path: self.store.path.clone(),
            source: error.into(),
        })?;
        self.change(name, Some(&json))
    }

    /// Removes a value; it is no error if there is none.
    pub(super) fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.change(name, None)
    }

    fn change(&self, name: &str, json: Option<&[u8]>) -> Result<(), StoreError> {
        guarded(&self.store.path, || {
            let failed = |error: redb::Error| self.store.failed(error);
            let mut writing =
                self.store.database.begin_write().map_err(|error| failed(error.into()))?;
            writing.set_quick_repair(true);
            {
                let mut table =
                    writing.open_table(self.table).map_err(|error| failed(error.into()))?;
                let changed = match json {
                    Some(json) => table.insert(name, json).map(drop),
                    None => table.remove(name).map(drop),
                };
                changed.map_err(|error| failed(error.into()))?;
            }
            writing.commit().map_err(|error| failed(error.into()))
        })
    }

    /// All values, by name.
    pub(super) fn all<T: DeserializeOwned>(&self) -> Result<Vec<T>, StoreError> {
        guarded(&self.store.path, || {
            let failed = |error: redb::Error| self.store.failed(error);
            let reading = self.store.database.begin_read().map_err(|error| failed(error.into()))?;
            let table = match reading.open_table(self.table) {
                Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                opened => opened.map_err(|error| failed(error.into()))?,
            };
            let mut values = Vec::new();
            for entry in table.iter().map_err(|error| failed(error.into()))? {
                let (name, json) = entry.map_err(|error| failed(error.into()))?;
                let value = serde_json::from_slice(json.value());
                values.push(value.map_err(|error| StoreError::Damaged {
                    path: self.store.path.clone(),
                    reason: format!("`{}` cannot be read: {error}", name.value()),
                })?);
            }
            Ok(values)
        })
    }
}
