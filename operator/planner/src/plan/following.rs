//! Who leads a shard, and who has what that leader has.
//!
//! What a node says of itself is how it was when it came: one whose log stands still since goes on saying that it has caught up. So it is
//! asked of the leader, who knows what it has sent and what was answered.

use std::collections::BTreeMap;

use crate::observed::{Answer, Observed, Role, ShardSeen};

/// By how many entries a replica may be behind its leader and still count as one that has caught up. The grid itself goes by the same
/// number: `BEHIND` in node/grid/src/converge.rs.
pub const BEHIND: u64 = 64;

/// By how many it may be behind to be relied upon again, where it was not before. The distance between the two keeps one that hovers around
/// the limit from moving anything to and fro.
pub(super) const CLOSE: u64 = BEHIND / 8;

/// The node that leads a shard, of those that answer, and what it says of it. One that was cut off may not know yet that the others follow
/// another: it is the one that most follow.
pub(super) fn leading(observed: &Observed, shard: u64) -> Option<(&str, &ShardSeen)> {
    let leaders = observed.answers.iter().filter_map(|(node, answer)| match answer {
        Answer::Serving(report) => {
            let seen = report.shards.iter().find(|seen| seen.shard == shard && seen.role == Role::Leader)?;
            Some((node.as_str(), seen))
        }
        Answer::Waiting | Answer::Silent(_) => None,
    });
    leaders.max_by_key(|(node, _)| followers(observed, shard, node))
}

/// Whether a node has all of a shard but so many entries: it says so itself, and unless it leads, so does the leader. Where no node that
/// answers leads the shard, nobody knows. A leader of an earlier release does not tell; then the node's own word counts.
pub(super) fn keeps_up(observed: &Observed, node: &str, shard: &ShardSeen, within: u64) -> bool {
    let Some((leader, seen)) = leading(observed, shard.shard).filter(|_| shard.caught_up) else { return false };
    let behind = |followers: &BTreeMap<String, Option<u64>>| followers.get(node).copied().flatten();
    leader == node || seen.followers.as_ref().is_none_or(|all| behind(all).is_some_and(|entries| entries <= within))
}

/// Nodes for which this one leads the shard.
fn followers(observed: &Observed, shard: u64, leader: &str) -> usize {
    let names = |answer: &&Answer| match answer {
        Answer::Serving(report) => report.shards.iter().any(|seen| seen.shard == shard && seen.leader.as_deref() == Some(leader)),
        Answer::Waiting | Answer::Silent(_) => false,
    };
    observed.answers.values().filter(names).count()
}
