//! The embedded grid: everything in one process, on loopback.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures_util::future::join_all;
use sutra_disk::RealDisk;
use sutra_grid::{Grid, GridMap};
use sutra_peer::{Class, Peer};
use sutra_protocol::founding::{FOUND, FoundRequest, Plan};
use sutra_storage::Directory;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tracing::info;

use crate::arguments::DevFlags;
use crate::config::{Config, Settings};
use crate::listeners::Listeners;
use crate::node::{Leave, Node};
use crate::signals::Signals;

/// How long the nodes may take to become a grid with a leader.
const FOUNDING: Duration = Duration::from_secs(30);

/// The parts of the plan that somebody has asked for.
#[derive(Clone, Copy)]
struct Told {
    shards: Option<u32>,
    replicas: Option<u32>,
}

impl Told {
    /// That a grid is what was asked for: no flag changes one that is there.
    fn check(&self, map: &GridMap) -> anyhow::Result<()> {
        let kept = (map.shards.len(), map.factor());
        let asked = [("shards", self.shards, kept.0), ("replicas", self.replicas, kept.1)];
        for (name, asked, has) in asked {
            if let Some(asked) = asked.filter(|asked| usize::try_from(*asked) != Ok(has)) {
                bail!("--{name} {asked}: the grid that is kept here has {has}; give another --data-dir for a new one");
            }
        }
        Ok(())
    }
}

/// An embedded grid that can start.
pub(crate) struct Dev {
    /// One a node.
    configs: Vec<Config>,
    plan: Plan,
    quiet: bool,
    /// What was said about the plan: a grid that is kept has to be so.
    told: Told,
    /// Where everything is kept.
    kept: String,
    /// Removed when this is dropped.
    temporary: Option<TempDir>,
}

impl Dev {
    /// Checks the flags and makes the temporary directory, if one is needed.
    pub(crate) fn resolve(flags: DevFlags) -> anyhow::Result<Self> {
        let plan = Plan {
            shards: flags.shards.unwrap_or(1),
            replicas: flags.replicas.unwrap_or(Plan::usual_replicas(usize::try_from(flags.nodes)?)),
        };
        plan.check_supported(usize::try_from(flags.nodes)?).with_context(|| flags_told(&flags))?;
        let is_kept = flags.data_dir.is_some();
        let temporary = match flags.data_dir {
            None => Some(tempfile::Builder::new().prefix("sutra-dev-").tempdir().context("make a temporary directory")?),
            Some(_) => None,
        };
        let base = flags.data_dir.clone().or_else(|| temporary.as_ref().map(|dir| dir.path().to_owned())).unwrap_or_default();
        check_kept(&base, flags.nodes)?;
        let kept = match &temporary {
            None => format!("{}", base.display()),
            Some(_) => format!("{}, removed at the end", base.display()),
        };
        let mut configs = Vec::new();
        for at in 0..flags.nodes {
            // A node alone has the directory that was given to itself, as it always had.
            let data_dir = if flags.nodes == 1 && is_kept { base.clone() } else { base.join(format!("node-{}", at + 1)) };
            let config = Config::from_settings(Settings {
                data_dir: Some(data_dir),
                http: Some(following(&flags.http, at)?),
                tcp: Some(following(&flags.tcp, at)?),
                peer: Some(following(&flags.peer, at)?),
                wait_for_grid: Some(flags.nodes > 1),
                log: Some(flags.log),
                node_name: Some(if flags.nodes == 1 { "dev-1".into() } else { format!("node-{}", at + 1) }),
                // The general advice, --insecure-listen, names a flag that this command does not have.
                insecure_listen: Some(true),
                ..Settings::default()
            })?;
            let peer = Some(("peer", config.peer)).filter(|(_, address)| !address.ip().is_loopback());
            if let Some((name, address)) = config.exposed().chain(peer).next() {
                bail!(
                    "--{name} {address}: the embedded grid serves loopback addresses only; `sutra-node serve` can serve others"
                );
            }
            let moves = flags.nodes > 1 && is_kept && config.peer.port() == 0;
            ensure!(!moves, "--peer {}: a grid that is kept needs ports that stay the same", flags.peer);
            configs.push(config);
        }
        let told = Told { shards: flags.shards, replicas: flags.replicas };
        Ok(Self { configs, plan, told, quiet: flags.quiet, kept, temporary })
    }

    pub(crate) fn log(&self) -> crate::config::LogFormat {
        self.configs.first().map(|config| config.log).unwrap_or_default()
    }

