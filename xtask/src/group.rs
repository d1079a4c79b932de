//! A child process that never outlives us, however we end: by return, error, Ctrl-C or SIGKILL.
//!
//! A shell stands between: it starts the program in a process group of its own and reads from a pipe whose other end only we
//! hold. When that end closes, because we dropped it or died, the shell sends SIGTERM.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

/// How long a group may take to end after SIGTERM before it gets SIGKILL.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whom the shell sends SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The program, which is then waited for: one that shuts down in its own way.
    Program,
    /// It and all that it started.
    Everyone,
}

impl Reach {
    /// `cat` ends when the pipe closes. Its shell's output is redirected, so that it keeps none of our pipes open.
    fn script(self) -> &'static str {
        match self {
            Self::Program => {
                r#"exec 3<&0; "$@" </dev/null 3<&- & program=$!
                   { cat <&3; kill -s TERM "$program"; } >/dev/null 2>&1 & watcher=$!
                   exec 3<&-; wait "$program"; status=$?; kill "$watcher" 2>/dev/null; exit "$status""#
            }
            Self::Everyone => {
                r#"exec 3<&0; "$@" </dev/null 3<&- & program=$!
                   { cat <&3; kill -s TERM -- "-$$"; } >/dev/null 2>&1 &
                   exec 3<&-; wait "$program""#
            }
        }
    }
}

/// A command that is to be started with [`Group::spawn`]: set its environment and output before.
pub(crate) fn command(reach: Reach, program: impl AsRef<OsStr>) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", reach.script(), "sh"]).arg(program).stdin(Stdio::piped()).process_group(0);
    shell
}

/// A running group.
#[derive(Debug)]
pub(crate) struct Group {
    id: u32,
    /// Closing it ends the group.
    lifeline: Option<ChildStdin>,
    ended: Receiver<io::Result<ExitStatus>>,
    /// Once known.
    status: Option<ExitStatus>,
}

/// The piped outputs of a group.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
}

impl Group {
    /// Starts what [`command`] made.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<(Self, Pipes)> {
        let mut child = command.spawn()?;
        let pipes = Pipes { stdout: child.stdout.take(), stderr: child.stderr.take() };
        let lifeline = child.stdin.take();
        let id = child.id();
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait()));
        Ok((Self { id, lifeline, ended, status: None }, pipes))
    }

    /// Waits for its end; none if that takes longer.
    pub(crate) fn wait(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            match self.ended.recv_timeout(limit) {
                Ok(status) => self.status = Some(status?),
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("its status was lost")),
            }
        }
        Ok(self.status)
    }

    /// Ends it and waits until it has ended, if need be with SIGKILL, which gives no status.
    pub(crate) fn stop(&mut self) -> io::Result<Option<ExitStatus>> {
        self.lifeline = None;
        let status = self.wait(PATIENCE)?;
        if status.is_none() {
            // The shell has the builtin `kill`; a minimal machine has no other.
            Command::new("sh").args(["-c", r#"kill -s KILL -- "-$1""#, "sh", &self.id.to_string()]).status()?;
            self.wait(PATIENCE)?;
        }
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure; the closed lifeline works without us.
        let _ = self.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_program_keeps_its_own_status() {
        let (mut group, _) = Group::spawn(command(Reach::Program, "sh").args(["-c", "exit 3"])).unwrap();
        assert_eq!(group.wait(PATIENCE).unwrap().and_then(|status| status.code()), Some(3));
    }

    #[test]
    fn a_stopped_program_shuts_down_in_its_own_way() {
        let script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
        let (mut group, pipes) = Group::spawn(command(Reach::Program, "sh").args(["-c", script]).stdout(Stdio::piped())).unwrap();
        let mut stdout = pipes.stdout.unwrap();
        let mut ready = [0; 6];
        stdout.read_exact(&mut ready).unwrap();
        assert_eq!(group.stop().unwrap().and_then(|status| status.code()), Some(7));
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "bye\n");
    }

    #[test]
    fn stopping_everyone_reaches_grandchildren() {
        let script = "sleep 1000 & sleep 1000 & wait";
        let (mut group, pipes) =
            Group::spawn(command(Reach::Everyone, "sh").args(["-c", script]).stdout(Stdio::piped())).unwrap();
        group.stop().unwrap();
        // Ends only when the last process that holds the pipe has ended.
        let mut rest = String::new();
        pipes.stdout.unwrap().read_to_string(&mut rest).unwrap();
    }
}
