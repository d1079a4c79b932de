//! What the nodes of a grid agree on: who they are, and who keeps which part of the placement space.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sutra_protocol::founding::{NodeRecord, Plan, PlanError};
use sutra_protocol::{KeyRange, PlacementKey};
use sutra_replication::{Member, Members, ReplicaId};

/// Number of the shard map's state: every change raises it, and names the one that it was made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// Of a map that meta has never changed.
    pub const FIRST: Self = Self(1);
}

/// A shard's number. It is that of its group in the log, where 0 is meta's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardId(pub u64);

impl std::fmt::Display for ShardId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The state of meta: the whole grid, as its nodes have agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridMap {
    /// The grid.
    pub grid_id: String,
    /// Raised by every change.
    pub epoch: Epoch,
    /// The node that founded it: it alone calls the groups into being.
    pub founder: String,
    /// By name.
    pub nodes: BTreeMap<String, NodeRecord>,
    /// Who decides about this map.
    pub meta: Vec<ReplicaRecord>,
    /// Replicas of meta without a vote: those of all other nodes. So every node knows the map.
    #[serde(default)]
    pub watchers: Vec<ReplicaRecord>,
    /// In the order of their ranges, which cover the placement space without gap or overlap.
    pub shards: Vec<ShardRecord>,
    /// No replica has had this number, nor one above it.
    pub next_replica: u64,
    /// Nodes that were added, or take the place of lost ones, and have not come yet. Their replicas have no vote until then.
    #[serde(default)]
    pub awaited: BTreeSet<String>,
    /// Nodes that are to be removed once they keep nothing any more.
    #[serde(default)]
    pub leaving: BTreeSet<String>,
    /// The zone of each node of which it is known.
    #[serde(default)]
    pub zones: BTreeMap<String, String>,
    /// How many replicas each shard should have; 0: as many as it has, as in a map of an earlier release.
    #[serde(default)]
    pub(crate) replication_factor: u32,
}

/// What may fail as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Zone<'a> {
    /// With all other nodes in it.
    Named(&'a str),
    /// A node of which nobody said where it is counts as one alone.
    Own(&'a str),
}

/// A replica of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaRecord {
    /// Its number.
    pub replica: ReplicaId,
    /// The node that keeps it.
    pub node: String,
}

/// A shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// Its number.
    pub shard: ShardId,
    /// First placement key.
    pub start: PlacementKey,
    /// First placement key that it does not hold; `None`: it reaches to the end.
    pub end: Option<PlacementKey>,
    /// Who keeps it. The first leads it wherever it can: so the leaders are spread evenly.
    pub replicas: Vec<ReplicaRecord>,
}

impl ShardRecord {
    /// What it holds.
    pub fn range(&self) -> KeyRange {
        KeyRange { start: self.start, end: self.end }
    }

    /// The replica that leads it wherever it can.
    pub fn preferred(&self) -> Option<&ReplicaRecord> {
        self.replicas.first()
    }
}

/// Most nodes that vote on the map.
pub const META_VOTERS: usize = 5;

impl GridMap {
    /// The map of a new grid.
    ///
    /// # Errors
    /// A [`PlanError`].
    pub fn found(grid_id: String, nodes: &[(String, NodeRecord)], plan: Plan) -> Result<Self, PlanError> {
        plan.check(nodes.len())?;
        let mut by_name = BTreeMap::new();
        for (name, node) in nodes {
            if nodes.iter().filter(|(_, other)| other.peer == node.peer).count() > 1 {
                return Err(PlanError::Twice { what: "peer address", value: node.peer.clone() });
            }
            if by_name.insert(name.clone(), node.clone()).is_some() {
                return Err(PlanError::Twice { what: "name", value: name.clone() });
            }
        }
        let mut next_replica = 1;
        let mut replicas = |first: usize, count: usize| -> Vec<ReplicaRecord> {
            let records = nodes.iter().cycle().skip(first).take(count).map(|(node, _)| {
                let replica = ReplicaId(next_replica);
                next_replica += 1;
                ReplicaRecord { replica, node: node.clone() }
            });
            records.collect()
        };
        let meta = replicas(0, META_VOTERS.min(nodes.len()));
        let watchers = replicas(meta.len(), nodes.len() - meta.len());
        let count = usize::try_from(plan.replicas).unwrap_or(nodes.len());
        let starts = (0..=plan.shards).map(|at| start_of(at, plan.shards)).collect::<Vec<_>>();
        let shards = starts.windows(2).enumerate().map(|(at, bounds)| ShardRecord {
            shard: ShardId(at as u64 + 1),
            start: bounds[0].unwrap_or_default(),
            end: bounds[1],
            replicas: replicas(first_of(at, count, nodes.len()), count),
        });
        let shards = shards.collect();
        let founder = nodes.first().map(|(name, _)| name.clone()).unwrap_or_default();
        Ok(Self {
            grid_id,
            epoch: Epoch::FIRST,
            founder,
            nodes: by_name,
            meta,
            watchers,
            shards,
            next_replica,
            awaited: BTreeSet::new(),
            leaving: BTreeSet::new(),
            zones: BTreeMap::new(),
            replication_factor: plan.replicas,
        })
    }

