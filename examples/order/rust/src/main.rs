//! Adds up orders.
mod json;
mod lambda;

use json::Json;
use lambda::{Failure, Invocation};
use std::time::Duration;

fn main() {
    // Kept between the calls of one environment.
    let mut calls = 0;
    lambda::serve(|invocation, order| {
        calls += 1;
        total(invocation, &order, calls)
    });
}

fn total(invocation: &Invocation, order: &Json, call: i64) -> Result<Json, Failure> {
    let customer = order.get("customer").and_then(Json::text).unwrap_or_default();
    println!("order of {customer}");
    let items = order.get("items").and_then(Json::list).unwrap_or_default();
    if items.is_empty() {
        let message = format!("the order of {customer} has no items");
        return Err(Failure { kind: "EmptyOrder", message });
    }
    std::thread::sleep(Duration::from_millis(order.whole("preparationMs").unwrap_or(0) as u64));
    let mut cents = 0;
    for item in items {
        match (item.whole("quantity"), item.whole("priceCents")) {
            (Some(quantity), Some(price)) => cents += quantity * price,
            _ => return Err(Failure { kind: "BadItem", message: "an item has no quantity or price".into() }),
        }
    }
    Ok(Json::object([
        ("customer", Json::Text(customer.into())),
        ("totalCents", Json::Number(cents as f64)),
        ("runtime", Json::Text("rust".into())),
        ("requestId", Json::Text(invocation.request_id.clone())),
        ("function", Json::Text(std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default())),
        ("call", Json::Number(call as f64)),
    ]))
}