    /// Runs the grid until a signal ends it.
    pub(crate) async fn serve(self) -> anyhow::Result<()> {
        let mut signals = Signals::catch()?;
        let started = tokio::select! {
            started = start(self.configs, self.plan, self.told) => started?,
            signal = signals.next() => {
                info!(signal, "stopped before it served");
                return Ok(());
            }
        };
        if !self.quiet {
            // A closed stdout is no reason to stop serving.
            let _ = std::io::stdout().write_all(greeting(&started, &self.kept).as_bytes());
        }
        match started {
            Started::Alone(node) => node.until_stopped(&mut signals).await,
            Started::Several(mut several) => {
                let mut lines = lines();
                let signal = loop {
                    tokio::select! {
                        signal = signals.next() => break signal,
                        Some(line) = lines.recv() => several.obey(line.trim()).await,
                    }
                };
                info!(signal, "stopping");
                several.stop().await;
                info!("stopped");
            }
        }
        drop(self.temporary);
        Ok(())
    }
}

/// A grid that serves.
enum Started {
    Alone(Box<Node>),
    Several(Several),
}

/// Its nodes, by name; `None`: stopped by hand.
struct Several {
    nodes: BTreeMap<String, (Config, Option<Node>)>,
}

/// That nothing else is kept in a directory than a grid of so many nodes.
fn check_kept(base: &Path, nodes: u32) -> anyhow::Result<()> {
    let is_used = |dir: &Path| Ok::<_, anyhow::Error>(Directory::grid_of(&RealDisk, dir)?.is_some());
    let mut kept = 0;
    while is_used(&base.join(format!("node-{}", kept + 1)))? {
        kept += 1;
    }
    let is_alone = is_used(base)?;
    // Fewer may be what is left of a founding that was broken off.
    let is_whole = Plan { shards: 1, replicas: 1 }.check_supported(usize::try_from(kept)?).is_ok() && kept > 1;
    let (is_other, of, give) = if is_alone {
        (nodes != 1, "one node".to_owned(), 1)
    } else {
        (kept > nodes || (is_whole && kept != nodes), format!("{kept} nodes"), kept)
    };
    ensure!(
        !is_other,
        "--nodes {nodes}: a grid of {of} is kept in {}; give --nodes {give}, or another --data-dir",
        base.display()
    );
    Ok(())
}

async fn start(configs: Vec<Config>, plan: Plan, told: Told) -> anyhow::Result<Started> {
    if let [config] = &configs[..] {
        // A node alone opens no peer port.
        let listeners = Listeners::bind(config).await?;
        return Ok(Started::Alone(Box::new(Node::start(config.clone(), listeners).await?)));
    }
    let mut bound = Vec::new();
    for config in configs {
        let (listeners, peer) = Listeners::bind_all(&config).await?;
        // The same ports when it is stopped and started again.
        let config = Config { http: listeners.http.local_addr()?, tcp: listeners.tcp.local_addr()?, peer, ..config };
        bound.push((config, listeners));
    }
    let mut is_new = false;
    for (config, _) in &bound {
        is_new |= Grid::member(&RealDisk, &config.data_dir)?.is_none();
    }
    let addresses: Vec<String> = bound.iter().map(|(config, _)| config.peer.to_string()).collect();
    let starting = join_all(bound.into_iter().map(|(config, listeners)| async move {
        let name = config.node_name.clone();
        Node::start(config.clone(), listeners).await.map(|node| (name, (config, Some(node))))
    }));
    let founding = async { if is_new { found(addresses, plan).await } else { Ok(()) } };
    // The nodes wait for the founding, which needs them to wait.
    let (nodes, founded) = tokio::time::timeout(FOUNDING, async { tokio::join!(starting, founding) })
        .await
        .context("the nodes did not become a grid in time; what is left of an earlier one may be in the data directory")?;
    founded?;
    let several = Several { nodes: nodes.into_iter().collect::<anyhow::Result<_>>()? };
    for node in several.nodes.values().filter_map(|(_, node)| node.as_ref()) {
        let Some(grid) = node.grid() else { continue };
        let checked = told.check(&grid.map().borrow());
        if let Err(error) = checked {
            several.stop().await;
            return Err(error);
        }
        for shard in grid.shards().iter() {
            let led = shard.group().wait_until(FOUNDING, |status| status.leader.is_some()).await;
            led.with_context(|| format!("no node came to lead shard {} in time", shard.id()))?;
        }
    }
    Ok(Started::Several(several))
}

/// Asks the first of the nodes to make a grid of them all, as `sutra cluster init` does.
async fn found(nodes: Vec<String>, plan: Plan) -> anyhow::Result<()> {
    let first = nodes.first().cloned().unwrap_or_default();
    let request = rmp_serde::to_vec_named(&FoundRequest { nodes, plan })?;
    let peer = Peer::founding(first, None);
    peer.call(Class::Founding, FOUND, 0, request.into(), FOUNDING).await.context("found the grid")?;
    Ok(())
}

