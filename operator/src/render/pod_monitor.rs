//! Where Prometheus finds metrics.

use kube::ResourceExt as _;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::json;
use sutra_crds::SutraCluster;

use super::metadata::{metadata, selector};
use super::ports;

/// The API of `PodMonitor`, which is there only with the Prometheus operator.
#[must_use]
pub fn pod_monitor_api() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("monitoring.coreos.com", "v1", "PodMonitor"))
}

/// Every node's metrics.
#[must_use]
pub fn pod_monitor(cluster: &SutraCluster) -> DynamicObject {
    let name = cluster.name_any();
    let mut monitor = DynamicObject::new(&name, &pod_monitor_api()).data(json!({
        "spec": {
            "selector": selector(cluster),
            "podMetricsEndpoints": [{"port": ports::HTTP.name, "path": "/metrics"}],
        },
    }));
    monitor.metadata = metadata(cluster, name);
    monitor
}
