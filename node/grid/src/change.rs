//! Changes of the map: each is made for one epoch, and refused where the map has another.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sutra_protocol::founding::{LONGEST_ZONE, NodeRecord};
use sutra_replication::ReplicaId;

use crate::map::{Epoch, GridMap, META_VOTERS, ReplicaRecord, ShardId};

/// A change of the map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A node has other addresses than before.
    SetNode {
        /// Its name.
        name: String,
        /// Its addresses.
        node: NodeRecord,
    },
    /// A node is lost with its disk, and one with an empty directory takes its place under its name: with new replicas, since what the
    /// lost ones have promised nobody knows any more.
    ReplaceNode {
        /// The name of both.
        name: String,
        /// The addresses of the new one.
        node: NodeRecord,
    },
    /// A node with an empty directory belongs to the grid from now on. It is awaited, and given replicas when it has come.
    AddNode {
        /// Its name.
        name: String,
        /// Its addresses.
        node: NodeRecord,
        /// The zone that it is in, where that is known.
        #[serde(default)]
        zone: Option<String>,
    },
    /// A node is in this zone, or nobody knows in which.
    SetZone {
        /// Its name.
        name: String,
        /// The zone.
        zone: Option<String>,
    },
    /// A node that was awaited has come.
    Arrived {
        /// Its name.
        name: String,
    },
    /// A node is to leave: its replicas move to others.
    RemoveNode {
        /// Its name.
        name: String,
    },
    /// A node that was to leave stays.
    KeepNode {
        /// Its name.
        name: String,
    },
    /// A node that was to leave keeps nothing any more, and has left.
    Left {
        /// Its name.
        name: String,
    },
    /// Each shard should have so many replicas.
    SetReplicas {
        /// How many.
        count: u32,
    },
    /// A group is on these nodes: meta's voters where it is group 0. Who is among them already keeps its replica.
    PlaceGroup {
        /// The group.
        group: ShardId,
        /// The nodes, the one first that leads it wherever it can.
        nodes: Vec<String>,
    },
}

/// A change that is proposed: it is made only if the map is as its proposer knew it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedChange {
    /// The map's epoch that the proposer knew.
    pub known: Epoch,
    /// The change.
    pub change: Change,
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ChangeRefusal {
    /// Somebody else was first.
    #[error("the map's epoch is {}, and the change was made for {}", now.0, known.0)]
    Stale {
        /// The map's.
        now: Epoch,
        /// The proposer's.
        known: Epoch,
    },
    /// It would give up what nobody else has.
    #[error(
        "no quorum of other nodes has what node {name} keeps of group {group}: it can only come back with its directory, for whoever takes its \
         place would have nothing of it"
    )]
    Needed {
        /// The node.
        name: String,
        /// The shard; 0: the map.
        group: ShardId,
    },
    /// It names a node that the grid does not have.
    #[error("the grid has no node {name}")]
    NoNode {
        /// The name.
        name: String,
    },
    /// It names a node that the grid has already.
    #[error("the grid has a node with the {what} {value} already")]
    Taken {
        /// "name" or "peer address".
        what: String,
        /// What both would have.
        value: String,
    },
    /// A node that is not to leave can't stay, nor have left.
    #[error("node {name} is not being removed")]
    Stays {
        /// Its name.
        name: String,
    },
    /// It still keeps something.
    #[error("node {name} still keeps replicas")]
    Keeps {
        /// Its name.
        name: String,
    },
    /// No number of replicas that can be.
    #[error("{count} replicas of each shard were asked for; a shard has 1, 3 or 5")]
    Count {
        /// How many were asked for.
        count: u32,
    },
    /// No name of a zone.
    #[error("the zone of node {name} was given with {length} bytes; a zone has a name of 1 to {LONGEST_ZONE} bytes")]
    Zone {
        /// The node.
        name: String,
        /// How long the name is.
        length: u64,
    },
    /// There would be fewer nodes than replicas of a shard.
    #[error("{staying} of the grid's nodes would stay, and each shard should have {factor} replicas on as many nodes")]
    TooFew {
        /// How many nodes would stay.
        staying: u64,
        /// How many replicas each shard should have.
        factor: u64,
    },
    /// The replicas can't be where it says.
    #[error("group {group} can't be placed: {reason}")]
    Place {
        /// The group.
        group: ShardId,
        /// Why.
        reason: String,
    },
}

