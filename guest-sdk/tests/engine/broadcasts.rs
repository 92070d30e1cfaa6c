//! Operators that read broadcasts, run natively: by hand, and through the table.

use crate::rig::{Answer, check, number_of};
use tidemill_sdk::broadcast::give_broadcast;
use tidemill_sdk::description::Binding;
use tidemill_sdk::prelude::*;

/// What is known of a customer.
#[derive(Row, Clone, Debug, PartialEq)]
struct Customer<'a> {
    id: i64,
    name: &'a str,
}

fn ada() -> Customer<'static> {
    Customer { id: 1, name: "Ada" }
}

/// The name of a customer, behind a mark.
#[map]
fn named(
    id: i64,
    #[param(default = '-')] mark: char,
    #[broadcast] customers: &Broadcast<Customer<'static>>,
    context: Context,
) -> String {
    context.counter("named", 1);
    let customers = customers.by(|row| row.id);
    format!("{mark}{}", customers.first(&id).map_or("?", |row| row.name))
}

/// The words that a table of words and numbers counts, as often as it says.
#[flat_map]
fn repeated<'a>(
    word: &'a str,
    #[broadcast] counts: &'static Broadcast<(&'static str, i64)>,
) -> Vec<&'a str> {
    let counts = counts.by(|row| row.0);
    counts.all(word).flat_map(|row| std::iter::repeat_n(word, row.1 as usize)).collect()
}

/// A fold may read one, too.
#[reduce]
fn at_most(a: i64, b: i64, #[broadcast] limit: &Broadcast<i64>) -> i64 {
    (a + b).min(limit.rows().first().copied().unwrap_or(i64::MAX))
}

plugin!(named, repeated, at_most);

#[test]
fn an_author_calls_the_function_with_rows() {
    let customers = Broadcast::of(&[ada()]);
    let context = Context::for_test(Task::default());
    assert_eq!(named(1, '+', &customers, context), "+Ada");
    assert_eq!((customers.len(), customers.is_empty()), (1, false));
    assert_eq!(customers.iter().collect::<Vec<_>>(), [&ada()]);
}

#[test]
fn what_is_looked_up_in_is_made_once() {
    let customers: Broadcast<Customer<'static>> = Broadcast::of(&[ada(), ada()]);
    let by_id = || customers.by(|row| row.id);
    assert!(std::rc::Rc::ptr_eq(&by_id(), &by_id()));
    assert_eq!(by_id().all(&1).count(), 2);
    let by_name = customers.by(|row| row.name);
    assert_eq!(by_name.first("Ada"), Some(&ada()));
    assert_eq!(by_name.first("Bob"), None);
}

#[test]
fn the_host_is_told_what_is_wanted() {
    let wanted = |name: &str| {
        let operator = &operators().describe().operators[number_of(operators(), name) as usize];
        let broadcast = operator.broadcasts.first().expect("it has one");
        let fields = broadcast.fields.iter().map(|f| format!("{}: {}", f.name, f.data_type));
        (broadcast.name.clone(), broadcast.binding, fields.collect::<Vec<_>>().join(", "))
    };
    assert_eq!(
        wanted("named"),
        ("customers".into(), Binding::Name, "id: int64, name: utf8".into())
    );
    let counts = ("counts".into(), Binding::Position, "_1: utf8, _2: int64".into());
    assert_eq!(wanted("repeated"), counts);
    assert_eq!(wanted("at_most"), ("limit".into(), Binding::Position, "value: int64".into()));
}

#[test]
fn operators_read_what_a_test_gives() {
    give_broadcast::<Customer<'static>>("customers", &[ada()]);
    check::<i64, &str>(
        operators(),
        &["named {\"mark\":\"#\"}"],
        &[1, 2],
        Answer::rows(&["#Ada", "#?"]),
    );
    give_broadcast::<(&str, i64)>("counts", &[("a", 2), ("b", 1), ("a", 1)]);
    let expected = Answer::rows(&["a", "a", "a", "b"]).from(&[0, 0, 0, 2]);
    check::<&str, &str>(operators(), &["repeated"], &["a", "c", "b"], expected);
    give_broadcast::<Customer<'static>>("customers", &[Customer { id: 2, name: "Bob" }]);
    check::<i64, &str>(operators(), &["named"], &[1, 2], Answer::rows(&["-?", "-Bob"]));
}

#[test]
fn what_is_not_there_fails_the_call() {
    let failure = Answer::<&str>::failure("broadcast `customers` is not there");
    check::<i64, &str>(operators(), &["named"], &[1], failure);
}
