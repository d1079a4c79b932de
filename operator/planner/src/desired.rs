//! What is wanted of a cluster, after validation.

use std::collections::BTreeSet;
use std::fmt;

/// What is wanted of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Its name.
    pub cluster: String,
    /// Its uid: a cluster of the same name that was deleted had another.
    pub uid: String,
    /// What state it shall be in.
    pub wanted: Wanted,
    /// Nodes, when it runs.
    pub nodes: u32,
    /// Copies of every shard.
    pub replication_factor: u32,
    /// Hash of the pod template: a pod with another one is outdated.
    pub revision: String,
    /// Least size of every volume, in bytes.
    pub volume_bytes: u128,
    /// The same as the user wrote it.
    pub volume_size: String,
    /// Storage class of new volumes; `None`: the default one.
    pub storage_class: Option<String>,
    /// The node that is to begin anew, with an empty volume.
    pub replace: Option<String>,
    /// Volumes of which grid are taken over.
    pub adopt: Option<String>,
    /// What becomes of volumes with the cluster.
    pub retention: Retention,
    /// Whether anybody who reaches a node may read and write.
    pub insecure: bool,
    /// Objects that shall be there.
    pub objects: BTreeSet<Object>,
    /// What the spec asks for and this release cannot do. Unless it is empty nothing is changed.
    pub impossible: Vec<Impossible>,
}

/// What state a cluster shall be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It serves.
    Running,
    /// Volumes only.
    Hibernated,
    /// Nothing is changed.
    Paused,
    /// It is being deleted; Kubernetes takes its objects away.
    Deleted,
}

/// What becomes of volumes when the cluster is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// They stay.
    Retain,
    /// They go.
    Delete,
}

/// Something in the spec that this release cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible {
    /// In `CamelCase`.
    pub reason: &'static str,
    /// A sentence that names the field and the bound.
    pub message: String,
}

/// An object of which a cluster has one. In the order in which they are made: what is mounted is there before the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// As whom pods run.
    ServiceAccount,
    /// The nodes' settings.
    ConfigMap,
    /// With which nodes recognise each other.
    PeerSecret,
    /// Names of the nodes.
    NodesService,
    /// Where clients connect.
    ClientService,
    /// Who may connect.
    NetworkPolicy,
    /// How many nodes may be taken away at once.
    DisruptionBudget,
    /// Where Prometheus finds metrics.
    PodMonitor,
}

impl Object {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::ServiceAccount,
        Self::ConfigMap,
        Self::PeerSecret,
        Self::NodesService,
        Self::ClientService,
        Self::NetworkPolicy,
        Self::DisruptionBudget,
        Self::PodMonitor,
    ];
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::ConfigMap => "ConfigMap",
            Self::PeerSecret => "Secret",
            Self::NodesService => "headless Service",
            Self::ClientService => "Service",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::DisruptionBudget => "PodDisruptionBudget",
            Self::PodMonitor => "PodMonitor",
        })
    }
}
