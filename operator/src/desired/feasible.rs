//! What a spec may ask for and this release cannot do.

use sutra_crds::cluster::{EmbeddingProvider, SecurityMode, SutraClusterSpec};
use sutra_planner::Impossible;

/// Nodes of a cluster, at most.
pub(crate) const MOST_NODES: i32 = 1;

/// All of it, with the field and the bound. The schema admits these values, because later releases will carry them out.
pub(super) fn impossible(spec: &SutraClusterSpec) -> Vec<Impossible> {
    let mut all = Vec::new();
    let mut refuse = |reason: &'static str, message: String| all.push(Impossible { reason, message });
    if spec.nodes > MOST_NODES {
        refuse("MoreNodesUnavailable", format!("spec.nodes is {}: this release runs one node a cluster", spec.nodes));
    }
    if let Some(shards) = spec.initial_shards.filter(|shards| *shards > 1) {
        refuse("MoreShardsUnavailable", format!("spec.initialShards is {shards}: this release keeps one shard"));
    }
    if spec.security.mode == SecurityMode::Production {
        let message = "spec.security.mode is production: the nodes of this release have no accounts and no TLS";
        refuse("ProductionModeUnavailable", message.to_owned());
    }
    if spec.embedding.as_ref().is_some_and(|embedding| embedding.provider != EmbeddingProvider::None) {
        let message = "spec.embedding.provider: the nodes of this release have no embedders; only none can be given";
        refuse("EmbedderUnavailable", message.to_owned());
    }
    if spec.licence.is_some() {
        refuse("LicenceUnavailable", "spec.licence: the nodes of this release know no licences; leave it out".to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reasons(spec: serde_json::Value) -> Vec<&'static str> {
        let spec: SutraClusterSpec = serde_json::from_value(spec).unwrap();
        impossible(&spec).into_iter().map(|one| one.reason).collect()
    }

    #[test]
    fn one_node_in_development_mode_is_possible() {
        assert_eq!(reasons(json!({"nodes": 1, "security": {"mode": "development"}})), Vec::<&str>::new());
    }

    #[test]
    fn everything_that_is_impossible_is_told_at_once() {
        let spec = json!({
            "nodes": 3, "initialShards": 4, "security": {"mode": "production"}, "licence": {"secretName": "sutra-licence"},
            "embedding": {"provider": "local", "model": "all-MiniLM-L6-v2"},
        });
        let expected = [
            "MoreNodesUnavailable",
            "MoreShardsUnavailable",
            "ProductionModeUnavailable",
            "EmbedderUnavailable",
            "LicenceUnavailable",
        ];
        assert_eq!(reasons(spec), expected);
    }
}
