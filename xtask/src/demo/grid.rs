//! An embedded grid: its nodes, in one process that ends and starts them when it is told to.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::client::{Client, Spoken};
use super::state::State;
use crate::failure::{Failure, Result};
use crate::node::{self, Process};

/// Nodes of the grid.
pub(crate) const NODES: u16 = 3;
/// Shards that it divides what it is taught among; each node has a replica of every one.
pub(crate) const SHARDS: u16 = 4;
/// The first of the ports that documents name.
const HTTP: u16 = 8000;
const TCP: u16 = 50051;
/// How long the process may take to do what it is told.
const OBEDIENCE: Duration = Duration::from_secs(60);
/// How long the grid may take to come to a state: until every node has everything, for one.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long after a look at the grid comes the next.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the process may have ended before that is noticed.
const NOTICE: Duration = Duration::from_secs(1);

/// A grid that serves; it ends when this is dropped, and when we end.
#[derive(Debug)]
pub(crate) struct Grid {
    process: Process,
    /// What the process says to what it is told.
    replies: Receiver<String>,
    /// In the order of their names.
    members: Vec<Member>,
}

/// A node of it.
#[derive(Debug)]
struct Member {
    name: String,
    client: Client,
    life: Life,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Runs,
    Dead,
}

impl Grid {
    /// Starts one and waits until all its nodes serve.
    pub(crate) fn start(binaries: &Path) -> Result<Self> {
        let mut command = node::command(&binaries.join("sutra-node"));
        command.args(["dev", "--quiet", "--nodes", &NODES.to_string(), "--shards", &SHARDS.to_string(), "--peer", "127.0.0.1:0"]);
        command.args(["--http", &node::address(HTTP, NODES), "--tcp", &node::address(TCP, NODES)]).stdout(Stdio::piped());
        let (mut process, stdout) = Process::start(&mut command)?;
        let replies = listen(stdout.ok_or_else(|| Failure::new("the grid's replies cannot be read"))?);
        let client = |http: &str, spoken| Client::new(binaries.join("sutra"), format!("http://{http}"), spoken);
        let ready = (0..NODES).map(|_| process.ready()).collect::<Result<Vec<_>>>()?;
        let members = match ready.first() {
            Some(ready) => State::ask(&client(&ready.http, Spoken::InFull))?.nodes,
            None => Vec::new(),
        };
        if members.len() != usize::from(NODES) {
            return Err(Failure::new(format!("the grid has {} nodes; {NODES} were expected", members.len())));
        }
        let members = members.into_iter().enumerate().map(|(at, place)| {
            let spoken = if at == 0 { Spoken::Briefly } else { Spoken::InFull };
            Member { client: client(&place.http, spoken), name: place.name, life: Life::Runs }
        });
        Ok(Self { members: members.collect(), process, replies })
    }

    /// Talks to the first node, whether it runs or not.
    pub(crate) fn first(&self) -> Result<Client> {
        let first = self.members.first().ok_or_else(|| Failure::new("the grid has no node"))?;
        Ok(first.client.clone())
    }

    /// Talks to that node, whether it runs or not.
    pub(crate) fn client(&self, name: &str) -> Result<Client> {
        let found = self.members.iter().find(|member| member.name == name);
        found.map(|member| member.client.clone()).ok_or_else(|| Failure::new(format!("the grid has no node {name}")))
    }

    /// Talks to each of the nodes that run.
    pub(crate) fn running(&self) -> impl Iterator<Item = (&str, &Client)> {
        self.members.iter().filter(|member| member.life == Life::Runs).map(|member| (member.name.as_str(), &member.client))
    }

    /// Waits until one of the nodes that run sees the grid so, and tells how.
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&State) -> bool) -> Result<State> {
        let started = Instant::now();
        loop {
            let (_, client) = self.running().next().ok_or_else(|| Failure::new("no node of the grid runs"))?;
            let state = State::ask(client)?;
            if is_so(&state) {
                return Ok(state);
            }
            if started.elapsed() > PATIENCE {
                let told = state.told();
                return Err(Failure::new(format!("the grid did not come to the state {what:?} within {PATIENCE:?}: {told}")));
            }
            self.process.outlast(PAUSE)?;
        }
    }

    /// Ends a node as its death would: it hands nothing over.
    pub(crate) fn kill(&mut self, name: &str) -> Result<()> {
        self.tell(&format!("stop {name}"), &format!("{name} is stopped"), name, Life::Dead)
    }

    /// Starts a node that was killed.
    pub(crate) fn revive(&mut self, name: &str) -> Result<()> {
        self.tell(&format!("start {name}"), &format!("{name} runs"), name, Life::Runs)
    }

    fn tell(&mut self, line: &str, expected: &str, name: &str, life: Life) -> Result<()> {
        self.process.tell(line)?;
        match self.replies.recv_timeout(OBEDIENCE) {
            Ok(reply) if reply == expected => {}
            Ok(reply) => return Err(Failure::new(format!("the grid said {reply:?} to {line:?}"))),
            Err(RecvTimeoutError::Timeout) => {
                return Err(Failure::new(format!("the grid said nothing to {line:?} for {OBEDIENCE:?}")));
            }
            Err(RecvTimeoutError::Disconnected) => return Err(Failure::new(format!("the grid ended when it was told {line:?}"))),
        }
        self.members.iter_mut().filter(|member| member.name == name).for_each(|member| member.life = life);
        Ok(())
    }

    /// Ends all of it and expects that it ends well.
    pub(crate) fn stop(self) -> Result<()> {
        self.process.stop()
    }

    /// Hands on what is typed and shows the replies until the grid ends by itself, which it should not.
    pub(crate) fn outlast(mut self) -> Result<()> {
        let (sender, typed) = mpsc::channel();
        thread::spawn(move || std::io::stdin().lines().map_while(std::result::Result::ok).try_for_each(|line| sender.send(line)));
        let replies = self.replies;
        thread::spawn(move || replies.iter().for_each(|reply| println!("{reply}")));
        loop {
            match typed.recv_timeout(NOTICE) {
                Ok(line) => self.process.tell(&line)?,
                Err(RecvTimeoutError::Timeout) => self.process.outlast(Duration::ZERO)?,
                // Nobody types any more.
                Err(RecvTimeoutError::Disconnected) => self.process.outlast(NOTICE)?,
            }
        }
    }

    /// What it said last, for the report of a failure.
    pub(crate) fn said(&self) -> String {
        self.process.said()
    }
}

/// Reads what the grid says to what it is told.
fn listen(stdout: ChildStdout) -> Receiver<String> {
    let (sender, replies) = mpsc::channel();
    thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(std::result::Result::ok).try_for_each(|line| sender.send(line))
    });
    replies
}
