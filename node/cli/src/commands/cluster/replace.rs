//! `sutra cluster replace-node`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use sutra_peer::{Class, Identity, Peer, PeerSecret};
use sutra_protocol::founding::{REPLACE, ReplaceRequest};
use sutra_protocol::http::GridResponse;

use crate::arguments::PeerAddress;
use crate::commands::Session;
use crate::exit::Outcome;

/// How long the grid may take to decide, unless the caller says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

/// Flags of `sutra cluster replace-node`.
#[derive(Debug, Args)]
#[command(after_help = "\
The new node is started under the old one's name, with an empty data directory and `--wait-for-grid`. It gets replicas of its own, \
which have a vote once they have caught up; `sutra cluster health-check --wait TIME` waits for that. The lost node must not answer any \
more: should its old directory turn up again, its node notices that it was replaced, and ends.

The secret is in the file peer-secret of every node's data directory, unless the nodes were started with another.

Exit codes: 0 decided, 1 refused, 2 wrong usage.")]
pub(crate) struct ReplaceNode {
    /// The lost node's name
    #[arg(value_name = "NAME")]
    name: String,
    /// The peer port of the node that takes its place
    #[arg(long, value_name = "HOST:PORT")]
    node: PeerAddress,
    /// The file of the grid's secret
    #[arg(long, value_name = "FILE")]
    peer_secret_file: PathBuf,
}

/// What was decided.
#[derive(Debug, Serialize)]
struct Decided {
    grid_id: String,
    name: String,
    peer: String,
}

impl ReplaceNode {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let secret = PeerSecret::read(&self.peer_secret_file).context("can't use --peer-secret-file")?;
        let reply = super::ask(&session.client).await?;
        let grid: GridResponse = reply.read()?;
        let asked = grid.nodes.iter().filter(|node| node.reachable && node.name != self.name).find_map(|node| node.peer.clone());
        let Some(asked) = asked else { bail!("no other node of grid {} answers", grid.grid_id) };
        let identity = Identity::new(grid.grid_id.as_str(), "sutra").context("the grid has no usable id")?;
        let request = ReplaceRequest { name: self.name.clone(), address: self.node.to_string() };
        let payload = rmp_serde::to_vec_named(&request)?;
        let limit = session.client.timeout().unwrap_or(LIMIT);
        let peer = Peer::new(asked.clone(), identity, secret);
        peer.call(Class::Control, REPLACE, 0, payload.into(), limit).await.with_context(|| format!("asked {asked}"))?;
        let decided = Decided { grid_id: grid.grid_id, name: self.name, peer: self.node.to_string() };
        session
            .screen
            .show_own(&decided, |decided| format!("{} takes the place of {}; it is catching up\n", decided.peer, decided.name))?;
        Ok(Outcome::Done)
    }
}
