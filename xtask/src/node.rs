//! A `sutra-node` process of our own, of one node or of several.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::failure::{Failure, Result};
use crate::group::{self, Group, Reach};

/// How long a node may take to say that it is ready.
const START: Duration = Duration::from_secs(60);
/// How many of its last lines are kept for a failure's report.
const KEPT_LINES: usize = 40;

/// A node that serves; it ends when this is dropped, and when we end.
#[derive(Debug)]
pub(crate) struct Node {
    process: Process,
    /// `HOST:PORT`.
    pub(crate) http: String,
    /// `HOST:PORT`.
    pub(crate) tcp: String,
}

impl Node {
    /// Starts `program ARGUMENTS… --http 127.0.0.1:PORT --tcp 127.0.0.1:PORT` and waits until it serves. A port that is taken
    /// is replaced by a free one.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        http: u16,
        tcp: u16,
    ) -> Result<Self> {
        let mut command = command(program);
        command.args(arguments).args(["--http", &address(http, 1), "--tcp", &address(tcp, 1)]).stdout(Stdio::null());
        let (mut process, _) = Process::start(&mut command)?;
        let Ready { http, tcp } = process.ready()?;
        Ok(Self { process, http, tcp })
    }

    /// Ends it with SIGTERM, as Kubernetes does, and expects that it ends well.
    pub(crate) fn stop(self) -> Result<()> {
        self.process.stop()
    }

    /// What it said last, for the report of a failure.
    pub(crate) fn said(&self) -> String {
        self.process.said()
    }
}

/// A `sutra-node` that runs, of one node or of several; it ends when this is dropped, and when we end.
#[derive(Debug)]
pub(crate) struct Process {
    group: Group,
    /// A node of it after the other.
    ready: Receiver<Ready>,
    said: Said,
}

/// The last lines that the process wrote.
type Said = Arc<Mutex<VecDeque<String>>>;

/// The command that a [`Process`] is started from; its arguments and its standard output are the caller's.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = group::command(Reach::Program, program);
    command.env("NO_COLOR", "1").stderr(Stdio::piped());
    command
}

impl Process {
    /// Starts what [`command`] made, and yields its standard output, if that is piped.
    pub(crate) fn start(command: &mut Command) -> Result<(Self, Option<ChildStdout>)> {
        let cannot = |why: &str| Failure::new(format!("cannot start the node: {why}"));
        let (group, pipes) = Group::spawn(command).map_err(|error| cannot(&error.to_string()))?;
        let said = Said::default();
        let ready = listen(pipes.stderr.ok_or_else(|| cannot("its messages cannot be read"))?, Arc::clone(&said));
        Ok((Self { group, ready, said }, pipes.stdout))
    }

    /// Waits until its next node serves.
    pub(crate) fn ready(&mut self) -> Result<Ready> {
        match self.ready.recv_timeout(START) {
            Ok(ready) => Ok(ready),
            Err(RecvTimeoutError::Timeout) => {
                Err(Failure::new(format!("the node was not ready after {START:?}; it said:\n{}", self.said())))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status =
                    self.group.wait(START).ok().flatten().map_or_else(|| "no status".into(), |status| status.to_string());
                Err(Failure::new(format!("the node ended at once ({status}); it said:\n{}", self.said())))
            }
        }
    }

    /// Hands it a line.
    pub(crate) fn tell(&mut self, line: &str) -> Result<()> {
        self.group.tell(line).map_err(|error| Failure::new(format!("cannot tell the node {line:?}: {error}")))
    }

    /// Lets a while pass; an end within it is a failure.
    pub(crate) fn outlast(&mut self, time: Duration) -> Result<()> {
        match self.group.wait(time) {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(Failure::new(format!("the node ended with {status}; it said:\n{}", self.said()))),
            Err(error) => Err(Failure::new(format!("the node is lost: {error}"))),
        }
    }

    /// Ends it with SIGTERM and expects that it ends well.
    pub(crate) fn stop(mut self) -> Result<()> {
        match self.group.stop() {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => Err(Failure::new(format!("the node ended with {status}; it said:\n{}", self.said()))),
            Ok(None) => Err(Failure::new("the node did not end on SIGTERM and was killed")),
            Err(error) => Err(Failure::new(format!("cannot end the node: {error}"))),
        }
    }

    /// What it said last, for the report of a failure.
    pub(crate) fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() { "  (nothing)".into() } else { said.iter().map(|line| format!("  {line}\n")).collect() }
    }
}

/// The first address of `count` nodes, whose ports follow one another from `wanted`, or are free ones if one of these is taken.
pub(crate) fn address(wanted: u16, count: u16) -> String {
    let are_free = (wanted..wanted.saturating_add(count)).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    format!("127.0.0.1:{}", if are_free { wanted } else { 0 })
}

/// Where a node serves, each as `HOST:PORT`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) http: String,
    pub(crate) tcp: String,
}

/// Reads the nodes' messages for as long as they run: a full pipe would stop them.
fn listen(messages: impl Read + Send + 'static, said: Said) -> Receiver<Ready> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(messages).lines().map_while(std::result::Result::ok) {
            if let Some(ready) = ready(&line) {
                // Whoever waited for it may have given up.
                let _ = sender.send(ready);
            }
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() == KEPT_LINES {
                said.pop_front();
            }
            said.push_back(line);
        }
    });
    receiver
}

/// Reads `… ready http=HOST:PORT tcp=HOST:PORT …`.
fn ready(line: &str) -> Option<Ready> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let value =
        |name: &str| words.iter().find_map(|word| word.strip_prefix(name)).map(|value| value.trim_matches('"').to_owned());
    if !words.contains(&"ready") {
        return None;
    }
    Some(Ready { http: value("http=")?, tcp: value("tcp=")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_both_addresses() {
        let line = "2026-03-01T12:00:00Z  INFO sutra_node: ready http=127.0.0.1:8000 tcp=127.0.0.1:50051 node=n1";
        assert_eq!(ready(line), Some(Ready { http: "127.0.0.1:8000".into(), tcp: "127.0.0.1:50051".into() }));
        assert_eq!(ready("INFO not yet: http=127.0.0.1:8000"), None);
    }

    #[test]
    fn a_program_that_ends_at_once_is_reported_with_its_words() {
        let failure = Node::start(Path::new("sh"), ["-c", "echo no disk >&2; exit 2", "sh"], 0, 0).unwrap_err().to_string();
        assert!(failure.contains("no disk") && failure.contains("exit status: 2"), "{failure}");
    }
}
