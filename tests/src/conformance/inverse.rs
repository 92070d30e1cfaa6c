//! Windows made of the window before hold what plain windows hold.
//!
//! Spark over-counts when windows do not overlap, and fails when a filter drops a key that still
//! has values in the window. So each window is made in every way, on batches by chance, some of
//! which have no dataset, with slides longer than windows among them.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidemill::api::native;
use tidemill::api::test_context::TestContext;
use tidemill::model::operation::{BuiltInFold, NativeOperator};

use super::rig::{config, partitions, rows_of, schema_of};

type Batches = Vec<Option<Vec<(char, i64)>>>;

fn batches() -> impl Strategy<Value = Batches> {
    let row = (prop::char::range('a', 'd'), -3_i64..4);
    let batch = prop::option::weighted(0.9, prop::collection::vec(row, 0..6));
    prop::collection::vec(batch, 1..14)
}

fn add() -> NativeOperator {
    native::reduce::<i64, _>("add", |left, right, _| left + right).expect("whole numbers")
}

fn subtract() -> NativeOperator {
    native::inverse::<i64, _>("subtract", |sum, left, _| sum - left).expect("whole numbers")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_way_to_make_a_window_gives_the_same(
        batches in batches(),
        length in 1_u64..6,
        slide in 1_u64..8,
    ) {
        let interval = Duration::from_millis(100);
        let (length, slide) = (interval * length as u32, interval * slide as u32);
        let mut test = TestContext::new(config(), interval).expect("an engine starts");
        let rows: Vec<Value> = batches.iter().map(|batch| json!(batch)).collect();
        let schema = schema_of(&[json!([["a", 0]])]);
        let given = |batch: &Value| batch.as_array().map(|rows| partitions(&schema, rows, 2));
        let input = test.input(schema.clone(), rows.iter().map(given).collect());
        let some = || {
            let some = native::filter::<(&'static str, i64), _>("some", |(_, value)| value != 0);
            some.expect("a pair")
        };
        let plain = input.reduce_by_key_and_window(add(), length, slide);
        let exact = input.reduce_by_key_and_window(BuiltInFold::Sum, length, slide);
        let filtered = input.reduce_by_key_and_window_with_inverse(
            add(), subtract(), Some(some().into()), length, slide,
        );
        let rows_in = input.window(length, slide).count();
        let collected = [
            test.collect(&plain),
            test.collect(&exact),
            test.collect(&plain.filter(some())),
            test.collect(&filtered),
            test.collect(&rows_in),
            test.collect(&input.count_by_window(length, slide)),
        ];
        for info in test.run(batches.len() + 8).expect("the job runs") {
            prop_assert_eq!(info.outcome, tidemill::model::status::BatchOutcome::Completed);
        }
        let [plain, exact, shown, filtered, rows_in, counted] = collected.map(|collected| {
            let sorted = |partitions: &Vec<_>| {
                let rows = rows_of(partitions);
                let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
                rows.sort_unstable();
                rows
            };
            let by_time = collected.by_time();
            by_time.iter().map(|(time, rows)| (*time, sorted(rows))).collect::<BTreeMap<_, _>>()
        });
        prop_assert_eq!(&plain, &exact);
        prop_assert_eq!(shown, filtered);
        prop_assert_eq!(rows_in, counted);
        prop_assert!(!plain.is_empty());
    }
}
