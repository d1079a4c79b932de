//! A model of what Kubernetes does with what is written: the stateful set's controller, kubelets, volumes, the API server's refusals.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sutra_planner::{
    Answer, Desired, Membership, NodeReport, Object, Observed, Pod, Projection, Replacing, Role, Seen, ShardSeen, StatefulSet,
    Volume,
};

use crate::fixture::SEVERAL;

mod grid;
mod hand;
mod kubernetes;
mod misfortune;

/// The grid that is founded.
pub(crate) const GRID: &str = "g-7f3a";
/// Templates with this in them never run.
pub(crate) const BROKEN: &str = "no-such-image";
/// Nodes of templates with this in them end again and again.
pub(crate) const CRASHING: &str = "crashes";

#[derive(Clone, Debug)]
struct Set {
    revision: String,
    replicas: u32,
    claim_bytes: u128,
    claim_class: Option<String>,
    noticed: bool,
    leaving: bool,
    tampered: bool,
}

#[derive(Clone, Debug)]
struct Node {
    pod: Pod,
    silent: bool,
}

impl Node {
    /// Whether it does not wait for a grid.
    fn is_alone(&self) -> bool {
        !self.pod.revision.as_deref().is_some_and(|revision| revision.contains(SEVERAL))
    }

    /// The release of its image.
    fn version(&self) -> String {
        let image = self.pod.revision.as_deref().and_then(|revision| revision.split(' ').next());
        image.and_then(|image| image.split(':').nth(1)).unwrap_or("0.0.0").to_owned()
    }
}

