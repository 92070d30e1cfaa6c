//! What a test leaves that fails under load: nothing that runs on beside the others.

use std::io::Read;
use std::net::TcpStream;

use super::feed::Feed;
use super::rig::{Load, RATE};
use crate::control::rig::Rig;
use crate::job_rig::PATIENCE;
use crate::set_up::patience::patiently;
use crate::swap::rig::version;

/// The story: a test failed, its feed sent on to nobody and its job made batches for ever, and the
/// suite stood still with a core at work.
#[test]
fn jobs_and_feeds_end_with_a_test_that_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let load = Load::start(&rig, folder.path(), "left", (&version(1, "honestly"), ""));
    let job = rig.jobs.get("left").expect("it runs");
    assert!(job.is_running());
    // As a panic drops them.
    drop(load);
    drop(rig);
    patiently("the job ends", || (!job.is_running()).then_some(()));
}

/// Drops a feed on a thread of its own, and waits for that.
fn ends(feed: Feed) {
    let (told, ended) = crossbeam_channel::bounded(1);
    std::thread::spawn(move || {
        drop(feed);
        told.send(()).expect("the test waits");
    });
    ended.recv_timeout(PATIENCE).expect("the feed ends");
}

#[test]
fn feed_ends_where_nobody_comes_and_where_nobody_reads() {
    ends(Feed::start(RATE));
    // More than the buffers of two sockets hold, so that it stands in the middle of a write.
    let feed = Feed::start(10_000_000);
    let mut reader = TcpStream::connect(&feed.address).expect("it listens");
    reader.read_exact(&mut [0]).expect("it sends");
    ends(feed);
}