impl GridMap {
    /// Makes a change, or says why not and stays as it is.
    ///
    /// # Errors
    /// A [`ChangeRefusal`].
    pub fn change(&mut self, proposed: ProposedChange) -> Result<Epoch, ChangeRefusal> {
        if proposed.known != self.epoch {
            return Err(ChangeRefusal::Stale { now: self.epoch, known: proposed.known });
        }
        match proposed.change {
            Change::SetNode { name, node } => match self.nodes.get_mut(&name) {
                Some(record) => *record = node,
                None => return Err(ChangeRefusal::NoNode { name }),
            },
            Change::ReplaceNode { name, node } => self.replace(name, node)?,
            Change::AddNode { name, node, zone } => self.add(name, node, zone)?,
            Change::SetZone { name, zone } => self.set_zone(name, zone)?,
            Change::Arrived { name } => {
                if !self.awaited.remove(&name) {
                    return Err(ChangeRefusal::NoNode { name });
                }
            }
            Change::RemoveNode { name } => {
                self.known(&name)?;
                let staying = self.staying() - usize::from(!self.leaving.contains(&name));
                self.check_factor(staying, self.factor())?;
                self.leaving.insert(name);
            }
            Change::KeepNode { name } => {
                self.known(&name)?;
                if !self.leaving.remove(&name) {
                    return Err(ChangeRefusal::Stays { name });
                }
            }
            Change::Left { name } => self.leave(&name)?,
            Change::SetReplicas { count } => {
                if !matches!(count, 1 | 3 | 5) {
                    return Err(ChangeRefusal::Count { count });
                }
                self.check_factor(self.staying(), usize::try_from(count).unwrap_or(usize::MAX))?;
                self.replication_factor = count;
            }
            Change::PlaceGroup { group, nodes } => self.place(group, &nodes)?,
        }
        self.epoch = Epoch(self.epoch.0 + 1);
        Ok(self.epoch)
    }

    fn known(&self, name: &str) -> Result<(), ChangeRefusal> {
        if self.nodes.contains_key(name) { Ok(()) } else { Err(ChangeRefusal::NoNode { name: name.to_owned() }) }
    }

    fn check_factor(&self, staying: usize, factor: usize) -> Result<(), ChangeRefusal> {
        let fits = staying >= factor.max(1);
        if fits { Ok(()) } else { Err(ChangeRefusal::TooFew { staying: staying as u64, factor: factor as u64 }) }
    }

    /// A number that no replica had.
    fn issue(&mut self) -> ReplicaId {
        let issued = ReplicaId(self.next_replica);
        self.next_replica += 1;
        issued
    }

    fn replace(&mut self, name: String, node: NodeRecord) -> Result<(), ChangeRefusal> {
        self.known(&name)?;
        // What it kept has to be somewhere else: a group is made what the map says by those that have its data.
        let has_it = |one: &&ReplicaRecord| one.node != name && !self.awaited.contains(&one.node);
        let groups =
            std::iter::once((ShardId(0), &self.meta)).chain(self.shards.iter().map(|shard| (shard.shard, &shard.replicas)));
        for (group, replicas) in groups.filter(|(_, replicas)| replicas.iter().any(|one| one.node == name)) {
            if replicas.iter().filter(has_it).count() < replicas.len() / 2 + 1 {
                return Err(ChangeRefusal::Needed { name, group });
            }
        }
        if let Some(record) = self.nodes.get_mut(&name) {
            *record = node;
        }
        let of_shards = self.shards.iter_mut().map(|shard| &mut shard.replicas);
        for replica in [&mut self.meta, &mut self.watchers].into_iter().chain(of_shards).flatten() {
            if replica.node == name {
                replica.replica = ReplicaId(self.next_replica);
                self.next_replica += 1;
            }
        }
        self.awaited.insert(name);
        Ok(())
    }

