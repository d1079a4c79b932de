//! `SutraShard`s as they are.

use kube::ResourceExt as _;
use sutra_crds::shard::ShardReplica;
use sutra_crds::{SutraCluster, SutraShard, SutraShardStatus, names};
use sutra_planner::{Projection, Replica, Role, Seen, ShardReport};

use crate::control::Context;
use crate::{drift, render};

/// The projections of a cluster's shards.
pub(super) fn seen(cluster: &SutraCluster, context: &Context) -> Vec<Projection> {
    let (namespace, prefix) = (cluster.namespace(), format!("{}-shard-", cluster.name_any()));
    let mut projections: Vec<Projection> = context
        .caches
        .shards
        .state()
        .iter()
        .filter(|shard| shard.namespace() == namespace)
        .filter_map(|shard| {
            let number: u64 = shard.name_any().strip_prefix(&prefix)?.parse().ok()?;
            // `NAME-shard-01` is not shard 1.
            (shard.name_any() == names::shard(&cluster.name_any(), number)).then_some(())?;
            Some(one(cluster, number, shard))
        })
        .collect();
    projections.sort_by_key(|projection| projection.shard);
    projections
}

fn one(cluster: &SutraCluster, number: u64, shard: &SutraShard) -> Projection {
    let rendered = drift::stamped(&render::shard(cluster, number));
    let live = serde_json::to_value(shard).unwrap_or_default();
    let seen = match () {
        () if shard.metadata.deletion_timestamp.is_some() => Seen::Leaving,
        () if drift::in_sync(&rendered, &live) => Seen::InSync,
        () => Seen::Drifted,
    };
    let status = shard.status.as_ref();
    Projection {
        shard: number,
        seen,
        reported: status.and_then(reported),
        observed_at: status.and_then(|status| status.observed_at.as_deref()).and_then(|at| at.parse().ok()),
    }
}

/// A status that lacks something, because somebody took it away, is as good as none.
fn reported(status: &SutraShardStatus) -> Option<ShardReport> {
    Some(ShardReport {
        phase: status.phase.clone()?,
        range: status.range.clone()?,
        leader: status.leader.clone(),
        replicas: status.replicas.iter().map(replica).collect::<Option<_>>()?,
        concepts: u64::try_from(status.concepts?).ok()?,
        bytes: u64::try_from(status.size_bytes?).ok()?,
    })
}

fn replica(replica: &ShardReplica) -> Option<Replica> {
    let role = [Role::Leader, Role::Follower, Role::Learner].into_iter().find(|role| role.word() == replica.role)?;
    Some(Replica { node: replica.node.clone(), role, caught_up: replica.caught_up })
}
