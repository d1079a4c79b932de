//! A cluster as users have it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sutra_planner::{Desired, Object, Retention, Wanted};

pub(crate) const GIB: u128 = 1 << 30;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

/// The hash of a pod template: nodes of several are started otherwise than one alone.
pub(crate) fn revision(image: &str, nodes: u32) -> String {
    format!("{image} {}", if nodes > 1 { SEVERAL } else { "alone" })
}

/// In the template of a node that waits for a grid.
pub(crate) const SEVERAL: &str = "of-several";

/// A cluster named `claims` with `nodes` nodes.
pub(crate) fn claims(nodes: u32) -> Desired {
    let mut objects: BTreeSet<Object> = Object::ALL.into_iter().collect();
    objects.remove(&Object::PodMonitor);
    if nodes == 1 {
        objects.remove(&Object::DisruptionBudget);
    }
    Desired {
        cluster: "claims".into(),
        uid: "5f2c".into(),
        wanted: Wanted::Running,
        nodes,
        replication_factor: nodes,
        revision: revision("sutra-node:0.1.0", nodes),
        volume_bytes: 10 * GIB,
        volume_size: "10Gi".into(),
        storage_class: None,
        replace: None,
        adopt: None,
        retention: Retention::Retain,
        insecure: true,
        objects,
        impossible: Vec::new(),
    }
}

/// The same with so many copies of each shard: with one there is no budget.
pub(crate) fn with_copies(mut desired: Desired, copies: u32) -> Desired {
    desired.replication_factor = copies;
    if copies > 1 && desired.nodes > 1 {
        desired.objects.insert(Object::DisruptionBudget);
    } else {
        desired.objects.remove(&Object::DisruptionBudget);
    }
    desired
}
