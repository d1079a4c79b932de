//! The ports of a node.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context as _;
use tokio::net::TcpListener;
use tracing::warn;

use crate::config::Config;

/// The ports of a node, open before anything else of it: clients that come early wait instead of being refused.
pub(crate) struct Listeners {
    pub(crate) http: TcpListener,
    pub(crate) tcp: TcpListener,
    /// `None`: not opened yet, or given away.
    peer: Option<TcpListener>,
}

impl Listeners {
    /// Opens those that every node has.
    pub(crate) async fn bind(config: &Config) -> anyhow::Result<Self> {
        let http = bind("http", config.http).await?;
        let tcp = bind("tcp", config.tcp).await?;
        Ok(Self { http, tcp, peer: None })
    }

    /// Opens all of them, and says where others find the node.
    pub(crate) async fn bind_all(config: &Config) -> anyhow::Result<(Self, SocketAddr)> {
        let mut listeners = Self::bind(config).await?;
        let peer = listeners.peer(config).await?;
        let address = peer.local_addr()?;
        listeners.peer = Some(peer);
        Ok((listeners, address))
    }

    /// Takes the one for the grid's other nodes.
    pub(crate) async fn peer(&mut self, config: &Config) -> anyhow::Result<TcpListener> {
        match self.peer.take() {
            Some(peer) => Ok(peer),
            None => bind("peer", config.peer).await,
        }
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
