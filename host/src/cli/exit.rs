//! Cli: exit codes, and how an error is shown.
//!
//! Takes an error. Gives words on standard error and a code. Never shows a backtrace to a person
//! who cannot use one.

use std::io::Write;
use std::process::ExitCode;

use tidemill::driver::error::DriverError;

/// The job ended as it was asked to, or its sources did.
pub const ENDED: u8 = 0;
/// The job ran and failed; or what was run again or compared failed, or came out otherwise.
pub const FAILED: u8 = 1;
/// Nothing ran: arguments, job file or a plugin are wrong, or nobody runs the job. Also clap's own
/// code.
pub const REFUSED: u8 = 2;
/// A second signal, or one before there was a job, ended the program at once.
pub const KILLED: u8 = 130;

/// An error that was shown already, with the code to end with.
#[derive(Debug, thiserror::Error)]
#[error("shown above")]
pub struct Shown(pub u8);

/// Prints on standard output; a reader that has seen enough and left is no error.
///
/// # Errors
/// When it cannot be written for another reason.
pub fn print(text: &str) -> anyhow::Result<u8> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ENDED),
    }
}

/// Says a line on standard error. That its reader has left is no reason to fail: whoever runs
/// `tidemill run job.toml 2>&1 | head` has seen enough, and the job goes on.
pub fn tell(line: &str) {
    tell_raw(&format!("{line}\n"));
}

/// As [`tell`], for text that ends its lines itself.
pub fn tell_raw(text: &str) {
    drop(std::io::stderr().write_all(text.as_bytes()));
}

/// Shows the error and gives the code that goes with it.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(Shown(code)) = error.downcast_ref() {
        return ExitCode::from(*code);
    }
    show(error);
    let ran = matches!(error.downcast_ref::<DriverError>(), Some(DriverError::Failed(_)));
    ExitCode::from(if ran { FAILED } else { REFUSED })
}

/// Shows the error, with its causes.
pub fn show(error: &anyhow::Error) {
    tell(&format!("error: {error}"));
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Errors of the library end in the words of their cause.
        if !said.ends_with(&cause) {
            tell(&format!("  because: {cause}"));
        }
        said = cause;
    }
}
