//! Cli: `plugin run`.
//!
//! Takes a plugin, an operator and rows. Gives the operator's rows, in the sandbox and under the
//! limits of a job. Never loses a row in silence: a rejected one is named with its line.

use std::io::{BufRead, Write};
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use serde_json::{Map, Value};
use tidemill::limits::BLOCK_BYTES_MAX;
use tidemill::model::counted::Counted;
use tidemill::model::description::{OperatorDescription, OperatorKind};
use tidemill::model::operator::{
    Applied, AppliedRows, Operator, OperatorError, Phase, TaskFacts, TaskScope,
};
use tidemill::model::parameter::ParameterType;
use tidemill::model::schema::StreamSchema;
use tidemill::model::stage::ChainStep;
use tidemill::model::time::BatchTime;
use tidemill::wasm::host_state::{GuestLogLevel, GuestPort};
use tidemill::wasm::operator::GuestOperator;

use super::RunArgs;
use super::component::load;
use super::rows::{RowReader, Slice, write_rows};
use crate::cli::exit::{self, ENDED, FAILED, Shown};
use tidemill::model::text::number_of;

/// Runs one operator over rows.
///
/// # Errors
/// When plugin, operator, parameters or rows are wrong, or the operator fails.
pub fn run(args: &RunArgs, input: &mut dyn BufRead, out: &mut dyn Write) -> anyhow::Result<u8> {
    let plugin = load(&args.plugin)?.plugin;
    let name = plugin.description().name.clone();
    let described = plugin.description().operator(&args.operator).map(|(_, found)| found.clone());
    let parameters = match &described {
        Some(operator) => typed_parameters(operator, &args.parameters),
        None => Map::new(),
    };
    let step = ChainStep { operator: args.operator.clone(), parameters };
    // An operator that is not there is refused here, with the names of those that are.
    let operator = GuestOperator::new(plugin, &name, vec![step], Arc::new(Terminal))?;
    let (kind, schema) = described
        .map_or((OperatorKind::Map, StreamSchema::default()), |found| (found.kind, found.input));
    if matches!(
        kind,
        OperatorKind::Combine
            | OperatorKind::Inverse
            | OperatorKind::UpdateState
            | OperatorKind::MapWithState
    ) {
        let operator = &args.operator;
        anyhow::bail!(
            "operator `{operator}` is of kind `{kind}`, which needs keys or a state: `plugin run` \
             runs functions of rows, `map_partitions` and `reduce`; try the others in a job, with \
             `tidemill test`"
        );
    }
    let mut reader = RowReader::new(input, &schema);
    let mut counted = Counted::default();
    let mut taken = Taken { operator: &operator, counted: &mut counted, out };
    let rejected = match kind {
        OperatorKind::Reduce => taken.fold(&mut reader)?,
        OperatorKind::MapPartitions => taken.apply(&reader.whole(BLOCK_BYTES_MAX)?)?,
        _ => {
            let mut rejected = 0;
            while let Some(slice) = reader.next_slice()? {
                rejected += taken.apply(&slice)?;
            }
            rejected
        }
    };
    out.flush()?;
    for (counter, count) in counted.iter() {
        let counter = counter.strip_prefix(&format!("{name}.")).unwrap_or(counter);
        exit::tell(&format!("counter {counter} = {count}"));
    }
    if rejected > 0 {
        exit::tell(&format!("{} rejected", number_of(rejected, "row was", "rows were")));
    }
    Ok(ENDED)
}

/// `NAME=VALUE` of `--param`.
pub fn parse_parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// Text stays text where the operator wants text; elsewhere it is read as JSON, and what is none
/// stays text, for the check that follows to name.
fn typed_parameters(
    operator: &OperatorDescription,
    given: &[(String, String)],
) -> Map<String, Value> {
    let wants_text = |name: &str| {
        let declared = operator.parameters.iter().find(|parameter| parameter.name == name);
        declared.is_some_and(|parameter| parameter.data_type == ParameterType::Utf8)
    };
    let typed = given.iter().map(|(name, text)| {
        let read = (!wants_text(name)).then(|| serde_json::from_str(text).ok()).flatten();
        (name.clone(), read.unwrap_or_else(|| Value::String(text.clone())))
    });
    typed.collect()
}

