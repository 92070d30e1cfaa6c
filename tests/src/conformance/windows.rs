//! Cases of windows.
//!
//! Takes the cases `W..`. Gives nothing but passed or failed. Never runs one in real time.

use std::time::Duration;

use tidemill::api::dstream::DStream;
use tidemill::model::operation::BuiltInFold;

use super::rig::{Case, Functions};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn windows_hold_the_rows_of_their_batches() {
    Case::named("W01").holds(|input, _| input[0].window(s(2), s(1)));
    Case::named("W03").holds(|input, _| input[0].window(s(4), s(2)));
    Case::named("W04").holds(|input, _| input[0].window(s(2), s(3)));
}

/// Folds with an operator, with the built-in sum (whose inverse is known), and with an inverse of
/// the author's.
fn all_ways(id: &str, length: Duration, slide: Duration) {
    let case = Case::named(id);
    case.holds(|input, of| input[0].reduce_by_key_and_window(of.get("add"), length, slide));
    case.holds(|input, _| input[0].reduce_by_key_and_window(BuiltInFold::Sum, length, slide));
    case.holds(|input, of| with_inverse(&input[0], of, false, length, slide));
}

fn with_inverse(
    input: &DStream,
    of: &Functions,
    filtered: bool,
    length: Duration,
    slide: Duration,
) -> DStream {
    let filter = filtered.then(|| of.get("any_left"));
    let (add, subtract) = (of.get("add"), of.get("subtract"));
    input.reduce_by_key_and_window_with_inverse(add, subtract, filter, length, slide)
}

#[test]
fn folds_by_key_and_window_are_the_same_with_an_inverse() {
    all_ways("W05", s(2), s(1));
    all_ways("W07", s(2), s(1));
    all_ways("W11", s(4), s(2));
}

#[test]
fn a_key_that_has_left_goes_unless_an_inverse_without_a_filter_keeps_it() {
    let case = Case::named("W08");
    case.holds(|input, of| input[0].reduce_by_key_and_window(of.get("add"), s(2), s(1)));
    case.holds(|input, _| input[0].reduce_by_key_and_window(BuiltInFold::Sum, s(2), s(1)));
    let case = Case::named("W12");
    case.holds(|input, of| input[0].reduce_by_key_and_window(of.get("add"), s(2), s(1)));
    case.holds(|input, _| input[0].reduce_by_key_and_window(BuiltInFold::Sum, s(2), s(1)));
    Case::named("W09").holds(|input, of| with_inverse(&input[0], of, false, s(2), s(1)));
}

#[test]
fn a_filter_hides_results_and_lets_keys_go() {
    Case::named("W14").holds(|input, of| with_inverse(&input[0], of, true, s(2), s(1)));
}

#[test]
fn windows_are_counted() {
    Case::named("W16").holds(|input, _| input[0].count_by_window(s(2), s(1)));
    Case::named("W17").holds(|input, _| input[0].count_by_value_and_window(s(2), s(1)));
    Case::named("W19").holds(|input, _| input[0].count_by_window(ms(2500), ms(500)));
}

#[test]
fn values_are_gathered_in_the_order_they_came() {
    Case::named("W21").holds(|input, _| input[0].group_by_key_and_window(ms(1500), ms(500)));
}
