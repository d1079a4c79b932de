//! The way to a node's peer port, for who knows the grid's secret.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;
use sutra_peer::{Class, Identity, Peer, PeerSecret};
use sutra_protocol::http::GridResponse;

use crate::commands::Session;

/// How long the grid may take to decide, unless the caller says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

/// The way to one node of a grid.
pub(super) struct Way {
    /// As it was seen.
    pub(super) grid: GridResponse,
    asked: String,
    peer: Peer,
    limit: Duration,
}

impl Way {
    /// To a node that answers, and is not the one that it is about.
    pub(super) async fn find(session: &Session, secret: &Path, about: Option<&str>) -> anyhow::Result<Self> {
        let secret = PeerSecret::read(secret).context("can't use --peer-secret-file")?;
        let grid: GridResponse = super::ask(&session.client).await?.read()?;
        let other = grid.nodes.iter().filter(|node| node.reachable && about != Some(node.name.as_str()));
        let Some(asked) = other.clone().find_map(|node| node.peer.clone()) else {
            if other.count() > 0 {
                bail!("{} is a node alone, which can't be made one of several", grid.grid_id);
            }
            bail!("no other node of grid {} answers", grid.grid_id)
        };
        let identity = Identity::new(grid.grid_id.as_str(), "sutra").context("the grid has no usable id")?;
        let limit = session.client.timeout().unwrap_or(LIMIT);
        Ok(Self { grid, peer: Peer::new(asked.clone(), identity, secret), asked, limit })
    }

    /// Asks for something; the answer, or the refusal.
    pub(super) async fn ask(&self, service: u16, request: &impl Serialize) -> anyhow::Result<Vec<u8>> {
        self.ask_of(0, service, request, self.limit).await
    }

    /// The same of a shard, within a time of its own.
    pub(super) async fn ask_of(
        &self,
        shard: u64,
        service: u16,
        request: &impl Serialize,
        limit: Duration,
    ) -> anyhow::Result<Vec<u8>> {
        let payload = rmp_serde::to_vec_named(request)?;
        let reply = self.peer.call(Class::Control, service, shard, payload.into(), limit).await;
        Ok(reply.with_context(|| format!("asked {}", self.asked))?.to_vec())
    }
}
