//! Where a node listens.

use k8s_openapi::api::core::v1::{ContainerPort, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A port of a node. Its name is that of the flag which sets its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Port {
    /// Its name, everywhere.
    pub(super) name: &'static str,
    /// Its number.
    pub(super) number: u16,
    /// What it speaks, for meshes and gateways.
    protocol: &'static str,
}

/// HTTP for clients, probes, Prometheus and the operator.
pub(super) const HTTP: Port = Port { name: "http", number: 8000, protocol: "http" };
/// MessagePack for clients.
pub(super) const TCP: Port = Port { name: "tcp", number: 50_051, protocol: "tcp" };
/// The grid's other nodes.
pub(super) const PEER: Port = Port { name: "peer", number: 7001, protocol: "tcp" };

/// A node's peer port at a host: a name or an address of either family.
pub(crate) fn peer_address(host: &str) -> String {
    if host.contains(':') { format!("[{host}]:{}", PEER.number) } else { format!("{host}:{}", PEER.number) }
}

impl Port {
    /// Every address of the pod, of either family: a socket of `::` takes IPv4 too, one of `0.0.0.0` no IPv6.
    pub(super) fn address(self) -> String {
        format!("[::]:{}", self.number)
    }

    pub(super) fn of_container(self) -> ContainerPort {
        ContainerPort {
            name: Some(self.name.to_owned()),
            container_port: i32::from(self.number),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }
    }

    pub(super) fn of_service(self) -> ServicePort {
        ServicePort {
            name: Some(self.name.to_owned()),
            port: i32::from(self.number),
            target_port: Some(IntOrString::String(self.name.to_owned())),
            protocol: Some("TCP".to_owned()),
            app_protocol: Some(self.protocol.to_owned()),
            ..ServicePort::default()
        }
    }
}
