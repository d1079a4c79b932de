//! Image and renderer of a cluster's nodes.

use sutra_crds::SutraCluster;
use sutra_crds::cluster::UpgradePolicy;

use crate::render::{Recorded, Renderer};

/// What a cluster's nodes run, and how their pods are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Their image.
    pub image: String,
    /// How their pods are written.
    pub renderer: Renderer,
    /// What the cluster goes on with when its spec names no image: the operator's release when it was made; later the last image
    /// with which it was ready, so that an image that never worked is forgotten with the spec that named it.
    pub recorded: Option<Recorded>,
}

impl Release {
    /// What the nodes run now. An upgrade of the operator alone changes neither image nor renderer, so it restarts no pod; the renderer moves
    /// only together with the image, which restarts them anyway.
    #[must_use]
    pub fn of(cluster: &SutraCluster, recorded: Option<Recorded>, operator_image: &str) -> Self {
        let spec = &cluster.spec;
        let image = match (&spec.image, &recorded, spec.upgrade_policy) {
            (Some(image), ..) => image,
            (None, Some(recorded), UpgradePolicy::Manual) => &recorded.image,
            (None, ..) => operator_image,
        }
        .to_owned();
        let renderer =
            recorded.as_ref().filter(|recorded| recorded.image == image).map_or(Renderer::LATEST, |recorded| recorded.renderer);
        let current = Recorded { image: image.clone(), renderer };
        let trusted = spec.image.is_none() || was_ready(cluster);
        Self { image, renderer, recorded: if trusted { Some(current) } else { recorded } }
    }
}

/// Whether the cluster is ready with the image that its spec names: whoever edits the spec raises the generation.
fn was_ready(cluster: &SutraCluster) -> bool {
    cluster.status.as_ref().is_some_and(|status| {
        status.conditions.iter().any(|condition| {
            condition.type_ == "Ready"
                && condition.status == "True"
                && condition.observed_generation == cluster.metadata.generation
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OLD: &str = "ghcr.io/sutra-grid/sutra-node:0.1.0";
    const NEW: &str = "ghcr.io/sutra-grid/sutra-node:0.2.0";
    const OWN: &str = "registry.example.org/clinic/sutra-node:0.1.0-audited";

    fn cluster(spec: serde_json::Value, ready_at: Option<i64>) -> SutraCluster {
        let mut whole = json!({"nodes": 1, "security": {"mode": "development"}});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let condition = json!({
            "type": "Ready", "status": "True", "reason": "AllNodesServe", "message": "", "observedGeneration": ready_at,
            "lastTransitionTime": "2026-11-21T12:00:00Z",
        });
        let status = ready_at.map(|_| json!({"conditions": [condition]}));
        serde_json::from_value(json!({
            "apiVersion": "sutra.dev/v1alpha1", "kind": "SutraCluster",
            "metadata": {"name": "claims", "generation": 2}, "spec": whole, "status": status,
        }))
        .unwrap()
    }

    fn recorded(image: &str) -> Option<Recorded> {
        Some(Recorded { image: image.to_owned(), renderer: Renderer::LATEST })
    }

    fn image(spec: serde_json::Value, recorded: Option<Recorded>, operator: &str) -> String {
        Release::of(&cluster(spec, None), recorded, operator).image
    }

    #[test]
    fn a_new_cluster_takes_the_operators_release_and_keeps_it() {
        assert_eq!(image(json!({}), None, OLD), OLD);
        assert_eq!(image(json!({}), recorded(OLD), NEW), OLD);
    }

    #[test]
    fn a_cluster_that_goes_with_the_operator_is_upgraded_with_it() {
        let release = Release::of(&cluster(json!({"upgradePolicy": "WithOperator"}), None), recorded(OLD), NEW);
        assert_eq!((release.image.as_str(), release.recorded), (NEW, recorded(NEW)));
    }

    #[test]
    fn an_image_in_the_spec_wins() {
        assert_eq!(image(json!({"image": OWN}), recorded(OLD), NEW), OWN);
        assert_eq!(image(json!({"image": OWN, "upgradePolicy": "WithOperator"}), recorded(OLD), NEW), OWN);
    }

    #[test]
    fn an_image_in_the_spec_is_recorded_once_the_cluster_was_ready_with_it() {
        let kept = |ready_at| Release::of(&cluster(json!({"image": OWN}), ready_at), recorded(OLD), NEW).recorded;
        assert_eq!(kept(None), recorded(OLD));
        assert_eq!(kept(Some(1)), recorded(OLD), "ready before the edit");
        assert_eq!(kept(Some(2)), recorded(OWN));
    }

    #[test]
    fn an_image_that_never_worked_is_forgotten_with_the_spec_that_named_it() {
        let kept =
            Release::of(&cluster(json!({"image": "ghcr.io/sutra-grid/sutra-node:0.2.O"}), None), recorded(OLD), NEW).recorded;
        assert_eq!(image(json!({}), kept, NEW), OLD);
    }
}
