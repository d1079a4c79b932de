//! Loopback addresses that nobody else uses.
//!
//! A port that a process leaves is there when it comes back: nobody else listens at `127.x.y.z`, and outgoing connections come from
//! `127.0.0.1`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU8, Ordering};

/// A family of addresses that no other test has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses([u8; 2]);

impl Addresses {
    pub(crate) fn fresh() -> Self {
        static FAMILIES: AtomicU8 = AtomicU8::new(0);
        let process = (std::process::id() % 250) as u8 + 2;
        Self([process, FAMILIES.fetch_add(1, Ordering::Relaxed)])
    }

    /// The address of one of its hosts.
    pub(crate) fn host(self, host: u8) -> IpAddr {
        let [process, family] = self.0;
        Ipv4Addr::new(127, process, family, host).into()
    }

    /// Ports of a host that are free, all different.
    pub(crate) fn free<const N: usize>(self, host: u8) -> [SocketAddr; N] {
        let held = [(); N].map(|()| TcpListener::bind((self.host(host), 0)).unwrap());
        held.map(|listener| listener.local_addr().unwrap())
    }
}
