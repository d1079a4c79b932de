//! Names of the nodes, and where clients connect.

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use kube::ResourceExt as _;
use sutra_crds::{SutraCluster, names};

use super::metadata::{metadata, selector_labels};
use super::ports;

/// The headless service, under which each node has a name from its start: nodes find each other before they serve.
#[must_use]
pub fn nodes_service(cluster: &SutraCluster) -> Service {
    Service {
        metadata: metadata(cluster, names::nodes_service(&cluster.name_any())),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(selector_labels(cluster)),
            ports: Some([ports::HTTP, ports::TCP, ports::PEER].map(ports::Port::of_service).into()),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// Where clients connect: any node that serves.
#[must_use]
pub fn client_service(cluster: &SutraCluster) -> Service {
    Service {
        metadata: metadata(cluster, cluster.name_any()),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            publish_not_ready_addresses: Some(false),
            selector: Some(selector_labels(cluster)),
            ports: Some([ports::HTTP, ports::TCP].map(ports::Port::of_service).into()),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}
