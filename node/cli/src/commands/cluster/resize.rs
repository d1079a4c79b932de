//! `sutra cluster add-node`, `remove-node`, `set-replicas`, `set-zone`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use sutra_protocol::founding::{RESIZE, ResizeRequest, Resized};
use sutra_protocol::http::{GridNode, GridResponse};
use tokio::time::timeout;

use super::peer::Way;
use super::watch::Watch;
use crate::arguments::PeerAddress;
use crate::client::Client;
use crate::commands::Session;
use crate::exit::Outcome;
use crate::output::text;

/// How long a node may take to leave, unless the caller says otherwise: all that it keeps is copied.
const LEAVING: Duration = Duration::from_secs(3600);
/// How long a node may take for one answer meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// Flags of `sutra cluster add-node`.
#[derive(Debug, Args)]
#[command(after_help = "\
The new node is started with an empty data directory, a name that no other node has, and `--wait-for-grid`. It is given replicas one \
after the other; `sutra cluster status` tells what is under way, and `sutra cluster health-check --wait TIME` waits until all have \
caught up.

The secret is in the file peer-secret of every node's data directory, unless the nodes were started with another.

Exit codes: 0 decided, 1 refused, 2 wrong usage.")]
pub(crate) struct AddNode {
    /// The peer port of the new node
    #[arg(long, value_name = "HOST:PORT")]
    node: PeerAddress,
    /// The zone that it is in: see `sutra cluster set-zone`
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// The file of the grid's secret
    #[arg(long, value_name = "FILE")]
    peer_secret_file: PathBuf,
}

/// Flags of `sutra cluster remove-node`.
#[derive(Debug, Args)]
#[command(after_help = "\
What the node keeps moves to the others, one replica after the other, while the grid serves; then it leaves the grid, and its process \
ends. That goes on by itself: this command watches until it is so, and is safe to interrupt. A node that is lost is removed the same \
way, as long as each shard has a quorum without it.

There have to stay as many nodes as each shard has replicas: see `sutra cluster set-replicas`.

Exit codes: 0 the node has left, or stays after --cancel; 1 refused, or not through within --timeout [default: 1h], 2 wrong usage.")]
pub(crate) struct RemoveNode {
    /// The node's name
    #[arg(value_name = "NAME")]
    name: String,
    /// Let it stay after all, as long as it has not left; what has moved is evened out again
    #[arg(long)]
    cancel: bool,
    /// The file of the grid's secret
    #[arg(long, value_name = "FILE")]
    peer_secret_file: PathBuf,
}

/// Flags of `sutra cluster set-replicas`.
#[derive(Debug, Args)]
#[command(after_help = "\
Replicas are made, or removed, one after the other while the grid serves; `sutra cluster status` tells what is under way.

Exit codes: 0 decided, 1 refused, 2 wrong usage.")]
pub(crate) struct SetReplicas {
    /// How many each shard should have: 1, 3 or 5, and at most one on each node
    #[arg(value_name = "N")]
    count: u32,
    /// The file of the grid's secret
    #[arg(long, value_name = "FILE")]
    peer_secret_file: PathBuf,
}

/// Flags of `sutra cluster set-zone`.
#[derive(Debug, Args)]
#[command(after_help = "\
A zone is what may fail as a whole: a room, a rack, a zone of a cloud. The replicas of each shard are spread over as many zones as there \
are, so that the loss of one takes as few of them as can be; they move one after the other while the grid serves. A node whose zone nobody \
knows counts as one alone. On Kubernetes the operator says it.

Exit codes: 0 decided, 1 refused, 2 wrong usage.")]
pub(crate) struct SetZone {
    /// The node's name
    #[arg(value_name = "NAME")]
    name: String,
    /// The zone, 1 to 63 bytes
    #[arg(value_name = "ZONE", required_unless_present = "unknown", conflicts_with = "unknown")]
    zone: Option<String>,
    /// Nobody knows it any more
    #[arg(long)]
    unknown: bool,
    /// The file of the grid's secret
    #[arg(long, value_name = "FILE")]
    peer_secret_file: PathBuf,
}

/// What was decided.
#[derive(Debug, Serialize)]
struct Decided {
    grid_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    decided: String,
}

impl AddNode {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let way = Way::find(session, &self.peer_secret_file, None).await?;
        let request = ResizeRequest::AddNode { address: self.node.to_string(), zone: self.zone };
        let name = ask(&way, &request).await?.name.unwrap_or_default();
        let decided = format!("{} becomes node {name} of the grid, and is given replicas", self.node);
        show(session, way.grid, Some(name), decided)
    }
}

impl SetReplicas {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let way = Way::find(session, &self.peer_secret_file, None).await?;
        ask(&way, &ResizeRequest::SetReplicas { count: self.count }).await?;
        let replicas = if self.count == 1 { "replica" } else { "replicas" };
        show(session, way.grid, None, format!("each shard is given {} {replicas}", self.count))
    }
}

