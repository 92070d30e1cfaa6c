//! Cases of windows.
//!
//! Takes the cases `W..`. Gives nothing but passed or failed. Never runs one in real time.

use std::time::Duration;

use tidemill::api::dstream::DStream;
use tidemill::api::native;
use tidemill::model::operation::{BuiltInFold, NativeOperator, OperatorRef};

use super::rig::Case;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn add() -> NativeOperator {
    native::reduce::<i64, _>("add", |left, right, _| left + right).expect("types of streams")
}

fn subtract() -> NativeOperator {
    native::reduce::<i64, _>("subtract", |left, right, _| left - right).expect("types of streams")
}

#[test]
fn windows_hold_the_rows_of_their_batches() {
    Case::named("W01").holds(|input| input[0].window(s(2), s(1)));
    Case::named("W03").holds(|input| input[0].window(s(4), s(2)));
    Case::named("W04").holds(|input| input[0].window(s(2), s(3)));
}

/// Folds with an operator, with the built-in sum (whose inverse is known), and with an inverse of
/// the author's.
fn all_ways(id: &str, length: Duration, slide: Duration) {
    let case = Case::named(id);
    case.holds(|input| input[0].reduce_by_key_and_window(add(), length, slide));
    case.holds(|input| input[0].reduce_by_key_and_window(BuiltInFold::Sum, length, slide));
    case.holds(|input| with_inverse(&input[0], subtract(), None, length, slide));
}

fn with_inverse(
    input: &DStream,
    inverse: impl Into<OperatorRef>,
    filter: Option<OperatorRef>,
    length: Duration,
    slide: Duration,
) -> DStream {
    input.reduce_by_key_and_window_with_inverse(add(), inverse, filter, length, slide)
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
    case.holds(|input| input[0].reduce_by_key_and_window(add(), s(2), s(1)));
    case.holds(|input| input[0].reduce_by_key_and_window(BuiltInFold::Sum, s(2), s(1)));
    Case::named("W09").holds(|input| with_inverse(&input[0], subtract(), None, s(2), s(1)));
}

#[test]
fn a_filter_hides_results_and_lets_keys_go() {
    let some = native::filter::<(&'static str, i64), _>("some", |(_, v)| v != 0);
    let some = some.expect("types of streams");
    Case::named("W14")
        .holds(|input| with_inverse(&input[0], subtract(), Some(some.into()), s(2), s(1)));
}

#[test]
fn windows_are_counted() {
    Case::named("W16").holds(|input| input[0].count_by_window(s(2), s(1)));
    Case::named("W17").holds(|input| input[0].count_by_value_and_window(s(2), s(1)));
    Case::named("W19").holds(|input| input[0].count_by_window(ms(2500), ms(500)));
}

#[test]
fn values_are_gathered_in_the_order_they_came() {
    Case::named("W21").holds(|input| input[0].group_by_key_and_window(ms(1500), ms(500)));
}
