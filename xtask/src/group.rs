//! A child process that never outlives us, however we end: by return, error, Ctrl-C or SIGKILL.
//!
//! A shell stands between: it starts the program in a process group of its own and reads from a pipe whose other end only we
//! hold. When that end closes, because we dropped it or died, the shell sends SIGTERM. Until then it may carry lines to the program.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

/// How long a group may take to end after SIGTERM before it gets SIGKILL.
const PATIENCE: Duration = Duration::from_secs(30);

/// How far the shell's SIGTERM reaches, and for whom it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The program, which is then waited for: one that shuts down in its own way. It reads what it is [told](Group::tell), and has
    /// no children.
    Program,
    /// It and all that it started.
    Everyone,
}

impl Reach {
    /// `cat` ends when the pipe closes. Its shell's output is redirected, so that it keeps none of our pipes open.
    fn script(self) -> &'static str {
        match self {
            // Both shells outlive the signal: the inner one to wait for the program, the outer one to yield its status. When the
            // program ends by itself, the signal ends `cat`; it is not begun before the shell of `cat` says that it has begun, and would
            // not catch the signal as the outer one does. The shells have nothing else to say.
            Self::Program => {
                r#"exec 3<&0 4>&2 2>/dev/null; trap : TERM
                   { echo; cat <&3; kill -s TERM -- "-$$"; } 4>&- | {
                       trap : TERM; read -r begun; "$@" 2>&4 3<&- 4>&-; status=$?
                       kill -s TERM -- "-$$"; exit "$status"
                   }"#
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

    /// Hands a line to the program, which [`Reach::Program`] lets read.
    pub(crate) fn tell(&mut self, line: &str) -> io::Result<()> {
        let lifeline = self.lifeline.as_mut().ok_or_else(|| io::Error::other("it was told to end"))?;
        lifeline.write_all(format!("{line}\n").as_bytes())
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
    fn a_program_reads_what_it_is_told_before_it_is_stopped() {
        let script = "trap 'exit 7' TERM; while read -r line; do echo \"heard $line\"; done; while :; do sleep 0.05; done";
        let (mut group, pipes) = Group::spawn(command(Reach::Program, "sh").args(["-c", script]).stdout(Stdio::piped())).unwrap();
        group.tell("stop node-1").unwrap();
        let mut stdout = pipes.stdout.unwrap();
        let mut heard = [0; 18];
        stdout.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"heard stop node-1\n");
        assert_eq!(group.stop().unwrap().and_then(|status| status.code()), Some(7));
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