impl SetZone {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let way = Way::find(session, &self.peer_secret_file, None).await?;
        let request = ResizeRequest::SetZone { name: self.name.clone(), zone: self.zone.clone() };
        ask(&way, &request).await?;
        let decided = match self.zone {
            Some(zone) => format!("node {} is in zone {zone}", self.name),
            None => format!("nobody knows in which zone node {} is", self.name),
        };
        show(session, way.grid, Some(self.name), decided)
    }
}

impl RemoveNode {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let way = Way::find(session, &self.peer_secret_file, Some(&self.name)).await?;
        let name = self.name;
        if self.cancel {
            ask(&way, &ResizeRequest::KeepNode { name: name.clone() }).await?;
            let decided = format!("node {name} stays");
            return show(session, way.grid, Some(name), decided);
        }
        let decided = ask(&way, &ResizeRequest::RemoveNode { name: name.clone() }).await?.epoch;
        let limit = session.client.timeout().unwrap_or(LEAVING);
        let mut watch = Watch::new(limit);
        let others: Vec<Client> = others(&way.grid, &name).collect::<anyhow::Result<_>>()?;
        let mut asked = 0;
        loop {
            let patience = watch.left().min(PATIENCE);
            let client = others.get(asked % others.len().max(1)).unwrap_or(&session.client);
            match timeout(patience, async { super::ask(client).await?.read::<GridResponse>() }).await {
                // Who does not know yet that it is to leave has nothing to say.
                Ok(Ok(grid)) if grid.epoch < decided => {}
                Ok(Ok(grid)) => match progress(&grid, &name) {
                    Progress::Gone => break,
                    Progress::Stays => anyhow::bail!("node {name} stays: somebody has taken its removal back"),
                    Progress::Leaves(told) => watch.tell(&told),
                },
                Ok(Err(error)) => watch.tell(&format!("{error:#}")),
                Err(_) => watch.tell("a node did not answer in time"),
            }
            // Should that one have gone, too, another can say it.
            asked += 1;
            if !watch.pause().await {
                anyhow::bail!("node {name} has not left after {limit:?}. It goes on by itself; the same command watches again");
            }
        }
        drop(watch);
        let decided = format!("node {name} has left the grid; its data directory is of no use any more");
        show(session, way.grid, Some(name), decided)
    }
}

async fn ask(way: &Way, request: &ResizeRequest) -> anyhow::Result<Resized> {
    let reply = way.ask(RESIZE, request).await?;
    rmp_serde::from_slice(&reply).context("the node's answer can't be read")
}

fn show(session: &Session, grid: GridResponse, name: Option<String>, decided: String) -> anyhow::Result<Outcome> {
    let decided = Decided { grid_id: grid.grid_id, name, decided };
    session.screen.show_own(&decided, |decided| text::line(&decided.decided) + "\n")?;
    Ok(Outcome::Done)
}

/// The ways to the nodes that can be asked while one leaves.
fn others<'a>(grid: &'a GridResponse, leaving: &'a str) -> impl Iterator<Item = anyhow::Result<Client>> + 'a {
    let other = move |node: &&GridNode| node.reachable && node.name != leaving;
    grid.nodes.iter().filter(other).map(move |node| {
        let server = format!("http://{}", node.http).parse();
        let server = server.map_err(|reason: String| anyhow::anyhow!("node {} serves at no address: {reason}", node.name))?;
        Client::new(server, Some(PATIENCE))
    })
}

/// How far a node is that leaves.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Gone,
    Stays,
    /// What is said of it.
    Leaves(String),
}

fn progress(grid: &GridResponse, name: &str) -> Progress {
    let Some(node) = grid.nodes.iter().find(|node| node.name == name) else { return Progress::Gone };
    if node.state != "leaving" {
        return Progress::Stays;
    }
    let blocked = grid.problems.iter().filter(|problem| !problem.contains(name));
    Progress::Leaves(grid.under_way.iter().chain(blocked).cloned().collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_leaves_is_gone_or_stays_after_all() {
        let told = |nodes: serde_json::Value| {
            let grid = json!({"grid_id": "g-1", "epoch": 1, "healthy": false, "problems": ["shard 1 has no leader", "node b does not answer"],
                "under_way": ["node b is being removed: it keeps 2 replicas yet"], "nodes": nodes, "shards": []});
            progress(&serde_json::from_value(grid).unwrap(), "b")
        };
        let node =
            |name: &str, state: &str| json!({"name": name, "http": "h:1", "tcp": "h:2", "reachable": true, "state": state});
        assert_eq!(told(json!([node("a", "member")])), Progress::Gone);
        assert_eq!(told(json!([node("a", "leaving"), node("b", "member")])), Progress::Stays);
        let words = "node b is being removed: it keeps 2 replicas yet; shard 1 has no leader";
        assert_eq!(told(json!([node("b", "leaving")])), Progress::Leaves(words.into()));
    }
}
