//! Config: the steps of a stream.
//!
//! Takes a step's table. Gives its one operation and what stands beside it. Never looks for the
//! operator: plugins are not there yet.

use super::Meaning;
use crate::config::job_file::constant::OneOrMore;
use crate::config::job_file::error::Complaint;
use crate::config::job_file::quantity::HumanDuration;
use crate::config::job_file::value::{At, OrWith, ShortOr, Whole};
use crate::config::job_file::written::{OPERATIONS, StateText, StepText};
use crate::limits::PARTITIONS_MAX;
use crate::model::description::OperatorKind;
use crate::model::finding::{Item, Part, list_words, nearest};
use crate::model::join::{Join, JoinKind};
use crate::model::operation::{
    BuiltInFold, FoldByWindow, InitialState, Keeps, Operation, OperatorRef, StateStep,
    StepDeclaration, WindowSpan,
};

impl Meaning<'_> {
    pub(super) fn step(
        &mut self,
        stream: &str,
        (number, index): (usize, usize),
        step: &At<StepText>,
    ) -> Option<StepDeclaration> {
        self.note_parts(stream, index, step);
        let written = &step.value;
        let operations = OPERATIONS.iter().zip(written.operation_spans());
        let mut operations: Vec<_> =
            operations.filter_map(|(word, span)| span.map(|span| (*word, span))).collect();
        operations.sort_by_key(|(_, span)| span.start);
        let mut operations = operations.into_iter();
        let Some((first, _)) = operations.next() else {
            let allowed = list_words(OPERATIONS.iter().copied());
            let place = format!("stream `{stream}`, step {number} has no operation");
            self.complain(&step.span, format!("{place}, allowed are {allowed}"));
            return None;
        };
        if let Some((second, span)) = operations.next() {
            let message = format!("`{first}` and `{second}` stand in one step; make them two");
            self.complain(&span, message);
            return None;
        }
        if let Some(running) = written.running.as_ref().filter(|_| first != "aggregate") {
            let message = format!("`running` cannot stand beside `{first}`");
            let help = "`aggregate` takes it; one fold goes on by `update_state_by_key = \"sum\"`";
            self.complaints.push(Complaint::new(running.span.clone(), message).with_help(help));
        }
        if let Some(name) = &written.name {
            self.check_name(name);
        }
        let (rename, prefix) = self.names(written);
        let columns = written.columns.as_ref().map(listed);
        for names in [rename.as_ref(), columns.as_ref()].into_iter().flatten() {
            self.check_columns(names);
        }
        let partitions = self.number("partitions", written.partitions.as_ref(), 1..=PARTITIONS_MAX);
        let params = written.params.iter().flat_map(|at| &at.value.0);
        let params = params.map(|(name, value)| (name.value.clone(), value.0.clone())).collect();
        Some(StepDeclaration {
            operation: self.operation(written, prefix)?,
            name: written.name.as_ref().map(|at| at.value.clone()),
            params,
            rename: rename.map(|at| at.value),
            columns: columns.map(|at| at.value),
            append: written.append.as_ref().is_some_and(|at| at.value),
            partitions,
        })
    }

    fn note_parts(&mut self, stream: &str, index: usize, step: &At<StepText>) {
        let written = &step.value;
        let parts = [
            (Part::Whole, Some(step.span.clone())),
            (Part::Operation, written.operation_spans().into_iter().flatten().next()),
            (Part::As, super::span_of(&written.names).cloned()),
            (Part::Columns, super::span_of(&written.columns).cloned()),
            (Part::Params, super::span_of(&written.params).cloned()),
            (Part::Partitions, super::span_of(&written.partitions).cloned()),
            (Part::Append, super::span_of(&written.append).cloned()),
        ];
        for (part, span) in parts {
            if let Some(span) = span {
                let item = Item::Step { stream: stream.to_owned(), index };
                self.places.note(item, part, span);
            }
        }
    }

    fn operation(&mut self, step: &StepText, prefix: Option<String>) -> Option<Operation> {
        let rows = [
            (&step.map, OperatorKind::Map),
            (&step.flat_map, OperatorKind::FlatMap),
            (&step.filter, OperatorKind::Filter),
            (&step.map_partitions, OperatorKind::MapPartitions),
            (&step.map_values, OperatorKind::MapValues),
            (&step.flat_map_values, OperatorKind::FlatMapValues),
        ];
        for (at, kind) in rows {
            if let Some(at) = at {
                return Some(Operation::Apply(
                    kind,
                    self.operator(&plain(at), kind.step_word(), false)?,
                ));
            }
        }
        if let Some(at) = &step.reduce_by_key {
            return Some(Operation::ReduceByKey(self.operator(
                &plain(at),
                "reduce_by_key",
                true,
            )?));
        }
        if let Some(at) = &step.combine_by_key {
            let operator = self.operator(&plain(at), "combine_by_key", false)?;
            return Some(Operation::CombineByKey(operator));
        }
        if let Some(at) = &step.reduce {
            return Some(Operation::Reduce(self.operator(&plain(at), "reduce", true)?));
        }
        for (at, operation) in [
            (&step.group_by_key, Operation::GroupByKey),
            (&step.count, Operation::Count),
            (&step.count_by_value, Operation::CountByValue),
        ] {
            if let Some(at) = at {
                return self.switched_on(at, operation);
            }
        }
        if let Some(at) = &step.repartition {
            let whole: At<Whole> = At { value: at.value.0, span: at.span.clone() };
            let partitions = self.number("repartition", Some(&whole), 1..=PARTITIONS_MAX)?;
            return Some(Operation::Repartition(partitions));
        }
        for (at, operation) in [
            (&step.union, Operation::Union as fn(Vec<String>) -> Operation),
            (&step.key_by, Operation::KeyBy),
            (&step.select, Operation::Select),
        ] {
            if let Some(at) = at {
                return Some(operation(at.value.0.0.clone()));
            }
        }
        if step.broadcast_join.is_some() {
            return self.broadcast_join(step, prefix);
        }
        if let Some(join) = joined(step, prefix) {
            return Some(Operation::Join(join));
        }
        if let Some(at) = &step.update_state_by_key {
            let state = self.state(at, "update_state_by_key", true)?;
            return Some(Operation::UpdateStateByKey(state));
        }
        if let Some(at) = &step.map_with_state {
            return Some(Operation::MapWithState(self.state(at, "map_with_state", false)?));
        }
        self.windowed(step).or_else(|| self.verb(step))
    }

    /// What `as` says: new names, or of a join what stands before them.
    fn names(&mut self, step: &StepText) -> (Option<At<Vec<String>>>, Option<String>) {
        let Some(At { value, span }) = &step.names else { return (None, None) };
        let join = joined(step, None).map(|join| (join.kind.step_word(), "stream"));
        let join = join.or(step.broadcast_join.as_ref().map(|_| ("broadcast_join", "broadcast")));
        match (value, join) {
            (ShortOr::Short(names), None) => {
                return (Some(At { value: names.0.clone(), span: span.clone() }), None);
            }
            (ShortOr::Table(table), Some(_)) => return (None, Some(table.right.value.clone())),
            (ShortOr::Short(_), Some((word, other))) => {
                let message = format!("`as` cannot stand beside `{word}` as a list");
                let help = match other {
                    "stream" => {
                        "say what the names of the other stream begin with: \
                                 `as = { right = \"...\" }`"
                    }
                    _ => {
                        "say what the names of the broadcast's other columns begin with: \
                          `as = { right = \"...\" }`"
                    }
                };
                self.complaints.push(Complaint::new(span.clone(), message).with_help(help));
            }
            (ShortOr::Table(_), None) => {
                let allowed = "allowed is a list of names";
                self.complain(span, format!("`as` is a table, which joins take; {allowed}"));
            }
        }
        (None, None)
    }

    fn state(
        &mut self,
        at: &At<ShortOr<String, StateText>>,
        word: &str,
        folds: bool,
    ) -> Option<StateStep> {
        let written = match &at.value {
            ShortOr::Short(with) => StateText::from(with.clone()),
            ShortOr::Table(table) => table.clone(),
        };
        let with = At { value: written.with.clone(), span: at.span.clone() };
        if let Some(name) = &written.snapshots {
            self.check_name(name);
        }
        let operator = self.operator(&with, word, folds)?;
        let keeps = Keeps {
            initial: match &written.initial {
                Some(path) => InitialState::File(self.path(path)?),
                None => InitialState::Empty,
            },
            timeout: written.timeout.as_ref().map(|timeout| timeout.value.0),
            changed_only: written.changed_only,
            snapshots: written.snapshots.as_ref().map(|name| name.value.clone()),
        };
        Some(StateStep { operator, keeps })
    }

    fn windowed(&mut self, step: &StepText) -> Option<Operation> {
        for (at, operation) in [
            (&step.window, Operation::Window as fn(WindowSpan) -> Operation),
            (&step.count_by_window, Operation::CountByWindow),
            (&step.count_by_value_and_window, Operation::CountByValueAndWindow),
            (&step.group_by_key_and_window, Operation::GroupByKeyAndWindow),
        ] {
            if let Some(at) = at {
                return Some(operation(window_span(&at.value.length, at.value.slide.as_ref())));
            }
        }
        let folds = [
            (&step.reduce_by_window, "reduce_by_window", false),
            (&step.reduce_by_key_and_window, "reduce_by_key_and_window", true),
        ];
        for (at, word, by_key) in folds {
            let Some(at) = at else { continue };
            let written = &at.value;
            let fold = self.operator(&written.with, word, true)?;
            let named = |this: &mut Self, at: &Option<At<String>>| match at {
                None => Some(None),
                Some(at) => this.operator(at, word, false).map(Some),
            };
            let inverse = named(self, &written.inverse)?;
            let filter = named(self, &written.filter)?;
            let window = window_span(&written.length, written.slide.as_ref());
            let fold = FoldByWindow { by_key, fold, inverse, filter, window };
            return Some(Operation::FoldByWindow(fold));
        }
        None
    }

    pub(super) fn switched_on(&mut self, at: &At<bool>, operation: Operation) -> Option<Operation> {
        if at.value {
            return Some(operation);
        }
        let word = operation.step_word();
        self.complain(&at.span, format!("`{word}` is `false`, allowed is `true`: or leave it out"));
        None
    }

    /// An operator as `plugin.operator`, or the word of a built-in fold.
    fn operator(&mut self, at: &At<String>, step: &str, folds: bool) -> Option<OperatorRef> {
        let written = at.value.as_str();
        if let Some((plugin, operator)) = written.split_once('.')
            && !plugin.is_empty()
            && !operator.is_empty()
        {
            let (plugin, operator) = (plugin.to_owned(), operator.to_owned());
            return Some(OperatorRef::Guest { plugin, operator });
        }
        let built_in = BuiltInFold::from_word(written);
        let message = match (built_in, folds) {
            (Some(fold), true) => return Some(OperatorRef::BuiltIn(fold)),
            (Some(_), false) => {
                let takes = format!("`{step}` takes `plugin.operator`");
                format!("`{written}` is a fold for `reduce_by_key` and `reduce`; {takes}")
            }
            (None, false) => format!("`{written}` is no operator, expected `plugin.operator`"),
            (None, true) => {
                let words = || BuiltInFold::ALL.into_iter().map(BuiltInFold::word);
                let near = nearest(written, words());
                let near = near.map(|word| format!("; did you mean `{word}`?"));
                let expected = format!("expected `plugin.operator` or {}", list_words(words()));
                format!("`{written}` is no operator, {expected}{}", near.unwrap_or_default())
            }
        };
        self.complain(&at.span, message);
        None
    }
}

