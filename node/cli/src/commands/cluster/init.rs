//! `sutra cluster init`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use sutra_peer::PeerSecret;
use sutra_protocol::founding::{FoundRequest, Founded, Plan, PlanError};

use super::newcomers::{Newcomers, Progress};
use super::watch::Watch;
use crate::arguments::PeerAddress;
use crate::client;
use crate::commands::Session;
use crate::exit::{Outcome, Usage};
use crate::output::number::counted;
use crate::output::table::Rows;

/// How long a grid may take to be healthy, unless the caller says otherwise.
const LIMIT: Duration = Duration::from_secs(60);

/// Flags of `sutra cluster init`.
#[derive(Debug, Args)]
#[command(after_help = "\
The nodes are started with `sutra-node serve --wait-for-grid`. The first of them is asked to found the grid. From its answer on \
the grid comes into being by itself, and this command only watches until it is healthy: it is safe to interrupt it at any time, \
and `sutra cluster health-check --wait TIME` goes on watching. Nodes that belong to a grid refuse to be made another.

Exit codes: 0 the grid is healthy, 1 refused, or founded but not healthy within --timeout, 2 wrong usage.")]
pub(crate) struct Init {
    /// The peer port of a node that waits for a grid; repeatable: 1, 3 or 5 nodes
    #[arg(long = "node", value_name = "HOST:PORT", required = true)]
    nodes: Vec<PeerAddress>,
    /// Shards, among which the knowledge is divided; 1 to 200, and later no other number
    #[arg(long, value_name = "N", default_value_t = 1)]
    shards: u32,
    /// Replicas of each shard, on as many nodes: 1, 3 or 5 [default: 3 where there are so many nodes]
    #[arg(long, value_name = "N")]
    replicas: Option<u32>,
    /// The file of the secret that the nodes were started with, if they were
    #[arg(long, value_name = "FILE")]
    peer_secret_file: Option<PathBuf>,
}

/// A new grid, in the words of the nodes' `GET /v1/grid`.
#[derive(Debug, Serialize)]
struct NewGrid {
    grid_id: String,
    healthy: bool,
    problems: Vec<String>,
    nodes: Vec<NewNode>,
}

#[derive(Debug, Serialize)]
struct NewNode {
    name: String,
    peer: String,
    http: String,
    tcp: String,
    version: String,
}

impl Init {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let plan = self.plan().map_err(|error| Usage(error.to_string()))?;
        let Some(founder) = self.nodes.first() else { return Err(Usage("a --node is needed".into()).into()) };
        let secret = self.peer_secret_file.as_ref().map(PeerSecret::read).transpose().context("can't use --peer-secret-file")?;
        let limit = session.client.timeout().unwrap_or(LIMIT);
        let mut watch = Watch::new(limit);

        watch.tell(&format!("asking {founder} to found a grid of {}", counted(self.nodes.len() as u64, "node")));
        let request = FoundRequest { nodes: self.nodes.iter().map(ToString::to_string).collect(), plan };
        let founded = client::found(founder, secret, &request, watch.left()).await?;
        watch.tell(&format!("grid {} is founded; waiting until it is healthy, which may be interrupted", founded.grid_id));
        let missing = come_into_being(&founded, &mut watch).await?;
        drop(watch);

        let at = founded.nodes.first().map_or_else(String::new, |card| format!(" --server http://{}", card.record.http));
        let grid = NewGrid::new(founded, missing);
        session.screen.show_own(&grid, |grid| render(grid, session.screen.width))?;
        if grid.healthy {
            return Ok(Outcome::Done);
        }
        let program = session.invocation.first().map_or("sutra", String::as_str);
        Err(anyhow::anyhow!(
            "the grid is founded, but not healthy after {limit:?}: {}\nIt goes on by itself; `{program} cluster health-check{at} --wait 5m` \
             tells when it is.",
            grid.problems.join("; ")
        ))
    }

    /// What is asked for, if there can be such a grid.
    fn plan(&self) -> Result<Plan, PlanError> {
        let nodes = self.nodes.len();
        let replicas = self.replicas.unwrap_or(Plan::usual_replicas(nodes));
        let plan = Plan { shards: self.shards, replicas };
        plan.check_supported(nodes)?;
        let twice = self.nodes.iter().enumerate().find(|(at, node)| self.nodes[..*at].contains(node));
        match twice {
            Some((_, node)) => Err(PlanError::Twice { what: "peer address", value: node.to_string() }),
            None => Ok(plan),
        }
    }
}

