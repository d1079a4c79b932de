//! Which lists have keys, as the API's schema says (`x-kubernetes-list-type: map`).

use serde_json::Value;

/// How the items of a list are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// By these fields; others may add items of their own.
    Keyed(&'static [&'static str]),
    /// It has one owner, and the API server completes its items.
    Completed,
    /// It has one owner and stays as it was sent.
    Atomic,
}

/// How the items of the list in a field are told apart.
pub(super) fn kind(field: &str, items: &[Value]) -> List {
    match field {
        "containers" | "env" | "imagePullSecrets" | "initContainers" | "volumes" => List::Keyed(&["name"]),
        "ownerReferences" => List::Keyed(&["uid"]),
        "ports" if items.iter().all(|item| item.get("containerPort").is_some()) => List::Keyed(&["containerPort", "protocol"]),
        "ports" => List::Keyed(&["port", "protocol"]),
        "topologySpreadConstraints" => List::Keyed(&["topologyKey", "whenUnsatisfiable"]),
        "volumeMounts" => List::Keyed(&["mountPath"]),
        "podMetricsEndpoints" | "volumeClaimTemplates" => List::Completed,
        _ => List::Atomic,
    }
}