impl Several {
    /// Does what a line of the input says.
    async fn obey(&mut self, line: &str) {
        let said = match line.split_whitespace().collect::<Vec<_>>()[..] {
            [] => return,
            ["stop", name] => self.stop_one(name).await,
            ["start", name] => self.start_one(name).await,
            ["status"] => Ok(self.status()),
            _ => Err(format!("{line}: say \"stop NODE\", \"start NODE\" or \"status\"")),
        };
        let (Ok(text) | Err(text)) = said;
        // A closed stdout is no reason to stop serving.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    async fn stop_one(&mut self, name: &str) -> Result<String, String> {
        let (_, node) = self.nodes.get_mut(name).ok_or_else(|| format!("there is no node {name}"))?;
        let node = node.take().ok_or_else(|| format!("{name} is stopped already"))?;
        node.stop(Leave::ToNobody).await;
        Ok(format!("{name} is stopped"))
    }

    async fn start_one(&mut self, name: &str) -> Result<String, String> {
        let (config, node) = self.nodes.get_mut(name).ok_or_else(|| format!("there is no node {name}"))?;
        if node.is_some() {
            return Err(format!("{name} runs already"));
        }
        let starting = async {
            let listeners = Listeners::bind(config).await?;
            Node::start(config.clone(), listeners).await
        };
        *node = Some(starting.await.map_err(|error| format!("{name} can't start: {error:#}"))?);
        Ok(format!("{name} runs"))
    }

    fn status(&self) -> String {
        let told = self.nodes.iter().map(|(name, (config, node))| {
            let does = match node {
                None => "stopped".to_owned(),
                Some(node) => {
                    let shards = node.grid().map(Grid::shards).unwrap_or_default();
                    let leads = shards.iter().filter(|shard| shard.group().leads()).count();
                    format!("leads {leads} of its {} shards", shards.len())
                }
            };
            format!("{name}  {does}  http://{}", config.http)
        });
        told.collect::<Vec<_>>().join("\n")
    }

    async fn stop(self) {
        let nodes = self.nodes.into_values().filter_map(|(_, node)| node);
        join_all(nodes.map(|node| node.stop(Leave::ToNobody))).await;
    }
}

/// The lines of the input, as long as there are some.
fn lines() -> mpsc::UnboundedReceiver<String> {
    let (lines, read) = mpsc::unbounded_channel();
    // It ends with the process: nothing interrupts a read of stdin.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    read
}

/// The address of the node at this place: the ports follow one another, unless each is to be a free one.
fn following(address: &str, at: u32) -> anyhow::Result<String> {
    let Some((host, port)) = address.rsplit_once(':') else { return Ok(address.to_owned()) };
    match port.parse::<u16>() {
        Ok(0) | Err(_) => Ok(address.to_owned()),
        Ok(port) => {
            let following = u16::try_from(u32::from(port) + at).ok();
            let following = following.with_context(|| format!("{address}: there are not so many ports above it"))?;
            Ok(format!("{host}:{following}"))
        }
    }
}

fn flags_told(flags: &DevFlags) -> String {
    let replicas = flags.replicas.map(|replicas| format!(" --replicas {replicas}")).unwrap_or_default();
    format!("--nodes {} --shards {}{replicas}", flags.nodes, flags.shards.unwrap_or(1))
}

fn greeting(started: &Started, kept: &str) -> String {
    let (first, serves, tcp) = match started {
        Started::Alone(node) => (node.http, "A grid of one node serves.".to_owned(), node.tcp.to_string()),
        Started::Several(several) => {
            let nodes: Vec<&Node> = several.nodes.values().filter_map(|(_, node)| node.as_ref()).collect();
            let Some(first) = nodes.first() else { return String::new() };
            let ports = nodes.iter().map(|node| node.tcp.to_string()).collect::<Vec<_>>();
            let others = nodes.iter().skip(1).map(|node| format!("\n        http://{}", node.http)).collect::<String>();
            let serves = format!("A grid of {} nodes serves; each answers everything.{others}", nodes.len());
            (first.http, serves, ports.join(", "))
        }
    };
    let hint = match started {
        Started::Alone(_) => "",
        Started::Several(_) => {
            "\nWhat if a node dies? Type \"stop node-1\", ask again, then \"start node-1\"; \"status\" tells who leads.\n"
        }
    };
    format!(
        r#"{serves}
  HTTP  http://{first}   (API at /docs)
  TCP   {tcp}   (MessagePack)
  data  {kept}

Teach it, ask it:
  curl -s http://{first}/v1/learn -H 'content-type: application/json' \
    -d '{{"content": "aspirin: a drug that relieves pain", "associations": [{{"target_content": "drug", "type": "hierarchical", "label": "hypernym"}}]}}'
  curl -s http://{first}/v1/reason -H 'content-type: application/json' -d '{{"query": "Is aspirin a drug?"}}'
  curl -s http://{first}/stats
{hint}
Ctrl-C ends it.
"#
    )
}
