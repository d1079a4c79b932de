//! Kubernetes events of a cluster.
