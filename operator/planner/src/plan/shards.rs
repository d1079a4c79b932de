//! Projections of the grid's shards.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::desired::{Desired, Wanted};
use crate::observed::{Answer, Observed, Projection, Replica, Role, Seen, ShardReport};
use crate::plan::Plan;
use crate::step::Action;

/// Numbers that change with every write are reported at most this often.
pub const FRESHNESS: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn plan(desired: &Desired, observed: &Observed, now: Timestamp, plan: &mut Plan) {
    let seen = seen(observed);
    // Only nodes know which shards there are: while none answers, the projections stay as they are but for their phase.
    let known: Vec<u64> = if seen.is_empty() {
        observed.projections.iter().map(|projection| projection.shard).collect()
    } else {
        seen.keys().copied().collect()
    };
    for projection in observed.projections.iter().filter(|projection| !known.contains(&projection.shard)) {
        if projection.seen != Seen::Leaving {
            let shard = projection.shard;
            plan.step(Action::DeleteShard { shard }, format!("the grid has no shard {shard}"));
        }
    }
    for shard in known {
        let projection = observed.projections.iter().find(|projection| projection.shard == shard);
        match projection.map(|projection| &projection.seen) {
            None => plan.step(Action::ApplyShard { shard }, format!("the grid has shard {shard}")),
            Some(Seen::Drifted) => {
                plan.step(Action::ApplyShard { shard }, format!("somebody changed the SutraShard of shard {shard}"))
            }
            Some(Seen::InSync | Seen::Leaving | Seen::Foreign(_)) => {}
        }
        let report = seen.get(&shard).cloned().map(|report| with_absent(report, projection, observed));
        let report = report.or_else(|| unreachable(desired, projection?));
        if let Some(report) = report.filter(|report| worth_reporting(projection, report, now)) {
            plan.step(Action::ReportShard { shard, report }, format!("shard {shard} changed"));
        }
    }
}

/// The shards with all copies that are known, those of nodes that do not answer among them.
pub(super) fn known(observed: &Observed) -> BTreeMap<u64, ShardReport> {
    let with_absent = |(shard, report)| {
        let projection = observed.projections.iter().find(|projection| projection.shard == shard);
        (shard, with_absent(report, projection, observed))
    };
    let mut known: BTreeMap<u64, ShardReport> = seen(observed).into_iter().map(with_absent).collect();
    for (shard, nodes) in &observed.placement {
        let report = known.entry(*shard).or_insert_with(unknown);
        for node in nodes {
            if report.replicas.iter().all(|replica| replica.node != *node) {
                report.replicas.push(Replica { node: node.clone(), role: Role::Follower, caught_up: false });
            }
        }
    }
    known
}

/// Of a shard that no node tells of.
fn unknown() -> ShardReport {
    ShardReport { phase: "NoLeader".to_owned(), range: String::new(), leader: None, replicas: Vec::new(), concepts: 0, bytes: 0 }
}

/// The shards as the nodes that answer see them together.
pub(crate) fn seen(observed: &Observed) -> BTreeMap<u64, ShardReport> {
    let mut shards: BTreeMap<u64, ShardReport> = BTreeMap::new();
    for (node, answer) in &observed.answers {
        let Answer::Serving(report) = answer else { continue };
        for shard in &report.shards {
            let entry = shards.entry(shard.shard).or_insert_with(|| ShardReport { range: shard.range.clone(), ..unknown() });
            entry.replicas.push(Replica { node: node.clone(), role: shard.role, caught_up: shard.caught_up });
            // One that was cut off may not know yet that the others follow another.
            let rival = entry.leader.as_deref().map_or(0, |rival| followers_of(observed, shard.shard, rival));
            if shard.role == Role::Leader && followers_of(observed, shard.shard, node) >= rival {
                "Serving".clone_into(&mut entry.phase);
                entry.leader = Some(node.clone());
                entry.range.clone_from(&shard.range);
                (entry.concepts, entry.bytes) = (shard.concepts, shard.bytes);
            }
        }
    }
    shards
}

/// Nodes for which this one leads the shard.
fn followers_of(observed: &Observed, shard: u64, leader: &str) -> usize {
    let names = |answer: &&Answer| match answer {
        Answer::Serving(report) => report.shards.iter().any(|seen| seen.shard == shard && seen.leader.as_deref() == Some(leader)),
        Answer::Waiting | Answer::Silent(_) => false,
    };
    observed.answers.values().filter(names).count()
}

/// A copy whose node does not answer is still one: it has not caught up, as far as anybody knows.
fn with_absent(mut report: ShardReport, projection: Option<&Projection>, observed: &Observed) -> ShardReport {
    let known = projection.and_then(|projection| projection.reported.as_ref()).map(|known| known.replicas.as_slice());
    let answers = |replica: &&Replica| matches!(observed.answers.get(&replica.node), Some(Answer::Serving(_)));
    // One that has left the grid keeps nothing.
    let may_have = |replica: &&Replica| observed.members.is_empty() || observed.members.contains_key(&replica.node);
    let absent = known.unwrap_or_default().iter().filter(|replica| !answers(replica) && may_have(replica));
    let absent = absent.map(|replica| Replica { node: replica.node.clone(), role: follower(replica.role), caught_up: false });
    report.replicas.extend(absent);
    report.replicas.sort();
    report
}

/// No node tells of it: what was known stays, but for who leads.
fn unreachable(desired: &Desired, projection: &Projection) -> Option<ShardReport> {
    let phase = if desired.wanted == Wanted::Hibernated { "Hibernated" } else { "Unreachable" };
    let known = projection.reported.clone()?;
    let replicas =
        known.replicas.into_iter().map(|replica| Replica { caught_up: false, role: follower(replica.role), ..replica });
    Some(ShardReport { phase: phase.to_owned(), leader: None, replicas: replicas.collect(), ..known })
}

fn follower(role: Role) -> Role {
    if role == Role::Leader { Role::Follower } else { role }
}

/// A change of role, replica or phase at once; numbers only if the last ones are old.
fn worth_reporting(projection: Option<&Projection>, new: &ShardReport, now: Timestamp) -> bool {
    // The object is written by the step before this one, if it is not there.
    let Some(old) = projection.and_then(|projection| projection.reported.as_ref()) else { return true };
    let roles_changed =
        (&old.phase, &old.range, &old.leader, &old.replicas) != (&new.phase, &new.range, &new.leader, &new.replicas);
    let numbers_changed = (old.concepts, old.bytes) != (new.concepts, new.bytes);
    let last = projection.and_then(|projection| projection.observed_at);
    roles_changed || numbers_changed && last.is_none_or(|last| now.duration_since(last) >= FRESHNESS)
}