/// The names of a list, or the one that stands for it.
pub(super) fn listed(at: &At<OneOrMore>) -> At<Vec<String>> {
    At { value: at.value.0.clone(), span: at.span.clone() }
}

/// What stands in short form or behind `with`.
fn plain(at: &At<OrWith<String>>) -> At<String> {
    At { value: at.value.0.clone(), span: at.span.clone() }
}

fn window_span(length: &At<HumanDuration>, slide: Option<&At<HumanDuration>>) -> WindowSpan {
    WindowSpan { length: length.value.0, slide: slide.map(|slide| slide.value.0) }
}

fn joined(step: &StepText, prefix: Option<String>) -> Option<Join> {
    let written = [
        (&step.join, JoinKind::Inner),
        (&step.left_outer_join, JoinKind::LeftOuter),
        (&step.right_outer_join, JoinKind::RightOuter),
        (&step.full_outer_join, JoinKind::FullOuter),
        (&step.anti_join, JoinKind::Anti),
        (&step.cogroup, JoinKind::Cogroup),
    ];
    let (join, kind) =
        written.into_iter().find_map(|(at, kind)| Some((&at.as_ref()?.value, kind)))?;
    Some(match join {
        ShortOr::Short(with) => Join { kind, with: with.clone(), null_equal: true, prefix },
        ShortOr::Table(join) => Join {
            kind,
            with: join.with.value.clone(),
            null_equal: join.null_equal.as_ref().is_none_or(|at| at.value),
            prefix,
        },
    })
}
