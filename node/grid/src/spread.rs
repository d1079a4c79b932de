//! The leaders are spread evenly: each shard is led by the replica that the map prefers, wherever that can be.
//!
//! After a node was away, others lead what it led. Whoever leads such a shard hands it back once the preferred replica has kept up for a
//! while, one shard at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sutra_replication::{GroupStatus, ReplicaId, Role};
use tokio::time::Instant;

use crate::asking::Asking;
use crate::converge;
use crate::hosted::HostedShard;
use crate::hosting::Hosting;
use crate::map::{GridMap, ShardId, ShardRecord};
use crate::messages::NodeStatus;
use crate::replace::status_of;

/// For how many leases a replica has kept up before it is given the lead: longer than any election, and than a node takes that is
/// started again and again.
const STEADY_LEASES: u32 = 8;
/// How often that is doubled where it was given in vain: nothing can be written while it is tried.
const MOST_DOUBLED: u32 = 6;

/// A shard that this node leads although it is another's to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due {
    shard: ShardId,
    heir: ReplicaId,
    /// Of this node's lead.
    term: u64,
}

/// Since when each has been so, and how often it was given in vain.
#[derive(Debug, Default)]
struct Steady {
    since: BTreeMap<ShardId, (Due, Instant)>,
    in_vain: BTreeMap<ShardId, u32>,
}

impl Steady {
    /// These are due now, and no others; answers one that has been for long enough.
    fn note(&mut self, due: &[Due], now: Instant, lease: Duration) -> Option<Due> {
        self.since.retain(|_, (known, _)| due.contains(known));
        for one in due {
            self.since.entry(one.shard).or_insert((*one, now));
        }
        let is_enough = |(due, since): &&(Due, Instant)| {
            let doubled = self.in_vain.get(&due.shard).copied().unwrap_or_default().min(MOST_DOUBLED);
            now.saturating_duration_since(*since) >= lease * STEADY_LEASES * 2_u32.pow(doubled)
        };
        self.since.values().filter(is_enough).min_by_key(|(_, since)| *since).map(|(due, _)| *due)
    }

    /// The lead of a shard was given away, or in vain.
    fn given(&mut self, shard: ShardId, is_led: bool) {
        self.since.remove(&shard);
        if is_led {
            self.in_vain.remove(&shard);
        } else {
            *self.in_vain.entry(shard).or_default() += 1;
        }
    }
}

/// The replica that shall lead a shard which this one leads; `None`: it is this one, or it can't yet.
fn heir(record: &ShardRecord, map: &GridMap, status: &GroupStatus, own: ReplicaId) -> Option<Due> {
    let preferred = record.preferred()?;
    let heir = preferred.replica;
    let can = heir != own
        && status.voters.contains(&heir)
        && !map.awaited.contains(&preferred.node)
        && converge::keeps_up(status, heir);
    can.then_some(Due { shard: record.shard, heir, term: status.term })
}

/// Whether the heir's node says that it follows, and stays.
fn follows(due: &Due, status: &NodeStatus) -> bool {
    let is_it = |replica: &crate::messages::ReplicaStatus| replica.shard == due.shard && replica.replica == due.heir.0;
    let replica = status.replicas.iter().find(|replica| is_it(replica));
    !status.leaving && replica.is_some_and(|replica| replica.role == Role::Follower.as_str() && replica.term == due.term)
}

/// Gives the lead to whom the map prefers, whenever this node has it.
pub(crate) async fn keep(asking: Arc<Asking>, hosting: Hosting) {
    let lease = asking.meta.timing().lease();
    let mut steady = Steady::default();
    loop {
        tokio::time::sleep(lease).await;
        let map = asking.machine.map().borrow().clone();
        let shards = hosting.shards();
        let due = due(&asking, &map, &shards, lease).await;
        let Some(Due { shard: id, heir, .. }) = steady.note(&due, Instant::now(), lease) else { continue };
        let Some(shard) = shards.iter().find(|shard| shard.id() == id) else { continue };
        let is_led = shard.group().hand_over_to(heir, 2 * lease).await;
        tracing::info!(shard = %id, %heir, is_led, "the lead of a shard is given to the replica that the map prefers");
        steady.given(id, is_led);
    }
}

/// What this node leads, and could give to whom the map prefers.
async fn due(asking: &Asking, map: &Arc<GridMap>, shards: &[HostedShard], lease: Duration) -> Vec<Due> {
    let mut by_node: BTreeMap<&str, Vec<Due>> = BTreeMap::new();
    for shard in shards.iter().filter(|shard| shard.group().leads()) {
        let status = shard.group().status();
        if !status.leads_fully(lease) {
            continue;
        }
        let Some(record) = map.shard(shard.id()) else { continue };
        if let (Some(due), Some(preferred)) = (heir(record, map, &status, shard.group().replica()), record.preferred()) {
            by_node.entry(preferred.node.as_str()).or_default().push(due);
        }
    }
    let mut follow = Vec::new();
    for (node, due) in by_node {
        // That its log is as far as ours says nothing of a node that died since, where nothing is written.
        let Ok(status) = status_of(asking, map, node).await else { continue };
        follow.extend(due.into_iter().filter(|due| follows(due, &status)));
    }
    follow
}