/// An operator, and where what it gives goes.
struct Taken<'a> {
    operator: &'a GuestOperator,
    counted: &'a mut Counted,
    out: &'a mut dyn Write,
}

impl Taken<'_> {
    /// Applies the operator to one slice; gives the number of rejected rows.
    fn apply(&mut self, slice: &Slice) -> anyhow::Result<usize> {
        let mut scope = scope(&slice.rows);
        let applied = self
            .operator
            .apply(&mut scope, false, &slice.rows)
            .map_err(|error| failed(&error, &slice.lines))?;
        self.counted.absorb(&scope.counted);
        let Applied { rows, rejected, .. } = applied;
        for rejection in &rejected {
            let line = line_of(&slice.lines, rejection.row);
            let code =
                if rejection.code.is_empty() { "" } else { &format!(" [{}]", rejection.code) };
            exit::tell(&format!(
                "line {line} rejected by `{}`{code}: {}",
                rejection.operator, rejection.message
            ));
        }
        match rows {
            AppliedRows::Batch(rows) => write_rows(&rows, self.out)?,
            AppliedRows::Selection(kept) => {
                let kept =
                    arrow_select::take::take_record_batch(&slice.rows, &UInt32Array::from(kept))?;
                write_rows(&kept, self.out)?;
            }
        }
        Ok(rejected.len())
    }

    /// Folds every slice as one group, and the results among each other.
    fn fold(&mut self, reader: &mut RowReader<'_>) -> anyhow::Result<usize> {
        let mut total: Option<RecordBatch> = None;
        while let Some(slice) = reader.next_slice()? {
            let groups = vec![0; slice.rows.num_rows()];
            let mut scope = scope(&slice.rows);
            let folded = self
                .operator
                .fold(&mut scope, Phase::Values, &slice.rows, &groups, 1)
                .and_then(|folded| match &total {
                    Some(total) => self.operator.merge(&mut scope, total, &folded),
                    None => Ok(folded),
                })
                .map_err(|error| failed(&error, &slice.lines))?;
            self.counted.absorb(&scope.counted);
            total = Some(folded);
        }
        if let Some(total) = total {
            write_rows(&total, self.out)?;
        }
        Ok(0)
    }
}

/// A task of one slice, the same in every run.
fn scope(rows: &RecordBatch) -> TaskScope {
    TaskScope::new(TaskFacts {
        batch_time: BatchTime(0),
        partition: 0,
        seed: 0,
        input_rows: rows.num_rows() as u64,
        input_bytes: rows.get_array_memory_size() as u64,
    })
}

/// Shows an operator's failure, with the line where it is known.
fn failed(error: &OperatorError, lines: &[usize]) -> anyhow::Error {
    match error.row {
        Some(row) => {
            exit::tell(&format!("error: line {}: {error} ({})", line_of(lines, row), error.code))
        }
        None => exit::tell(&format!("error: {error} ({})", error.code)),
    }
    Shown(FAILED).into()
}

fn line_of(lines: &[usize], row: u32) -> usize {
    lines.get(row as usize).copied().unwrap_or_default()
}

/// Guests' words on standard error.
#[derive(Debug)]
struct Terminal;

impl GuestPort for Terminal {
    fn log(&self, plugin: &str, level: GuestLogLevel, message: &str) {
        exit::tell(&format!("{plugin} [{}] {message}", level.word()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_names_and_values() {
        assert_eq!(parse_parameter("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(parse_parameter("a="), Ok(("a".to_owned(), String::new())));
        assert!(parse_parameter("=b").is_err());
        assert!(parse_parameter("a").is_err());
    }
}
