//! A model of what Kubernetes does with what is written: the stateful set's controller, kubelets, volumes, the API server's refusals.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sutra_planner::{
    Action, Answer, Desired, NodeReport, Object, Observed, Plan, Pod, Projection, Role, Seen, ShardReport, ShardSeen,
    StatefulSet, Trouble, TroubleKind, Volume, VolumeOwner, Wanted,
};

use crate::random::Random;

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
            next_uid: 0,
            now: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        crate::fixture::at(self.now)
    }

    pub(crate) fn observe(&self, desired: &Desired) -> Observed {
        Observed {
            objects: self.objects.clone(),
            stateful_set: self.set.as_ref().map(|set| StatefulSet {
                seen: match () {
                    () if set.leaving => Seen::Leaving,
                    () if set.tampered || set.revision != desired.revision || set.replicas != replicas(desired) => Seen::Drifted,
                    () => Seen::InSync,
                },
                left_behind: false,
                noticed: set.noticed,
                claim_bytes: set.claim_bytes,
                claim_class: set.claim_class.clone(),
            }),
            pods: self.nodes.iter().map(|node| node.pod.clone()).collect(),
            volumes: self.volumes.clone(),
            answers: self
                .nodes
                .iter()
                .filter(|node| node.pod.ready)
                .map(|node| (node.pod.name.clone(), self.answer(node)))
                .collect(),
            projections: self.projections.values().cloned().collect(),
            refusals: self.refusals.clone(),
            known_grid: self.known_grid.clone(),
            held: self.held,
            pod_refused: None,
            failing: None,
        }
    }

    fn answer(&self, node: &Node) -> Answer {
        if node.silent {
            return Answer::Silent("connection refused".into());
        }
        let role = if node.pod.ordinal == 0 { Role::Leader } else { Role::Follower };
        let shard =
            ShardSeen { shard: 1, role, caught_up: true, range: "0-".into(), concepts: self.concepts, bytes: 80 * self.concepts };
        Answer::Serving(NodeReport { grid: "g-7f3a".into(), version: "0.1.0".into(), shards: vec![shard] })
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
        match action {
            Action::Apply(object) => {
                self.objects.insert(*object, Seen::InSync);
            }
            Action::Delete(object) => {
                self.objects.remove(object);
            }
            Action::AdoptVolume { volume } => self.volume(volume).owner = VolumeOwner::Ours,
            Action::RecordGrid { volume, grid } => self.volume(volume).grid = Some(grid.clone()),
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
            Action::ApplyStatefulSet => {
                if !self.quota_left {
                    return Err("exceeded quota: count/statefulsets.apps=0".into());
                }
                let claim = self.set.as_ref().map(|set| (set.claim_bytes, set.claim_class.clone()));
                let (claim_bytes, claim_class) = claim.unwrap_or_else(|| (desired.volume_bytes, desired.storage_class.clone()));
                let (revision, replicas) = (desired.revision.clone(), replicas(desired));
                self.set =
                    Some(Set { revision, replicas, claim_bytes, claim_class, noticed: false, leaving: false, tampered: false });
            }
            Action::OrphanStatefulSet => self.set.as_mut().unwrap().leaving = true,
            Action::DeletePod { uid, .. } => {
                assert!(self.nodes.iter().all(|node| !node.pod.leaving), "two pods taken away at once");
                let node = self.nodes.iter_mut().find(|node| &node.pod.uid == uid).unwrap();
                (node.pod.leaving, node.pod.ready) = (true, false);
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
        self.stateful_set_controller(random);
        for volume in &mut self.volumes {
            if volume.bound && random.chance(60) {
                volume.capacity = volume.requested;
            }
        }
        self.nodes.retain(|node| !node.pod.leaving || random.chance(50));
        for node in self.nodes.iter_mut().filter(|node| !node.pod.leaving) {
            let broken = node.pod.revision.as_deref().is_some_and(|revision| revision.contains(BROKEN));
            if broken {
                let message = "Back-off pulling image".to_owned();
                node.pod.trouble = Some(Trouble { kind: TroubleKind::ImagePullFailed, message });
            } else if random.chance(60) {
                node.pod.ready = true;
            }
        }
        self.objects.retain(|_, seen| *seen != Seen::Leaving);
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
            if self.nodes.iter().all(|node| node.pod.ordinal != ordinal) {
                self.next_uid += 1;
                let pod = Pod {
                    name: format!("claims-{ordinal}"),
                    uid: format!("uid-{}", self.next_uid),
                    ordinal,
                    revision: Some(set.revision.clone()),
                    ready: false,
                    leaving: false,
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
                ordinal,
                owner: VolumeOwner::Ours,
                grid: None,
                bound: true,
                requested: set.claim_bytes,
                capacity: set.claim_bytes,
                goes_with_cluster: false,
                leaving: false,
            }),
        }
    }

    /// Something that nobody asked for.
    pub(crate) fn misfortune(&mut self, random: &mut Random) {
        match random.below(9) {
            0 => {
                if let Some(object) = self.any_object(random) {
                    self.objects.insert(object, Seen::Drifted);
                }
            }
            1 => {
                if let Some(object) = self.any_object(random) {
                    self.objects.insert(object, Seen::Leaving);
                }
            }
            2 => self.set.iter_mut().for_each(|set| set.tampered = true),
            3 => self.set = None,
            4 => {
                let all = self.nodes.len().max(1) as u64;
                let chosen = random.below(all) as usize;
                // Somebody else's deletion, only where ours can't be meant.
                if let Some(node) = self.nodes.get_mut(chosen).filter(|node| !node.pod.leaving) {
                    node.pod.ready = false;
                }
            }
            5 => self.nodes.iter_mut().for_each(|node| node.silent = random.chance(30)),
            6 => self.projections.clear(),
            7 => {
                self.projections.values_mut().for_each(|projection| (projection.reported, projection.observed_at) = (None, None))
            }
            _ => self.concepts += random.below(1000),
        }
    }

    fn any_object(&self, random: &mut Random) -> Option<Object> {
        let all: Vec<Object> = self.objects.keys().copied().collect();
        (!all.is_empty()).then(|| all[random.below(all.len() as u64) as usize])
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

fn replicas(desired: &Desired) -> u32 {
    if desired.wanted == Wanted::Hibernated { 0 } else { desired.nodes }
}
