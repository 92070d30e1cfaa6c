//! Wasm: broadcasts as the instances of a plugin are given them.
//!
//! Takes the versions of a task's batch, and what the plugin's operators have declared. Gives the
//! columns an operator wants in the border's form, made once a version. Never gives what no
//! operator has declared.

use std::collections::BTreeSet;
use std::sync::Arc;

use wasmtime::component::{ComponentType, Lower};

use super::exchange::BatchShape;
use crate::model::broadcast::{BroadcastVersion, Broadcasts};
use crate::model::description::{BroadcastWanted, PluginDescription};

/// Length and null count of one array.
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct GivenNode {
    length: u32,
    nulls: u32,
}

/// Rows in canonical form, in memory of their own: all instances are given these.
#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub(super) struct GivenRows {
    rows: u32,
    nodes: Vec<GivenNode>,
    buffers: Vec<Vec<u8>>,
}

impl GivenRows {
    fn of(version: &BroadcastVersion, wanted: &BroadcastWanted) -> Option<Self> {
        let columns = wanted.columns_in(version.schema())?;
        let rows = version.rows().project(&columns).ok()?;
        let lowered = BatchShape::new(&wanted.schema.columns).lower(&rows).ok()?;
        let node =
            |node: &super::exchange::RawNode| GivenNode { length: node.length, nulls: node.nulls };
        Some(Self {
            rows: lowered.rows,
            nodes: lowered.nodes.iter().map(node).collect(),
            buffers: lowered.buffers.iter().map(|buffer| buffer.as_slice().to_vec()).collect(),
        })
    }

    /// Rows, and bytes of all buffers.
    pub(super) fn size(&self) -> (u64, u64) {
        let bytes = self.buffers.iter().map(|buffer| buffer.len() as u64).sum();
        (u64::from(self.rows), bytes)
    }
}

/// What one instance may read, and what it has read.
#[derive(Debug)]
pub(super) struct GuestBroadcasts {
    described: Option<Arc<PluginDescription>>,
    versions: Broadcasts,
    read: BTreeSet<(u32, String)>,
}

/// An answer, and whether the instance is given it for the first time.
pub(super) struct Given {
    pub(super) rows: Arc<GivenRows>,
    pub(super) first: bool,
}

impl GuestBroadcasts {
    /// For an instance of the plugin that says so, in a task of the batch that reads these.
    pub(super) fn new(described: Arc<PluginDescription>, versions: Broadcasts) -> Self {
        Self { described: Some(described), versions, read: BTreeSet::new() }
    }

    /// For an instance that is only asked what it is.
    pub(super) fn none() -> Self {
        Self { described: None, versions: Broadcasts::default(), read: BTreeSet::new() }
    }

    /// The broadcast of that name, if the operator has declared it and the job has it.
    pub(super) fn read(&mut self, operator: u32, name: &str) -> Option<Given> {
        let operators = &self.described.as_ref()?.operators;
        let declared = &operators.get(operator as usize)?.broadcasts;
        let wanted = declared.iter().find(|wanted| wanted.name == name)?;
        let version = self.versions.get(name)?;
        // Names are a guest's words: quoted, no two declarations are written alike.
        let key = format!("given as {wanted:?}");
        let rows = version.derived(&key, || GivenRows::of(version, wanted).ok_or(())).ok()?;
        version.note_guest_read();
        let first = self.read.insert((operator, name.to_owned()));
        Some(Given { rows, first })
    }
}