    /// The members of a group that these replicas make.
    pub fn members(&self, replicas: &[ReplicaRecord]) -> Members {
        let member = |record: &ReplicaRecord| {
            let node = self.nodes.get(&record.node)?;
            Some((record.replica, Member { node: record.node.clone(), address: node.peer.clone() }))
        };
        replicas.iter().filter_map(member).collect()
    }

    /// Whom to ask for the leader of a group: first the nodes that have a replica of it by this map, then all others. While its replicas
    /// move, one may lead that this map takes away.
    pub(crate) fn to_be_asked(&self, group: ShardId) -> Vec<Member> {
        let given: BTreeSet<&String> = self.replicas(group).iter().map(|record| &record.node).collect();
        let (first, others): (Vec<_>, Vec<_>) = self.nodes.iter().partition(|(name, _)| given.contains(name));
        let member = |(name, node): (&String, &NodeRecord)| Member { node: name.clone(), address: node.peer.clone() };
        first.into_iter().chain(others).map(member).collect()
    }

    /// Who keeps the group of this number; 0: the map itself. None: there is no such group.
    pub fn replicas(&self, group: ShardId) -> &[ReplicaRecord] {
        match group {
            ShardId(0) => &self.meta,
            id => self.shard(id).map_or(&[], |shard| &shard.replicas),
        }
    }

    /// Every replica of every group.
    pub fn all_replicas(&self) -> impl Iterator<Item = &ReplicaRecord> {
        let of_shards = self.shards.iter().flat_map(|shard| &shard.replicas);
        self.meta.iter().chain(&self.watchers).chain(of_shards)
    }

    /// A node's replica of meta.
    pub fn meta_replica(&self, node: &str) -> Option<ReplicaId> {
        self.meta.iter().chain(&self.watchers).find(|record| record.node == node).map(|record| record.replica)
    }

    /// How many replicas each shard should have.
    pub fn factor(&self) -> usize {
        match self.replication_factor {
            0 => self.shards.iter().map(|shard| shard.replicas.len()).max().unwrap_or(1),
            factor => usize::try_from(factor).unwrap_or(usize::MAX),
        }
    }

    /// How many nodes there are when those that leave have left.
    pub fn staying(&self) -> usize {
        self.nodes.len() - self.leaving.len()
    }

    /// Where a node is.
    pub(crate) fn zone<'a>(&'a self, node: &'a str) -> Zone<'a> {
        self.zones.get(node).map_or(Zone::Own(node), |zone| Zone::Named(zone))
    }

    /// The shard of this number.
    pub fn shard(&self, id: ShardId) -> Option<&ShardRecord> {
        self.shards.iter().find(|shard| shard.shard == id)
    }

    /// The shard that holds a placement key.
    pub fn shard_of(&self, key: PlacementKey) -> Option<&ShardRecord> {
        self.shards.iter().find(|shard| shard.range().holds(key))
    }
}

/// Where the range of the shard at this place of so many begins, when they are equal; `None`: behind the last placement key.
fn start_of(at: u32, shards: u32) -> Option<PlacementKey> {
    let (at, shards) = (u128::from(at), u128::from(shards));
    // There is one placement key more than the greatest.
    let (each, left) = (u128::MAX / shards, u128::MAX % shards + 1);
    (at < shards).then(|| PlacementKey::from(at * each + at * left / shards))
}

