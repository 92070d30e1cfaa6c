//! Cli: `plugin new`.
//!
//! Takes a name. Gives a folder, and says what to do with it. Never builds it.

use std::io::Write;
use std::path::Path;

use crate::cli::exit::ENDED;

/// Writes a new plugin.
///
/// # Errors
/// When the name is not allowed, the folder is there, or the disk refuses.
pub fn new(folder: &Path, out: &mut dyn Write) -> anyhow::Result<u8> {
    let made = tidemill_guest_build::new_plugin(folder)?;
    writeln!(out, "made plugin `{}` in `{}`", name_of(&made), made.display())?;
    writeln!(out, "  its source       {}", folder.join("src/lib.rs").display())?;
    writeln!(out, "  its own tests    cd {} && cargo test", folder.display())?;
    writeln!(out, "  its component    tidemill plugin build {}", folder.display())?;
    // What is to be done holds, too, when the operator it begins with has gone.
    writeln!(out, "  its operators    tidemill plugin check {}", folder.display())?;
    writeln!(
        out,
        "  a first row      echo '{{\"line\": \"one two\"}}' | tidemill plugin run {} split",
        folder.display()
    )?;
    Ok(ENDED)
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}
