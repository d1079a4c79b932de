//! A running node.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use sutra_api::http::{self, HttpLimits};
use sutra_api::metrics::Metrics;
use sutra_api::service::{Service, ServiceConfig};
use sutra_api::tcp::{self, TcpLimits};
use sutra_storage::{Durability, StoreConfig};

use crate::config::{Config, DurabilitySetting};
use crate::listeners::Listeners;
use crate::place::{self, Place, VERSION};
use crate::signals::Signals;

/// The store that the configuration asks for.
pub(crate) fn store_config(config: &Config) -> StoreConfig {
    StoreConfig {
        durability: match config.durability {
            DurabilitySetting::Fsync => Durability::Fsync,
            DurabilitySetting::Buffered => Durability::Buffered,
        },
        delta_bytes: usize::try_from(config.delta_budget.bytes()).unwrap_or(usize::MAX),
        ..StoreConfig::at(&config.data_dir)
    }
}

/// How long a node that has others keeps accepting after it was told to stop, unless it was told otherwise.
const DRAIN_DELAY: Duration = Duration::from_secs(5);
/// Status of a process that a second signal ended.
const INTERRUPTED: i32 = 1;

/// Whom a node that stops leaves its work to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// To the other nodes, and its clients too: nobody should notice.
    ToOthers,
    /// To nobody: the others stop as well, or shall notice.
    ToNobody,
}

/// A node that serves.
pub(crate) struct Node {
    /// The address that serves HTTP.
    pub(crate) http: SocketAddr,
    /// The address that serves TCP.
    pub(crate) tcp: SocketAddr,
    place: Place,
    service: Service,
    serving: JoinSet<()>,
    stop: CancellationToken,
    config: Config,
}

/// Runs a node until a signal ends it.
pub(crate) async fn serve(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::catch()?;
    if let Some(node) = Node::start_unless_stopped(config, &mut signals).await? {
        node.until_stopped(&mut signals).await;
    }
    Ok(())
}

impl Node {
    /// Starts; `None` if a signal comes first, as it may while a long log is replayed.
    pub(crate) async fn start_unless_stopped(config: Config, signals: &mut Signals) -> anyhow::Result<Option<Self>> {
        tokio::select! {
            node = Self::bind_and_start(config) => node.map(Some),
            signal = signals.next() => {
                info!(signal, "stopped before it served");
                Ok(None)
            }
        }
    }

    /// Opens the ports, then the data directory, then serves. What can't work is an error, before anything is written to a
    /// directory that another process uses.
    async fn bind_and_start(config: Config) -> anyhow::Result<Self> {
        let listeners = Listeners::bind(&config).await?;
        Self::start(config, listeners).await
    }

    /// The same with ports that are open.
    pub(crate) async fn start(config: Config, mut listeners: Listeners) -> anyhow::Result<Self> {
        for (name, address) in config.exposed() {
            warn!(%address, "--{name}: everybody who reaches this address may read and write");
        }
        let (http_address, tcp_address) = (listeners.http.local_addr()?, listeners.tcp.local_addr()?);
        if config.durability == DurabilitySetting::Buffered {
            warn!("--durability buffered: a loss of power loses what was acknowledged last");
        }
        let place = place::take(&config, &mut listeners).await?;
        let (node, peer) = match &place {
            Place::Alone(_) => (config.node_name.clone(), config.peer),
            Place::Grid(member) => (member.grid.node().to_owned(), member.peer),
        };
        let service = Service::new(
            place.router(),
            ServiceConfig {
                node: node.clone(),
                http: http_address.to_string(),
                tcp: tcp_address.to_string(),
                peer: Some(peer.to_string()),
                advertise: config.advertise.clone(),
                version: VERSION,
                embedder: "none".into(),
                edition: "none".into(),
            },
        );
        let (metrics, stop) = (Metrics::new(), CancellationToken::new());
        let mut serving = JoinSet::new();
        serving.spawn(http::serve(listeners.http, service.clone(), metrics.clone(), HttpLimits::default(), stop.clone()));
        serving.spawn(tcp::serve(listeners.tcp, service.clone(), metrics, TcpLimits::default(), stop.clone()));
        let data_dir = config.data_dir.display();
        let advertise = config.advertise.as_deref().unwrap_or_default();
        match &place {
            Place::Alone(_) => {
                info!(%node, %data_dir, %peer, advertise, "one node, one shard; the peer port opens where there are other nodes");
            }
            Place::Grid(member) => {
                let grid_id = member.grid.map().borrow().grid_id.clone();
                info!(%node, %data_dir, %peer, advertise, grid_id, "a node of a grid");
            }
        }
        info!(http = %http_address, tcp = %tcp_address, "ready");
        Ok(Self { http: http_address, tcp: tcp_address, place, service, serving, stop, config })
    }

    /// Serves until the first signal, then drains and closes; a second signal ends the process at once.
    pub(crate) async fn until_stopped(self, signals: &mut Signals) {
        let signal = signals.next().await;
        info!(signal, "stopping");
        tokio::select! {
            () = self.stop(Leave::ToOthers) => info!("stopped"),
            signal = signals.next() => {
                warn!(signal, "ended at once; what was acknowledged is on disk");
                std::process::exit(INTERRUPTED);
            }
        }
    }

    /// The grid that the node belongs to, if there is one.
    pub(crate) fn grid(&self) -> Option<&sutra_grid::Grid> {
        match &self.place {
            Place::Alone(_) => None,
            Place::Grid(member) => Some(&member.grid),
        }
    }

    /// Turns unready, hands over what it leads, keeps accepting for the drain delay, finishes what is in flight, closes the store.
    pub(crate) async fn stop(mut self, leave: Leave) {
        self.service.set_draining();
        if leave == Leave::ToOthers {
            let delay = match self.place {
                Place::Alone(_) => Duration::ZERO,
                Place::Grid(_) => DRAIN_DELAY,
            };
            self.place.hand_over().await;
            tokio::time::sleep(self.config.drain_delay.unwrap_or(delay)).await;
        }
        self.stop.cancel();
        let finish = async {
            while let Some(ended) = self.serving.join_next().await {
                if let Err(fault) = ended {
                    error!(%fault, "a listener failed");
                }
            }
        };
        if timeout(self.config.shutdown_timeout, finish).await.is_err() {
            warn!(timeout = ?self.config.shutdown_timeout, "some requests were not finished in time");
            self.serving.shutdown().await;
        }
        self.place.close().await;
    }
}
