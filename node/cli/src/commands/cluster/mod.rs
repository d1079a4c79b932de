//! `sutra cluster`: a grid as a whole.
//!
//! | module | responsibility |
//! |---|---|
//! | [`init`] | asks for a grid, and watches it come into being |
//! | [`status`] | the nodes, the shards and their replicas |
//! | [`health`] | healthy or not, for scripts |
//! | [`check`] | whether the replicas of each shard know the same |
//! | [`replace`] | a node takes the place of one that is lost |
//! | [`resize`] | nodes come and go; other numbers of replicas |
//! | [`peer`] | the way to a node's peer port |
//! | [`newcomers`] | what the nodes of a new grid say of it |
//! | [`watch`] | how long is waited, and what is told meanwhile |

mod check;
mod health;
mod init;
mod newcomers;
mod peer;
mod replace;
mod resize;
mod status;
mod watch;

use clap::Subcommand;

use super::Session;
use crate::client::{Client, Reply};
use crate::exit::Outcome;

/// The commands about a grid.
#[derive(Debug, Subcommand)]
pub(crate) enum Cluster {
    /// Make one grid of nodes that wait for it
    Init(init::Init),
    /// Show the nodes and shards of the grid, and what is wrong with them
    Status,
    /// Tell whether the grid is healthy
    HealthCheck(health::HealthCheck),
    /// Compare the replicas of each shard with each other
    Check(check::Check),
    /// Let a new node take the place of one that is lost with its disk
    ReplaceNode(replace::ReplaceNode),
    /// Let a waiting node become one of the grid
    AddNode(resize::AddNode),
    /// Move all that a node keeps to the others, and let it leave the grid
    RemoveNode(resize::RemoveNode),
    /// Give each shard another number of replicas
    SetReplicas(resize::SetReplicas),
    /// Say in which zone a node is
    SetZone(resize::SetZone),
}

impl Cluster {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        match self {
            Self::Init(init) => init.run(session).await,
            Self::Status => status::run(session).await,
            Self::HealthCheck(check) => check.run(session).await,
            Self::Check(check) => check.run(session).await,
            Self::ReplaceNode(replace) => replace.run(session).await,
            Self::AddNode(add) => add.run(session).await,
            Self::RemoveNode(remove) => remove.run(session).await,
            Self::SetReplicas(set) => set.run(session).await,
            Self::SetZone(set) => set.run(session).await,
        }
    }
}

/// The grid as a node sees it.
async fn ask(client: &Client) -> anyhow::Result<Reply> {
    client.get("/v1/grid", []).await
}
