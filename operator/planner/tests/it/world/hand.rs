//! What the operator does with a plan.

use sutra_planner::plan::BEHIND;
use sutra_planner::{Action, Desired, Membership, Object, Plan, Projection, Replacing, Replica, Seen, ShardReport, VolumeOwner};

use super::{GRID, Node, Set, World};

/// Why a step came to nothing.
enum Fault {
    /// The API server refuses it: the rest of the plan goes on.
    Refused(String),
    /// A node does not do it: it is tried again, and what may build on it has to wait.
    Failed(String),
}

impl World {
    /// What the operator does with a plan: in order, the rest of a refused step goes on, and of one that failed what stands alone.
    pub(crate) fn apply(&mut self, desired: &Desired, plan: &Plan) {
        self.refusals.clear();
        self.failing = None;
        for step in &plan.steps {
            if self.failing.is_some() && !step.action.stands_alone() {
                continue;
            }
            let name = step.action.name();
            match self.take(desired, &step.action) {
                Ok(()) => {}
                Err(Fault::Refused(why)) => drop(self.refusals.insert(name, why)),
                Err(Fault::Failed(why)) => self.failing = Some((name, why)),
            }
        }
    }

    fn take(&mut self, desired: &Desired, action: &Action) -> Result<(), Fault> {
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
                    return Err(Fault::Refused("only dynamically provisioned pvc can be resized".into()));
                }
                let volume = self.volume(volume);
                assert!(desired.volume_bytes > volume.requested, "a volume that shrinks, or is written in vain");
                volume.requested = desired.volume_bytes;
            }
            Action::ApplyStatefulSet { replicas } => {
                if !self.quota_left {
                    return Err(Fault::Refused("exceeded quota: count/statefulsets.apps=0".into()));
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
            Action::AddNode { pod, zone, asked, grid, .. } => {
                let node = self.asked(pod, asked, grid);
                assert!(self.map.values().all(|of| *of == Membership::Member), "two at once: {:?}", self.map);
                assert!(!self.members.contains(&node) && !self.stale.contains(&node), "a node that does not wait");
                self.expect_one_release(asked)?;
                self.map.insert(node, Membership::Joining);
                self.zones.extend(zone.clone().map(|zone| (node, zone)));
            }
            Action::SetZone { node, zone, asked, grid } => {
                assert!(self.members.contains(&number(asked)) && grid == GRID, "a node that belongs to the grid is asked");
                assert!(self.map.contains_key(&number(node)), "a zone of a node that does not belong to the grid");
                self.expect_one_release(asked)?;
                assert_ne!(self.zones.insert(number(node), zone.clone()).as_ref(), Some(zone), "a zone that is told in vain");
            }
            Action::RemoveNode { node, asked, grid } => {
                let node = self.asked(node, asked, grid);
                let staying = self.map.values().filter(|of| **of != Membership::Leaving).count() - 1;
                assert!(staying >= self.copies.unwrap() as usize, "fewer nodes than copies: {:?}", self.map);
                let answers = self.nodes.iter().any(|other| other.pod.ordinal == node && self.votes(other));
                assert!(!answers || self.map.keys().last() == Some(&node), "the last goes first");
                if answers { self.expect_one_release(asked) } else { self.expect_a_mixture(asked) }?;
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
                    // Who lacks a few entries gets them from the others: what is committed is on a quorum.
                    let has_all = |node: u32| self.behind.get(&node).is_none_or(|behind| *behind <= BEHIND);
                    let others = self.nodes.iter().filter(|node| node.pod.ordinal != ordinal && self.has_copy(node));
                    let others = others.filter(|node| has_all(node.pod.ordinal)).count();
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
                let asked = number(asked);
                assert!(self.members.contains(&asked) && grid == GRID, "a node that belongs to the grid is asked");
                let staying = self.map.values().filter(|of| **of != Membership::Leaving).count();
                assert!(*count as usize <= staying, "more copies than there are nodes");
                assert_ne!(self.copies, Some(*count), "copies that are asked for in vain");
                self.expect_one_release(&format!("claims-{asked}"))?;
                self.copies = Some(*count);
            }
            Action::ReplaceNode { pod, asked, grid, .. } => {
                assert!(self.members.contains(&number(asked)) && grid == GRID, "a node that belongs to the grid is asked");
                assert!(!self.members.contains(&number(pod)), "a node that has its data is given up");
                let (old, new) = (self.version(asked), self.version(pod));
                if !can_be_mixed(&old, &new) {
                    return Err(Fault::Failed(format!("{pod} is of release {new}, and {asked} of {old}")));
                }
                if self.has_quorum() && !self.founding {
                    self.awaited.insert(number(pod));
                }
            }
            Action::DeletePod { uid, .. } => {
                let leaves = |node: &Node| node.pod.leaving && !self.has_left(node.pod.ordinal);
                assert!(!self.nodes.iter().any(leaves), "two pods taken away at once");
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
        let away = report.replicas.iter().any(|copy| !copy.caught_up && !self.answers_for(&copy.node));
        let projection = self.projections.get_mut(&shard).unwrap();
        if let (Some(old), Some(last)) = (&projection.reported, projection.observed_at) {
            let same = |(old, new): (&Replica, &Replica)| {
                (&old.node, old.role) == (&new.node, new.role) && old.caught_up >= new.caught_up
            };
            let copies_stay = old.replicas.len() == report.replicas.len() && old.replicas.iter().zip(&report.replicas).all(same);
            let said = ShardReport { concepts: old.concepts, bytes: old.bytes, replicas: old.replicas.clone(), ..report.clone() };
            let only_numbers = said == *old && copies_stay && !away;
            assert!(!only_numbers || now.duration_since(last) >= sutra_planner::plan::FRESHNESS, "numbers reported too often");
        }
        (projection.reported, projection.observed_at) = (Some(report.clone()), Some(now));
    }

    fn version(&self, node: &str) -> String {
        self.nodes.iter().find(|other| other.pod.name == node).unwrap().version()
    }

    /// The releases of the nodes that the asked one reaches: of those, too, that are going.
    fn releases(&self) -> Vec<String> {
        let is_up = |node: &&Node| node.pod.started && self.members.contains(&node.pod.ordinal);
        self.nodes.iter().filter(is_up).map(Node::version).collect()
    }

    /// What a node refuses that would change a grid of two releases.
    fn expect_one_release(&self, asked: &str) -> Result<(), Fault> {
        self.expect_of_all(asked, |one, other| one == other)
    }

    /// Of a node that is away, and would be waited for, it only asks that the others can be mixed.
    fn expect_a_mixture(&self, asked: &str) -> Result<(), Fault> {
        self.expect_of_all(asked, can_be_mixed)
    }

    fn expect_of_all(&self, asked: &str, fit: impl Fn(&str, &str) -> bool) -> Result<(), Fault> {
        let own = self.version(asked);
        match self.releases().into_iter().find(|other| !fit(&own, other)) {
            Some(other) => Err(Fault::Failed(format!("a node is of release {other}, and {asked} of {own}"))),
            None => Ok(()),
        }
    }
}

/// The number of a node.
pub(super) fn number(name: &str) -> u32 {
    name.strip_prefix("claims-").unwrap().parse().unwrap()
}

/// The rule of the nodes: the same major number, and minor numbers next to each other.
fn can_be_mixed(one: &str, other: &str) -> bool {
    let numbers = |version: &str| {
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    };
    let ((major, minor), (other_major, other_minor)) = (numbers(one), numbers(other));
    major == other_major && minor.abs_diff(other_minor) <= 1
}
