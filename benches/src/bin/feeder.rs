//! Feeder: serves the benches' text to the first who connects, the same to Tidemill and to peers.
//!
//! Takes a port, a rate and a number of lines. Gives lines over TCP, and once a second a line on
//! standard output about how it stands. Ends when standard input does.
#![allow(clippy::disallowed_methods, reason = "benches live by the wall clock")]

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use tidemill_benches::feed::{Feed, Order};
use tidemill_benches::report::{FeedReport, Listening, say};
use tidemill_benches::text::Text;

/// How often the feeder looks at how far it is behind.
const LOOK: Duration = Duration::from_millis(10);
/// Looks between two reports.
const LOOKS: u32 = 100;

/// Serves lines of words to the first who connects.
#[derive(Debug, Parser)]
struct Args {
    /// Port to listen on; 0: any that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Lines a second; without it: as fast as they are taken.
    #[arg(long)]
    rate: Option<u64>,
    /// Lines in all; without it: until standard input ends.
    #[arg(long)]
    lines: Option<u64>,
    /// Seed of the text.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let text = Text::new(args.seed);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))?;
    say(&Listening { port: listener.local_addr()?.port() });
    let (mut connection, _) = listener.accept()?;
    connection.set_nodelay(true)?;
    let feed = Arc::new(Feed::new(Order { rate: args.rate, lines: args.lines }));
    let (stopped, watched) = (Arc::clone(&feed), Arc::clone(&feed));
    std::thread::spawn(move || {
        let _ended = std::io::stdin().read_to_end(&mut Vec::new());
        stopped.stop();
    });
    std::thread::spawn(move || watch(&watched));
    let sent = feed.run(&text, &mut connection);
    drop(connection);
    say(&FeedReport { ended: true, ..report(&feed, feed.behind()) });
    Ok(sent?)
}

fn watch(feed: &Feed) {
    loop {
        let mut behind = Duration::ZERO;
        for _ in 0..LOOKS {
            std::thread::sleep(LOOK);
            behind = behind.max(feed.behind());
        }
        say(&report(feed, behind));
    }
}

fn report(feed: &Feed, behind: Duration) -> FeedReport {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    FeedReport {
        at_ms: i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
        sent: feed.sent(),
        behind_ms: behind.as_secs_f64() * 1000.0,
        ended: false,
    }
}
