//! Which replica is given, moved or taken away next, so that the groups are where they should be: pure.
//!
//! One group changes at a time, and the next only when all are what the map says. In this order: shards get the replicas that they lack;
//! what leaving nodes keep moves away; nodes that keep nothing have left; shards lose what they have too many of; then replicas, and
//! who leads, are evened out to within one.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::Change;
use crate::map::{GridMap, META_VOTERS, ShardId, ShardRecord};

/// What meta's leader sees of the grid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Groups whose leader says that they are what this map says.
    pub(crate) settled: BTreeSet<ShardId>,
    /// Who leads each.
    pub(crate) leaders: BTreeMap<ShardId, String>,
    /// Nodes that answer.
    pub(crate) reachable: BTreeSet<String>,
    /// Those of them that have closed all that the map does not give them.
    pub(crate) swept: BTreeSet<String>,
}

impl Observed {
    /// A grid of which every group is what the map says, and every node answers.
    pub(crate) fn ideal(map: &GridMap) -> Self {
        let groups = std::iter::once(ShardId(0)).chain(map.shards.iter().map(|shard| shard.shard));
        let nodes = || map.nodes.keys().cloned();
        Self { settled: groups.collect(), leaders: BTreeMap::new(), reachable: nodes().collect(), swept: nodes().collect() }
    }
}

/// The next change that brings the grid nearer to what it should be; `None`: it is so, or the last change is not through yet.
pub(crate) fn next(map: &GridMap, observed: &Observed) -> Option<Change> {
    let mut groups = std::iter::once(ShardId(0)).chain(map.shards.iter().map(|shard| shard.shard));
    // Of what is not there just now, nobody knows whether a group could do without it.
    let is_there = |node: &String| map.leaving.contains(node) || observed.reachable.contains(node);
    let is_whole = |group| map.replicas(group).iter().all(|replica| is_there(&replica.node));
    if !groups.all(|group| observed.settled.contains(&group) && is_whole(group)) {
        return None;
    }
    let plan = Plan::of(map, observed);
    plan.grow()
        .or_else(|| plan.drain())
        .or_else(|| plan.place_meta())
        .or_else(|| plan.left())
        .or_else(|| plan.shrink())
        .or_else(|| plan.even_replicas())
        .or_else(|| plan.even_leaders())
}

struct Plan<'a> {
    map: &'a GridMap,
    observed: &'a Observed,
    /// Replicas of shards on each node that may be given some.
    load: BTreeMap<&'a str, usize>,
}

/// The nodes of a group, in the map's order.
fn nodes(shard: &ShardRecord) -> Vec<String> {
    shard.replicas.iter().map(|replica| replica.node.clone()).collect()
}

fn place(group: ShardId, nodes: Vec<String>) -> Option<Change> {
    Some(Change::PlaceGroup { group, nodes })
}

impl<'a> Plan<'a> {
    fn of(map: &'a GridMap, observed: &'a Observed) -> Self {
        let can =
            |name: &&String| !map.leaving.contains(*name) && !map.awaited.contains(*name) && observed.reachable.contains(*name);
        let mut load: BTreeMap<&str, usize> = map.nodes.keys().filter(can).map(|name| (name.as_str(), 0)).collect();
        for replica in map.shards.iter().flat_map(|shard| &shard.replicas) {
            if let Some(count) = load.get_mut(replica.node.as_str()) {
                *count += 1;
            }
        }
        Self { map, observed, load }
    }

    fn leaves(&self, node: &str) -> bool {
        self.map.leaving.contains(node)
    }

    /// The node with the fewest replicas that could get one of a shard.
    fn least(&self, shard: &ShardRecord) -> Option<String> {
        let has = |node: &str| shard.replicas.iter().any(|replica| replica.node == node);
        let free = self.load.iter().filter(|(node, _)| !has(node));
        free.min_by_key(|(_, count)| **count).map(|(node, _)| (*node).to_owned())
    }

    /// A shard that has too few replicas gets one.
    fn grow(&self) -> Option<Change> {
        self.map.shards.iter().filter(|shard| shard.replicas.len() < self.map.factor()).find_map(|shard| {
            let mut nodes = nodes(shard);
            nodes.push(self.least(shard)?);
            place(shard.shard, nodes)
        })
    }

    /// A replica leaves a node that is to leave: another takes its place, unless there are too many.
    fn drain(&self) -> Option<Change> {
        self.map.shards.iter().find_map(|shard| {
            let mut nodes = nodes(shard);
            // Who leads goes last: until then nobody has to take over.
            let leader = self.observed.leaders.get(&shard.shard);
            let at = (0..nodes.len()).filter(|at| self.leaves(&nodes[*at])).min_by_key(|at| Some(&nodes[*at]) == leader)?;
            if nodes.len() > self.map.factor() {
                nodes.remove(at);
            } else {
                nodes[at] = self.least(shard)?;
            }
            place(shard.shard, nodes)
        })
    }

