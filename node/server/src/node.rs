//! A running node.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use sutra_api::http::{self, HttpLimits};
use sutra_api::metrics::Metrics;
use sutra_api::service::{Service, ServiceConfig};
use sutra_api::tcp::{self, TcpLimits};
use sutra_storage::{Durability, Store, StoreConfig};

use crate::config::{Config, DurabilitySetting};
use crate::signals::Signals;

/// The store that the configuration asks for.
fn store_config(config: &Config) -> StoreConfig {
    StoreConfig {
        durability: match config.durability {
            DurabilitySetting::Fsync => Durability::Fsync,
            DurabilitySetting::Buffered => Durability::Buffered,
        },
        delta_bytes: usize::try_from(config.delta_budget.bytes()).unwrap_or(usize::MAX),
        ..StoreConfig::at(&config.data_dir)
    }
}

/// Status of a process that a second signal ended.
const INTERRUPTED: i32 = 1;

/// A node that serves.
pub(crate) struct Node {
    /// The address that serves HTTP.
    pub(crate) http: SocketAddr,
    /// The address that serves TCP.
    pub(crate) tcp: SocketAddr,
    store: Store,
    service: Service,
    listeners: JoinSet<()>,
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
            node = Self::start(config) => node.map(Some),
            signal = signals.next() => {
                info!(signal, "stopped before it served");
                Ok(None)
            }
        }
    }

    /// Opens the ports, then the data directory, then serves. What can't work is an error, before anything is written to a
    /// directory that another process uses.
    async fn start(config: Config) -> anyhow::Result<Self> {
        for (name, address) in config.exposed() {
            warn!(%address, "--{name}: everybody who reaches this address may read and write");
        }
        let http = bind("http", config.http).await?;
        let tcp = bind("tcp", config.tcp).await?;
        let (http_address, tcp_address) = (http.local_addr()?, tcp.local_addr()?);
        if config.durability == DurabilitySetting::Buffered {
            warn!("--durability buffered: a loss of power loses what was acknowledged last");
        }
        let opening = store_config(&config);
        let store = tokio::task::spawn_blocking(move || Store::open(opening)).await.context("open the data directory")??;
        let service = Service::new(
            store.clone(),
            ServiceConfig {
                node: config.node_name.clone(),
                http: http_address.to_string(),
                tcp: tcp_address.to_string(),
                peer: Some(config.peer.to_string()),
                advertise: config.advertise.clone(),
                version: env!("CARGO_PKG_VERSION"),
                embedder: "none".into(),
                edition: "none".into(),
            },
        );
        let (metrics, stop) = (Metrics::new(), CancellationToken::new());
        let mut listeners = JoinSet::new();
        listeners.spawn(http::serve(http, service.clone(), metrics.clone(), HttpLimits::default(), stop.clone()));
        listeners.spawn(tcp::serve(tcp, service.clone(), metrics, TcpLimits::default(), stop.clone()));
        info!(
            node = %config.node_name,
            data_dir = %config.data_dir.display(),
            peer = %config.peer,
            advertise = config.advertise.as_deref().unwrap_or_default(),
            "one node, one shard; the peer port opens with the first grid of several nodes"
        );
        info!(http = %http_address, tcp = %tcp_address, "ready");
        Ok(Self { http: http_address, tcp: tcp_address, store, service, listeners, stop, config })
    }

    /// Serves until the first signal, then drains and closes; a second signal ends the process at once.
    pub(crate) async fn until_stopped(self, signals: &mut Signals) {
        let signal = signals.next().await;
        info!(signal, "stopping");
        tokio::select! {
            () = self.stop() => info!("stopped"),
            signal = signals.next() => {
                warn!(signal, "ended at once; what was acknowledged is on disk");
                std::process::exit(INTERRUPTED);
            }
        }
    }

    /// Turns unready, keeps accepting for the drain delay, finishes what is in flight, closes the store.
    async fn stop(mut self) {
        self.service.set_draining();
        tokio::time::sleep(self.config.drain_delay).await;
        self.stop.cancel();
        let finish = async {
            while let Some(ended) = self.listeners.join_next().await {
                if let Err(fault) = ended {
                    error!(%fault, "a listener failed");
                }
            }
        };
        if timeout(self.config.shutdown_timeout, finish).await.is_err() {
            warn!(timeout = ?self.config.shutdown_timeout, "some requests were not finished in time");
            self.listeners.shutdown().await;
        }
        self.store.close().await;
    }
}

async fn bind(name: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = match TcpListener::bind(address).await {
        Err(error) if let Some(other) = without_ipv6(address, &error) => {
            warn!(asked = %address, listens = %other, "--{name}: this system has no IPv6");
            TcpListener::bind(other).await
        }
        bound => bound,
    };
    bound.with_context(|| format!("--{name} {address}: the address can't be listened on"))
}

/// `[::]` means every address, of both families; a kernel that was started without IPv6 does not know it.
fn without_ipv6(address: SocketAddr, error: &std::io::Error) -> Option<SocketAddr> {
    let unknown = error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
    (unknown && address.ip() == Ipv6Addr::UNSPECIFIED).then(|| (Ipv4Addr::UNSPECIFIED, address.port()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_every_ipv4_address_where_there_is_no_ipv6() {
        let no_family = std::io::Error::from_raw_os_error(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
        let in_use = std::io::Error::from(std::io::ErrorKind::AddrInUse);
        let every: SocketAddr = "[::]:8000".parse().unwrap();
        assert_eq!(without_ipv6(every, &no_family), Some("0.0.0.0:8000".parse().unwrap()));
        assert_eq!(without_ipv6(every, &in_use), None);
        assert_eq!(without_ipv6("[::1]:8000".parse().unwrap(), &no_family), None, "only this one address was asked for");
    }
}
