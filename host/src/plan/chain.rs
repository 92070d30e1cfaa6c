//! Plan: which operators of a plugin are run in one call.
//!
//! Takes what two neighbouring steps are given and make. Gives whether the second can follow within
//! the first one's call. Never builds the call.

use crate::model::schema::Column;

/// What an operator sees of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowView {
    /// Key and value.
    Whole,
    /// Value columns only.
    Values,
}

/// A step of a plugin that takes chains, as its neighbours see it.
#[derive(Debug, Clone)]
pub(super) struct ChainLink {
    pub(super) plugin: String,
    pub(super) view: RowView,
    /// The columns it is given, by index in the rows before it, and as the operator declares them.
    pub(super) takes: (Vec<usize>, Vec<Column>),
    /// The columns it gives, by index in the rows after it, and as the operator declares them.
    pub(super) gives: (Vec<usize>, Vec<Column>),
    /// Whether it may follow another: no `columns` and no `append` of its own.
    pub(super) may_follow: bool,
    /// Whether another may follow: no `append` of its own.
    pub(super) may_lead: bool,
    /// Whether it finds its columns by name.
    pub(super) by_name: bool,
    /// Whether `as` gave its columns other names than the guest knows.
    pub(super) renamed: bool,
}

impl ChainLink {
    /// Whether `next` can run in the same call: it consumes exactly what this one gives.
    pub(super) fn leads_to(&self, next: &Self) -> bool {
        let same_columns = self.gives.0 == next.takes.0
            && self.gives.1.iter().zip(&next.takes.1).all(|(given, taken)| given.satisfies(taken));
        self.plugin == next.plugin
            && self.view == next.view
            && self.may_lead
            && next.may_follow
            && !(self.renamed && next.by_name)
            && same_columns
    }
}
