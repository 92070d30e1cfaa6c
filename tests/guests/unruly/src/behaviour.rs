//! What each operator of the unruly guest does.

use std::cell::Cell;
use std::hint::black_box;

use tidemill_sdk::bindings::tidemill::plugin::host;
use tidemill_sdk::bindings::tidemill::plugin::types::{
    Batch, Failure, Level, Node, Output, Rejection, Step,
};

use crate::answer;
use crate::describe::OPERATORS;

thread_local! {
    /// Calls of this instance, to show that no other task can see them.
    static CALLS: Cell<i64> = const { Cell::new(0) };
}

/// Runs the chain: every step but the last must be an echo or take the last one's place.
pub fn run(chain: &[Step], want_origin: bool, input: Batch) -> Result<Output, Failure> {
    CALLS.set(CALLS.get() + 1);
    let mut output = rows(input, want_origin);
    for (number, step) in chain.iter().enumerate() {
        let number = number as u32;
        output = one(number, OPERATORS[step.operator as usize].0, parameter(step), output)?;
    }
    Ok(output)
}

fn one(step: u32, name: &str, parameter: u64, output: Output) -> Result<Output, Failure> {
    let rows = output.batch.rows;
    match name {
        "trap_at" if parameter < u64::from(rows) => core::arch::wasm32::unreachable(),
        "panic_at" if parameter < u64::from(rows) => {
            let row = parameter as u32;
            host::panicked("index\u{1b}[2J out of bounds", step, Some(row));
            core::arch::wasm32::unreachable()
        }
        "fail_at" if parameter < u64::from(rows) => {
            let message = "no such\r\ncustomer".to_owned();
            Err(Failure { message, row: Some(parameter as u32) })
        }
        "run_forever" => loop {
            black_box(());
        },
        "grow" => grow(),
        "recurse" => Ok(Output { origin: None, ..pushed(output, recurse(u64::from(rows))) }),
        "flood_log" => {
            (0..parameter).for_each(|_| host::log(Level::Info, "\u{1b}]0;owned\u{7} one\nFORGED"));
            Ok(output)
        }
        "count" => {
            host::counter("rows", parameter);
            host::counter("rows", parameter);
            host::counter("\u{1b}[2J", parameter);
            Ok(output)
        }
        "calls" => Ok(Output { batch: calls(rows), ..output }),
        "answer" => Ok(answer::decode(&output.batch.buffers[2])),
        "ask" => Ok(Output { batch: asked(parameter, rows), ..output }),
        "amplify" => Ok(Output { batch: amplified(parameter as usize), ..output }),
        "keep_even" => Ok(selection(rows)),
        "reject_odd" => Ok(without_odd(output, step)),
        _ => Ok(output),
    }
}

fn rows(batch: Batch, want_origin: bool) -> Output {
    let origin = want_origin.then(|| (0..batch.rows).collect());
    Output { batch, selection: None, origin, rejected: vec![] }
}

/// Takes memory until it is refused.
fn grow() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![1_u8; 8 << 20]));
    }
}

fn recurse(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1) + room[63] }
}

fn pushed(mut output: Output, number: u64) -> Output {
    output.batch.rows = black_box(number) as u32;
    output
}

fn calls(rows: u32) -> Batch {
    let bytes = (0..rows).flat_map(|_| CALLS.get().to_le_bytes()).collect();
    Batch { rows, nodes: vec![Node { length: rows, nulls: 0 }], buffers: vec![vec![], bytes] }
}

/// How many rows the host gives of a broadcast that it is asked for in some way; -1: none.
fn asked(which: u64, rows: u32) -> Batch {
    let own = OPERATORS.iter().position(|operator| operator.0 == "ask").unwrap_or(0) as u32;
    let given = match which {
        0 => host::broadcast(own, "known"),
        1 => host::broadcast(own, "unknown"),
        2 => host::broadcast(0, "known"),
        3 => host::broadcast(u32::MAX, "known"),
        4 => host::broadcast(own, &"known".repeat(1 << 18)),
        _ => loop {
            drop(black_box(host::broadcast(own, "known")));
        },
    };
    let found = given.map_or(-1, |batch| i64::from(batch.rows));
    let bytes = (0..rows).flat_map(|_| found.to_le_bytes()).collect();
    Batch { rows, nodes: vec![Node { length: rows, nulls: 0 }], buffers: vec![vec![], bytes] }
}

fn amplified(bytes: usize) -> Batch {
    let offsets = [0_i32, bytes as i32].iter().flat_map(|offset| offset.to_le_bytes()).collect();
    let buffers = vec![vec![], offsets, vec![0; bytes]];
    Batch { rows: 1, nodes: vec![Node { length: 1, nulls: 0 }], buffers }
}

fn selection(rows: u32) -> Output {
    let selection = Some((0..rows).step_by(2).collect());
    let batch = Batch { rows: 0, nodes: vec![], buffers: vec![] };
    Output { batch, selection, origin: None, rejected: vec![] }
}

/// Even rows stay, odd ones are refused, the last one first.
fn without_odd(output: Output, step: u32) -> Output {
    let Output { batch, origin, .. } = output;
    let text = |row: usize| {
        let offset = |at: usize| {
            let bytes = batch.buffers[1][at * 4..at * 4 + 4].try_into().unwrap_or_default();
            i32::from_le_bytes(bytes) as usize
        };
        &batch.buffers[2][offset(row)..offset(row + 1)]
    };
    let even: Vec<usize> = (0..batch.rows as usize).step_by(2).collect();
    let (mut offsets, mut data) = (0_i32.to_le_bytes().to_vec(), Vec::new());
    for row in &even {
        data.extend_from_slice(text(*row));
        offsets.extend_from_slice(&(data.len() as i32).to_le_bytes());
    }
    let rejected = (0..batch.rows).skip(1).step_by(2).rev();
    let rejected = rejected.map(|row| Rejection {
        row,
        step,
        code: "odd".to_owned(),
        message: format!("row {row} is\u{202e} odd"),
    });
    let rows = even.len() as u32;
    Output {
        batch: Batch {
            rows,
            nodes: vec![Node { length: rows, nulls: 0 }],
            buffers: vec![vec![], offsets, data],
        },
        selection: None,
        origin: origin.map(|_| even.iter().map(|row| *row as u32).collect()),
        rejected: rejected.collect(),
    }
}

/// The one number of the step's parameters, or zero.
pub fn parameter(step: &Step) -> u64 {
    let parameters = serde_json::from_slice(&step.parameters);
    let parameters: serde_json::Value = parameters.unwrap_or_default();
    let first = parameters.as_object().and_then(|object| object.values().next());
    first.and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// Refuses the row of that number.
pub fn refusal(row: u32) -> Rejection {
    Rejection { row, step: 0, code: "odd".to_owned(), message: String::new() }
}
