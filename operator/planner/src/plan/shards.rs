//! Projections of the grid's shards.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::desired::{Desired, Wanted};
use crate::observed::{Answer, Observed, Projection, Replica, Role, Seen, ShardReport};
use crate::plan::{Plan, following, size};
use crate::step::Action;

/// Numbers that change with every write are reported at most this often.
pub const FRESHNESS: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn plan(desired: &Desired, observed: &Observed, now: Timestamp, plan: &mut Plan) {
    let seen = seen(observed);
    let known = all(desired, observed);
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
        let report = report.or_else(|| unreachable(desired, observed, shard, projection));
        if let Some(report) = report.filter(|report| worth_reporting(projection, report, observed, now)) {
            plan.step(Action::ReportShard { shard, report }, format!("shard {shard} changed"));
        }
    }
}

/// The shards that there are, as far as anybody knows: those of the grid's map, those that a node has, and while nobody tells the map those
/// that were known. A shard that no node which answers has is still one.
pub(crate) fn all(desired: &Desired, observed: &Observed) -> BTreeSet<u64> {
    let mut all: BTreeSet<u64> = seen(observed).into_keys().chain(observed.placement.keys().copied()).collect();
    // A node alone has no map beside what it holds.
    let is_told = !observed.placement.is_empty() || !all.is_empty() && size::in_force(desired, observed) < 2;
    if !is_told {
        all.extend(observed.projections.iter().map(|projection| projection.shard));
    }
    all
}

/// Living concepts of all shards: of one of which no leader tells as many as it was known to have. `None`: of one nobody knows.
pub(crate) fn concepts(desired: &Desired, observed: &Observed) -> Option<u64> {
    let seen = seen(observed);
    let of = |shard: u64| {
        let told = seen.get(&shard).filter(|report| report.leader.is_some()).map(|report| report.concepts);
        let projection = || observed.projections.iter().find(|projection| projection.shard == shard)?.reported.as_ref();
        told.or_else(|| projection().map(|report| report.concepts))
    };
    all(desired, observed).into_iter().map(of).sum()
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
            let caught_up = following::keeps_up(observed, node, shard, following::BEHIND);
            entry.replicas.push(Replica { node: node.clone(), role: shard.role, caught_up });
            if shard.role == Role::Leader && following::leading(observed, shard.shard).is_some_and(|(leader, _)| leader == node) {
                "Serving".clone_into(&mut entry.phase);
                entry.leader = Some(node.clone());
                entry.range.clone_from(&shard.range);
                (entry.concepts, entry.bytes) = (shard.concepts, shard.bytes);
            }
        }
    }
    shards
}

/// A copy whose node does not answer is still one: it has not caught up, as far as anybody knows.
fn with_absent(mut report: ShardReport, projection: Option<&Projection>, observed: &Observed) -> ShardReport {
    let reported = projection.and_then(|projection| projection.reported.as_ref());
    if let (None, Some(before)) = (&report.leader, reported) {
        // Nobody counts them now.
        (report.concepts, report.bytes) = (before.concepts, before.bytes);
    }
    let known = reported.map(|known| known.replicas.as_slice());
    let answers = |replica: &&Replica| matches!(observed.answers.get(&replica.node), Some(Answer::Serving(_)));
    // One that has left the grid keeps nothing.
    let may_have = |replica: &&Replica| observed.members.is_empty() || observed.members.contains_key(&replica.node);
    let absent = known.unwrap_or_default().iter().filter(|replica| !answers(replica) && may_have(replica));
    let absent = absent.map(|replica| Replica { node: replica.node.clone(), role: follower(replica.role), caught_up: false });
    report.replicas.extend(absent);
    report.replicas.sort();
    report
}

/// No node tells of it: what was known stays, but for who leads. Where nothing was, the map says where its copies are.
fn unreachable(desired: &Desired, observed: &Observed, shard: u64, projection: Option<&Projection>) -> Option<ShardReport> {
    let phase = if desired.wanted == Wanted::Hibernated { "Hibernated" } else { "Unreachable" };
    let placed = || {
        let copy = |node: &String| Replica { node: node.clone(), role: Role::Follower, caught_up: false };
        let replicas = observed.placement.get(&shard)?.iter().map(copy).collect();
        Some(ShardReport { replicas, ..unknown() })
    };
    let known = projection.and_then(|projection| projection.reported.clone()).or_else(placed)?;
    let replicas =
        known.replicas.into_iter().map(|replica| Replica { caught_up: false, role: follower(replica.role), ..replica });
    Some(ShardReport { phase: phase.to_owned(), leader: None, replicas: replicas.collect(), ..known })
}

fn follower(role: Role) -> Role {
    if role == Role::Leader { Role::Follower } else { role }
}

/// A change of role, replica or phase at once, and that a copy has caught up, or that its node is away; numbers only if the last ones are
/// old, and so that a copy of a node that answers has fallen behind: under load one may do that and catch up again all the time.
fn worth_reporting(projection: Option<&Projection>, new: &ShardReport, observed: &Observed, now: Timestamp) -> bool {
    // The object is written by the step before this one, if it is not there.
    let Some(old) = projection.and_then(|projection| projection.reported.as_ref()) else { return true };
    let roles = |report: &ShardReport| report.replicas.iter().map(|copy| (copy.node.clone(), copy.role)).collect::<Vec<_>>();
    let roles_changed = (&old.phase, &old.range, &old.leader, roles(old)) != (&new.phase, &new.range, &new.leader, roles(new));
    let mut copies = old.replicas.iter().zip(&new.replicas);
    let is_away = |copy: &Replica| !matches!(observed.answers.get(&copy.node), Some(Answer::Serving(_)));
    let roles_changed =
        roles_changed || copies.any(|(old, new)| old.caught_up != new.caught_up && (new.caught_up || is_away(new)));
    let numbers_changed = (old.concepts, old.bytes, &old.replicas) != (new.concepts, new.bytes, &new.replicas);
    let last = projection.and_then(|projection| projection.observed_at);
    roles_changed || numbers_changed && last.is_none_or(|last| now.duration_since(last) >= FRESHNESS)
}