#[cfg(test)]
mod tests {
    use sutra_protocol::command::LogIndex;
    use sutra_protocol::founding::{NodeRecord, Plan};
    use sutra_wal::LogPoint;

    use super::*;
    use crate::messages::ReplicaStatus;

    fn map() -> GridMap {
        let node = |at: u16| {
            let peer = format!("10.0.0.{at}:7001");
            (format!("node-{at}"), NodeRecord { peer, http: String::new(), tcp: String::new() })
        };
        GridMap::found("5d5dd7d0".into(), &[node(1), node(2), node(3)], Plan { shards: 3, replicas: 3 }).unwrap()
    }

    fn leading(map: &GridMap, record: &ShardRecord, matched: u64) -> GroupStatus {
        let heir = record.replicas[0].replica;
        GroupStatus {
            role: Role::Leader,
            term: 4,
            leader: Some(record.replicas[1].replica),
            last: Some(LogIndex(1_000)),
            applied: Some(LogPoint { index: LogIndex(1_000), term: 4 }),
            checkpoint: None,
            purged: None,
            members: Arc::new(map.members(&record.replicas)),
            voters: record.replicas.iter().map(|one| one.replica).collect(),
            joint: false,
            quorum_answered: Some(Duration::ZERO),
            matched: [(heir, Some(LogIndex(matched)))].into(),
        }
    }

    #[test]
    fn only_a_voter_that_is_caught_up_and_there_is_given_the_lead() {
        let mut map = map();
        let record = map.shards[1].clone();
        let (heir_id, own) = (record.replicas[0].replica, record.replicas[1].replica);
        let due = Due { shard: record.shard, heir: heir_id, term: 4 };
        assert_eq!(heir(&record, &map, &leading(&map, &record, 990), own), Some(due));
        assert_eq!(heir(&record, &map, &leading(&map, &record, 990), heir_id), None, "it leads already");
        assert_eq!(heir(&record, &map, &leading(&map, &record, 900), own), None, "it is far behind");
        let learns = GroupStatus { voters: vec![own], ..leading(&map, &record, 1_000) };
        assert_eq!(heir(&record, &map, &learns, own), None, "it has no vote");
        map.awaited.insert(record.replicas[0].node.clone());
        assert_eq!(heir(&record, &map, &leading(&map, &record, 990), own), None, "it has not come");
    }

    #[test]
    fn a_node_that_is_about_to_leave_or_follows_another_is_given_nothing() {
        let due = Due { shard: ShardId(2), heir: ReplicaId(7), term: 4 };
        let replica = |role: &str, replica: u64, term: u64| ReplicaStatus {
            shard: ShardId(2),
            replica,
            role: role.into(),
            term,
            last: LogIndex(9),
            applied: LogIndex(9),
            settled: None,
            damaged: false,
        };
        let says = |replica: ReplicaStatus, leaving: bool| NodeStatus {
            node: "node-2".into(),
            version: "0.1.0".into(),
            replicas: vec![replica],
            leaving,
        };
        assert!(follows(&due, &says(replica("follower", 7, 4), false)));
        for other in [
            says(replica("follower", 7, 4), true),
            says(replica("follower", 7, 5), false),
            says(replica("follower", 8, 4), false),
            says(replica("learner", 7, 4), false),
        ] {
            assert!(!follows(&due, &other), "{other:?}");
        }
    }

    #[test]
    fn the_lead_is_given_to_who_has_kept_up_for_a_while_in_one_term() {
        let (mut steady, start) = (Steady::default(), Instant::now());
        let lease = Duration::from_millis(750);
        let at = |seconds| start + Duration::from_secs(seconds);
        let due = |shard, term| Due { shard: ShardId(shard), heir: ReplicaId(7), term };
        assert_eq!(steady.note(&[due(1, 4)], at(0), lease), None);
        assert_eq!(steady.note(&[due(1, 4), due(2, 4)], at(3), lease), None);
        assert_eq!(steady.note(&[due(2, 4)], at(7), lease), None, "the one was not seen, and the other not for so long");
        assert_eq!(steady.note(&[due(1, 4), due(2, 4)], at(9), lease), Some(due(2, 4)));
        assert_eq!(steady.note(&[due(1, 4), due(2, 5)], at(10), lease), None, "there was an election");
        assert_eq!(steady.note(&[due(1, 4), due(2, 5)], at(15), lease), Some(due(1, 4)));
        steady.given(ShardId(1), false);
        assert_eq!(steady.note(&[due(1, 4)], at(16), lease), None);
        assert_eq!(steady.note(&[due(1, 4)], at(23), lease), None, "it was given in vain: nothing could be written meanwhile");
        assert_eq!(steady.note(&[due(1, 4)], at(28), lease), Some(due(1, 4)));
        steady.given(ShardId(1), true);
        assert_eq!((steady.note(&[due(1, 6)], at(30), lease), steady.note(&[due(1, 6)], at(36), lease)), (None, Some(due(1, 6))));
    }
}
