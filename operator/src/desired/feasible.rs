//! What a spec may ask for and this release cannot do.

use sutra_crds::cluster::{EmbeddingProvider, Rebalancing, SecurityMode, SutraClusterSpec};
use sutra_planner::Impossible;

/// Nodes that a cluster can have.
const NODES: [i32; 3] = [1, 3, 5];
/// Nodes of a cluster, at most.
pub(crate) const MOST_NODES: i32 = NODES[NODES.len() - 1];

/// Shards that a grid can begin with, at most.
const MOST_SHARDS: i32 = sutra_protocol::founding::MOST_SHARDS.cast_signed();

/// All of it, with the field and the bound. The schema admits these values, because later releases will carry them out.
pub(super) fn impossible(spec: &SutraClusterSpec) -> Vec<Impossible> {
    let mut all = Vec::new();
    let mut refuse = |reason: &'static str, message: String| all.push(Impossible { reason, message });
    if !NODES.contains(&spec.nodes) {
        refuse("NodesUnavailable", format!("spec.nodes is {}: a cluster of this release has 1, 3 or 5 nodes", spec.nodes));
    }
    match spec.initial_shards {
        Some(shards) if shards > 1 && spec.nodes == 1 => {
            let message = format!("spec.initialShards is {shards} and spec.nodes 1: a node alone keeps one shard; leave it out");
            refuse("MoreShardsUnavailable", message);
        }
        Some(shards) if shards > MOST_SHARDS => {
            let message = format!("spec.initialShards is {shards}: a grid of this release begins with at most {MOST_SHARDS}");
            refuse("MoreShardsUnavailable", message);
        }
        _ => {}
    }
    if spec.security.mode == SecurityMode::Production {
        let message = "spec.security.mode is production: the nodes of this release have no accounts and no TLS";
        refuse("ProductionModeUnavailable", message.to_owned());
    }
    if spec.embedding.as_ref().is_some_and(|embedding| embedding.provider != EmbeddingProvider::None) {
        let message = "spec.embedding.provider: the nodes of this release have no embedders; only none can be given";
        refuse("EmbedderUnavailable", message.to_owned());
    }
    if spec.rebalancing.as_ref().is_some_and(|rebalancing| *rebalancing != Rebalancing::default()) {
        let message = "spec.rebalancing: the grid of this release splits and merges no shards, and moves one replica at a time; leave it out";
        refuse("RebalancingUnavailable", message.to_owned());
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
    fn one_three_and_five_nodes_with_as_many_copies_or_fewer_are_possible() {
        for nodes in [1, 3, 5] {
            let spec = json!({"nodes": nodes, "security": {"mode": "development"}});
            assert_eq!(reasons(spec), Vec::<&str>::new());
            for copies in [1, 3, 5].into_iter().filter(|copies| *copies <= nodes) {
                let spec = json!({"nodes": nodes, "replicationFactor": copies, "security": {"mode": "development"}});
                assert_eq!(reasons(spec), Vec::<&str>::new());
            }
            let with_shards = |shards: u32| json!({"nodes": nodes, "replicationFactor": nodes, "initialShards": shards, "security": {"mode": "development"}});
            assert_eq!(reasons(with_shards(1)), Vec::<&str>::new());
            let expected = if nodes == 1 { vec!["MoreShardsUnavailable"] } else { Vec::new() };
            assert_eq!(reasons(with_shards(8)), expected);
        }
    }

    #[test]
    fn everything_that_is_impossible_is_told_at_once() {
        let spec = json!({
            "nodes": 4, "replicationFactor": 3, "initialShards": 4096, "security": {"mode": "production"},
            "licence": {"secretName": "sutra-licence"}, "rebalancing": {"paused": true}, "embedding": {"provider": "local", "model": "all-MiniLM-L6-v2"},
        });
        let expected = [
            "NodesUnavailable",
            "MoreShardsUnavailable",
            "ProductionModeUnavailable",
            "EmbedderUnavailable",
            "RebalancingUnavailable",
            "LicenceUnavailable",
        ];
        assert_eq!(reasons(spec), expected);
    }

    #[test]
    fn when_shards_are_split_and_merged_can_only_be_said_as_it_is_by_default() {
        let with = |rebalancing: serde_json::Value| {
            reasons(json!({"nodes": 3, "security": {"mode": "development"}, "rebalancing": rebalancing}))
        };
        let defaults = json!({
            "splitAtSize": "8Gi", "splitAtQueriesPerSecond": 10_000, "mergeBelowSize": "1Gi", "maxConcurrentMoves": 1, "paused": false,
        });
        assert_eq!((with(json!({})), with(defaults)), (Vec::new(), Vec::new()));
        for other in [
            json!({"splitAtSize": "4Gi"}),
            json!({"splitAtQueriesPerSecond": 1}),
            json!({"mergeBelowSize": "2Gi"}),
            json!({"maxConcurrentMoves": 2}),
            json!({"paused": true}),
        ] {
            assert_eq!(with(other.clone()), ["RebalancingUnavailable"], "{other}");
        }
    }

    #[test]
    fn a_sentence_names_the_field_and_what_is_possible() {
        let spec = serde_json::from_value(json!({"nodes": 2, "security": {"mode": "development"}})).unwrap();
        assert_eq!(impossible(&spec)[0].message, "spec.nodes is 2: a cluster of this release has 1, 3 or 5 nodes");
    }
}