/// The place among the nodes of the first replica of the shard at this place; the others follow it round. Neither replicas nor first
/// replicas are more on one node than on another, but for one.
fn first_of(at: usize, replicas: usize, nodes: usize) -> usize {
    // Where they are on every node, only who is first is to be spread.
    if replicas == nodes { at % nodes } else { at * replicas % nodes }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn node(at: u16) -> (String, NodeRecord) {
        let of = |port: u16| format!("10.0.0.{at}:{port}");
        (format!("node-{at}"), NodeRecord { peer: of(7001), http: of(8000), tcp: of(50051) })
    }

    fn three() -> GridMap {
        let nodes = [node(1), node(2), node(3)];
        GridMap::found("5d5dd7d0".into(), &nodes, Plan { shards: 1, replicas: 3 }).unwrap()
    }

    #[test]
    fn a_new_grid_has_a_replica_of_everything_on_every_node_and_no_number_twice() {
        let map = three();
        let all: Vec<u64> = map.meta.iter().chain(&map.shards[0].replicas).map(|record| record.replica.0).collect();
        assert_eq!(all, [1, 2, 3, 4, 5, 6]);
        assert_eq!(map.next_replica, 7);
        assert_eq!(map.members(&map.meta).len(), 3);
        assert_eq!(map.shard_of(PlacementKey::from(u128::MAX)).map(|shard| shard.shard), Some(ShardId(1)));
    }

    /// Of so many on each node, the difference between the most and the fewest.
    fn spread<'a>(nodes: usize, of: impl Iterator<Item = &'a ReplicaRecord>) -> usize {
        let mut counts: BTreeMap<String, usize> = (1..=nodes as u16).map(|at| (node(at).0, 0)).collect();
        for record in of {
            *counts.get_mut(&record.node).unwrap() += 1;
        }
        counts.values().max().unwrap() - counts.values().min().unwrap()
    }

    #[test]
    fn ranges_cover_the_placement_space_and_replicas_and_first_replicas_are_spread_evenly() {
        for (nodes, replicas) in [(1, 1), (3, 1), (3, 3), (5, 1), (5, 3), (5, 5)] {
            let named: Vec<_> = (1..=nodes).map(node).collect();
            for shards in (1..=64).chain([100, 127, 150, 199, 200]) {
                let plan = Plan { shards, replicas };
                let map = GridMap::found("5d5dd7d0".into(), &named, plan).unwrap();
                let case = format!("{plan:?} on {nodes} nodes");
                assert_eq!(map.shards.len(), shards as usize, "{case}");
                assert_eq!(map.shards.first().map(|first| first.start), Some(PlacementKey::FIRST), "{case}");
                assert_eq!(map.shards.last().map(|last| last.end), Some(None), "{case}");
                let follow = |pair: &[ShardRecord]| pair[0].end == Some(pair[1].start) && pair[0].start < pair[1].start;
                assert!(map.shards.windows(2).all(follow), "{case}");
                let size = |shard: &ShardRecord| shard.end.map_or(0, PlacementKey::as_u128).wrapping_sub(shard.start.as_u128());
                let sizes: BTreeSet<u128> = map.shards.iter().map(size).collect();
                assert!(sizes.last().unwrap() - sizes.first().unwrap() <= 1, "{case}: {sizes:?}");
                let distinct = |shard: &ShardRecord| shard.replicas.iter().map(|one| &one.node).collect::<BTreeSet<_>>().len();
                assert!(map.shards.iter().all(|shard| distinct(shard) == replicas as usize), "{case}");
                let all: BTreeSet<ReplicaId> =
                    map.meta.iter().chain(map.shards.iter().flat_map(|shard| &shard.replicas)).map(|one| one.replica).collect();
                assert_eq!(all.len() as u64 + 1, map.next_replica, "{case}: a number was given twice");
                let count = nodes as usize;
                assert!(spread(count, map.shards.iter().flat_map(|shard| &shard.replicas)) <= 1, "{case}");
                assert!(spread(count, map.shards.iter().filter_map(ShardRecord::preferred)) <= 1, "{case}");
                for shard in &map.shards {
                    assert_eq!(map.shard_of(shard.start), Some(shard), "{case}");
                }
            }
        }
    }

    #[test]
    fn nodes_that_can_not_be_told_apart_are_refused() {
        let twice = [node(1), node(2), (String::from("node-3"), node(2).1)];
        let refused = GridMap::found("5d5dd7d0".into(), &twice, Plan { shards: 1, replicas: 3 }).unwrap_err();
        assert_eq!(refused.to_string(), "two of the nodes have the peer address 10.0.0.2:7001");
    }
}
