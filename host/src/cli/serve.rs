//! Cli: `serve`: many jobs in one process, commanded over HTTP.
//!
//! Takes a data folder. Gives its jobs running, again after each start. Never ends before they have
//! worked off what they received, unless it is told so twice.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use tidemill::control::jobs::{Host, Jobs};
use tidemill::control::kept_versions::KeptVersions;

use super::args::ServeArgs;
use super::exit::{self, ENDED};
use super::served::Served;
use super::signals::Signals;
use super::{data, host};

/// Serves until a signal comes.
///
/// # Errors
/// When the data folder is in use or damaged, or nobody may listen at the address.
pub fn serve(args: &ServeArgs, signals: &Signals) -> anyhow::Result<u8> {
    let folder = data::of_server(args.data.data.as_deref())?;
    folder.create()?;
    let engine = host::start_engine(args.executors, args.artefacts.clone())?;
    let shelf = (folder.job_shelf()?, KeptVersions::open(folder.version_shelf()?)?);
    let log = folder.batch_log(args.log.retention(), Arc::clone(&engine.config.clock))?;
    let output = Arc::new(Mutex::new(std::io::stdout()));
    let report = Box::new(|line: &str| exit::tell(line));
    let jobs = Jobs::of_many(log, Host::new(Arc::clone(&engine), shelf, output, report));
    // Before anybody is told that it serves, and may send a signal.
    let (end, ended) = sync_channel(1);
    signals.end(move || {
        // Full only when it has been told already.
        let _told = end.try_send(());
    });
    let served = Served::start(&engine, &folder, &jobs, args.control)?;
    exit::tell(&served.told());
    jobs.start_again()?;
    // The sender lives as long as the program.
    let _signal = ended.recv();
    exit::tell("draining: what was received is worked off");
    // Before the server: it gives requests under way some time, in which jobs would read on.
    jobs.drain();
    drop(served);
    jobs.finish();
    if let Err(error) = jobs.log().flush() {
        exit::tell(&error.to_string());
    }
    Ok(ENDED)
}
