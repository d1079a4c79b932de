//! The node under test.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;

/// More than a node takes to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process of `sutra-node`, killed when this is dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) http: SocketAddr,
    pub(crate) tcp: SocketAddr,
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
    /// What was logged before the ready line.
    pub(crate) early: Vec<String>,
    log: mpsc::Receiver<String>,
}

/// A process of `sutra-node` that is not ready yet, killed when this is dropped.
pub(crate) struct Starting {
    child: Option<Child>,
    stdout: Option<BufReader<ChildStdout>>,
    seen: Vec<String>,
    log: mpsc::Receiver<String>,
}

/// `sutra-node` with these arguments, without the variables that would configure it.
pub(crate) fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    program(env!("CARGO_BIN_EXE_sutra-node"), arguments)
}

/// Another program that becomes `sutra-node`, with these arguments.
pub(crate) fn program<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SUTRA_") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `sutra-node` to its end: its status and its last line on stderr.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    (output.status.code(), stderr.trim_end().lines().last().unwrap_or_default().into())
}

impl Starting {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (stderr, stdout) = (BufReader::new(child.stderr.take().unwrap()), child.stdout.take().map(BufReader::new));
        let (lines, log) = mpsc::channel();
        std::thread::spawn(move || {
            // The pipe is drained to its end, or the node would stop when it is full.
            for line in stderr.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        Self { child: Some(child), stdout, seen: Vec::new(), log }
    }

    /// Waits for a line of the log that has these words; `false`: the node has ended.
    pub(crate) fn says(&mut self, words: &str) -> bool {
        self.line(|line| line.contains(words).then_some(())).is_some()
    }

    /// The lines of its log that were passed over.
    pub(crate) fn seen(&self) -> &[String] {
        &self.seen
    }

    /// Waits for the ready line.
    pub(crate) fn ready(mut self) -> Node {
        let Some((http, tcp)) = self.line(ready) else { panic!("the node ended: {:#?}", self.seen) };
        let log = std::mem::replace(&mut self.log, mpsc::channel().1);
        let (child, stdout, early) = (self.child.take().unwrap(), self.stdout.take(), std::mem::take(&mut self.seen));
        Node { child, http, tcp, stdout, early, log }
    }

    fn line<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) => match wanted(&line) {
                    Some(found) => return Some(found),
                    None => self.seen.push(line),
                },
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the node did not come so far: {:#?}", self.seen),
            }
        }
    }

    /// SIGKILL, and the end of it.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Node {
    /// A node that serves `dir` on free ports.
    pub(crate) fn serve(dir: &Path) -> Self {
        Self::serve_with(dir, &[])
    }

    /// A node that serves `dir` on free ports, with more flags.
    pub(crate) fn serve_with(dir: &Path, flags: &[&str]) -> Self {
        let dir = dir.to_str().unwrap();
        let always = ["serve", "--data-dir", dir, "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"];
        Self::start(&mut command(always.iter().chain(flags)))
    }

    /// Starts the command and waits for its ready line.
    pub(crate) fn start(command: &mut Command) -> Self {
        Starting::spawn(command).ready()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.tcp)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// SIGKILL, and the end of it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.process(), signal).unwrap();
    }

    pub(crate) fn process(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for the end: the status and what was logged since the ready line.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().unwrap();
        (status, self.log.iter().collect())
    }

    /// SIGTERM, and the clean end that must follow.
    pub(crate) fn stop(self) {
        self.signal(Signal::TERM);
        let (status, log) = self.wait();
        assert!(status.success(), "{status}: {log:#?}");
    }

    /// What was logged since the ready line, and not asked for before.
    pub(crate) fn logged(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }

    /// Writes a line to its input, which has to be a pipe.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Memory that the process holds, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ready(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (_, rest) = line.split_once("ready http=")?;
    let (http, rest) = rest.split_once(" tcp=")?;
    Some((http.parse().ok()?, rest.split_whitespace().next()?.parse().ok()?))
}

/// A data directory of its own, with a node that serves it.
pub(crate) fn fresh() -> (TempDir, Node) {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::serve(&data(&dir));
    (dir, node)
}

pub(crate) fn data(dir: &TempDir) -> PathBuf {
    dir.path().join("data")
}
