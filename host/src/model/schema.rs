//! Model: the schema of a stream, whose first columns are its key.
//!
//! Takes columns of the border's types. Gives Arrow schemas and readable differences. Never holds
//! rows.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};

use super::column_type::ColumnType;

/// One column of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    /// Its name, unique in the schema.
    pub name: String,
    /// Its type.
    pub data_type: ColumnType,
    /// Whether a row may lack it.
    pub nullable: bool,
}

impl Column {
    /// A column that every row has.
    pub fn new(name: impl Into<String>, data_type: ColumnType) -> Self {
        Self { name: name.into(), data_type, nullable: false }
    }

    /// The same column, which rows may lack.
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Whether a column of this kind may be given where `wanted` is declared: the same type, and
    /// required satisfies nullable.
    pub fn satisfies(&self, wanted: &Column) -> bool {
        self.data_type == wanted.data_type && (wanted.nullable || !self.nullable)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.name, self.data_type, if self.nullable { "?" } else { "" })
    }
}

/// The columns of a stream, the first `keys` of them being its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct StreamSchema {
    /// The columns in order.
    pub columns: Vec<Column>,
    /// How many of them, from the first, are the key. A pair stream has at least one.
    pub keys: usize,
}

impl StreamSchema {
    /// A schema without a key.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, keys: 0 }
    }

    /// The same columns with another number of keys.
    pub fn with_keys(mut self, keys: usize) -> Self {
        debug_assert!(keys <= self.columns.len());
        self.keys = keys;
        self
    }

    /// The key columns.
    pub fn key_columns(&self) -> &[Column] {
        &self.columns[..self.keys]
    }

    /// The columns after the key.
    pub fn value_columns(&self) -> &[Column] {
        &self.columns[self.keys..]
    }

    /// Where the column of that name stands.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The Arrow schema with the same columns.
    pub fn to_arrow(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.columns
                .iter()
                .map(|c| Field::new(c.name.as_str(), c.data_type.to_arrow(), c.nullable))
                .collect::<Vec<_>>(),
        ))
    }
}

impl fmt::Display for StreamSchema {
    /// Key columns stand before a bar: `word: utf8 | n: int64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                f.write_str(if index == self.keys { " | " } else { ", " })?;
            }
            write!(f, "{column}")?;
        }
        if self.keys > 0 && self.keys == self.columns.len() {
            f.write_str(" |")?;
        }
        Ok(())
    }
}
