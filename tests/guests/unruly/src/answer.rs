//! An answer that the test wrote: the unruly guest gives back what it is told.
//!
//! Little-endian numbers of 32 bits: rows; nodes, each length and nulls; buffers, each length and
//! bytes; selection and origin, each 0 or 1 and then a list; rejected rows, each row and step.

use tidemill_sdk::bindings::tidemill::plugin::types::{Batch, Node, Output, Rejection};

pub fn decode(mut bytes: &[u8]) -> Output {
    let from = &mut bytes;
    let rows = number(from);
    let nodes = list(from, |from| Node { length: number(from), nulls: number(from) });
    let buffers = list(from, |from| {
        let length = number(from) as usize;
        from.split_off(..length).unwrap_or_default().to_vec()
    });
    let batch = Batch { rows, nodes, buffers };
    let selection = option(from);
    let origin = option(from);
    let rejected = list(from, |from| Rejection {
        row: number(from),
        step: number(from),
        code: "told".to_owned(),
        message: "as told".to_owned(),
    });
    Output { batch, selection, origin, rejected }
}

fn number(from: &mut &[u8]) -> u32 {
    let bytes = from.split_off(..4).and_then(|bytes| bytes.try_into().ok());
    u32::from_le_bytes(bytes.unwrap_or_default())
}

fn list<T>(from: &mut &[u8], item: impl Fn(&mut &[u8]) -> T) -> Vec<T> {
    (0..number(from)).map(|_| item(from)).collect()
}

fn option(from: &mut &[u8]) -> Option<Vec<u32>> {
    (number(from) == 1).then(|| list(from, number))
}
