//! Driver: whether a batch fails of rows that operators refused or failed with.
//!
//! Takes what its tasks refused, and the job's settings. Gives a reason, or none. Never writes down
//! a row.

use crate::error::Domain;
use crate::exec::refused::Refused;
use crate::model::pipeline::JobSettings;
use crate::model::policy::OnBadRow;
use crate::model::text::number_of;

/// What a job may say about rows that operators refuse, beside its failure.
const REJECTED_POLICIES: &str = "`on_rejected = \"skip\"` or `\"dead-letter\"`";

/// Why a batch fails of these rows, if the job says so, or there are too many.
pub(super) fn failure_of(refused: &Refused, settings: &JobSettings) -> Option<(String, Domain)> {
    let first = refused.first.as_ref()?;
    let (found, allowed) = (refused.poison, settings.poison_rows_max);
    if found > allowed {
        let message = format!(
            "calls failed with {}, at most {allowed} may be left out of a batch, which \
             `poison_rows_max` sets; {}, the first: {first}",
            number_of(found, "row", "rows"),
            refused.counts
        );
        return Some((message, Domain::Plugin));
    }
    if settings.on_rejected == OnBadRow::Fail {
        let message = format!(
            "{}, the first: {first}; to go on without such rows, set {REJECTED_POLICIES}",
            refused.counts
        );
        return Some((message, Domain::User));
    }
    None
}
