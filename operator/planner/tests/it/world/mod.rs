//! A model of what Kubernetes does with what is written: the stateful set's controller, kubelets, volumes, the API server's refusals.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sutra_planner::{
    Action, Answer, Desired, Membership, NodeReport, Object, Observed, Plan, Pod, Projection, Replacing, Role, Seen, ShardReport,
    ShardSeen, StatefulSet, Trouble, TroubleKind, Volume, VolumeOwner,
};

use crate::random::Random;

mod grid;
mod misfortune;

/// The grid that is founded.
pub(crate) const GRID: &str = "g-7f3a";
/// Templates with this in them never run.
pub(crate) const BROKEN: &str = "no-such-image";

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
    /// Copies that the grid has of each shard.
    pub(crate) copies: Option<u32>,
    pub(crate) budget: Option<u32>,
    leader: u32,
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
            copies: None,
            budget: None,
            leader: 0,
            awaited: BTreeSet::new(),
            replacements: 0,
            next_uid: 0,
            now: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        crate::fixture::at(self.now)
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
            voters: if told_map { named(&self.voting) } else { Vec::new() },
            agreed: self.agreed(),
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
            failing: None,
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
            range: "0-".into(),
            concepts: self.concepts,
            bytes: 80 * self.concepts,
        });
        Answer::Serving(NodeReport { grid: GRID.into(), version: "0.1.0".into(), shards: shard.into_iter().collect() })
    }

    /// What the operator does with a plan: in order, the rest of a refused step goes on.
    pub(crate) fn apply(&mut self, desired: &Desired, plan: &Plan) {
        self.refusals.clear();
        for step in &plan.steps {
            if let Err(refusal) = self.take(desired, &step.action) {
                self.refusals.insert(step.action.name(), refusal);
            }
        }
    }

    fn take(&mut self, desired: &Desired, action: &Action) -> Result<(), String> {
        let now = self.now();
        match action {
            Action::Apply(object) => {
                self.objects.insert(*object, Seen::InSync);
                if *object == Object::DisruptionBudget {
                    self.budget = Some(self.budget.unwrap_or(1));
                }
            }
            Action::Delete(object) => {
                self.objects.remove(object);
            }
            Action::AdoptVolume { volume } => self.volume(volume).owner = VolumeOwner::Ours,
            Action::RecordGrid { volume, grid } => self.volume(volume).grid = Some(grid.clone()),
            Action::RecordSize { volume, nodes } => self.volume(volume).grid_nodes = Some(*nodes),
            Action::OwnVolume { volume, goes_with_cluster } => self.volume(volume).goes_with_cluster = *goes_with_cluster,
            Action::HoldCluster { hold } => self.held = *hold,
            Action::GrowVolume { volume, .. } => {
                if !self.volumes_can_grow {
                    return Err("only dynamically provisioned pvc can be resized".into());
                }
                let volume = self.volume(volume);
                assert!(desired.volume_bytes > volume.requested, "a volume that shrinks, or is written in vain");
                volume.requested = desired.volume_bytes;
            }
            Action::ApplyStatefulSet { replicas } => {
                if !self.quota_left {
                    return Err("exceeded quota: count/statefulsets.apps=0".into());
                }
                let claim = self.set.as_ref().map(|set| (set.claim_bytes, set.claim_class.clone()));
                let (claim_bytes, claim_class) = claim.unwrap_or_else(|| (desired.volume_bytes, desired.storage_class.clone()));
                let (revision, replicas) = (desired.revision.clone(), *replicas);
                assert!(
                    replicas == 0 || self.map.keys().all(|node| *node < replicas),
                    "a node of the grid is taken away: {:?}",
                    self.map
                );
                self.set =
                    Some(Set { revision, replicas, claim_bytes, claim_class, noticed: false, leaving: false, tampered: false });
            }
            Action::OrphanStatefulSet => self.set.as_mut().unwrap().leaving = true,
            Action::SetBudget { max_unavailable } => {
                assert_ne!(self.budget, Some(*max_unavailable), "a budget that is written in vain");
                self.budget = Some(*max_unavailable);
            }
            Action::FoundGrid { pod, nodes, replicas, .. } => {
                assert_eq!(pod, "claims-0");
                if !self.founding && self.members.is_empty() {
                    let waits = |node: &&Node| node.pod.ordinal < *nodes && node.pod.ran && !node.pod.leaving;
                    let waiting = self.nodes.iter().filter(waits).count();
                    assert_eq!(waiting, *nodes as usize, "a founder that finds not all nodes refuses");
                    self.founding = true;
                    self.map = (0..*nodes).map(|node| (node, Membership::Member)).collect();
                    self.holders = (0..*replicas).collect();
                    self.voting = (0..*nodes).collect();
                    self.copies = Some(*replicas);
                    self.foundings += 1;
                }
            }
            Action::AddNode { pod, asked, grid, .. } => {
                let node = self.asked(pod, asked, grid);
                assert!(self.map.values().all(|of| *of == Membership::Member), "two at once: {:?}", self.map);
                assert!(!self.members.contains(&node) && !self.stale.contains(&node), "a node that does not wait");
                self.map.insert(node, Membership::Joining);
            }
            Action::RemoveNode { node, asked, grid } => {
                let node = self.asked(node, asked, grid);
                let staying = self.map.values().filter(|of| **of != Membership::Leaving).count() - 1;
                assert!(staying >= self.copies.unwrap() as usize, "fewer nodes than copies: {:?}", self.map);
                assert_eq!(self.map.keys().last(), Some(&node), "the last goes first");
                self.map.insert(node, Membership::Leaving);
            }
            Action::KeepNode { node, asked, grid } => {
                let node = self.asked(node, asked, grid);
                assert_eq!(self.map.insert(node, Membership::Member), Some(Membership::Leaving), "a node that is kept in vain");
            }
            Action::BeginReplacement { node, volume } => {
                self.replacing = Some(Replacing { node: node.clone(), volume: volume.clone() });
            }
            Action::EndReplacement { .. } => {
                self.replacing = None;
                self.renewals += 1;
            }
            Action::DeleteVolume { volume, uid } => {
                let (ordinal, found) = {
                    let volume = self.volume(volume);
                    (volume.ordinal, volume.uid.clone())
                };
                assert_eq!(&found, uid, "another claim than the one that was seen");
                if self.map.contains_key(&ordinal) {
                    let begun = self.replacing.as_ref().map(|begun| &begun.volume);
                    assert_eq!(begun, Some(uid), "the claim of a node of the grid is deleted, and nobody asked for it");
                    let others = self.nodes.iter().filter(|node| node.pod.ordinal != ordinal && self.has_copy(node)).count();
                    assert!(
                        !self.holders.contains(&ordinal) || 2 * others > self.holders.len(),
                        "the only copies go: {:?} of {ordinal}",
                        (&self.holders, &self.map, self.copies, &self.nodes, &self.awaited)
                    );
                }
                self.volume(volume).leaving = true;
                self.deleted_volumes += 1;
            }
            Action::SetReplicas { asked, grid, count } => {
                let asked = asked.strip_prefix("claims-").unwrap().parse::<u32>().unwrap();
                assert!(self.members.contains(&asked) && grid == GRID, "a node that belongs to the grid is asked");
                let staying = self.map.values().filter(|of| **of != Membership::Leaving).count();
                assert!(*count as usize <= staying, "more copies than there are nodes");
                assert_ne!(self.copies, Some(*count), "copies that are asked for in vain");
                self.copies = Some(*count);
            }
            Action::ReplaceNode { pod, asked, grid, .. } => {
                let number = |name: &str| name.strip_prefix("claims-").unwrap().parse::<u32>().unwrap();
                assert!(self.members.contains(&number(asked)) && grid == GRID, "a node that belongs to the grid is asked");
                assert!(!self.members.contains(&number(pod)), "a node that has its data is given up");
                if self.has_quorum() && !self.founding {
                    self.awaited.insert(number(pod));
                }
            }
            Action::DeletePod { uid, .. } => {
                assert!(self.nodes.iter().all(|node| !node.pod.leaving), "two pods taken away at once");
                let node = self.nodes.iter_mut().find(|node| &node.pod.uid == uid).unwrap();
                (node.pod.leaving, node.pod.ready, node.pod.turned) = (true, false, Some(now));
                self.deleted_pods += 1;
            }
            Action::ApplyShard { shard } => {
                let projection = Projection { shard: *shard, seen: Seen::InSync, reported: None, observed_at: None };
                self.projections.entry(*shard).or_insert(projection).seen = Seen::InSync;
            }
            Action::DeleteShard { shard } => {
                self.projections.remove(shard);
            }
            Action::ReportShard { shard, report } => self.report(*shard, report),
        }
        Ok(())
    }

    fn report(&mut self, shard: u64, report: &ShardReport) {
        let now = self.now();
        let projection = self.projections.get_mut(&shard).unwrap();
        if let (Some(old), Some(last)) = (&projection.reported, projection.observed_at) {
            let only_numbers = ShardReport { concepts: old.concepts, bytes: old.bytes, ..report.clone() } == *old;
            assert!(!only_numbers || now.duration_since(last) >= sutra_planner::plan::FRESHNESS, "numbers reported too often");
        }
        (projection.reported, projection.observed_at) = (Some(report.clone()), Some(now));
    }

    fn volume(&mut self, name: &str) -> &mut Volume {
        self.volumes.iter_mut().find(|volume| volume.name == name).unwrap()
    }

    /// Lets five seconds pass, in which each controller may or may not get to do its work.
    pub(crate) fn pass(&mut self, random: &mut Random) {
        self.now += 5;
        let now = self.now();
        self.stateful_set_controller(random);
        for volume in &mut self.volumes {
            if volume.bound && random.chance(60) {
                volume.capacity = volume.requested;
            }
        }
        self.nodes.retain(|node| !node.pod.leaving || random.chance(50));
        self.claims_go();
        for node in self.nodes.iter_mut().filter(|node| !node.pod.leaving) {
            let broken = node.pod.revision.as_deref().is_some_and(|revision| revision.contains(BROKEN));
            if broken {
                let message = "Back-off pulling image".to_owned();
                node.pod.trouble = Some(Trouble { kind: TroubleKind::ImagePullFailed, message });
            } else if random.chance(60) {
                node.pod.ran = true;
                // A node of a grid is ready when it has caught up; one that waits for a grid is not.
                if self.members.contains(&node.pod.ordinal) && !node.pod.ready && random.chance(70) {
                    (node.pod.started, node.pod.ready, node.pod.turned) = (true, true, Some(now));
                }
            }
        }
        self.lost_ones_come_back(random);
        self.grid_goes_on(random);
        self.objects.retain(|_, seen| *seen != Seen::Leaving);
        self.budget = self.budget.filter(|_| self.objects.contains_key(&Object::DisruptionBudget));
    }

    fn stateful_set_controller(&mut self, random: &mut Random) {
        if self.set.as_ref().is_some_and(|set| set.leaving) {
            if random.chance(70) {
                self.set = None;
            }
            return;
        }
        let Some(set) = self.set.as_mut() else { return };
        if !random.chance(70) {
            return;
        }
        set.noticed = true;
        let set = set.clone();
        for ordinal in 0..set.replicas {
            let going = self.volumes.iter().any(|volume| volume.ordinal == ordinal && volume.leaving);
            if self.nodes.iter().all(|node| node.pod.ordinal != ordinal) && !going {
                self.next_uid += 1;
                let pod = Pod {
                    name: format!("claims-{ordinal}"),
                    uid: format!("uid-{}", self.next_uid),
                    ordinal,
                    revision: Some(set.revision.clone()),
                    ran: false,
                    started: false,
                    ready: false,
                    turned: None,
                    leaving: false,
                    zone: None,
                    trouble: None,
                };
                self.nodes.push(Node { pod, silent: false });
                self.bind(ordinal, &set);
            }
        }
        for node in self.nodes.iter_mut().filter(|node| node.pod.ordinal >= set.replicas) {
            (node.pod.leaving, node.pod.ready) = (true, false);
        }
        self.nodes.sort_by_key(|node| node.pod.ordinal);
    }

    fn bind(&mut self, ordinal: u32, set: &Set) {
        let name = format!("data-claims-{ordinal}");
        match self.volumes.iter().find(|volume| volume.name == name) {
            Some(volume) => assert_eq!(volume.owner, VolumeOwner::Ours, "a pod was given a volume of another grid"),
            None => self.volumes.push(Volume {
                name,
                uid: format!("claim-{}", self.next_uid),
                ordinal,
                owner: VolumeOwner::Ours,
                grid: None,
                grid_nodes: None,
                bound: true,
                requested: set.claim_bytes,
                capacity: set.claim_bytes,
                goes_with_cluster: false,
                leaving: false,
            }),
        }
    }

    /// Everything works again.
    pub(crate) fn mend(&mut self) {
        self.volumes_can_grow = true;
        self.quota_left = true;
        self.nodes.iter_mut().for_each(|node| node.silent = false);
    }

    pub(crate) fn uids(&self) -> BTreeSet<String> {
        self.nodes.iter().map(|node| node.pod.uid.clone()).collect()
    }
}
