//! Driver: a swap holds batches back while it makes again what windows read, and never for ever.
//!
//! Takes events, as a swap's caller sends them. Gives the batches that have begun.

use super::*;
use crate::driver::versions::BackAsked;
use crate::version::admission::Refusal;

fn one_waits() -> EventLoop {
    let storage = MemoryStorage::new();
    storage.put("/in/old", b"x\n");
    let mut event_loop = watching(&storage);
    tick(&mut event_loop, 1);
    event_loop
}

/// Batches that run once those that may begin have begun.
fn running(event_loop: &mut EventLoop) -> usize {
    event_loop.begin_batches();
    event_loop.answer_hold();
    event_loop.running.len()
}

#[test]
fn no_batch_begins_until_the_swap_lets_go() {
    let mut event_loop = one_waits();
    let (answer, answered) = sync_channel(1);
    event_loop.hear(Event::Hold(answer));
    assert_eq!(running(&mut event_loop), 0);
    assert_eq!(answered.try_recv(), Ok(Ok(())));
    assert_eq!(running(&mut event_loop), 0);
    event_loop.hear(Event::Release);
    assert_eq!(running(&mut event_loop), 1);
}

#[test]
fn swap_waits_for_the_batch_that_runs() {
    let mut event_loop = one_waits();
    assert_eq!(running(&mut event_loop), 1);
    let (answer, answered) = sync_channel(1);
    event_loop.hear(Event::Hold(answer));
    tick(&mut event_loop, 2);
    assert_eq!(running(&mut event_loop), 1);
    assert!(answered.try_recv().is_err(), "it still runs");
    event_loop.running.clear();
    assert_eq!(running(&mut event_loop), 0);
    assert_eq!(answered.try_recv(), Ok(Ok(())));
}

#[test]
fn caller_that_is_gone_holds_nothing() {
    let mut event_loop = one_waits();
    let (answer, answered) = sync_channel(1);
    drop(answered);
    event_loop.hear(Event::Hold(answer));
    assert_eq!(running(&mut event_loop), 0);
    assert_eq!(running(&mut event_loop), 1);
}

/// The story: somebody asked to go back while a swap made again what windows read, and was refused.
/// Batches were held back no more then: one began on the old version, and the windows of the new
/// one lacked it.
#[test]
fn rollback_that_is_refused_lets_no_batch_of_a_swap_begin() {
    let mut event_loop = one_waits();
    let (answer, answered) = sync_channel(1);
    event_loop.hear(Event::Hold(answer));
    assert_eq!(running(&mut event_loop), 0);
    assert_eq!(answered.try_recv(), Ok(Ok(())));
    let (answer, answered) = sync_channel(1);
    event_loop.hear(Event::RollBack(BackAsked { made_again: None, answer }));
    assert!(matches!(answered.try_recv(), Ok(Err(Refusal::NoEarlier))));
    assert_eq!(running(&mut event_loop), 0);
    event_loop.hear(Event::Release);
    assert_eq!(running(&mut event_loop), 1);
}

/// Whatever the swap does: what is left is worked off, and the swap is not let in any more.
#[test]
fn job_that_ends_is_not_held() {
    let mut event_loop = one_waits();
    let (answer, answered) = sync_channel(1);
    event_loop.hear(Event::Hold(answer));
    assert_eq!(running(&mut event_loop), 0);
    event_loop.hear(Event::Command(Command::Drain));
    assert_eq!(running(&mut event_loop), 1);
    assert_eq!(answered.try_recv(), Ok(Ok(())));
    let (answer, answered) = sync_channel(1);
    event_loop.hear(Event::Hold(answer));
    assert_eq!(running(&mut event_loop), 1);
    assert_eq!(answered.try_recv(), Ok(Ok(())), "who asks late is answered at once");
}

/// The story: one replays at a time. A swap that is through with its replays but for the last ones
/// waited for no batch to run, and the batch that ran for its windows, whose replays waited for the
/// swap.
#[test]
fn swap_does_not_wait_for_a_batch_that_awaits_windows() {
    let mut event_loop = one_waits();
    assert_eq!(running(&mut event_loop), 1);
    event_loop.awaits_windows = Some(0);
    let (answer, answered) = sync_channel(1);
    event_loop.hear(Event::Hold(answer));
    event_loop.answer_hold();
    assert_eq!(answered.try_recv(), Ok(Err(Refusal::Changed)));
    event_loop.hear(Event::WindowsMade(Ok(Vec::new())));
    assert_eq!((event_loop.awaits_windows, event_loop.running.len()), (None, 1));
    event_loop.running.clear();
    tick(&mut event_loop, 2);
    assert_eq!(running(&mut event_loop), 1, "nothing is held");
}
