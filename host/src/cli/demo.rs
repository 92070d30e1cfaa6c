//! Cli: `demo`: words of a real text, over a live socket, counted by a component.
//!
//! Takes how long and how fast. Gives counted words on the screen, first by one version of the
//! component, then by another. Sets up all it needs: both are built from what this program carries.

mod plugins;
mod swapping;

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context;
use tidemill::config::job_file::JobFile;
use tidemill::driver::pace::Pace;
use tidemill::driver::status_board::StatusBoard;
use tidemill::driver::swap::NewCode;
use tidemill::limits::LISTENER_QUEUE_MAX;
use tidemill::model::status::{JobState, JobStatus};
use tidemill::model::text::{grouped, number_of};
use tidemill::model::version::SwapRules;

use super::args::DemoArgs;
use super::display::{Display, seconds};
use super::exit::ENDED;
use super::host;
use super::run::{Beside, start};
use super::signals::Signals;
use super::status_line::Machine;
use swapping::{Followed, Heard, follow};

const TEXT: &str = include_str!("../../../LICENSE");
const JOB: &str = include_str!("demo/word_count.toml");

/// How long the demo waits for its last lines to be counted.
const COUNTED_WAIT_MAX: Duration = Duration::from_secs(10);

/// Runs the demo.
///
/// # Errors
/// When a version of the plugin cannot be built, the job fails or the swap is refused, or a line is
/// lost.
pub fn demo(args: &DemoArgs, signals: &Signals) -> anyhow::Result<u8> {
    println!("Tidemill counts the words of its licence, which come over a socket.\n");
    let written = plugins::write()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to open a port")?;
    let address = listener.local_addr().context("failed to open a port")?.to_string();
    let text = JOB
        .replace("127.0.0.1:9999", &address)
        .replace("plugins/word_count", &written.first.display().to_string());
    println!("The job, as a file:\n\n{text}");
    println!("The plugin, in Rust:\n\n{}", plugins::shown());
    println!("Its second version, which is swapped in at half-time:\n\n{}", plugins::difference());
    let job = JobFile::parse("word_count.toml", &text, &written.first)
        .map_err(|errors| anyhow::anyhow!("the demo's own job is wrong: {errors:?}"))?;
    let engine = host::start_engine(None, None)?;
    let machine = Machine {
        batch_interval: job.pipeline.settings.batch_interval,
        executors: engine.config.executors,
    };
    let display = Display::new(machine, false);
    let second = written.build(&|line| display.say(line))?;
    // Who sends has a thread of its own, and may wait.
    let (sender, heard) = sync_channel(LISTENER_QUEUE_MAX);
    let beside = Beside { log: None, listener: Some(swapping::listener(sender.clone())) };
    let (handle, _) = start(&engine, &job, &display, Pace::Clock, beside)?;
    signals.drain(handle.control(), &display);
    let shown = Arc::new(AtomicBool::new(false));
    let feeding = Feeding {
        rate: args.rate,
        duration: args.duration,
        board: Arc::clone(handle.board()),
        half_time: sender,
        shown: Arc::clone(&shown),
    };
    let control = handle.control();
    let feeder = std::thread::spawn(move || {
        let fed = listener.accept().and_then(|(stream, _)| feeding.feed(stream));
        // The connection stays open until its lines have been counted: draining reads no more.
        if let Ok((_, fed)) = &fed {
            wait_until_counted(&feeding.board, fed.lines);
        }
        control.drain();
        fed.map(|(_, fed)| fed)
    });
    let (swaps, output) = (handle.swaps().clone(), display.output());
    let swapper = std::thread::spawn(move || {
        let swap = || {
            let new = [(swapping::PLUGIN.to_owned(), NewCode::Component(second))];
            swaps.swap(&new, SwapRules::default())
        };
        follow(&heard, swap, &output, &shown)
    });
    let ended = handle.wait();
    display.end(ended.as_ref().copied());
    ended?;
    let fed = feeder.join().map_err(|_| anyhow::anyhow!("the feeder panicked"))?;
    let followed = swapper.join().map_err(|_| anyhow::anyhow!("the swapper panicked"))?;
    sum_up(&handle.status(), fed.context("failed to feed the socket")?, followed)?;
    println!(
        "Write a plugin of your own: `tidemill plugin new NAME`; then `tidemill run JOB.toml`."
    );
    Ok(ENDED)
}

/// Says what was sent and counted, and with which versions.
fn sum_up(status: &JobStatus, fed: Fed, followed: Followed) -> anyhow::Result<()> {
    let lost = fed.lines.abs_diff(status.rows_in);
    println!(
        "Counted {} in {}, {} failed; {} lines were sent in {}: {}.",
        number_of(status.rows_in, "line", "lines"),
        number_of(status.batches, "batch", "batches"),
        grouped(status.failed_batches),
        grouped(fed.lines),
        seconds(fed.took),
        if lost == 0 { "none was lost".to_owned() } else { format!("{} differ", grouped(lost)) }
    );
    println!("{followed}");
    if fed.cut_short {
        return Ok(());
    }
    if let Some(Err(error)) = followed.swap {
        return Err(error).context("the demo's swap was refused");
    }
    anyhow::ensure!(lost == 0, "the lines that were sent are not those that were counted");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "it watches a job that runs by the wall clock")]
fn wait_until_counted(board: &StatusBoard, lines: u64) {
    let begun = Instant::now();
    let counted = |status: JobStatus| status.state != JobState::Running || status.rows_in >= lines;
    while !counted(board.snapshot()) && begun.elapsed() < COUNTED_WAIT_MAX {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How the text is sent.
struct Feeding {
    rate: u32,
    duration: Duration,
    board: Arc<StatusBoard>,
    /// Is told when half of the time is over.
    half_time: SyncSender<Heard>,
    /// Whether both versions have been seen: until then lines go on.
    shown: Arc<AtomicBool>,
}

/// What was sent.
struct Fed {
    lines: u64,
    took: Duration,
    /// The job ended first: somebody sent a signal.
    cut_short: bool,
}

impl Feeding {
    /// Sends the text, over and over, at the rate; gives the open connection and what was sent.
    #[expect(clippy::disallowed_methods, reason = "it paces a real socket, for people to watch")]
    fn feed(&self, mut stream: TcpStream) -> std::io::Result<(TcpStream, Fed)> {
        let begun = Instant::now();
        let mut lines = TEXT.lines().cycle();
        let (mut sent, mut chunk) = (0_u64, Vec::new());
        let (mut half, mut running) = (Some(Heard::HalfTime), true);
        while running && (begun.elapsed() < self.duration || !self.shown.load(Ordering::Acquire)) {
            let due = (begun.elapsed().as_secs_f64() * f64::from(self.rate)) as u64;
            chunk.clear();
            while sent < due {
                chunk.extend_from_slice(lines.next().unwrap_or_default().as_bytes());
                chunk.push(b'\n');
                sent += 1;
            }
            match stream.write_all(&chunk) {
                Err(_) if !self.is_running() => break,
                written => written?,
            }
            if begun.elapsed() * 2 >= self.duration
                && let Some(half) = half.take()
            {
                // Nobody hears it any more when the job has ended.
                let _told = self.half_time.send(half);
            }
            std::thread::sleep(Duration::from_millis(10));
            running = self.is_running();
        }
        let cut_short = !self.is_running();
        Ok((stream, Fed { lines: sent, took: begun.elapsed(), cut_short }))
    }

    fn is_running(&self) -> bool {
        self.board.snapshot().state == JobState::Running
    }
}
