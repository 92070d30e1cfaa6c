//! Cli: `demo`: words of a real text, over a live socket, counted by a component.
//!
//! Takes how long and how fast. Gives counted words on the screen. Sets up all it needs: the
//! plugin is built from the source this program carries.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tidemill::config::job_file::JobFile;
use tidemill::driver::pace::Pace;
use tidemill::driver::status_board::StatusBoard;
use tidemill::model::status::{JobState, JobStatus};
use tidemill::model::text::grouped;
use tidemill_guest_build::{cache_folder, new_plugin, sdk_folder};

use super::args::DemoArgs;
use super::display::{Display, seconds};
use super::exit::ENDED;
use super::host;
use super::run::{Beside, start};
use super::signals::Signals;
use super::status_line::Machine;

const TEXT: &str = include_str!("../../../LICENSE");
const PLUGIN: &str = include_str!("../../../plugins/word_count/src/lib.rs");
const JOB: &str = include_str!("demo/word_count.toml");

/// How long the demo waits for its last lines to be counted.
const COUNTED_WAIT_MAX: Duration = Duration::from_secs(10);

/// Runs the demo.
///
/// # Errors
/// When the plugin cannot be built, or the job fails.
pub fn demo(args: &DemoArgs, signals: &Signals) -> anyhow::Result<u8> {
    println!("Tidemill counts the words of its licence, which come over a socket.\n");
    let plugin = write_plugin()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to open a port")?;
    let address = listener.local_addr().context("failed to open a port")?.to_string();
    let text = JOB
        .replace("127.0.0.1:9999", &address)
        .replace("plugins/word_count", &plugin.display().to_string());
    println!("The job, as a file:\n\n{text}");
    println!("The plugin, in Rust:\n\n{}", PLUGIN.split("\n#[cfg(test)]").next().unwrap_or(PLUGIN));
    let job = JobFile::parse("word_count.toml", &text, &plugin)
        .map_err(|errors| anyhow::anyhow!("the demo's own job is wrong: {errors:?}"))?;
    let engine = host::start_engine(None, None)?;
    let machine = Machine {
        batch_interval: job.pipeline.settings.batch_interval,
        executors: engine.config.executors,
    };
    let display = Display::new(machine, false);
    let (handle, _) = start(&engine, &job, &display, Pace::Clock, Beside::default())?;
    signals.drain(handle.control(), &display);
    let (rate, duration) = (args.rate, args.duration);
    let (control, board) = (handle.control(), Arc::clone(handle.board()));
    let feeder = std::thread::spawn(move || {
        let fed = listener.accept().and_then(|(stream, _)| feed(stream, rate, duration));
        // The connection stays open until its lines have been counted: draining reads no more.
        if let Ok((_, sent)) = fed {
            wait_until_counted(&board, sent);
        }
        control.drain();
        fed.map(|(_, sent)| sent)
    });
    let ended = handle.wait();
    display.end(ended.as_ref().copied());
    ended?;
    let status = handle.status();
    let sent = feeder.join().map_err(|_| anyhow::anyhow!("the feeder panicked"))?;
    println!(
        "Counted {} lines in {} batches, {} failed; {} lines were sent in {}.",
        grouped(status.rows_in),
        grouped(status.batches),
        grouped(status.failed_batches),
        grouped(sent.context("failed to feed the socket")?),
        seconds(duration)
    );
    println!(
        "Write a plugin of your own: `tidemill plugin new NAME`; then `tidemill run JOB.toml`."
    );
    Ok(ENDED)
}

/// Writes the plugin this program carries into the cache, where cargo can build it.
fn write_plugin() -> anyhow::Result<PathBuf> {
    let folder = cache_folder().join("demo").join(version(&sdk_folder()?)).join("word_count");
    if !folder.exists() {
        new_plugin(&folder).context("failed to write the demo's plugin")?;
    }
    let source = folder.join("src").join("lib.rs");
    std::fs::write(&source, PLUGIN)
        .with_context(|| format!("failed to write `{}`", source.display()))?;
    Ok(folder)
}

/// Names what the demo's plugin is built from: its source, and the SDK, which it names by path.
fn version(sdk: &Path) -> String {
    let sdk = sdk.as_os_str().as_encoded_bytes();
    blake3::hash(&[PLUGIN.as_bytes(), sdk].concat()).to_hex()[..16].to_owned()
}

#[expect(clippy::disallowed_methods, reason = "it watches a job that runs by the wall clock")]
fn wait_until_counted(board: &StatusBoard, lines: u64) {
    let begun = Instant::now();
    let counted = |status: JobStatus| status.state != JobState::Running || status.rows_in >= lines;
    while !counted(board.snapshot()) && begun.elapsed() < COUNTED_WAIT_MAX {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends the text, over and over, at the rate; gives the open connection and the lines sent.
#[expect(clippy::disallowed_methods, reason = "it paces a real socket, for people to watch")]
fn feed(mut stream: TcpStream, rate: u32, duration: Duration) -> std::io::Result<(TcpStream, u64)> {
    let begun = Instant::now();
    let mut lines = TEXT.lines().cycle();
    let (mut sent, mut chunk) = (0_u64, Vec::new());
    while begun.elapsed() < duration {
        let due = (begun.elapsed().as_secs_f64() * f64::from(rate)) as u64;
        chunk.clear();
        while sent < due {
            chunk.extend_from_slice(lines.next().unwrap_or_default().as_bytes());
            chunk.push(b'\n');
            sent += 1;
        }
        stream.write_all(&chunk)?;
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok((stream, sent))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder was named by the plugin's source alone, and outlived the program: the next
    /// version, with another treaty and so another SDK, built it against the old one, and its demo
    /// ended with a component that did not fit.
    #[test]
    fn another_sdk_is_another_folder() {
        assert_ne!(version(Path::new("sdk/one")), version(Path::new("sdk/two")));
        assert_eq!(version(Path::new("sdk/one")), version(Path::new("sdk/one")));
    }
}
