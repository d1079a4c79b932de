//! What a node is: alone, or one of a grid.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use sutra_api::http;
use sutra_disk::RealDisk;
use sutra_grid::{Door, Grid, GridSetup, Router, Waiting, secret_of};
use sutra_peer::{Identity, PeerSecret, Server, ServerIdentity};
use sutra_protocol::founding::{Card, NodeRecord};
use sutra_replication::Timing;
use sutra_storage::{Directory, Store};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config::Config;
use crate::listeners::Listeners;
use crate::node::store_config;

/// This release.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a node is.
pub(crate) enum Place {
    /// Its store is its shard's only replica.
    Alone(Store),
    /// It belongs to a grid of several nodes.
    Grid(Member),
}

/// A node of a grid, and its peer port.
pub(crate) struct Member {
    pub(crate) grid: Grid,
    pub(crate) peer: SocketAddr,
    port: CancellationToken,
    /// What the grid runs on: reads that wait for another node may hold up every thread of the interfaces, and must not hold up the replies
    /// that they wait for, nor the consensus.
    _runtime: Background,
}

/// Threads that are not waited for when they are needed no more: what drops them may not wait.
struct Background(Option<Runtime>);

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Place {
    pub(crate) fn router(&self) -> Router {
        match self {
            Self::Alone(store) => Router::alone(store.clone()),
            Self::Grid(member) => Router::of(member.grid.clone()),
        }
    }

    /// Lets other nodes lead what this one leads.
    pub(crate) async fn hand_over(&self) {
        if let Self::Grid(member) = self {
            member.grid.hand_over().await;
        }
    }

    /// Closes everything; what was acknowledged is on the disk.
    pub(crate) async fn close(&self) {
        match self {
            Self::Alone(store) => store.close().await,
            Self::Grid(member) => {
                member.grid.stop().await;
                member.port.cancel();
            }
        }
    }
}

/// Opens what the data directory holds: the store of a node alone, or a replica of its grid. A directory that waits for a grid answers
/// `http` meanwhile.
pub(crate) async fn take(config: &Config, listeners: &mut Listeners) -> anyhow::Result<Place> {
    let member = Grid::member(&RealDisk, &config.data_dir)?;
    if member.is_none() && !config.wait_for_grid {
        let opening = store_config(config);
        let store = tokio::task::spawn_blocking(move || Store::open(opening)).await.context("open the data directory")??;
        return Ok(Place::Alone(store));
    }
    if member.is_none()
        && let Some(grid) = Directory::grid_of(&RealDisk, &config.data_dir)?
    {
        let dir = config.data_dir.display();
        bail!(
            "--wait-for-grid: data directory {dir} is that of a node alone (grid {grid}), which this version can't take into another"
        );
    }
    let listener = listeners.peer(config).await?;
    let peer = listener.local_addr()?;
    let record = record(config, peer, listeners.http.local_addr()?, listeners.tcp.local_addr()?)?;
    let required = config.peer_secret_file.as_deref().map(PeerSecret::read).transpose().context("--peer-secret-file")?;
    let (door, port) = (Door::default(), CancellationToken::new());
    let identity = match &member {
        Some(identity) => ServerIdentity::of(identity.clone(), secret(config, required.as_ref())?),
        None => ServerIdentity::founding(required.clone()),
    };
    let runtime = Builder::new_multi_thread().thread_name("grid").enable_all().build().context("start the grid's threads")?;
    let (grid_threads, runtime) = (runtime.handle().clone(), Background(Some(runtime)));
    let listener = listener.into_std().context("share the peer port")?;
    let server = Server::new(identity.clone(), Arc::new(door.clone()));
    let closed = port.clone();
    grid_threads.spawn(async move {
        match TcpListener::from_std(listener) {
            Ok(listener) => server.serve(listener, closed).await,
            Err(error) => tracing::error!(%error, "the peer port can't be served"),
        }
    });
    if member.is_none() {
        wait(config, &record, &door, &listeners.http, required.clone()).await?;
    }
    let secret = secret(config, required.as_ref())?;
    let setup = GridSetup {
        store: store_config(config),
        timing: Timing::default(),
        secret: secret.clone(),
        record,
        version: VERSION,
        check_interval: config.check_interval,
    };
    let port_identity = identity.clone();
    let started = grid_threads.spawn(async move { Grid::start_or_rejoin(setup, &door, &port_identity).await }).await;
    let grid = started.context("start the grid")??;
    let map = grid.map().borrow().clone();
    identity.set(Identity::new(map.grid_id.as_str(), grid.node())?, secret);
    if grid.node() != config.node_name {
        info!(node = grid.node(), told = config.node_name, "the grid knows this node by the name that it was founded with");
    }
    Ok(Place::Grid(Member { grid, peer, port, _runtime: runtime }))
}

fn secret(config: &Config, required: Option<&PeerSecret>) -> anyhow::Result<PeerSecret> {
    Ok(match required {
        Some(secret) => secret.clone(),
        None => secret_of(&config.data_dir)?,
    })
}

/// Waits until the directory belongs to a grid.
async fn wait(
    config: &Config,
    record: &NodeRecord,
    door: &Door,
    http: &TcpListener,
    required: Option<PeerSecret>,
) -> anyhow::Result<()> {
    let card = Card { node: config.node_name.clone(), record: record.clone(), version: VERSION.into() };
    let waiting = Waiting::at(door, card, Arc::new(RealDisk), config.data_dir.clone(), required)?;
    // The same socket: whoever connects meanwhile is not turned away.
    let socket = std::os::fd::AsFd::as_fd(http).try_clone_to_owned().context("share the HTTP port")?;
    let socket = TcpListener::from_std(std::net::TcpListener::from(socket)).context("share the HTTP port")?;
    let over = CancellationToken::new();
    let answering = tokio::spawn(http::serve_waiting(socket, over.clone()));
    info!(http = %record.http, tcp = %record.tcp, peer = %record.peer, "waiting for a grid");
    waiting.joined().await;
    over.cancel();
    // Whoever still has a connection open is not waited for.
    answering.abort();
    info!("the node belongs to a grid");
    Ok(())
}

/// Where others find this node.
fn record(config: &Config, peer: SocketAddr, http: SocketAddr, tcp: SocketAddr) -> anyhow::Result<NodeRecord> {
    let of = |address: SocketAddr| match &config.advertise {
        Some(host) if host.contains(':') => Ok(format!("[{host}]:{}", address.port())),
        Some(host) => Ok(format!("{host}:{}", address.port())),
        None if peer.ip().is_unspecified() => {
            bail!("--advertise is needed: other nodes can't find this one at {peer}")
        }
        None => {
            Ok(SocketAddr::new(if address.ip().is_unspecified() { peer.ip() } else { address.ip() }, address.port()).to_string())
        }
    };
    Ok(NodeRecord { peer: of(peer)?, http: of(http)?, tcp: of(tcp)? })
}
