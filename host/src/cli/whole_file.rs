//! Cli: a file that is read whole, up to a limit.
//!
//! Takes a path and how long the file may be. Gives its bytes. Never trusts a length that the
//! system tells: a device has none, and a file may grow while it is read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};

/// Reads a file, which is called `what` where it is too long.
///
/// # Errors
/// When it cannot be read, or is longer than `bytes_max`.
pub fn read(path: &Path, what: &str, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("failed to read `{name}`"))?;
    let known = file.metadata().map_or(0, |facts| facts.len());
    ensure!(known <= bytes_max as u64, "`{name}` is {known} bytes, {what} is at most {bytes_max}");
    let mut bytes = Vec::new();
    let read = file.take(bytes_max as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("failed to read `{name}`"))?;
    ensure!(
        bytes.len() <= bytes_max,
        "`{name}` is longer than {bytes_max} bytes, which {what} is at most"
    );
    Ok(bytes)
}
