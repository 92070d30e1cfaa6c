//! Splits and pairs words in one loop written by hand: the yardstick of the SDK's chains.
//!
//! Takes a column of text. Gives its words, each with a one, as `split` and `pair` of the plugin
//! `word_count` do in a chain. Never uses the SDK's engine, only its bindings.

use tidemill_sdk::bindings::exports::tidemill::plugin::{folds, operators, stateful};
use tidemill_sdk::bindings::tidemill::plugin::types::{
    Batch, Binding, Description, Failure, Field, Kind, Node, Operator, Output, Phase, Schema, Step,
    Task,
};
use tidemill_sdk::text::byte_words;

struct HandFused;

fn field(name: &str, data_type: &str) -> Field {
    Field { name: name.to_owned(), data_type: data_type.to_owned(), nullable: false }
}

fn failure(message: &str) -> Failure {
    Failure { message: message.to_owned(), row: None }
}

/// Room for words of so many bytes with the space after them; shorter ones make vectors grow.
const WORD_BYTES: usize = 6;

fn split_and_pair(input: &Batch) -> Option<Batch> {
    let [_, offsets, text] = &input.buffers[..] else { return None };
    let (offsets, words_expected) = (offsets.as_chunks::<4>().0, text.len() / WORD_BYTES);
    let mut bytes = Vec::with_capacity(text.len());
    let mut ends = Vec::with_capacity(4 * words_expected);
    let mut ones = Vec::with_capacity(8 * words_expected);
    ends.extend_from_slice(&0_u32.to_ne_bytes());
    for line in offsets.windows(2) {
        let (start, end) = (u32::from_ne_bytes(line[0]), u32::from_ne_bytes(line[1]));
        let line = text.get(start as usize..end as usize)?;
        byte_words(line).for_each(|word| {
            bytes.extend_from_slice(word);
            ends.extend_from_slice(&(bytes.len() as u32).to_ne_bytes());
            ones.extend_from_slice(&1_i64.to_ne_bytes());
        });
    }
    let node = Node { length: (ones.len() / 8) as u32, nulls: 0 };
    Some(Batch {
        rows: node.length,
        nodes: vec![node; 2],
        buffers: vec![Vec::new(), ends, bytes, Vec::new(), ones],
    })
}

impl operators::Guest for HandFused {
    fn describe() -> Description {
        Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            doc: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            chains: false,
            operators: vec![Operator {
                name: "split_and_pair".to_owned(),
                kind: Kind::FlatMap,
                doc: "The words of a line, each with a one.".to_owned(),
                binding: Binding::Position,
                input: Schema { fields: vec![field("line", "utf8")], keys: 0 },
                output: Schema { fields: vec![field("_1", "utf8"), field("_2", "int64")], keys: 1 },
                parameters: Vec::new(),
                state: None,
                broadcasts: Vec::new(),
            }],
        }
    }

    fn apply(
        _chain: Vec<Step>,
        _task: Task,
        _want_origin: bool,
        input: Batch,
    ) -> Result<Output, Failure> {
        let batch = split_and_pair(&input).ok_or_else(|| failure("not a column of text"))?;
        Ok(Output { batch, selection: None, origin: None, rejected: Vec::new() })
    }
}

impl folds::Guest for HandFused {
    fn fold(
        _step: Step,
        _task: Task,
        _phase: Phase,
        _values: Batch,
        _group_of_row: Vec<u32>,
        _groups: u32,
    ) -> Result<Batch, Failure> {
        Err(failure("this plugin folds nothing"))
    }

    fn merge(_step: Step, _task: Task, _left: Batch, _right: Batch) -> Result<Batch, Failure> {
        Err(failure("this plugin merges nothing"))
    }
}

impl stateful::Guest for HandFused {
    fn update(
        _step: Step,
        _task: Task,
        _input: stateful::Input,
    ) -> Result<stateful::Answer, Failure> {
        Err(failure("this plugin keeps nothing"))
    }
}

tidemill_sdk::bindings::export_plugin!(HandFused with_types_in tidemill_sdk::bindings);