/// What Kubernetes holds of one cluster.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) objects: BTreeMap<Object, Seen>,
    set: Option<Set>,
    nodes: Vec<Node>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) projections: BTreeMap<u64, Projection>,
    pub(crate) refusals: BTreeMap<&'static str, String>,
    pub(crate) held: bool,
    pub(crate) known_grid: Option<String>,
    pub(crate) volumes_can_grow: bool,
    pub(crate) quota_left: bool,
    /// Concepts that were taught; they are on the volumes.
    pub(crate) concepts: u64,
    pub(crate) deleted_pods: u64,
    /// How many times a grid was founded, and the nodes whose volumes belong to it.
    pub(crate) foundings: u64,
    pub(crate) members: BTreeSet<u32>,
    /// Whether the first node has yet to finish what it was asked to found.
    founding: bool,
    /// The grid of several as its nodes know it; an absent node that lost everything is in it.
    pub(crate) map: BTreeMap<u32, Membership>,
    /// Nodes that decide about the map: an odd number.
    voting: BTreeSet<u32>,
    /// Nodes that have a copy of the grid's one shard.
    pub(crate) holders: BTreeSet<u32>,
    /// Nodes with the directory of a grid that they have left.
    stale: BTreeSet<u32>,
    /// Nodes that left the grid, and claims that the operator deleted.
    pub(crate) departures: u64,
    pub(crate) deleted_volumes: u64,
    pub(crate) replacing: Option<Replacing>,
    /// Ended replacements that were asked for.
    pub(crate) renewals: u64,
    /// Whether Kubernetes tells in which zone a pod runs; where the grid was told that its nodes are.
    pub(crate) zoned: bool,
    pub(crate) zones: BTreeMap<u32, String>,
    /// Copies that the grid has of each shard.
    pub(crate) copies: Option<u32>,
    pub(crate) budget: Option<u32>,
    leader: u32,
    /// Nodes whose machine is gone with what is on its disk: their pods find none that has it.
    dead: BTreeSet<u32>,
    /// By how many entries nodes are behind the shard's leader.
    pub(crate) behind: BTreeMap<u32, u64>,
    /// What a node did not do when it was asked.
    failing: Option<(&'static str, String)>,
    /// Nodes that are given new replicas, because their volumes were lost; how often that was.
    awaited: BTreeSet<u32>,
    pub(crate) replacements: u64,
    next_uid: u64,
    now: i64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            objects: BTreeMap::new(),
            set: None,
            nodes: Vec::new(),
            volumes: Vec::new(),
            projections: BTreeMap::new(),
            refusals: BTreeMap::new(),
            held: false,
            known_grid: None,
            volumes_can_grow: true,
            quota_left: true,
            concepts: 0,
            deleted_pods: 0,
            foundings: 0,
            members: BTreeSet::new(),
            founding: false,
            map: BTreeMap::new(),
            holders: BTreeSet::new(),
            voting: BTreeSet::new(),
            stale: BTreeSet::new(),
            departures: 0,
            deleted_volumes: 0,
            replacing: None,
            renewals: 0,
            zoned: false,
            zones: BTreeMap::new(),
            copies: None,
            budget: None,
            leader: 0,
            dead: BTreeSet::new(),
            behind: BTreeMap::new(),
            failing: None,
            awaited: BTreeSet::new(),
            replacements: 0,
            next_uid: 0,
            now: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        crate::fixture::at(self.now)
    }

    /// Time passes in which nothing happens.
    pub(crate) fn later(&mut self, seconds: i64) {
        self.now += seconds;
    }

    pub(crate) fn observe(&self, desired: &Desired) -> Observed {
        let members = self.told(desired);
        let told_map = !members.is_empty() && !self.map.is_empty();
        let named = |nodes: &BTreeSet<u32>| nodes.iter().map(|node| format!("claims-{node}")).collect::<Vec<_>>();
        Observed {
            objects: self.objects.clone(),
            stateful_set: self.set.as_ref().map(|set| StatefulSet {
                seen: match () {
                    () if set.leaving => Seen::Leaving,
                    () if set.tampered || set.revision != desired.revision => Seen::Drifted,
                    () => Seen::InSync,
                },
                left_behind: false,
                noticed: set.noticed,
                replicas: set.replicas,
                claim_bytes: set.claim_bytes,
                claim_class: set.claim_class.clone(),
            }),
            pods: self.nodes.iter().map(|node| node.pod.clone()).collect(),
            volumes: self.volumes.clone(),
            answers: self
                .nodes
                .iter()
                .filter(|node| {
                    !node.pod.leaving && (node.pod.ready || node.pod.ran && (desired.nodes > 1 || self.nodes.len() > 1))
                })
                .map(|node| (node.pod.name.clone(), self.answer(node)))
                .collect(),
            placement: if told_map { [(1, named(&self.holders))].into() } else { BTreeMap::new() },
            zones: told_map.then(|| self.zones.iter().map(|(node, zone)| (format!("claims-{node}"), zone.clone())).collect()),
            voters: if told_map { named(&self.voting) } else { Vec::new() },
            agreed: self.agreed(),
            epoch: None,
            grid_replicas: self.copies.filter(|_| !members.is_empty()),
            under_way: if told_map && !self.is_settled() { vec!["replicas move".into()] } else { Vec::new() },
            members,
            replacing: self.replacing.clone(),
            projections: self.projections.values().cloned().collect(),
            refusals: self.refusals.clone(),
            known_grid: self.known_grid.clone(),
            held: self.held,
            budget: self.budget.filter(|_| self.objects.contains_key(&Object::DisruptionBudget)),
            pod_refused: None,
            failing: self.failing.clone(),
        }
    }

    fn answer(&self, node: &Node) -> Answer {
        if node.silent {
            return Answer::Silent("connection refused".into());
        }
        if self.stale.contains(&node.pod.ordinal) {
            return Answer::Silent("connection refused".into());
        }
        if !self.members.contains(&node.pod.ordinal) {
            return Answer::Waiting;
        }
        if !node.pod.started {
            return Answer::Silent("no answer within 3 s".into());
        }
        let leads = node.pod.ordinal == self.leader;
        let shard = self.holders.contains(&node.pod.ordinal).then(|| ShardSeen {
            shard: 1,
            role: if leads { Role::Leader } else { Role::Follower },
            leader: (self.shard_has_quorum() && !self.founding).then(|| format!("claims-{}", self.leader)),
            caught_up: true,
            followers: leads.then(|| self.followers()),
            range: "0-".into(),
            concepts: self.concepts,
            bytes: 80 * self.concepts,
        });
        Answer::Serving(NodeReport { grid: GRID.into(), version: node.version(), shards: shard.into_iter().collect() })
    }

    fn volume(&mut self, name: &str) -> &mut Volume {
        self.volumes.iter_mut().find(|volume| volume.name == name).unwrap()
    }

    /// Everything works again.
    pub(crate) fn mend(&mut self) {
        self.behind.clear();
        self.volumes_can_grow = true;
        self.quota_left = true;
        self.nodes.iter_mut().for_each(|node| node.silent = false);
    }

    pub(crate) fn uids(&self) -> BTreeSet<String> {
        self.nodes.iter().map(|node| node.pod.uid.clone()).collect()
    }
}
