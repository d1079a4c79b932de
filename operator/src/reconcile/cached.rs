//! Objects of a cluster in the caches.

use std::fmt::Debug;
use std::sync::Arc;

use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt as _};
use sutra_crds::SutraCluster;

/// The object of that name in the cluster's namespace.
pub(crate) fn cached<K>(cache: &Store<K>, cluster: &SutraCluster, name: &str) -> Option<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + 'static,
{
    cache.get(&ObjectRef::new(name).within(&cluster.namespace().unwrap_or_default()))
}