/// Waits until the grid is healthy; what is missing when the time is over.
async fn come_into_being(founded: &Founded, watch: &mut Watch) -> anyhow::Result<Vec<String>> {
    let nodes = Newcomers::new(founded)?;
    loop {
        match nodes.progress(watch.left()).await {
            Progress::Healthy => return Ok(Vec::new()),
            Progress::Missing(missing) => {
                watch.tell(&missing.join("; "));
                if !watch.pause().await {
                    return Ok(missing);
                }
            }
        }
    }
}

impl NewGrid {
    fn new(founded: Founded, missing: Vec<String>) -> Self {
        let nodes = founded.nodes.into_iter().map(|card| NewNode {
            name: card.node,
            peer: card.record.peer,
            http: card.record.http,
            tcp: card.record.tcp,
            version: card.version,
        });
        Self { grid_id: founded.grid_id, healthy: missing.is_empty(), problems: missing, nodes: nodes.collect() }
    }
}

fn render(grid: &NewGrid, width: usize) -> String {
    let mut rows = Rows::new(width, ["NAME", "PEER", "HTTP", "TCP"], &["NAME"]);
    for node in &grid.nodes {
        rows.push([node.name.clone(), node.peer.clone(), node.http.clone(), node.tcp.clone()]);
    }
    format!("{}\n{}", super::status::headline(&grid.grid_id, grid.healthy), rows.render())
}

#[cfg(test)]
mod tests {
    use sutra_protocol::founding::{Card, NodeRecord};

    use super::*;

    fn init(nodes: &[&str]) -> Init {
        let nodes = nodes.iter().map(|node| node.parse().unwrap()).collect();
        Init { nodes, shards: 1, replicas: None, peer_secret_file: None }
    }

    #[test]
    fn three_replicas_are_the_default_where_there_are_so_many_nodes() {
        assert_eq!(init(&["a:1", "b:1", "c:1"]).plan(), Ok(Plan { shards: 1, replicas: 3 }));
        assert_eq!(init(&["a:1", "b:1", "c:1", "d:1", "e:1"]).plan(), Ok(Plan { shards: 1, replicas: 3 }));
        assert_eq!(init(&["a:1"]).plan(), Ok(Plan { shards: 1, replicas: 1 }));
        assert_eq!(Init { replicas: Some(1), ..init(&["a:1"]) }.plan(), Ok(Plan { shards: 1, replicas: 1 }));
    }

    #[test]
    fn what_can_not_be_is_refused_before_anybody_is_asked() {
        assert_eq!(init(&["a:1", "b:1"]).plan(), Err(PlanError::Nodes { found: 2 }));
        let three = ["a:1", "b:1", "c:1"];
        assert_eq!(Init { shards: 4, ..init(&three) }.plan(), Ok(Plan { shards: 4, replicas: 3 }));
        assert_eq!(Init { shards: 4, ..init(&["a:1"]) }.plan(), Err(PlanError::Shards { found: 4 }));
        assert_eq!(Init { shards: 8, replicas: Some(1), ..init(&three) }.plan(), Ok(Plan { shards: 8, replicas: 1 }));
        assert_eq!(Init { replicas: Some(2), ..init(&three) }.plan(), Err(PlanError::ReplicaCount { found: 2, nodes: 3 }));
        let twice = PlanError::Twice { what: "peer address", value: "a:1".into() };
        assert_eq!(init(&["a:1", "b:1", "a:1"]).plan(), Err(twice));
    }

    #[test]
    fn a_new_grid_is_shown_with_the_addresses_of_its_nodes() {
        let record = NodeRecord { peer: "10.0.0.1:7001".into(), http: "10.0.0.1:8000".into(), tcp: "10.0.0.1:50051".into() };
        let card = Card { node: "node-1".into(), record, version: "0.1.0".into() };
        let grid = NewGrid::new(Founded { grid_id: "g-1".into(), nodes: vec![card] }, Vec::new());
        let expected = "grid g-1: healthy

NAME    PEER           HTTP           TCP
node-1  10.0.0.1:7001  10.0.0.1:8000  10.0.0.1:50051
";
        assert_eq!(render(&grid, 100), expected);
    }
}
