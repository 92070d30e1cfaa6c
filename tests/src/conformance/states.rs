//! Cases of what is kept for each key.
//!
//! Takes the cases `S..`. Gives nothing but passed or failed. Never runs one in real time.

use serde_json::Value;
use tidemill::api::dstream::DStream;
use tidemill::api::stateful::{StateSpec, StatefulStream};
use tidemill::model::operation::BuiltInFold;

use super::rig::{Case, Functions};

fn pairs(input: &[DStream], of: &Functions) -> DStream {
    input[0].map(of.get("one_each"))
}

#[test]
fn every_key_is_updated_in_every_batch() {
    let case = Case::named("S01");
    case.holds(|input, of| pairs(input, of).update_state_by_key("counts", of.get("count")));
    case.holds(|input, of| pairs(input, of).update_state_by_key("counts", of.get("add")));
    case.holds(|input, of| pairs(input, of).update_state_by_key("counts", BuiltInFold::Sum));
    case.holds(|input, of| pairs(input, of).update_state_by_key("counts", BuiltInFold::Count));
}

#[test]
fn a_state_begins_with_what_it_is_given() {
    let case = Case::named("S02");
    let initial = || case.initial();
    case.holds(|input, of| {
        let spec = StateSpec::of(of.get("count")).initial_state(initial());
        pairs(input, of).update_state_by_key("counts", spec)
    });
    case.holds(|input, of| {
        let spec = StateSpec::of(BuiltInFold::Sum).initial_state(initial());
        pairs(input, of).update_state_by_key("counts", spec)
    });
}

#[test]
fn values_come_in_their_order() {
    Case::named("S05").holds(|input, of| input[0].update_state_by_key("all", of.get("append")));
}

/// A case of `map_with_state`: what comes out, and what is kept.
fn maps(id: &str, operator: &str) {
    let case = Case::named(id);
    let mapped = |input: &[DStream], of: &Functions| -> StatefulStream {
        pairs(input, of).map_with_state("kept", StateSpec::of(of.get(operator)).partitions(1))
    };
    case.holds(|input, of| DStream::clone(&mapped(input, of)));
    let same = |row: Value| row;
    case.compares("state_snapshots", same, |input, of| mapped(input, of).state_snapshots());
}

#[test]
fn each_value_is_mapped_with_the_state_of_its_key() {
    maps("S07", "running_sum");
    maps("S09", "running_sum_of_word");
}

#[test]
fn states_are_removed() {
    maps("S11", "toggle");
}
