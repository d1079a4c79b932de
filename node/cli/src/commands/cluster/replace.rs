//! `sutra cluster replace-node`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use sutra_protocol::founding::{REPLACE, ReplaceRequest};

use super::peer::Way;
use crate::arguments::PeerAddress;
use crate::commands::Session;
use crate::exit::Outcome;

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
        let way = Way::find(session, &self.peer_secret_file, Some(&self.name)).await?;
        way.ask(REPLACE, &ReplaceRequest { name: self.name.clone(), address: self.node.to_string(), lost: None }).await?;
        let decided = Decided { grid_id: way.grid.grid_id, name: self.name, peer: self.node.to_string() };
        session
            .screen
            .show_own(&decided, |decided| format!("{} takes the place of {}; it is catching up\n", decided.peer, decided.name))?;
        Ok(Outcome::Done)
    }
}
