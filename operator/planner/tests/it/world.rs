//! A model of what Kubernetes does with what is written: the stateful set's controller, kubelets, volumes, the API server's refusals.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sutra_planner::{
    Action, Answer, Desired, NodeReport, Object, Observed, Plan, Pod, Projection, Role, Seen, ShardReport, ShardSeen,
    StatefulSet, Trouble, TroubleKind, Volume, VolumeOwner, Wanted,
};

use crate::fixture::SEVERAL;
use crate::random::Random;

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
    /// Whether the first node has yet to finish what it was asked to found, and of how many nodes.
    founding: bool,
    planned: Option<u32>,
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
            planned: None,
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
            grid_nodes: self.told_size(desired),
            grid_replicas: self.told_size(desired).and(self.copies),
            under_way: Vec::new(),
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
        if !self.members.contains(&node.pod.ordinal) {
            return Answer::Waiting;
        }
        if !node.pod.started {
            return Answer::Silent("no answer within 3 s".into());
        }
        let leads = node.pod.ordinal == self.leader;
        let shard = ShardSeen {
            shard: 1,
            role: if leads { Role::Leader } else { Role::Follower },
            leader: (self.has_quorum() && !self.founding).then(|| format!("claims-{}", self.leader)),
            caught_up: true,
            range: "0-".into(),
            concepts: self.concepts,
            bytes: 80 * self.concepts,
        };
        Answer::Serving(NodeReport { grid: GRID.into(), version: "0.1.0".into(), shards: vec![shard] })
    }

    /// What a node that belongs to the grid says of it.
    fn told_size(&self, desired: &Desired) -> Option<u32> {
        let several = desired.nodes > 1 || self.nodes.len() > 1;
        let mut answers = self.nodes.iter().filter(|node| node.pod.started && !node.pod.leaving).map(|node| self.answer(node));
        let somebody = answers.any(|answer| matches!(answer, Answer::Serving(_)));
        let members = u32::try_from(self.members.len()).unwrap();
        (several && somebody).then(|| self.planned.unwrap_or(members))
    }

    /// Nodes of the grid that there is or is being founded, which can't be changed.
    pub(crate) fn size(&self) -> Option<u32> {
        let set = self.set.as_ref().map(|set| set.replicas).filter(|replicas| *replicas > 0);
        let ran = self.nodes.iter().any(|node| node.pod.ran);
        let written = self.volumes.iter().filter_map(|volume| volume.grid_nodes).max();
        match (self.planned.or(written), self.members.len()) {
            (Some(planned), _) => Some(planned),
            (None, 0) => set.filter(|_| ran),
            (None, members) => u32::try_from(members).ok(),
        }
    }

    /// Nodes that vote, whatever the operator hears of them.
    pub(crate) fn voters(&self) -> usize {
        self.nodes.iter().filter(|node| self.votes(node)).count()
    }

    /// Whether a node votes, as far as one can know: neither Kubernetes nor the operator hears of one that is not ready and silent.
    pub(crate) fn is_voter(&self, uid: &str) -> bool {
        self.nodes.iter().any(|node| node.pod.uid == uid && self.votes(node) && (node.pod.ready || !node.silent))
    }

    fn votes(&self, node: &Node) -> bool {
        node.pod.started && !node.pod.leaving && self.members.contains(&node.pod.ordinal)
    }

    pub(crate) fn has_quorum(&self) -> bool {
        2 * self.voters() > self.votes_there_are()
    }

    /// Members of the grid, those that lost everything among them.
    pub(crate) fn votes_there_are(&self) -> usize {
        self.planned.map_or(self.members.len(), |planned| planned as usize)
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
            Action::SetBudget { max_unavailable } => {
                assert_ne!(self.budget, Some(*max_unavailable), "a budget that is written in vain");
                self.budget = Some(*max_unavailable);
            }
            Action::FoundGrid { pod, .. } => {
                assert_eq!(pod, "claims-0");
                if !self.founding && self.members.is_empty() {
                    let waiting = self.nodes.iter().filter(|node| node.pod.ran && !node.pod.leaving).count();
                    assert_eq!(waiting, desired.nodes as usize, "a founder that finds not all nodes refuses");
                    (self.founding, self.planned) = (true, Some(desired.nodes));
                    self.copies = Some(desired.replication_factor);
                    self.foundings += 1;
                }
            }
            Action::SetReplicas { asked, grid, count } => {
                let asked = asked.strip_prefix("claims-").unwrap().parse::<u32>().unwrap();
                assert!(self.members.contains(&asked) && grid == GRID, "a node that belongs to the grid is asked");
                assert!(*count as usize <= self.votes_there_are(), "more copies than there are nodes");
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
    }

    /// A node alone is a grid from its start; a founder invites the others, each when it can be reached, and joins last. Who leads is
    /// somebody who votes.
    fn grid_goes_on(&mut self, random: &mut Random) {
        let ran: Vec<u32> =
            self.nodes.iter().filter(|node| node.pod.ran && !node.pod.leaving).map(|node| node.pod.ordinal).collect();
        let first_alone = self.nodes.iter().any(|node| {
            node.pod.ordinal == 0 && !node.pod.revision.as_deref().is_some_and(|revision| revision.contains(SEVERAL))
        });
        if self.members.is_empty() && first_alone && !self.founding && ran.contains(&0) {
            self.members.insert(0);
            self.foundings += 1;
        }
        if self.founding && ran.contains(&0) {
            let next = (1..self.planned.unwrap_or(0)).find(|ordinal| !self.members.contains(ordinal));
            match next {
                Some(next) if ran.contains(&next) && random.chance(70) => drop(self.members.insert(next)),
                Some(_) => {}
                None => {
                    self.members.insert(0);
                    self.founding = false;
                }
            }
        }
        let voters: Vec<u32> = self.nodes.iter().filter(|node| self.votes(node)).map(|node| node.pod.ordinal).collect();
        if !voters.contains(&self.leader) && !voters.is_empty() {
            self.leader = voters[random.below(voters.len() as u64) as usize];
        }
    }

    /// A claim that was deleted goes when no pod uses it, and the data with it.
    fn claims_go(&mut self) {
        let used: BTreeSet<u32> = self.nodes.iter().map(|node| node.pod.ordinal).collect();
        for volume in self.volumes.extract_if(.., |volume| volume.leaving && !used.contains(&volume.ordinal)) {
            self.members.remove(&volume.ordinal);
        }
        assert!(self.members.is_empty() || self.founding || 2 * self.members.len() > self.votes_there_are(), "data is lost");
    }

    fn lost_ones_come_back(&mut self, random: &mut Random) {
        let ran: Vec<u32> =
            self.nodes.iter().filter(|node| node.pod.ran && !node.pod.leaving).map(|node| node.pod.ordinal).collect();
        if self.has_quorum() && random.chance(60) {
            for back in self.awaited.extract_if(.., |ordinal| ran.contains(ordinal)) {
                self.members.insert(back);
                self.replacements += 1;
            }
        }
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

    /// Something that nobody asked for.
    pub(crate) fn misfortune(&mut self, random: &mut Random) {
        match random.below(10) {
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
            8 => self.somebody_deletes_a_claim(random),
            7 => {
                self.projections.values_mut().for_each(|projection| (projection.reported, projection.observed_at) = (None, None))
            }
            _ => self.concepts += random.below(1000),
        }
    }

    /// Of a node alone nobody could make up for it; and whoever takes volumes away whose nodes can't run means it.
    fn somebody_deletes_a_claim(&mut self, random: &mut Random) {
        let chosen = random.below(self.volumes.len().max(1) as u64) as usize;
        let Some(ordinal) = self.volumes.get(chosen).map(|volume| volume.ordinal) else { return };
        let wakes = self.set.as_ref().is_some_and(|set| set.replicas > 0);
        let votes = self.nodes.iter().any(|node| node.pod.ordinal == ordinal && self.votes(node));
        let whole = self.members.len() == self.votes_there_are();
        let alone = self.volumes.iter().all(|volume| !volume.leaving);
        if self.planned.is_some() && !self.founding && whole && (alone || wakes && votes) {
            self.volumes[chosen].leaving = true;
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
