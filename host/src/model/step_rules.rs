//! Model: what may stand beside a step, and within which numbers.
//!
//! Takes a step as declared. Gives what is wrong with it before any column is known. Never asks
//! where an operator comes from.

use super::description::OperatorKind;
use super::finding::Part;
use super::operation::verb::Verb;
use super::operation::{FoldByWindow, Keeps, Operation, OperatorRef, StepDeclaration};
use crate::limits::{COLUMNS_MAX, PARTITIONS_MAX};

/// What a step takes beside its operation.
struct Takes {
    params: bool,
    rename: bool,
    columns: bool,
    append: bool,
    partitions: bool,
}

impl Operation {
    /// The key under which a job file writes it.
    pub fn step_word(&self) -> &'static str {
        match self {
            Self::Apply(kind, _) => kind.step_word(),
            Self::ReduceByKey(_) => "reduce_by_key",
            Self::Reduce(_) => "reduce",
            Self::GroupByKey => "group_by_key",
            Self::Count => "count",
            Self::CountByValue => "count_by_value",
            Self::Union(_) => "union",
            Self::Join(join) => join.kind.step_word(),
            Self::Transform(_) => "transform",
            Self::Repartition(_) => "repartition",
            Self::KeyBy(_) => "key_by",
            Self::Select(_) => "select",
            Self::Window(_) => "window",
            Self::FoldByWindow(FoldByWindow { by_key: true, .. }) => "reduce_by_key_and_window",
            Self::FoldByWindow(_) => "reduce_by_window",
            Self::CountByWindow(_) => "count_by_window",
            Self::CountByValueAndWindow(_) => "count_by_value_and_window",
            Self::GroupByKeyAndWindow(_) => "group_by_key_and_window",
            Self::CombineByKey(_) => "combine_by_key",
            Self::UpdateStateByKey(_) => "update_state_by_key",
            Self::MapWithState(_) => "map_with_state",
            Self::Verb(verb) => verb.step_word(),
        }
    }

    /// Whether `as` may stand beside it.
    pub fn takes_rename(&self) -> bool {
        self.takes().rename
    }

    fn takes(&self) -> Takes {
        let none = Takes {
            params: false,
            rename: false,
            columns: false,
            append: false,
            partitions: false,
        };
        let calls = Takes { params: true, columns: true, ..none };
        match self {
            Self::Apply(OperatorKind::Filter, _) => calls,
            Self::Apply(OperatorKind::MapPartitions, _) | Self::Reduce(_) => {
                Takes { rename: true, ..calls }
            }
            Self::Apply(..) => Takes { rename: true, append: true, ..calls },
            Self::ReduceByKey(_)
            | Self::CombineByKey(_)
            | Self::UpdateStateByKey(_)
            | Self::MapWithState(_)
            | Self::FoldByWindow(FoldByWindow { by_key: true, .. }) => {
                Takes { rename: true, partitions: true, ..calls }
            }
            Self::FoldByWindow(_) => Takes { rename: true, ..calls },
            Self::GroupByKey
            | Self::CountByValue
            | Self::CountByValueAndWindow(_)
            | Self::GroupByKeyAndWindow(_) => Takes { rename: true, partitions: true, ..none },
            Self::Join(_) => Takes { partitions: true, ..none },
            Self::Count | Self::CountByWindow(_) | Self::Select(_) => {
                Takes { rename: true, ..none }
            }
            Self::Union(_)
            | Self::Transform(_)
            | Self::Repartition(_)
            | Self::KeyBy(_)
            | Self::Window(_) => none,
            Self::Verb(Verb::Glom) => Takes { rename: true, ..none },
            Self::Verb(verb) => Takes { partitions: verb.takes_partitions(), ..none },
        }
    }
}

/// Tells what is wrong with a step: the part, what was found, and what would mend it.
pub fn check_step(step: &StepDeclaration, mut tell: impl FnMut(Part, String, Option<String>)) {
    let (word, takes) = (step.operation.step_word(), step.operation.takes());
    let beside = [
        (Part::Params, "params", !step.params.is_empty(), takes.params),
        (Part::As, "as", step.rename.is_some(), takes.rename),
        (Part::Columns, "columns", step.columns.is_some(), takes.columns),
        (Part::Append, "append", step.append, takes.append),
        (Part::Partitions, "partitions", step.partitions.is_some(), takes.partitions),
    ];
    for (part, key, written, allowed) in beside {
        if written && !allowed {
            let message = format!("`{key}` cannot stand beside `{word}`");
            tell(part, message, why_not(&step.operation, part));
        }
    }
    for operator in step.operation.operators() {
        let OperatorRef::BuiltIn(fold) = operator else { continue };
        let takes_none = matches!(
            step.operation,
            Operation::Apply(..) | Operation::CombineByKey(_) | Operation::MapWithState(_)
        );
        if takes_none {
            let message =
                format!("`{}` is a built-in fold, `{word}` takes an operator", fold.word());
            tell(Part::Operation, message, None);
        }
        if takes.params && !step.params.is_empty() {
            tell(
                Part::Params,
                format!("`{}` is built in and takes no `params`", fold.word()),
                None,
            );
        }
    }
    if let Some(found) = step.partitions.filter(|n| !(1..=PARTITIONS_MAX).contains(n)) {
        tell(Part::Partitions, out_of_range(found), None);
    }
    if let Some(state) = step.operation.state() {
        check_state(step, state, &mut tell);
    }
    match &step.operation {
        Operation::Repartition(found) if !(1..=PARTITIONS_MAX).contains(found) => {
            tell(Part::Operation, out_of_range(*found), None);
        }
        Operation::Union(names) | Operation::KeyBy(names) | Operation::Select(names)
            if !(1..=COLUMNS_MAX).contains(&names.len()) =>
        {
            let found = names.len();
            let message = format!("`{word}` has {found} names, allowed are 1 to {COLUMNS_MAX}");
            tell(Part::Operation, message, None);
        }
        Operation::Verb(verb) => {
            if let Some(message) = verb.fault() {
                tell(Part::Operation, message, None);
            }
        }
        _ => {}
    }
}

