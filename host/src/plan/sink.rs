//! Plan: whether sinks can write the rows they are given.
//!
//! Takes the streams that were checked. Gives the rows of each sink. Never opens one.

use super::PlanError;
use super::fault::PlanFault;
use crate::model::finding::{Finding, Item, Place};
use crate::model::pipeline::Pipeline;
use crate::model::schema::StreamSchema;
use crate::model::sink::{FileFormat, SinkConnector, SinkDeclaration};
use crate::model::source::check_csv_columns;
use crate::model::wiring::{Origin, Wiring};

/// The rows of each sink, in declared order, and what does not fit; `rows_of` gives those of a
/// stream, and none of one that does not fit itself.
pub(super) fn check<'s>(
    pipeline: &'s Pipeline,
    wiring: &Wiring,
    rows_of: impl Fn(Origin) -> Option<&'s StreamSchema>,
) -> (Vec<StreamSchema>, Vec<PlanError>) {
    let (mut schemas, mut errors) = (Vec::new(), Vec::new());
    for sink in &pipeline.sinks {
        // Wiring has found a source or stream of that name.
        let schema = wiring.origin(&sink.from).and_then(&rows_of);
        errors.extend(schema.and_then(|schema| unwritable(sink, schema)));
        schemas.push(schema.cloned().unwrap_or_default());
    }
    (schemas, errors)
}

fn unwritable(sink: &SinkDeclaration, schema: &StreamSchema) -> Option<PlanError> {
    let SinkConnector::Files { form, .. } = &sink.connector else { return None };
    if form.format != FileFormat::Csv {
        return None;
    }
    let problem = check_csv_columns(schema).err()?;
    let place = Place::whole(Item::Sink(sink.name.clone()));
    let help = "leave the column out with `select`, or write `format = \"json\"`";
    Some(PlanFault::from_finding(Finding::new(place, problem).with_help(help)))
}
