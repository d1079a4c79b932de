//! The cluster that an object belongs to.

use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt as _};
use sutra_crds::SutraCluster;
use sutra_crds::names::INSTANCE_LABEL;

/// The cluster that an object belongs to: its owner, or else, for pods (owned by a stateful set) and volume claims (owned by nobody), the
/// one that its label names.
pub(super) fn of<K: Resource>(object: &K) -> Option<ObjectRef<SutraCluster>> {
    let name = owner(object).or_else(|| object.labels().get(INSTANCE_LABEL).map(String::as_str))?;
    Some(ObjectRef::new(name).within(object.meta().namespace.as_deref()?))
}

fn owner<K: Resource>(object: &K) -> Option<&str> {
    let (kind, group) = (SutraCluster::kind(&()), SutraCluster::group(&()));
    let is_cluster = |api_version: &str| api_version.split_once('/').is_some_and(|(of, _)| of == group);
    let mut owners = object.owner_references().iter();
    owners.find(|owner| owner.kind == kind && is_cluster(&owner.api_version)).map(|owner| owner.name.as_str())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

    use super::*;

    fn pod(labels: &[(&str, &str)], owners: &[(&str, &str, &str)]) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.namespace = Some("team".into());
        pod.metadata.labels = Some(labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        let owners = owners.iter().map(|(api_version, kind, name)| OwnerReference {
            api_version: (*api_version).into(),
            kind: (*kind).into(),
            name: (*name).into(),
            ..Default::default()
        });
        pod.metadata.owner_references = Some(owners.collect());
        pod
    }

    #[test]
    fn the_owner_counts_before_the_label() {
        let owned = pod(&[(INSTANCE_LABEL, "label")], &[("sutra.dev/v1alpha1", "SutraCluster", "owner")]);
        assert_eq!(of(&owned), Some(ObjectRef::new("owner").within("team")));
    }

    #[test]
    fn what_another_kind_owns_is_known_by_its_label() {
        let owned = pod(&[(INSTANCE_LABEL, "demo")], &[("apps/v1", "StatefulSet", "demo")]);
        assert_eq!(of(&owned), Some(ObjectRef::new("demo").within("team")));
        let namesake = pod(&[], &[("example.com/v1", "SutraCluster", "demo")]);
        assert_eq!(of(&namesake), None);
    }
}
