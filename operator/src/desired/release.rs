//! Image and renderer of a cluster's nodes.

use sutra_crds::cluster::{SutraClusterSpec, UpgradePolicy};

use crate::render::Renderer;

/// What a cluster's nodes run, and how their pods are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Their image.
    pub image: String,
    /// How their pods are written.
    pub renderer: Renderer,
}

/// What was recorded when the cluster was made, or when its image was last changed.
pub type Recorded = Release;

impl Release {
    /// What the nodes run now. An upgrade of the operator alone changes neither image nor renderer, so it restarts no pod; the renderer moves
    /// only together with the image, which restarts them anyway.
    #[must_use]
    pub fn of(spec: &SutraClusterSpec, recorded: Option<&Recorded>, operator_image: &str) -> Self {
        let Some(recorded) = recorded else {
            return Self { image: spec.image.clone().unwrap_or_else(|| operator_image.to_owned()), renderer: Renderer::LATEST };
        };
        let image = match (&spec.image, spec.upgrade_policy) {
            (Some(image), _) => image.clone(),
            (None, UpgradePolicy::WithOperator) => operator_image.to_owned(),
            (None, UpgradePolicy::Manual) => recorded.image.clone(),
        };
        let renderer = if image == recorded.image { recorded.renderer } else { Renderer::LATEST };
        Self { image, renderer }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OLD: &str = "ghcr.io/sutra-grid/sutra-node:0.1.0";
    const NEW: &str = "ghcr.io/sutra-grid/sutra-node:0.2.0";

    fn image(spec: serde_json::Value, recorded: Option<&str>, operator: &str) -> String {
        let mut whole = json!({"nodes": 1, "security": {"mode": "development"}});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let spec: SutraClusterSpec = serde_json::from_value(whole).unwrap();
        let recorded = recorded.map(|image| Recorded { image: image.to_owned(), renderer: Renderer::LATEST });
        Release::of(&spec, recorded.as_ref(), operator).image
    }

    #[test]
    fn a_new_cluster_takes_the_operators_release_and_keeps_it() {
        assert_eq!(image(json!({}), None, OLD), OLD);
        assert_eq!(image(json!({}), Some(OLD), NEW), OLD);
    }

    #[test]
    fn a_cluster_that_goes_with_the_operator_is_upgraded_with_it() {
        assert_eq!(image(json!({"upgradePolicy": "WithOperator"}), Some(OLD), NEW), NEW);
    }

    #[test]
    fn an_image_in_the_spec_wins_and_stays_when_it_is_taken_out_again() {
        let own = "registry.example.org/clinic/sutra-node:0.1.0-audited";
        assert_eq!(image(json!({"image": own}), Some(OLD), NEW), own);
        assert_eq!(image(json!({"image": own, "upgradePolicy": "WithOperator"}), Some(OLD), NEW), own);
        assert_eq!(image(json!({}), Some(own), NEW), own);
    }
}
