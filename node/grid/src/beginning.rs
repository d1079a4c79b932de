//! Calling the groups of a new grid into being.
//!
//! Each shard's group is founded by the node whose replica shall lead it, and meta's by the founder when every shard has a leader: as long
//! as there is no meta, the map stays as it is, and whoever ends meanwhile does it again at its next start. A later map is meta's work, so
//! all groups exist; and who takes the place of a lost node, and has such a map, founds nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sutra_replication::{Group, Members, Role};

use crate::asking::Asking;
use crate::hosted::HostedShard;
use crate::hosting::Hosting;
use crate::map::{Epoch, GridMap, ShardId};
use crate::replace::status_of;

/// How long to wait before something is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// Founds what falls to this node, if the grid is new.
pub(crate) async fn begin(node: String, asking: Arc<Asking>, hosting: Hosting) {
    let map = asking.machine.map().borrow().clone();
    if map.epoch != Epoch::FIRST {
        return;
    }
    let shards = hosting.shards();
    for (shard, record) in shards.iter().filter_map(|shard| Some((shard, map.shard(shard.id())?))) {
        if record.preferred().is_some_and(|preferred| preferred.node == node) {
            found(shard.group(), map.members(&record.replicas)).await;
        }
    }
    if map.founder == node {
        all_led(&node, &asking, &map, &shards).await;
        found(&asking.meta, map.members(&map.meta)).await;
    }
}

/// Calls a group into being; a group that exists stays as it is.
async fn found(group: &Group, members: Members) {
    while let Err(error) = group.found(members.clone()).await {
        tracing::warn!(group = %group.id(), error, "the group could not be founded yet");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Ends when every shard has been seen to have a leader.
async fn all_led(node: &str, asking: &Asking, map: &Arc<GridMap>, shards: &[HostedShard]) {
    let mut unled: BTreeSet<ShardId> = map.shards.iter().map(|record| record.shard).collect();
    loop {
        for shard in shards.iter().filter(|shard| shard.group().leads()) {
            unled.remove(&shard.id());
        }
        for name in map.nodes.keys().filter(|name| *name != node) {
            if unled.is_empty() {
                return;
            }
            let Ok(status) = status_of(asking, map, name).await else { continue };
            for replica in status.replicas.iter().filter(|replica| replica.role == Role::Leader.as_str()) {
                unled.remove(&replica.shard);
            }
        }
        if unled.is_empty() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