    fn add(&mut self, name: String, node: NodeRecord, zone: Option<String>) -> Result<(), ChangeRefusal> {
        if self.nodes.contains_key(&name) {
            return Err(ChangeRefusal::Taken { what: "name".into(), value: name });
        }
        if self.nodes.values().any(|other| other.peer == node.peer) {
            return Err(ChangeRefusal::Taken { what: "peer address".into(), value: node.peer });
        }
        check_zone(&name, zone.as_deref())?;
        let replica = self.issue();
        self.watchers.push(ReplicaRecord { replica, node: name.clone() });
        self.awaited.insert(name.clone());
        self.nodes.insert(name.clone(), node);
        self.set_zone(name, zone)
    }

    fn set_zone(&mut self, name: String, zone: Option<String>) -> Result<(), ChangeRefusal> {
        self.known(&name)?;
        check_zone(&name, zone.as_deref())?;
        match zone {
            Some(zone) => drop(self.zones.insert(name, zone)),
            None => drop(self.zones.remove(&name)),
        }
        Ok(())
    }

    fn leave(&mut self, name: &str) -> Result<(), ChangeRefusal> {
        self.known(name)?;
        if !self.leaving.contains(name) {
            return Err(ChangeRefusal::Stays { name: name.to_owned() });
        }
        let of_shards = self.shards.iter().flat_map(|shard| &shard.replicas);
        if self.meta.iter().chain(of_shards).any(|replica| replica.node == name) {
            return Err(ChangeRefusal::Keeps { name: name.to_owned() });
        }
        self.watchers.retain(|replica| replica.node != name);
        self.awaited.remove(name);
        self.leaving.remove(name);
        self.zones.remove(name);
        self.nodes.remove(name);
        Ok(())
    }

    fn place(&mut self, group: ShardId, nodes: &[String]) -> Result<(), ChangeRefusal> {
        let refused = |reason: String| ChangeRefusal::Place { group, reason };
        if group != ShardId(0) && self.shard(group).is_none() {
            return Err(refused("there is no such group".into()));
        }
        let distinct: BTreeSet<&String> = nodes.iter().collect();
        let most = if group == ShardId(0) { META_VOTERS } else { usize::MAX };
        if nodes.is_empty() || nodes.len() > most || distinct.len() != nodes.len() {
            return Err(refused(format!("it can't be on [{}]", nodes.join(", "))));
        }
        let before = self.replicas(group).to_vec();
        for name in nodes {
            self.known(name)?;
            let is_new = before.iter().all(|replica| replica.node != *name);
            if is_new && (self.leaving.contains(name) || self.awaited.contains(name)) {
                return Err(refused(format!("node {name} leaves, or has not come yet")));
            }
        }
        if group == ShardId(0) {
            // A replica of meta is its node's for as long as that belongs to the grid, with a vote or without one.
            let all: Vec<ReplicaRecord> = self.meta.drain(..).chain(self.watchers.drain(..)).collect();
            let place = |record: &ReplicaRecord| nodes.iter().position(|name| *name == record.node);
            let (mut voters, watchers): (Vec<_>, Vec<_>) = all.into_iter().partition(|record| place(record).is_some());
            voters.sort_by_key(place);
            (self.meta, self.watchers) = (voters, watchers);
            return Ok(());
        }
        let mut replicas = Vec::with_capacity(nodes.len());
        for name in nodes {
            let kept = before.iter().find(|replica| replica.node == *name).cloned();
            replicas.push(match kept {
                Some(kept) => kept,
                None => ReplicaRecord { replica: self.issue(), node: name.clone() },
            });
        }
        if let Some(shard) = self.shards.iter_mut().find(|shard| shard.shard == group) {
            shard.replicas = replicas;
        }
        Ok(())
    }
}

