//! What datasets are made of: several of them, of one context.

use tidemill::api::native::map;
use tidemill::model::operation::BuiltInFold;

use super::rig::{Made, collected, context, failure, numbers};

#[test]
fn datasets_are_brought_together() {
    let context = context();
    let (one, two) = (numbers(&context, &[&[1, 2], &[3]]), numbers(&context, &[&[3, 4]]));
    assert_eq!(collected(&one.union(&two)), [1, 2, 3, 3, 4]);
    let both = one.key_by(&["n"]).join(&two.key_by(&["n"]));
    assert_eq!(collected(&both), [3]);
    let mut values = collected(&one.union(&two).count_by_value());
    values.sort_unstable();
    assert_eq!(values, [1, 2, 3, 4]);
}

#[test]
fn a_dataset_that_is_read_twice_in_an_action_is_made_once() {
    let (context, made) = (context(), Made::default());
    let counted = made.counting(&numbers(&context, &[&[1, 2], &[3]]));
    assert_eq!(counted.union(&counted).count().expect("it is made"), 6);
    assert_eq!(made.rows(), 3);
    // And again for the next action: it is not kept.
    assert_eq!(counted.count().expect("it is made"), 3);
    assert_eq!(made.rows(), 3);
}

#[test]
fn the_hosts_own_verbs_work_on_datasets() {
    let (context, made) = (context(), Made::default());
    let numbers = numbers(&context, &[&[3, 1, 3], &[2], &[1, 9]]);
    assert_eq!(collected(&numbers.distinct().sort_by(&["-n"])), [9, 3, 2, 1]);
    let renamed = made.counting(&numbers.rename(&[("n", "m")])).rename(&[("value", "k")]);
    assert_eq!(renamed.take(1).expect("they are made")[0].schema().field(0).name(), "k");
    assert_eq!(made.rows(), 3, "one partition: a name moves no row");
}

#[test]
fn datasets_of_two_contexts_do_not_meet() {
    let (here, there) = (context(), context());
    let both = numbers(&here, &[&[1]]).union(&numbers(&there, &[&[2]]));
    assert_eq!(failure(both.count()), "datasets of two contexts were brought together");
}

#[test]
fn steps_that_do_not_fit_are_told_when_an_action_runs() {
    let context = context();
    let wrong = numbers(&context, &[&[1]]).key_by(&["m"]);
    let message = failure(wrong.count());
    assert!(message.contains("the job does not fit together") && message.contains("`m`"));
    let unkeyed = numbers(&context, &[&[1]]).reduce_by_key(BuiltInFold::Sum);
    assert!(failure(unkeyed.collect()).contains("key"));
}

#[test]
fn a_failed_task_fails_its_action_and_no_other() {
    let context = context();
    let numbers = numbers(&context, &[&[2, 1], &[0]]);
    let broken = map::<i64, i64, _>("broken", |number, _| 10 / number).expect("types of streams");
    let message = failure(numbers.map(broken).collect());
    assert!(message.contains("partition 1: operator `broken` failed at row 0"), "{message}");
    assert_eq!(collected(&numbers), [2, 1, 0]);
}
