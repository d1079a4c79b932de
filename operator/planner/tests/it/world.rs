//! A model of what Kubernetes does with what is written: the stateful set's controller, kubelets, volumes, the API server's refusals.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sutra_planner::{
    Action, Answer, Desired, Membership, NodeReport, Object, Observed, Plan, Pod, Projection, Replacing, Role, Seen, ShardReport,
    ShardSeen, StatefulSet, Trouble, TroubleKind, Volume, VolumeOwner,
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

    /// What a node that belongs to the grid says of it.
    fn told(&self, desired: &Desired) -> BTreeMap<String, Membership> {
        let several = desired.nodes > 1 || self.nodes.len() > 1;
        let mut answers = self.nodes.iter().filter(|node| node.pod.started && !node.pod.leaving).map(|node| self.answer(node));
        let somebody = answers.any(|answer| matches!(answer, Answer::Serving(_)));
        let alone = || self.members.iter().map(|ordinal| (*ordinal, Membership::Member)).collect();
        let map: BTreeMap<u32, Membership> = if self.map.is_empty() { alone() } else { self.map.clone() };
        let named = map.into_iter().map(|(ordinal, membership)| (format!("claims-{ordinal}"), membership));
        if several && somebody { named.collect() } else { BTreeMap::new() }
    }

    /// Whether each node of the grid serves, as far as the operator hears.
    fn agreed(&self) -> bool {
        let serves = |ordinal: &u32| {
            let node = self.nodes.iter().find(|node| node.pod.ordinal == *ordinal && !node.pod.leaving && node.pod.started);
            node.is_some_and(|node| matches!(self.answer(node), Answer::Serving(_)))
        };
        !self.map.is_empty() && self.map.iter().all(|(node, of)| *of != Membership::Joining && serves(node))
    }

    /// Whether the grid is what it is to be.
    fn is_settled(&self) -> bool {
        let copies = self.copies.unwrap_or(1) as usize;
        let is_member = |node: &u32| self.map.get(node) == Some(&Membership::Member);
        self.founding
            || self.map.values().all(|of| *of == Membership::Member)
                && self.holders.len() == copies
                && self.holders.iter().all(is_member)
    }

    /// Nodes of the grid that there is or is being founded.
    pub(crate) fn size(&self) -> Option<u32> {
        let set = self.set.as_ref().map(|set| set.replicas).filter(|replicas| *replicas > 0);
        let ran = self.nodes.iter().any(|node| node.pod.ran);
        let written = self.volumes.iter().filter_map(|volume| volume.grid_nodes).max();
        let map = (!self.map.is_empty()).then(|| u32::try_from(self.map.len()).unwrap());
        match (map.or(written), self.members.len()) {
            (Some(nodes), _) => Some(nodes),
            (None, 0) => set.filter(|_| ran),
            (None, members) => u32::try_from(members).ok(),
        }
    }

    /// Nodes that vote, whatever the operator hears of them.
    pub(crate) fn voters(&self) -> usize {
        self.nodes.iter().filter(|node| self.decides(node)).count()
    }

    /// Whether it is up, and one of those that decide about the grid.
    fn decides(&self, node: &Node) -> bool {
        self.votes(node) && (self.map.is_empty() || self.voting.contains(&node.pod.ordinal))
    }

    /// Whether a node votes, as far as one can know: neither Kubernetes nor the operator hears of one that is not ready and silent.
    pub(crate) fn is_voter(&self, uid: &str) -> bool {
        self.nodes.iter().any(|node| node.pod.uid == uid && self.decides(node) && (node.pod.ready || !node.silent))
    }

    fn votes(&self, node: &Node) -> bool {
        node.pod.started && !node.pod.leaving && self.members.contains(&node.pod.ordinal)
    }

    pub(crate) fn has_quorum(&self) -> bool {
        2 * self.voters() > self.votes_there_are()
    }

    /// Members of the grid, those that lost everything among them.
    pub(crate) fn votes_there_are(&self) -> usize {
        if self.map.is_empty() { self.members.len() } else { self.voting.len() }
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

    /// The number of a node, which another is asked about.
    fn asked(&self, node: &str, asked: &str, grid: &str) -> u32 {
        let number = |name: &str| name.strip_prefix("claims-").unwrap().parse::<u32>().unwrap();
        assert!(self.map.contains_key(&number(asked)) && grid == GRID, "a node that belongs to the grid is asked");
        assert_ne!(node, asked, "another one is asked");
        number(node)
    }

    fn has_copy(&self, node: &Node) -> bool {
        self.votes(node) && self.holders.contains(&node.pod.ordinal)
    }

    /// Whether the shard can be written.
    fn shard_has_quorum(&self) -> bool {
        2 * self.nodes.iter().filter(|node| self.has_copy(node)).count() > self.holders.len()
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
            self.holders.insert(0);
            self.foundings += 1;
        }
        if self.founding && ran.contains(&0) {
            let next = self.map.keys().copied().find(|ordinal| *ordinal > 0 && !self.members.contains(ordinal));
            match next {
                Some(next) if ran.contains(&next) && random.chance(70) => drop(self.members.insert(next)),
                Some(_) => {}
                None => {
                    self.members.insert(0);
                    self.founding = false;
                }
            }
        }
        if self.has_quorum() && !self.founding && !self.map.is_empty() && random.chance(70) {
            self.balance(&ran);
        }
        let voters: Vec<u32> = self.nodes.iter().filter(|node| self.has_copy(node)).map(|node| node.pod.ordinal).collect();
        if !voters.contains(&self.leader) && !voters.is_empty() {
            self.leader = voters[random.below(voters.len() as u64) as usize];
        }
    }

    /// One step of what the grid does by itself: nodes that are awaited come, copies move one at a time, and nodes that keep nothing leave.
    fn balance(&mut self, ran: &[u32]) {
        let joining = self.map.iter().find(|(node, of)| **of == Membership::Joining && ran.contains(node)).map(|(node, _)| *node);
        if let Some(node) = joining {
            self.members.insert(node);
            self.map.insert(node, Membership::Member);
            return;
        }
        let up = |world: &Self, ordinal: u32| world.nodes.iter().any(|node| node.pod.ordinal == ordinal && world.votes(node));
        let leaves = |world: &Self, node: &u32| world.map.get(node) != Some(&Membership::Member);
        // Who keeps a copy and is away is waited for, unless it leaves.
        if !self.shard_has_quorum() || self.holders.iter().any(|node| !up(self, *node) && !leaves(self, node)) {
            return;
        }
        let copies = self.copies.unwrap_or(1) as usize;
        let free = self.map.keys().copied().find(|node| !self.holders.contains(node) && !leaves(self, node) && up(self, *node));
        let leaver = self.holders.iter().copied().find(|node| leaves(self, node));
        match (free, leaver) {
            (Some(free), _) if self.holders.len() < copies => drop(self.holders.insert(free)),
            (_, Some(leaver)) if self.holders.len() > copies => drop(self.holders.remove(&leaver)),
            (Some(free), Some(leaver)) => {
                self.holders.insert(free);
                self.holders.remove(&leaver);
            }
            (_, None) if self.holders.len() > copies => drop(self.holders.pop_last()),
            _ if self.place_voters() => {}
            _ => {
                let keeps = |node: &u32| self.holders.contains(node) || self.voting.contains(node);
                let gone = self.map.iter().find(|(node, of)| **of == Membership::Leaving && !keeps(node));
                if let Some(gone) = gone.map(|(node, _)| *node) {
                    self.map.remove(&gone);
                    self.awaited.remove(&gone);
                    if self.members.remove(&gone) {
                        self.stale.insert(gone);
                    }
                    self.nodes.iter_mut().filter(|node| node.pod.ordinal == gone).for_each(|node| node.pod.ready = false);
                    self.departures += 1;
                }
            }
        }
    }

    /// As many decide as can, an odd number; whether that is another now.
    fn place_voters(&mut self) -> bool {
        let is_member = |node: &u32| self.map.get(node) == Some(&Membership::Member);
        let staying = self.map.keys().filter(|node| is_member(node)).count();
        let wanted = if staying % 2 == 0 { staying - 1 } else { staying };
        let leaver = self.voting.iter().copied().find(|node| !is_member(node));
        let newcomer = self.map.keys().copied().find(|node| is_member(node) && !self.voting.contains(node));
        match (leaver, newcomer) {
            (Some(leaver), _) if self.voting.len() > wanted => self.voting.remove(&leaver),
            (Some(leaver), Some(newcomer)) => self.voting.remove(&leaver) && self.voting.insert(newcomer),
            (None, Some(newcomer)) if self.voting.len() < wanted => self.voting.insert(newcomer),
            (None, _) if self.voting.len() > wanted => self.voting.pop_last().is_some(),
            _ => false,
        }
    }

    /// A claim that was deleted goes when no pod uses it, and the data with it.
    fn claims_go(&mut self) {
        let used: BTreeSet<u32> = self.nodes.iter().map(|node| node.pod.ordinal).collect();
        for volume in self.volumes.extract_if(.., |volume| volume.leaving && !used.contains(&volume.ordinal)) {
            self.members.remove(&volume.ordinal);
            self.stale.remove(&volume.ordinal);
        }
        let whole = self.holders.iter().filter(|holder| self.members.contains(holder)).count();
        assert!(self.members.is_empty() || self.founding || 2 * whole > self.holders.len(), "data is lost");
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
        let whole = self.members.len() == self.map.len();
        let alone = self.volumes.iter().all(|volume| !volume.leaving);
        // Where there is one copy, or they move just now, whoever does that means it.
        let spared = self.copies > Some(1) && self.is_settled() && self.known_grid.is_some();
        if !self.map.is_empty() && !self.founding && whole && spared && (alone || wakes && votes) {
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
