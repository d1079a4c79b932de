//! Clusters for tests.

use serde_json::{Value, json};
use sutra_crds::SutraCluster;

use super::setting::{Claim, Recorded, Renderer, Setting};
use crate::{drift, render};

/// What the tests render with.
pub(crate) fn setting() -> Setting {
    Setting {
        image: "ghcr.io/sutra-grid/sutra-node:0.1.0".to_owned(),
        recorded: Some(Recorded { image: "ghcr.io/sutra-grid/sutra-node:0.1.0".to_owned(), renderer: Renderer::One }),
        renderer: Renderer::One,
        cluster_domain: "cluster.local".to_owned(),
        operator_namespace: "sutra-system".to_owned(),
    }
}

/// The claim of a cluster's spec.
pub(crate) fn claim(cluster: &SutraCluster) -> Claim {
    let storage = &cluster.spec.storage;
    Claim { size: storage.size.clone(), storage_class: storage.storage_class_name.clone() }
}

/// The least that can be asked for.
pub(crate) fn minimal() -> SutraCluster {
    cluster(json!({"nodes": 1, "security": {"mode": "development"}}))
}

/// The least that makes a grid of several nodes.
pub(crate) fn three() -> SutraCluster {
    cluster(json!({"nodes": 3, "security": {"mode": "development"}}))
}

/// Everything that can be asked for of a node alone.
pub(crate) fn full() -> SutraCluster {
    cluster(json!({
        "nodes": 1,
        "initialShards": 4,
        "replicationFactor": 1,
        "storage": {"size": "100Gi", "storageClassName": "fast"},
        "embedding": {"provider": "local", "model": "all-MiniLM-L6-v2"},
        "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"memory": "2Gi"}},
        "podTemplate": {
            "metadata": {"labels": {"team": "knowledge", "role": ""}, "annotations": {"example.com/note": "kept"}},
            "spec": {
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "sutra", "effect": "NoSchedule"}],
                "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "noisy"}}}
                ]}},
                "topologySpreadConstraints": [
                    {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule",
                     "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "demo"}}}
                ],
                "priorityClassName": "important",
                "imagePullSecrets": [{"name": "registry"}],
                "serviceAccountName": "graph"
            }
        },
        "security": {"mode": "production"},
        "config": {"drain_delay": "5s", "shutdown-timeout": "1m", "log": "text"}
    }))
}

fn cluster(spec: Value) -> SutraCluster {
    serde_json::from_value(json!({
        "apiVersion": "sutra.dev/v1alpha1",
        "kind": "SutraCluster",
        "metadata": {"name": "demo", "namespace": "knowledge", "uid": "6f1d5a3e-0000-4000-8000-000000000001"},
        "spec": spec
    }))
    .unwrap()
}

/// All objects of a cluster as they are sent, in the order in which they are made.
pub(crate) fn objects(cluster: &SutraCluster) -> Vec<Value> {
    let setting = setting();
    vec![
        drift::stamped(&render::service_account(cluster)),
        drift::stamped(&render::config_map(cluster, &setting)),
        drift::stamped(&render::peer_secret(cluster, "not a secret")),
        drift::stamped(&render::nodes_service(cluster)),
        drift::stamped(&render::client_service(cluster)),
        drift::stamped(&render::network_policy(cluster, &setting)),
        drift::stamped(&render::disruption_budget(cluster, 1)),
        drift::stamped(&render::pod_monitor(cluster)),
        drift::stamped(&render::stateful_set(cluster, &setting, &claim(cluster), 1)),
        drift::stamped(&render::shard(cluster, 1)),
    ]
}
