//! Floor 2, model: the nouns that travel between rooms.
//!
//! Takes nothing but limits. Gives plain values. Never does I/O, asks the time, or knows a room.

pub mod backpressure;
pub mod block;
pub mod block_store;
pub mod broadcast;
pub mod bytes_decoder;
pub mod calendar;
pub mod call_times;
pub mod column_type;
pub mod constant;
pub mod counted;
pub mod description;
pub mod finding;
pub mod gauges;
pub mod id;
pub mod join;
pub mod operation;
pub mod operator;
pub mod output_measure;
pub mod parameter;
pub mod partition_store;
pub mod pipeline;
pub mod policy;
pub mod receiver;
pub mod rejected;
pub mod replay;
pub mod replayed;
pub mod schema;
pub mod sink;
pub mod source;
pub mod stage;
pub mod stateful;
pub mod status;
pub mod step_rules;
pub mod storage_level;
pub mod telling;
pub mod text;
pub mod time;
pub mod transform;
pub mod verb_call;
pub mod version;
pub mod wiring;
