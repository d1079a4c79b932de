//! A `sutra-node` of our own.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use sutra_protocol::http::ImportReport;

use super::child::Child;

/// How long a node may take to say that it is ready.
const START: Duration = Duration::from_secs(300);
/// How long it may take to end.
const END: Duration = Duration::from_secs(300);

/// A node that serves.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    /// `HOST:PORT`.
    pub(crate) http: String,
    /// `HOST:PORT`.
    pub(crate) tcp: String,
    /// From the start of the process to the line that says "ready".
    pub(crate) ready_after: Duration,
}

/// A node that does not serve yet.
#[derive(Debug)]
pub(crate) struct Starting {
    child: Child,
    messages: mpsc::Receiver<Said>,
    said: Vec<String>,
}

impl Starting {
    /// Runs `sutra-node serve` over `data`, at ports that are free.
    pub(crate) fn spawn<'a>(program: &Path, data: &Path, flags: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--data-dir"]).arg(data).args(flags);
        // RUST_LOG could hide the line that says "ready".
        command.env("NO_COLOR", "1").env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = Child::spawn(&mut command)?;
        let lines = child.process().stderr.take().context("the node's messages cannot be read")?;
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || listen(lines, started, &sender));
        Ok(Self { child, messages, said: Vec::new() })
    }

    /// Waits until it says that it waits for a grid.
    pub(crate) fn waits(&mut self) -> anyhow::Result<()> {
        match self.hear(|said| matches!(said, Said::Waiting))? {
            Said::Waiting => Ok(()),
            _ => bail!("the node serves, and should wait for a grid"),
        }
    }

    /// Waits until it serves.
    pub(crate) fn ready(mut self) -> anyhow::Result<Node> {
        match self.hear(|said| matches!(said, Said::Ready { .. }))? {
            Said::Ready { http, tcp, after } => Ok(Node { child: self.child, http, tcp, ready_after: after }),
            _ => bail!("the node does not serve"),
        }
    }

    fn hear(&mut self, is_it: impl Fn(&Said) -> bool) -> anyhow::Result<Said> {
        let patience = Instant::now() + START;
        loop {
            match self.messages.recv_timeout(patience.saturating_duration_since(Instant::now())) {
                Ok(said) if is_it(&said) => return Ok(said),
                Ok(Said::Line(line)) => self.said.push(line),
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    bail!("the node was not ready after {START:?}; it said: {}", self.said.join("\n"))
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    bail!("the node ended before it was ready; it said: {}", self.said.join("\n"))
                }
            }
        }
    }
}

impl Node {
    /// Runs a node alone over `data`, at ports that are free.
    pub(crate) fn start(program: &Path, data: &Path) -> anyhow::Result<Self> {
        Starting::spawn(program, data, [])?.ready()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `POST /v1/import` of the whole file; the time is from the first byte sent to the last of the answer, which comes when every
    /// line is durable.
    pub(crate) fn import(&self, file: &Path) -> anyhow::Result<(Duration, ImportReport)> {
        // However long it has to wait for merges.
        let client = reqwest::blocking::Client::builder().no_proxy().timeout(None).tcp_user_timeout(None);
        let client = client.build().context("make an HTTP client")?;
        let body = File::open(file).with_context(|| format!("open {}", file.display()))?;
        let request = client.post(format!("http://{}/v1/import", self.http)).header("content-type", "application/x-ndjson");
        let started = Instant::now();
        let answer = request.body(body).send().context("send the import")?;
        let status = answer.status();
        let text = answer.text().context("read the import's answer")?;
        let time = started.elapsed();
        anyhow::ensure!(status.is_success(), "the import was answered with {status}: {text}");
        let report: ImportReport = serde_json::from_str(&text).with_context(|| format!("understand {text}"))?;
        if let Some(first) = report.errors.first() {
            bail!("{} lines were refused; line {}: {}", report.errors_total, first.line, first.message);
        }
        Ok((time, report))
    }

    /// Sends it a signal, as `kill -s NAME`.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        self.child.signal(name)
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(self) -> anyhow::Result<()> {
        self.child.kill()
    }

    /// Ends it in good order.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        let status = self.child.terminate(END)?;
        anyhow::ensure!(status.success(), "the node ended with {status}");
        Ok(())
    }
}

#[derive(Debug)]
enum Said {
    Waiting,
    Ready { http: String, tcp: String, after: Duration },
    Line(String),
}

/// Reads the node's messages for as long as it runs: a full pipe would stop it.
fn listen(messages: impl Read, started: Instant, sender: &mpsc::Sender<Said>) {
    for line in BufReader::new(messages).lines().map_while(Result::ok) {
        let said = match ready(&line) {
            Some((http, tcp)) => Said::Ready { http, tcp, after: started.elapsed() },
            None if line.contains("waiting for a grid http=") => Said::Waiting,
            None => Said::Line(line),
        };
        // Once it is ready nobody listens any more.
        let _ = sender.send(said);
    }
}

/// Reads `… ready http=HOST:PORT tcp=HOST:PORT …`.
fn ready(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "ready");
    words.next()?;
    let mut value = |name: &str| words.next()?.strip_prefix(name).map(|value| value.trim_matches('"').to_owned());
    Some((value("http=")?, value("tcp=")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_both_addresses() {
        let line = "2026-03-01T12:00:00Z  INFO sutra_node: ready http=127.0.0.1:8000 tcp=127.0.0.1:50051";
        assert_eq!(ready(line), Some(("127.0.0.1:8000".into(), "127.0.0.1:50051".into())));
        assert_eq!(ready("INFO not yet: http=127.0.0.1:8000 tcp=127.0.0.1:50051"), None);
    }

    #[test]
    fn a_program_that_ends_at_once_is_reported() {
        let error = Node::start(Path::new("false"), Path::new("data")).unwrap_err().to_string();
        assert!(error.contains("ended before it was ready"), "{error}");
    }
}
