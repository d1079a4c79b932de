//! Labels, annotations and names of what belongs to a cluster.

/// Who writes the fields (server-side apply).
pub const FIELD_MANAGER: &str = "sutra-operator";

/// Label: the program.
pub const APP_LABEL: &str = "app.kubernetes.io/name";
/// Value of [`APP_LABEL`].
pub const APP: &str = "sutra-node";
/// Label: the cluster's name.
pub const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";
/// Label: who manages it.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// Label: the product.
pub const PART_OF_LABEL: &str = "app.kubernetes.io/part-of";
/// Value of [`PART_OF_LABEL`].
pub const PART_OF: &str = "sutra-grid";
/// Label of a volume claim: the uid of the cluster that it was made for or that adopted it.
pub const CLUSTER_UID_LABEL: &str = "sutra.dev/cluster-uid";

/// Annotation: hash of what the operator rendered when it last applied the object.
pub const APPLIED_ANNOTATION: &str = "sutra.dev/applied";
/// Annotation of a stateful set: the image that the cluster was created with, or moved to.
pub const IMAGE_ANNOTATION: &str = "sutra.dev/image";
/// Annotation of a stateful set: how its pods are written.
pub const RENDERER_ANNOTATION: &str = "sutra.dev/renderer-revision";
/// Annotation of a pod: hash of the template that it was made from.
pub const REVISION_ANNOTATION: &str = "sutra.dev/revision";
/// Annotation of a volume claim: the grid whose data it holds, once a node has told.
pub const GRID_ANNOTATION: &str = "sutra.dev/grid-id";
/// Annotation of a volume claim: how many nodes the grid has that it belongs to, if they are several. It is there before the grid is.
pub const GRID_NODES_ANNOTATION: &str = "sutra.dev/grid-nodes";

/// Annotation of a cluster, which a user writes and the operator takes away when it is done: the node that is to begin anew.
pub const REPLACE_ANNOTATION: &str = "sutra.dev/replace-node";
/// Annotation of a cluster, which the operator writes: the node that begins anew, and the uid of the claim that goes for it.
pub const REPLACING_ANNOTATION: &str = "sutra.dev/replacing-node";

/// Finalizer of a cluster whose volumes shall go with it.
pub const VOLUMES_FINALIZER: &str = "sutra.dev/volumes";

/// The headless service, under which each node has a name.
#[must_use]
pub fn nodes_service(cluster: &str) -> String {
    format!("{cluster}-nodes")
}

/// The nodes' settings.
#[must_use]
pub fn config_map(cluster: &str) -> String {
    format!("{cluster}-config")
}

/// The secret with which nodes prove to each other that they belong to the grid.
#[must_use]
pub fn peer_secret(cluster: &str) -> String {
    format!("{cluster}-peer")
}

/// A node's pod.
#[must_use]
pub fn pod(cluster: &str, ordinal: i32) -> String {
    format!("{cluster}-{ordinal}")
}

/// A node's volume claim.
#[must_use]
pub fn volume(cluster: &str, ordinal: i32) -> String {
    format!("data-{cluster}-{ordinal}")
}

/// A shard's projection.
#[must_use]
pub fn shard(cluster: &str, shard: u64) -> String {
    format!("{cluster}-shard-{shard}")
}

/// The labels by which a cluster's pods are chosen. A stateful set's selector can't be changed: neither can these.
#[must_use]
pub fn selector(cluster: &str) -> [(&'static str, String); 2] {
    [(APP_LABEL, APP.to_owned()), (INSTANCE_LABEL, cluster.to_owned())]
}
