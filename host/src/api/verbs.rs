//! Api: the host's own verbs on streams and datasets.
//!
//! Takes names of columns, folds and numbers. Gives further streams. Never needs an operator: what
//! these do is the host's business.

use std::time::Duration;

use super::dstream::{DStream, Lineage};
use crate::model::operation::aggregate::Aggregated;
use crate::model::operation::condition::Condition;
use crate::model::operation::verb::{RowOrder, Verb};
use crate::model::operation::{Operation, StepDeclaration, WindowSpan};

impl<Of: Clone> Lineage<Of> {
    /// Folds several columns at once, of each key, or of the whole where there is no key. Nulls are
    /// ignored; no rows give none.
    pub fn aggregate(&self, columns: impl IntoIterator<Item = Aggregated>) -> Self {
        self.verb(Verb::Aggregate(columns.into_iter().collect()))
    }

    /// Gives columns new names, each old one with its new one.
    pub fn rename(&self, names: &[(&str, &str)]) -> Self {
        let owned = |(old, new): &(&str, &str)| ((*old).to_owned(), (*new).to_owned());
        self.verb(Verb::Rename(names.iter().map(owned).collect()))
    }

    /// Keeps rows by one of their columns. A null is nothing but null: comparing it is false.
    pub fn filter_where(&self, column: &str, condition: Condition) -> Self {
        self.verb(Verb::Where(column.to_owned(), condition))
    }

    /// Keeps one of each different row of a batch, the first.
    pub fn distinct(&self) -> Self {
        self.verb(Verb::Distinct)
    }

    /// Brings the rows of a batch in order, in one partition: the least first, or the greatest
    /// where a `-` stands before the column's name. Rows that are equal there keep their order;
    /// nulls come last either way.
    pub fn sort_by(&self, columns: &[&str]) -> Self {
        self.verb(Verb::SortBy(order(columns, false)))
    }

    /// Keeps each row with that probability. A task that runs again keeps the same ones.
    pub fn sample(&self, fraction: f64, seed: u64) -> Self {
        self.verb(Verb::Sample { fraction, seed })
    }

    /// One row of each partition, its columns in lists; of an empty partition one of empty lists.
    pub fn glom(&self) -> Self {
        self.verb(Verb::Glom)
    }

    /// Brings the rows of each key together, in exactly so many partitions. A step by key into as
    /// many partitions that follows at once does not shuffle again.
    pub fn partition_by(&self, partitions: usize) -> Self {
        self.verb(Verb::PartitionBy(partitions))
    }

    fn verb(&self, verb: Verb) -> Self {
        self.step(StepDeclaration::new(Operation::Verb(verb)))
    }
}

impl DStream {
    /// Folds several columns at once, of each key in a window. A key goes with the last of its
    /// values.
    pub fn aggregate_by_key_and_window(
        &self,
        columns: impl IntoIterator<Item = Aggregated>,
        length: Duration,
        slide: Duration,
    ) -> Self {
        let window = WindowSpan { length, slide: Some(slide) };
        self.verb(Verb::AggregateByKeyAndWindow(columns.into_iter().collect(), window))
    }

    /// The rows of a batch that are greatest by these columns (Spark's `top`), or least where a `-`
    /// stands before the name. Of equal rows the first ones stay.
    pub fn top(&self, rows: usize, columns: &[&str]) -> Self {
        self.verb(Verb::Top(rows, order(columns, true)))
    }
}

pub(super) fn order(columns: &[&str], descending: bool) -> RowOrder {
    RowOrder { by: columns.iter().map(|&column| column.to_owned()).collect(), descending }
}
