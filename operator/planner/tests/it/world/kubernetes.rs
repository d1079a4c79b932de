//! What Kubernetes does by itself.

use sutra_planner::{Object, Pod, Seen, Trouble, TroubleKind, Volume, VolumeOwner};

use super::{BROKEN, CRASHING, Node, Set, World};
use crate::fixture::SEVERAL;
use crate::random::Random;

impl World {
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
        self.nodes.retain(|node| !node.pod.leaving || self.dead.contains(&node.pod.ordinal) || random.chance(50));
        self.claims_go();
        for node in self.nodes.iter_mut().filter(|node| !node.pod.leaving && !self.dead.contains(&node.pod.ordinal)) {
            let is_of = |word: &str| node.pod.revision.as_deref().is_some_and(|revision| revision.contains(word));
            if is_of(BROKEN) {
                let message = "Back-off pulling image".to_owned();
                node.pod.trouble = Some(Trouble { kind: TroubleKind::ImagePullFailed, message });
            } else if is_of(CRASHING) {
                let message = format!("{} ends with status 1: it said nothing", node.pod.name);
                (node.pod.ran, node.pod.trouble) = (true, Some(Trouble { kind: TroubleKind::NodeFailing, message }));
            } else if random.chance(60) {
                (node.pod.ran, node.pod.trouble) = (true, None);
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

    /// The container of a node ends, and is started again in the same pod.
    pub(crate) fn container_restarts(&mut self, ordinal: u32) {
        let now = self.now();
        for node in self.nodes.iter_mut().filter(|node| node.pod.ordinal == ordinal && node.pod.ran) {
            let message = format!("{} ends with status 137: it said nothing", node.pod.name);
            (node.pod.started, node.pod.ready, node.pod.turned) = (false, false, Some(now));
            node.pod.trouble = Some(Trouble { kind: TroubleKind::NodeFailing, message });
        }
    }

    /// A machine is gone, and the disk with it to which a node's volume is bound: the pod is taken away, and nobody is there who could do that.
    pub(crate) fn machine_dies(&mut self, ordinal: u32) {
        let now = self.now();
        for node in self.nodes.iter_mut().filter(|node| node.pod.ordinal == ordinal) {
            (node.pod.ready, node.pod.started, node.pod.turned) = (false, false, Some(now));
            (node.silent, node.pod.leaving) = (true, true);
        }
        self.dead.insert(ordinal);
    }

    /// Somebody tells Kubernetes that a machine is gone for good.
    pub(crate) fn machine_is_given_up(&mut self, ordinal: u32) {
        self.dead.remove(&ordinal);
    }

    /// All nodes have come to end again and again: what their template lacks showed late.
    pub(crate) fn all_crash(&mut self) {
        let now = self.now();
        for node in &mut self.nodes {
            (node.pod.ready, node.pod.started, node.pod.turned) = (false, false, Some(now));
            node.pod.revision = Some(format!("{CRASHING}:0.1.0 {SEVERAL}"));
        }
    }

    /// The volume of a node is lost, and its pod is made anew with an empty one.
    pub(crate) fn volume_is_lost(&mut self, ordinal: u32) {
        let uid = format!("lost-{}", self.now);
        for volume in self.volumes.iter_mut().filter(|volume| volume.ordinal == ordinal) {
            (volume.uid, volume.grid, volume.grid_nodes) = (uid.clone(), None, None);
        }
        self.members.remove(&ordinal);
        self.dead.remove(&ordinal);
        self.nodes.retain(|node| node.pod.ordinal != ordinal);
    }

    fn stateful_set_controller(&mut self, random: &mut Random) {
        let now = self.now();
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
                // Most machines are in a zone; a new pod may run in another than the one before.
                let zone = (self.zoned && random.chance(90))
                    .then(|| format!("eu-central-1{}", ["a", "b", "c"][random.below(3) as usize]));
                let pod = Pod {
                    name: format!("claims-{ordinal}"),
                    uid: format!("uid-{}", self.next_uid),
                    ordinal,
                    revision: Some(set.revision.clone()),
                    ran: false,
                    started: false,
                    ready: false,
                    turned: Some(now),
                    leaving: false,
                    zone,
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
}
