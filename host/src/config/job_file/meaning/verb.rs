//! Config: the host's own verbs.
//!
//! Takes a step's table. Gives the verb, or what its keys say against each other. Never knows a
//! column: streams are not there yet.

use serde_json::Value;

use super::Meaning;
use crate::config::job_file::constant::{Constant, OneOrMore};
use crate::config::job_file::value::{At, ShortOr, Whole};
use crate::config::job_file::written::{FoldsText, Is, StepText, WhereText};
use crate::limits::{PARTITIONS_MAX, TOP_ROWS_MAX};
use crate::model::operation::aggregate::Aggregated;
use crate::model::operation::condition::Condition;
use crate::model::operation::verb::{RowOrder, Verb};
use crate::model::operation::{InitialState, Keeps, Operation, WindowSpan};

impl Meaning<'_> {
    /// The verb of a step; none when another operation stands there.
    pub(super) fn verb(&mut self, step: &StepText) -> Option<Operation> {
        if let Some(at) = &step.distinct {
            return self.switched_on(at, Operation::Verb(Verb::Distinct));
        }
        if let Some(at) = &step.glom {
            return self.switched_on(at, Operation::Verb(Verb::Glom));
        }
        let verb = if let Some(at) = &step.aggregate {
            match self.running(step)? {
                None => Verb::Aggregate(folds(&at.value)),
                Some(keeps) => Verb::RunningAggregate(folds(&at.value), keeps),
            }
        } else if let Some(at) = &step.aggregate_by_key_and_window {
            let window = &at.value;
            let slide = window.slide.as_ref().map(|slide| slide.value.0);
            let span = WindowSpan { length: window.length.value.0, slide };
            Verb::AggregateByKeyAndWindow(folds(&window.aggregate.value), span)
        } else if let Some(at) = &step.rename {
            let names = at.value.0.iter().map(|(old, new)| (old.value.clone(), new.clone()));
            Verb::Rename(names.collect())
        } else if let Some(at) = &step.condition {
            Verb::Where(at.value.column.value.clone(), self.condition(&at.value)?)
        } else if let Some(at) = &step.partition_by {
            let whole: At<Whole> = At { value: at.value.0, span: at.span.clone() };
            Verb::PartitionBy(self.number("partition_by", Some(&whole), 1..=PARTITIONS_MAX)?)
        } else {
            return self.ordering(step).or_else(|| self.sample(step)).map(Operation::Verb);
        };
        Some(Operation::Verb(verb))
    }

    /// What an aggregate keeps, if it goes on from batch to batch; none when that is not known.
    fn running(&mut self, step: &StepText) -> Option<Option<Keeps>> {
        Some(match step.running.as_ref().map(|at| &at.value) {
            None | Some(ShortOr::Short(false)) => None,
            Some(ShortOr::Short(true)) => Some(Keeps::default()),
            Some(ShortOr::Table(table)) => Some(Keeps {
                initial: match &table.initial {
                    Some(path) => InitialState::File(self.path(path)?),
                    None => InitialState::Empty,
                },
                changed_only: table.changed_only,
                ..Keeps::default()
            }),
        })
    }

    fn ordering(&mut self, step: &StepText) -> Option<Verb> {
        if let Some(at) = &step.sort_by {
            let order = match &at.value {
                ShortOr::Short(by) => RowOrder { by: by.0.clone(), descending: false },
                ShortOr::Table(table) => order(&table.by, table.descending.as_ref(), false),
            };
            return Some(Verb::SortBy(order));
        }
        let table = &step.top.as_ref()?.value;
        let rows = self.number("n", Some(&table.n), 1..=TOP_ROWS_MAX)?;
        Some(Verb::Top(rows, order(&table.by, table.descending.as_ref(), true)))
    }

    fn sample(&mut self, step: &StepText) -> Option<Verb> {
        let (fraction, seed) = match &step.sample.as_ref()?.value {
            ShortOr::Short(fraction) => (fraction.0, 0),
            ShortOr::Table(table) => {
                let seed = match &table.seed {
                    Some(seed) => self.number("seed", Some(seed), 0..=i64::MAX)?,
                    None => 0,
                };
                (table.fraction.value.0, seed.unsigned_abs())
            }
        };
        Some(Verb::Sample { fraction, seed })
    }

    fn condition(&mut self, written: &WhereText) -> Option<Condition> {
        let is = written.is.value.0;
        let constant = written.to.as_ref();
        let (span, message) = match (is, constant.map(|at| &at.value)) {
            (Is::Null, None) => return Some(Condition::IsNull),
            (Is::NotNull, None) => return Some(Condition::IsNotNull),
            (Is::In, Some(Constant(Value::Array(constants)))) => {
                return Some(Condition::In(constants.clone()));
            }
            (Is::Compared(comparison), Some(Constant(constant))) if !constant.is_array() => {
                return Some(Condition::Is(comparison, constant.clone()));
            }
            (Is::Null | Is::NotNull, Some(_)) => {
                (constant, "`to` stands beside a question for nulls, which takes none".to_owned())
            }
            (Is::In, _) => (constant, "`in` takes a list, such as `to = [1, 2]`".to_owned()),
            (Is::Compared(comparison), Some(_)) => {
                let word = comparison.word();
                (constant, format!("`{word}` takes one constant; a list goes with `in`"))
            }
            (Is::Compared(comparison), None) => {
                let word = comparison.word();
                (None, format!("`{word}` needs a constant, such as `to = 1`"))
            }
        };
        self.complain(span.map_or(&written.is.span, |at| &at.span), message);
        None
    }
}

fn folds(written: &FoldsText) -> Vec<Aggregated> {
    let made = written.0.iter().map(|(name, at)| match &at.value {
        ShortOr::Short(fold) => Aggregated::new(&name.value, fold.0),
        ShortOr::Table(table) => {
            Aggregated::new(&name.value, table.fold.value.0).of(&table.of.value)
        }
    });
    made.collect()
}

fn order(by: &At<OneOrMore>, descending: Option<&At<bool>>, default: bool) -> RowOrder {
    let by = by.value.0.clone();
    RowOrder { by, descending: descending.map_or(default, |at| at.value) }
}
