//! Who may connect.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;
use sutra_crds::cluster::SecurityMode;
use sutra_crds::{SutraCluster, names};

use super::metadata::{metadata, selector};
use super::ports::{self, Port};
use super::setting::Setting;

/// Nodes talk to nodes and to the operator. Clients come from the same namespace in development mode, where nothing asks who
/// they are, and from anywhere in production mode, where accounts and TLS do.
#[must_use]
pub fn network_policy(cluster: &SutraCluster, setting: &Setting) -> NetworkPolicy {
    let operator = pods_in(&setting.operator_namespace, names::FIELD_MANAGER);
    let nodes = NetworkPolicyPeer { pod_selector: Some(selector(cluster)), ..NetworkPolicyPeer::default() };
    let clients = match cluster.spec.security.mode {
        SecurityMode::Development => Some(vec![same_namespace(), operator.clone()]),
        SecurityMode::Production => None,
    };
    NetworkPolicy {
        metadata: metadata(cluster, cluster.name_any()),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(cluster)),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![
                NetworkPolicyIngressRule { from: Some(vec![nodes, operator]), ports: Some(vec![port(ports::PEER)]) },
                NetworkPolicyIngressRule { from: clients, ports: Some(vec![port(ports::HTTP), port(ports::TCP)]) },
            ]),
            egress: None,
        }),
    }
}

/// Every pod of the cluster's namespace.
fn same_namespace() -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(LabelSelector::default()), ..NetworkPolicyPeer::default() }
}

/// The API server itself gives each namespace a label with its name.
fn pods_in(namespace: &str, app: &str) -> NetworkPolicyPeer {
    let label = |key: &str, value: &str| LabelSelector {
        match_labels: Some([(key.to_owned(), value.to_owned())].into()),
        match_expressions: None,
    };
    NetworkPolicyPeer {
        namespace_selector: Some(label("kubernetes.io/metadata.name", namespace)),
        pod_selector: Some(label(names::APP_LABEL, app)),
        ip_block: None,
    }
}

fn port(port: Port) -> NetworkPolicyPort {
    NetworkPolicyPort { port: Some(IntOrString::Int(i32::from(port.number))), protocol: Some("TCP".to_owned()), end_port: None }
}
