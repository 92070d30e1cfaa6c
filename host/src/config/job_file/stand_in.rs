//! Config: what stands in for items that could not be read: whoever names them is not blamed.
//!
//! Takes a pipeline of what was read, and the names that were not. Gives it with each of them
//! there, to be looked through for further mistakes. Never gives one that could run.

use std::path::PathBuf;

use crate::model::backpressure::SourceRates;
use crate::model::finding::Item;
use crate::model::pipeline::{Pipeline, PluginCode, PluginDeclaration};
use crate::model::policy::OnBadRow;
use crate::model::schema::StreamSchema;
use crate::model::sink::{SinkConnector, SinkDeclaration};
use crate::model::source::{Format, SourceConnector, SourceDeclaration};

/// Declares what was lost. A stream stands in as a source: it reads nothing, so it is in no ring.
pub(super) fn complete(pipeline: &mut Pipeline, lost: &[Item]) {
    for item in lost {
        match item {
            Item::Plugin(name) => {
                if pipeline.plugins.iter().all(|plugin| plugin.name != *name) {
                    pipeline.plugins.push(plugin(name));
                }
            }
            Item::Source(name) | Item::Stream(name) => {
                let sources = pipeline.sources.iter().map(|source| &source.name);
                let mut taken = sources.chain(pipeline.streams.iter().map(|stream| &stream.name));
                if !taken.any(|taken| taken == name) {
                    pipeline.sources.push(source(name));
                }
            }
            // Planning looks for broadcasts, and does not begin where anything is lost.
            Item::Sink(_) | Item::Broadcast(_) | Item::Job | Item::Step { .. } => {}
        }
    }
    if pipeline.sinks.is_empty()
        && let Some(Item::Sink(name)) = lost.iter().find(|item| matches!(item, Item::Sink(_)))
    {
        if pipeline.sources.is_empty() {
            pipeline.sources.push(source("?"));
        }
        let from = pipeline.sources.first().map(|source| source.name.clone()).unwrap_or_default();
        let (name, connector) = (name.clone(), SinkConnector::Print { rows: 1 });
        pipeline.sinks.push(SinkDeclaration { name, from, connector, on_failure: None });
    }
}

fn plugin(name: &str) -> PluginDeclaration {
    let code = PluginCode::Component(PathBuf::new());
    PluginDeclaration { name: name.to_owned(), code, memory_bytes: None, cpu_base: None }
}

fn source(name: &str) -> SourceDeclaration {
    SourceDeclaration {
        name: name.to_owned(),
        connector: SourceConnector::Files { path: PathBuf::new(), bounded: true },
        format: Format::Lines,
        schema: StreamSchema::default(),
        on_bad_row: OnBadRow::Fail,
        line_bytes_max: 1,
        rates: SourceRates::default(),
    }
}
