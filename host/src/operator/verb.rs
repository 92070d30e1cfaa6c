//! Operator: the host's own verbs as operators.
//!
//! Takes a planned call. Gives what carries it out. Never fails: planning has checked it.

use std::sync::Arc;

use super::aggregate::{Aggregate, Average};
use super::broadcast_join::BroadcastJoin;
use super::compare::Compare;
use super::glom::Glom;
use super::order::Order;
use super::sample::Sample;
use crate::model::operator::SharedOperator;
use crate::model::verb_call::VerbCall;

/// The operator that a call stands for.
pub fn bind(call: &VerbCall) -> SharedOperator {
    match call {
        VerbCall::Aggregate(folds) => Arc::new(Aggregate(folds.clone())),
        VerbCall::Average(columns) => Arc::new(Average(columns.clone())),
        VerbCall::Compare(test) => Arc::new(Compare(test.clone())),
        VerbCall::Sample { fraction, seed } => {
            Arc::new(Sample { fraction: *fraction, seed: *seed })
        }
        VerbCall::Order { by, rows } => Arc::new(Order { by: by.clone(), rows: *rows }),
        VerbCall::BroadcastJoin(call) => Arc::new(BroadcastJoin::new(call.clone())),
        VerbCall::Glom(schema) => Arc::new(Glom { schema: schema.to_arrow() }),
    }
}
