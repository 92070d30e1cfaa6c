//! Config: the plugins of a job.
//!
//! Takes a plugin's table. Gives where its code is and what it is granted. Never looks whether the
//! file is there.

use std::time::Duration;

use super::{Meaning, span_of};
use crate::config::job_file::value::At;
use crate::config::job_file::written::PluginText;
use crate::limits::{
    INSTANCE_MEMORY_BYTES_MAX, INSTANCE_MEMORY_BYTES_MIN, TASK_CPU_BASE_ASKED_MAX,
};
use crate::model::pipeline::{PluginCode, PluginDeclaration};

/// The least CPU time of a task: the grain in which it is measured.
const CPU_MIN: Duration = Duration::from_millis(1);

impl Meaning<'_> {
    pub(super) fn plugin(
        &mut self,
        name: &At<String>,
        table: &At<PluginText>,
    ) -> Option<PluginDeclaration> {
        let plugin = &table.value;
        let memory_bytes = self.bytes(
            "memory",
            plugin.memory.as_ref(),
            INSTANCE_MEMORY_BYTES_MIN..=INSTANCE_MEMORY_BYTES_MAX,
        );
        let cpu_base = self.duration("cpu", plugin.cpu.as_ref(), CPU_MIN..=TASK_CPU_BASE_ASKED_MAX);
        let code = match (&plugin.component, &plugin.source) {
            (Some(component), None) => PluginCode::Component(self.path(component)?),
            (None, Some(source)) => PluginCode::Source(self.path(source)?),
            (None, None) => {
                let message = "expected `component = \"file.wasm\"` or `source = \"folder\"`";
                self.complain(
                    &name.span,
                    format!("plugin `{}` has no code; {message}", name.value),
                );
                return None;
            }
            (Some(_), Some(_)) => {
                if let Some(span) = span_of(&plugin.source) {
                    self.complain(span, "`source` stands beside `component`, one is allowed");
                }
                return None;
            }
        };
        let name = name.value.clone();
        Some(PluginDeclaration { name, code, memory_bytes, cpu_base })
    }
}