    /// As many nodes decide about the map as can, at most five and an odd number: one that leaves only where no other can.
    fn place_meta(&self) -> Option<Change> {
        let mut voters: Vec<String> = self.map.meta.iter().map(|replica| replica.node.clone()).collect();
        let staying = self.load.len().max(voters.iter().filter(|voter| !self.leaves(voter)).count());
        let most = staying.min(META_VOTERS);
        let wanted = if most.is_multiple_of(2) { most.saturating_sub(1) } else { most }.max(1);
        let newcomer = self.load.keys().find(|node| !voters.iter().any(|voter| voter == *node)).map(|node| (*node).to_owned());
        let leaver = voters.iter().position(|voter| self.leaves(voter));
        match (leaver, newcomer) {
            (Some(at), _) if voters.len() > wanted => drop(voters.remove(at)),
            (Some(at), Some(newcomer)) => voters[at] = newcomer,
            (None, Some(newcomer)) if voters.len() < wanted => voters.push(newcomer),
            (None, _) if voters.len() > wanted => {
                let leader = self.observed.leaders.get(&ShardId(0));
                let at = voters.iter().rposition(|voter| Some(voter) != leader)?;
                voters.remove(at);
            }
            _ => return None,
        }
        place(ShardId(0), voters)
    }

    /// A node that was to leave keeps nothing any more. One that is lost can't say so itself.
    fn left(&self) -> Option<Change> {
        let keeps = |name: &str| {
            let of_shards = self.map.shards.iter().flat_map(|shard| &shard.replicas);
            self.map.meta.iter().chain(of_shards).any(|replica| replica.node == name)
        };
        let is_closed = |name: &str| !self.observed.reachable.contains(name) || self.observed.swept.contains(name);
        let left = self.map.leaving.iter().find(|name| !keeps(name) && is_closed(name))?;
        Some(Change::Left { name: left.clone() })
    }

    /// A shard that has too many replicas loses one: of the node with the most, and where it can be none that leads or shall lead.
    fn shrink(&self) -> Option<Change> {
        let shard = self.map.shards.iter().find(|shard| shard.replicas.len() > self.map.factor())?;
        let mut nodes = nodes(shard);
        let leader = self.observed.leaders.get(&shard.shard);
        let at = (0..nodes.len()).min_by_key(|at| {
            let node = &nodes[*at];
            let is_led = Some(node) == leader;
            (*at == 0 || is_led, std::cmp::Reverse(self.load.get(node.as_str()).copied().unwrap_or_default()), *at == 0)
        })?;
        nodes.remove(at);
        place(shard.shard, nodes)
    }

    /// The node with most of something and the one with fewest, if they are further apart than one.
    fn apart<'c>(counts: &BTreeMap<&'c str, usize>) -> Option<(&'c str, &'c str)> {
        let (most, greatest) = counts.iter().max_by_key(|(_, count)| **count)?;
        let (fewest, least) = counts.iter().min_by_key(|(_, count)| **count)?;
        (*greatest > *least + 1).then_some((*most, *fewest))
    }

    /// A replica moves from the node that has most to the one that has fewest.
    fn even_replicas(&self) -> Option<Change> {
        let (from, to) = Self::apart(&self.load)?;
        let has = |shard: &ShardRecord, node: &str| shard.replicas.iter().any(|replica| replica.node == node);
        let movable = self.map.shards.iter().filter(|shard| has(shard, from) && !has(shard, to));
        // One that does not lead moves without anybody's noticing.
        let leads = |shard: &&ShardRecord| {
            let leader = self.observed.leaders.get(&shard.shard).map(String::as_str);
            leader == Some(from) || shard.preferred().is_some_and(|preferred| preferred.node == from)
        };
        let shard = movable.min_by_key(|shard| leads(shard))?;
        let moved = nodes(shard).into_iter().map(|node| if node == from { to.to_owned() } else { node });
        place(shard.shard, moved.collect())
    }

    /// Another replica of a shard is the one that leads it, where a node would lead more than others by two.
    fn even_leaders(&self) -> Option<Change> {
        let mut leads: BTreeMap<&str, usize> = self.load.keys().map(|node| (*node, 0)).collect();
        for preferred in self.map.shards.iter().filter_map(ShardRecord::preferred) {
            if let Some(count) = leads.get_mut(preferred.node.as_str()) {
                *count += 1;
            }
        }
        let most = leads.values().max().copied()?;
        // From the nodes that lead most, over nodes that could lead instead, to the nearest that leads less by two. The last step of that way
        // is made: what is left of it is shorter by one.
        let mut reached: BTreeSet<&str> = leads.iter().filter(|(_, count)| **count == most).map(|(node, _)| *node).collect();
        let mut edge = reached.clone();
        while !edge.is_empty() {
            let mut further = BTreeSet::new();
            for shard in &self.map.shards {
                if !shard.preferred().is_some_and(|first| edge.contains(first.node.as_str())) {
                    continue;
                }
                for other in shard.replicas.iter().skip(1) {
                    let Some(count) = leads.get(other.node.as_str()) else { continue };
                    if *count + 2 <= most {
                        let mut nodes = nodes(shard);
                        let at = nodes.iter().position(|node| *node == other.node)?;
                        nodes.swap(0, at);
                        return place(shard.shard, nodes);
                    }
                    if !reached.contains(other.node.as_str()) {
                        further.insert(other.node.as_str());
                    }
                }
            }
            reached.extend(&further);
            edge = further;
        }
        None
    }
}

#[cfg(test)]
mod tests;
