//! Orders: what is to be paid, by what is known of customers.

use tidemill_sdk::prelude::*;

/// What the operator needs of an order.
#[derive(Row, Clone)]
pub struct Order {
    customer: i64,
    cents: i64,
}

/// What it needs of a customer.
#[derive(Row, Clone)]
pub struct Customer {
    customer: i64,
    percent_off: Option<i64>,
}

/// What is to be paid for an order, less what its customer is given off.
#[map]
fn pay(order: Order, #[broadcast] customers: &Broadcast<Customer>) -> i64 {
    let known = customers.by(|customer| customer.customer);
    let off = known.first(&order.customer).and_then(|customer| customer.percent_off);
    order.cents - order.cents * off.unwrap_or(0) / 100
}

plugin!(pay);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_given_what_is_theirs_off() {
        let customer = |customer, percent_off| Customer { customer, percent_off };
        let customers = Broadcast::of(&[customer(1, Some(10)), customer(2, None)]);
        let order = |customer| Order { customer, cents: 1_000 };
        assert_eq!(pay(order(1), &customers), 900);
        assert_eq!(pay(order(2), &customers), 1_000);
        assert_eq!(pay(order(3), &customers), 1_000);
    }
}