/// What is wrong with a step that keeps something, beside what is wrong with any.
fn check_state(
    step: &StepDeclaration,
    state: &Keeps,
    mut tell: impl FnMut(Part, String, Option<String>),
) {
    let word = step.operation.step_word();
    if step.name.is_none() {
        let help = "beside it stands `name = \"...\"`".to_owned();
        let running = if matches!(step.operation, Operation::Verb(_)) { "a running " } else { "" };
        let message = format!("{running}`{word}` needs a `name`, which owns what is kept");
        tell(Part::Operation, message, Some(help));
    }
    let maps = matches!(step.operation, Operation::MapWithState(_));
    for (key, written, allowed) in [
        ("timeout", state.timeout.is_some(), maps),
        ("snapshots", state.snapshots.is_some(), maps),
        ("changed_only", state.changed_only, !maps),
    ] {
        if written && !allowed {
            tell(Part::Operation, format!("`{word}` takes no `{key}`"), None);
        }
    }
    if state.timeout.is_some_and(|timeout| timeout.as_millis() == 0) {
        let message = "a `timeout` of 0 is out of range, allowed is 1ms and more".to_owned();
        tell(Part::Operation, message, None);
    }
}

fn out_of_range(found: usize) -> String {
    format!("{found} partitions are out of range, allowed are 1 to {PARTITIONS_MAX}")
}

fn why_not(operation: &Operation, part: Part) -> Option<String> {
    let why = match (operation, part) {
        (Operation::Count | Operation::Reduce(_), Part::Partitions) => {
            "its one row is in one partition"
        }
        (Operation::Repartition(_), Part::Partitions) => "its own number says how many",
        (Operation::Apply(OperatorKind::MapPartitions, _), Part::Append) => {
            "rows of a whole partition have no one row they came from"
        }
        (Operation::Apply(OperatorKind::Filter, _), Part::Append | Part::As) => {
            "it keeps the columns as they are"
        }
        (Operation::Apply(..), Part::Partitions) => {
            "it keeps the partitions as they are; put `{ repartition = n }` before it"
        }
        (Operation::Verb(verb), Part::Partitions) => verb.why_no_partitions(),
        (Operation::GroupByKey, Part::Columns) => "put `{ select = [...] }` before it",
        _ => return None,
    };
    Some(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::operation::BuiltInFold;

    fn check(change: impl FnOnce(&mut StepDeclaration), operation: Operation, expected: &str) {
        let mut step = StepDeclaration::new(operation);
        change(&mut step);
        let mut told = Vec::new();
        check_step(&step, |_, message, _| told.push(message));
        assert_eq!(told.join("; "), expected);
    }

    #[test]
    fn step_refuses_what_it_does_not_take() {
        let sum = || OperatorRef::BuiltIn(BuiltInFold::Sum);
        check(|_| (), Operation::ReduceByKey(sum()), "");
        check(|s| s.partitions = Some(4), Operation::ReduceByKey(sum()), "");
        check(
            |s| s.partitions = Some(0),
            Operation::ReduceByKey(sum()),
            "0 partitions are out of range, allowed are 1 to 4096",
        );
        check(
            |s| s.partitions = Some(4),
            Operation::Reduce(sum()),
            "`partitions` cannot stand beside `reduce`",
        );
        check(
            |s| s.append = true,
            Operation::KeyBy(vec!["a".to_owned()]),
            "`append` cannot stand beside `key_by`",
        );
        check(
            |_| (),
            Operation::Apply(OperatorKind::Map, sum()),
            "`sum` is a built-in fold, `map` takes an operator",
        );
        check(|_| (), Operation::Union(vec![]), "`union` has 0 names, allowed are 1 to 1024");
        check(
            |_| (),
            Operation::Repartition(9_999),
            "9999 partitions are out of range, allowed are 1 to 4096",
        );
    }
}