fn check_zone(name: &str, zone: Option<&str>) -> Result<(), ChangeRefusal> {
    match zone.map(str::len) {
        None | Some(1..=LONGEST_ZONE) => Ok(()),
        Some(length) => Err(ChangeRefusal::Zone { name: name.to_owned(), length: length as u64 }),
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::founding::Plan;

    use super::*;
    use crate::map::tests::node;

    fn three() -> GridMap {
        let nodes = [node(1), node(2), node(3)];
        GridMap::found("5d5dd7d0".into(), &nodes, Plan { shards: 1, replicas: 3 }).unwrap()
    }

    fn made(map: &mut GridMap, change: Change) -> Result<Epoch, ChangeRefusal> {
        let before = map.clone();
        let made = map.change(ProposedChange { known: map.epoch, change });
        if made.is_err() {
            assert_eq!(*map, before, "what is refused changes nothing");
        }
        made
    }

    fn named(at: u16) -> String {
        node(at).0
    }

    #[test]
    fn a_change_made_for_another_epoch_changes_nothing() {
        let mut map = three();
        let moved = Change::SetNode { name: "node-2".into(), node: node(9).1 };
        let stale = ProposedChange { known: Epoch(0), change: moved.clone() };
        assert_eq!(map.change(stale), Err(ChangeRefusal::Stale { now: Epoch(1), known: Epoch(0) }));
        assert_eq!(map, three());
        assert_eq!(map.change(ProposedChange { known: Epoch(1), change: moved }), Ok(Epoch(2)));
        assert_eq!(map.nodes["node-2"].peer, "10.0.0.9:7001");
    }

    #[test]
    fn a_node_that_takes_a_lost_ones_place_has_numbers_that_nobody_ever_had() {
        let mut map = three();
        made(&mut map, Change::ReplaceNode { name: "node-2".into(), node: node(9).1 }).unwrap();
        let of_two: Vec<u64> = map.all_replicas().filter(|one| one.node == "node-2").map(|one| one.replica.0).collect();
        assert_eq!((of_two, map.next_replica), (vec![7, 8], 9));
        assert!(map.awaited.contains("node-2"));
        let arrived = Change::Arrived { name: "node-2".into() };
        made(&mut map, arrived.clone()).unwrap();
        assert!(map.awaited.is_empty());
        assert_eq!(made(&mut map, arrived), Err(ChangeRefusal::NoNode { name: "node-2".into() }));
    }

    #[test]
    fn a_node_that_has_what_no_quorum_of_others_has_is_not_given_up() {
        let nodes = [node(1), node(2), node(3)];
        let mut map = GridMap::found("5d5dd7d0".into(), &nodes, Plan { shards: 3, replicas: 1 }).unwrap();
        let before = map.clone();
        let replace = |at| Change::ReplaceNode { name: named(at), node: node(9).1 };
        let refused = made(&mut map, replace(2)).unwrap_err();
        assert_eq!(refused, ChangeRefusal::Needed { name: "node-2".into(), group: ShardId(2) }, "it has the only replica");
        assert_eq!(map, before);
        let mut map = three();
        made(&mut map, replace(2)).unwrap();
        let refused = made(&mut map, replace(3)).unwrap_err();
        assert!(matches!(refused, ChangeRefusal::Needed { .. }), "the other has not come: {refused}");
    }

    #[test]
    fn a_node_comes_is_given_a_replica_and_leaves_again_when_it_keeps_nothing() {
        let mut map = three();
        let (name, record) = node(4);
        made(&mut map, Change::AddNode { name: name.clone(), node: record.clone(), zone: None }).unwrap();
        assert_eq!((map.meta_replica(&name), map.meta.len()), (Some(ReplicaId(7)), 3), "it knows the map, and has no vote");
        let taken = |what: &str, value: &str| Err(ChangeRefusal::Taken { what: what.into(), value: value.into() });
        assert_eq!(made(&mut map, Change::AddNode { name: name.clone(), node: node(5).1, zone: None }), taken("name", "node-4"));
        let same = made(&mut map, Change::AddNode { name: named(5), node: record.clone(), zone: None });
        assert_eq!(same, taken("peer address", "10.0.0.4:7001"));

        let place = |group, nodes: &[u16]| Change::PlaceGroup {
            group: ShardId(group),
            nodes: nodes.iter().copied().map(named).collect(),
        };
        assert!(matches!(made(&mut map, place(1, &[1, 2, 4])), Err(ChangeRefusal::Place { .. })), "it has not come");
        made(&mut map, Change::Arrived { name: name.clone() }).unwrap();
        made(&mut map, place(1, &[4, 1, 2])).unwrap();
        let ids: Vec<u64> = map.shards[0].replicas.iter().map(|one| one.replica.0).collect();
        assert_eq!(ids, [8, 4, 5], "those that were there keep their numbers");
        made(&mut map, place(0, &[4, 2, 1])).unwrap();
        assert_eq!(map.meta.iter().map(|one| one.replica.0).collect::<Vec<_>>(), [7, 2, 1]);
        assert_eq!(map.watchers.iter().map(|one| one.replica.0).collect::<Vec<_>>(), [3]);

        let left = Change::Left { name: name.clone() };
        assert_eq!(made(&mut map, left.clone()), Err(ChangeRefusal::Stays { name: name.clone() }));
        made(&mut map, Change::RemoveNode { name: name.clone() }).unwrap();
        assert_eq!(made(&mut map, left.clone()), Err(ChangeRefusal::Keeps { name: name.clone() }));
        assert_eq!(made(&mut map, Change::RemoveNode { name: named(3) }), Err(ChangeRefusal::TooFew { staying: 2, factor: 3 }));
        made(&mut map, place(1, &[1, 2, 3])).unwrap();
        made(&mut map, place(0, &[1, 2, 3])).unwrap();
        made(&mut map, left).unwrap();
        assert!(!map.nodes.contains_key(&name) && map.watchers.is_empty() && map.leaving.is_empty());
        assert_eq!(map.all_replicas().map(|one| one.replica.0).max(), Some(9), "the numbers of what has left are nobody's");
    }

    #[test]
    fn a_zone_is_its_node_s_for_as_long_as_that_belongs_to_the_grid() {
        let mut map = three();
        let set = |name: &str, zone: Option<&str>| Change::SetZone { name: name.into(), zone: zone.map(String::from) };
        made(&mut map, set("node-1", Some("eu-central-1a"))).unwrap();
        made(&mut map, set("node-2", Some("eu-central-1a"))).unwrap();
        assert_eq!(map.zone("node-1"), map.zone("node-2"));
        made(&mut map, set("node-2", None)).unwrap();
        assert_ne!(map.zone("node-1"), map.zone("node-2"), "one whose zone nobody knows is in nobody's");
        assert_eq!(made(&mut map, set("node-9", None)), Err(ChangeRefusal::NoNode { name: "node-9".into() }));
        for zone in ["", &"z".repeat(LONGEST_ZONE + 1)] {
            let refused = ChangeRefusal::Zone { name: "node-2".into(), length: zone.len() as u64 };
            assert_eq!(made(&mut map, set("node-2", Some(zone))), Err(refused));
        }
        let (name, record) = node(4);
        let add = |zone: &str| Change::AddNode { name: name.clone(), node: record.clone(), zone: Some(zone.into()) };
        assert_eq!(made(&mut map, add("")), Err(ChangeRefusal::Zone { name: name.clone(), length: 0 }));
        made(&mut map, add("eu-central-1b")).unwrap();
        assert_eq!(map.zones[&name], "eu-central-1b");
        made(&mut map, Change::RemoveNode { name: name.clone() }).unwrap();
        made(&mut map, Change::Left { name: name.clone() }).unwrap();
        assert!(!map.zones.contains_key(&name));
    }

    #[test]
    fn a_removal_can_be_taken_back_and_a_factor_has_bounds() {
        let mut map = three();
        assert_eq!(made(&mut map, Change::SetReplicas { count: 2 }), Err(ChangeRefusal::Count { count: 2 }));
        let five = made(&mut map, Change::SetReplicas { count: 5 });
        assert_eq!(five, Err(ChangeRefusal::TooFew { staying: 3, factor: 5 }));
        made(&mut map, Change::SetReplicas { count: 1 }).unwrap();
        for at in [1, 2] {
            made(&mut map, Change::RemoveNode { name: named(at) }).unwrap();
        }
        let last = made(&mut map, Change::RemoveNode { name: named(3) });
        assert_eq!(last, Err(ChangeRefusal::TooFew { staying: 0, factor: 1 }));
        made(&mut map, Change::KeepNode { name: named(2) }).unwrap();
        let twice = made(&mut map, Change::KeepNode { name: named(2) });
        assert_eq!(twice, Err(ChangeRefusal::Stays { name: named(2) }));
        let unknown = made(&mut map, Change::KeepNode { name: named(9) });
        assert_eq!(unknown, Err(ChangeRefusal::NoNode { name: named(9) }));
    }
}
