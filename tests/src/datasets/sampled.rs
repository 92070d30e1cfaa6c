//! Samples: how many rows, which, and that a seed gives the same again.

use std::collections::BTreeSet;

use tidemill::api::dataset::Dataset;

use super::rig::{context, numbers, values};

fn sample(of: &Dataset, with_replacement: bool, rows: usize, seed: u64) -> Vec<i64> {
    let found = of.take_sample(with_replacement, rows, seed).expect("it is made");
    values(found.iter())
}

#[test]
fn without_replacement_no_row_comes_twice() {
    let all: Vec<i64> = (0..100).collect();
    let numbers = numbers(&context(), &[&all[..10], &[], &all[10..]]);
    let first = sample(&numbers, false, 20, 7);
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 20);
    assert_eq!(sample(&numbers, false, 20, 7), first);
    assert_ne!(sample(&numbers, false, 20, 8), first);
    let mut whole = sample(&numbers, false, 1_000, 7);
    assert_ne!(whole, all, "they come in an order by chance");
    whole.sort_unstable();
    assert_eq!(whole, all);
}

#[test]
fn with_replacement_there_are_as_many_rows_as_asked_for() {
    let numbers = numbers(&context(), &[&[1], &[2]]);
    let found = sample(&numbers, true, 50, 7);
    assert_eq!(found.len(), 50);
    assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
    assert_eq!(sample(&numbers, true, 50, 7), found);
    assert_eq!(sample(&numbers, true, 0, 7), [0_i64; 0]);
}
