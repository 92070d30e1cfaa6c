//! Stamps every row with the version of the component, which a test writes into its bytes.
//!
//! One build stands for any number of versions: the stamp is looked for in the component and is
//! written over. Its last word is how the version behaves, which is well unless it says otherwise.

use std::hint::black_box;

use tidemill_sdk::prelude::*;

/// `stamp:`, four digits, a colon, a word of eight letters, and a full stop.
static STAMP: [u8; 20] = *b"stamp:0000:honestly.";

/// Rounds that a row is thought about by a version that works, and by one that is slow.
const ROUNDS: u64 = 100_000;
const ROUNDS_OF_SLOW: u64 = 5 * ROUNDS;
/// The same under a load, where rows are many.
const ROUNDS_UNDER_LOAD: u64 = 10_000;

fn stamp_of_component() -> &'static [u8; 20] {
    black_box(&STAMP)
}

fn version() -> i64 {
    let digits = &stamp_of_component()[6..10];
    digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
}

/// What is done about a row beside stamping it. Gives how often it is to come out.
fn behave(id: i64) -> u64 {
    match &stamp_of_component()[11..19] {
        b"trapping" => panic!("this version traps"),
        b"rarely.." if id % 100 == 37 => panic!("this version traps at one row in a hundred"),
        b"looping." => loop {
            black_box(id);
        },
        b"flooding" => return 1 << 40,
        b"hoarding" => hoard(),
        b"working." => think(ROUNDS),
        b"slowly.." => think(ROUNDS_OF_SLOW),
        b"toiling." => think(ROUNDS_UNDER_LOAD),
        b"dawdling" => think(5 * ROUNDS_UNDER_LOAD),
        _ => {}
    }
    1
}

fn hoard() {
    let mut hoarded: Vec<Vec<u8>> = Vec::new();
    loop {
        hoarded.push(black_box(vec![1; 1 << 20]));
    }
}

fn think(rounds: u64) {
    let mut sum = 0_u64;
    for round in 0..rounds {
        sum = black_box(sum.wrapping_mul(31).wrapping_add(round));
    }
}

/// The row's id and the version.
#[flat_map]
fn stamp(id: i64) -> impl Iterator<Item = (i64, i64)> {
    (0..behave(id)).map(move |_| (id, version()))
}

/// A key of three, and a one.
#[map(keys = 1)]
fn key(id: i64) -> (i64, i64) {
    (id % 3, 1)
}

/// How many there were so far.
#[update_state_by_key]
fn total(ones: impl Iterator<Item = i64>, so_far: Option<i64>) -> Option<i64> {
    Some(ones.sum::<i64>() + so_far.unwrap_or_default())
}

/// A key of three, and the id times the version.
#[map(keys = 1)]
fn weigh(id: i64) -> (i64, i64) {
    (id % 3, id * version())
}

/// The sum of two.
#[reduce]
fn add(left: i64, right: i64) -> i64 {
    left + right
}

/// A sum without one that was added.
#[inverse]
fn take_away(sum: i64, value: i64) -> i64 {
    sum - value
}

plugin!(stamp, key, total, weigh, add, take_away);
