//! Something that nobody asked for.

use sutra_planner::{Object, Seen};

use super::World;
use crate::random::Random;

impl World {
    /// Something that nobody asked for.
    pub(crate) fn misfortune(&mut self, random: &mut Random) {
        match random.below(12) {
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
                let now = self.now();
                if let Some(node) = self.nodes.get_mut(chosen).filter(|node| !node.pod.leaving && node.pod.ready) {
                    (node.pod.ready, node.pod.turned) = (false, Some(now));
                }
            }
            5 => self.nodes.iter_mut().for_each(|node| node.silent = random.chance(30)),
            6 => self.projections.clear(),
            8 => self.somebody_deletes_a_claim(random),
            9 => {
                let all = self.nodes.len().max(1) as u64;
                self.container_restarts(random.below(all).try_into().unwrap());
            }
            10 => self.somebody_falls_behind(random),
            7 => {
                self.projections.values_mut().for_each(|projection| (projection.reported, projection.observed_at) = (None, None))
            }
            _ => self.concepts += random.below(1000),
        }
    }

    /// Of a node alone nobody could make up for it; and whoever takes volumes away whose nodes can't run means it.
    pub(super) fn somebody_deletes_a_claim(&mut self, random: &mut Random) {
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

    /// Of those that don't lead, and only while the others have everything.
    fn somebody_falls_behind(&mut self, random: &mut Random) {
        let others: Vec<u32> = self.holders.iter().copied().filter(|holder| *holder != self.leader).collect();
        if self.behind.is_empty() && others.len() > 1 {
            self.behind.insert(others[random.below(others.len() as u64) as usize], 1 + random.below(1_000));
        }
    }

    pub(super) fn any_object(&self, random: &mut Random) -> Option<Object> {
        let all: Vec<Object> = self.objects.keys().copied().collect();
        (!all.is_empty()).then(|| all[random.below(all.len() as u64) as usize])
    }
}
