//! Tests: the yardstick of the SDK's chains does what the chain does.

use std::time::Duration;

use tidemill::api::context::StreamingContext;

use crate::job_rig::{Collected, Feeder, engine, guest, plugin};

#[test]
fn a_loop_by_hand_and_a_chain_count_alike() {
    let (chain, hand_fused) = (plugin("word_count"), guest("hand_fused"));
    let by_chain = |name| chain.operator(name).expect("the plugin has it");
    let by_hand = |name| hand_fused.operator(name).expect("the guest has it");
    let feeder = Feeder::new();
    let mut context = StreamingContext::new(&engine(), Duration::from_millis(20));
    let lines = context.socket_text_stream(&feeder.address());
    let chained = lines.flat_map(by_chain("split")).map(by_chain("pair"));
    let fused = lines.flat_map(by_hand("split_and_pair"));
    let chained = Collected::of(&chained.reduce_by_key(by_chain("add")));
    let fused = Collected::of(&fused.reduce_by_key(by_chain("add")));
    context.start().expect("the job starts");
    feeder.send("to be or\nnot to be\n");
    let six = |counts: &std::collections::BTreeMap<String, i64>| counts.values().sum::<i64>() >= 6;
    assert_eq!(chained.counts_until(six), fused.counts_until(six));
    context.stop_gracefully().expect("the job drains");
}
