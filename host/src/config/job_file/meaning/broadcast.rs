//! Config: the broadcasts of a job, and joins with them.
//!
//! Takes a broadcast's table. Gives its file, its format and the schema of its rows. Never reads
//! the file.

use std::time::Duration;

use super::Meaning;
use super::format::Records;
use super::step::listed;
use crate::config::job_file::quantity::HumanDuration;
use crate::config::job_file::value::At;
use crate::config::job_file::written::{BroadcastText, BroadcastType, SourceType, StepText};
use crate::limits::{BATCH_INTERVAL_MAX, LINE_BYTES_DEFAULT, LINE_BYTES_MAX, NAME_BYTES_MAX};
use crate::model::backpressure::SourceRates;
use crate::model::broadcast::{BroadcastDeclaration, BroadcastFile, BroadcastOrigin, Reload};
use crate::model::join::JoinKind;
use crate::model::operation::Operation;
use crate::model::operation::verb::{BroadcastJoin, Verb};
use crate::model::source::{SourceConnector, SourceDeclaration};

impl Meaning<'_> {
    pub(super) fn broadcast(
        &mut self,
        name: &At<String>,
        table: &At<BroadcastText>,
    ) -> Option<BroadcastDeclaration> {
        let written = &table.value;
        let path = self.path(&written.path);
        let records = Records {
            item: format!("broadcast `{}`", name.value),
            kind: SourceType::Files,
            format: written.format.as_ref(),
            schema: written.schema.as_ref(),
        };
        let format = self.format(&records);
        let line_bytes =
            self.bytes("line_bytes_max", written.line_bytes_max.as_ref(), 1..=LINE_BYTES_MAX);
        let on_bad_row = self.on_bad_row(written.on_bad_row.as_ref());
        let reload = match &written.reload {
            None => Some(Reload::Never),
            Some(at) => self.reload(at),
        };
        let ((format, schema), path) = (format?, path?);
        let records = SourceDeclaration {
            name: name.value.clone(),
            connector: SourceConnector::Files { path: path.clone(), bounded: true },
            format,
            schema: schema.clone(),
            on_bad_row: on_bad_row?,
            line_bytes_max: line_bytes.unwrap_or(LINE_BYTES_DEFAULT),
            rates: SourceRates::default(),
        };
        let origin = match written.kind.value.0 {
            BroadcastType::File => {
                BroadcastOrigin::File(BroadcastFile { path, records, reload: reload? })
            }
        };
        Some(BroadcastDeclaration { name: name.value.clone(), schema, origin })
    }

    fn reload(&mut self, at: &At<String>) -> Option<Reload> {
        let every = match at.value.as_str() {
            "never" => return Some(Reload::Never),
            "on-change" => return Some(Reload::OnChange),
            other => humantime::parse_duration(other),
        };
        let Ok(every) = every else {
            let found: String = at.value.chars().take(NAME_BYTES_MAX).collect();
            let allowed = "allowed are `never`, `on-change` and a time such as `5m`";
            self.complain(&at.span, format!("`reload` is {found:?}, {allowed}"));
            return None;
        };
        let every = At { value: HumanDuration(every), span: at.span.clone() };
        let range = Duration::from_millis(1)..=BATCH_INTERVAL_MAX;
        self.duration("reload", Some(&every), range).map(Reload::Every)
    }

    /// The join with a broadcast of a step; none when another operation stands there.
    pub(super) fn broadcast_join(
        &mut self,
        step: &StepText,
        prefix: Option<String>,
    ) -> Option<Operation> {
        let written = &step.broadcast_join.as_ref()?.value;
        let on = listed(&written.on);
        self.check_columns(&on);
        Some(Operation::Verb(Verb::BroadcastJoin(BroadcastJoin {
            with: written.with.value.clone(),
            on: on.value,
            kind: written.kind.as_ref().map_or(JoinKind::Inner, |at| at.value.0),
            null_equal: written.null_equal.as_ref().is_none_or(|at| at.value),
            prefix,
        })))
    }
}
