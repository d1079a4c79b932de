//! What a run comes to: the only place where a result becomes an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::output::text;

/// The part of `--help` that documents the exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done; `ask`: answered
  1  the server refused or could not be reached, a transfer broke, lines of an import failed, one of several concepts
     does not exist, or a new grid is not healthy in time
  2  wrong usage
  3  `ask`: I don't know; `path`: there is no path; `cluster health-check`: the grid is not healthy

Times are RFC 3339, such as 2026-03-01T12:00:00Z.";

/// How a command ended, if not with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As asked.
    Done,
    /// With less than was asked, which its output has told.
    Incomplete,
    /// With "I don't know".
    Unknown,
    /// With a grid that is not healthy, which the output has told.
    Unhealthy,
}

/// Arguments that each parse, but not together or not for this server.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Tells the error on stderr and yields the exit code.
pub(crate) fn report(result: anyhow::Result<Outcome>) -> ExitCode {
    let error = match result {
        Ok(outcome) => return ExitCode::from(code(outcome)),
        Err(error) => error,
    };
    if is_broken_pipe(&error) {
        // Whoever read the output has seen enough (`sutra export | head`).
        return ExitCode::SUCCESS;
    }
    // Nothing is left to tell it to if stderr is closed, too.
    let _ = writeln!(io::stderr(), "sutra: {}", text::lines(&format!("{error:#}")));
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

const fn code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Done => 0,
        Outcome::Incomplete => 1,
        Outcome::Unknown | Outcome::Unhealthy => 3,
    }
}

/// Only our own stdout counts: the client's errors carry no [`io::Error`] of a socket.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
