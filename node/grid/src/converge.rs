//! Making the groups what the map says: whoever leads a group gives it the members that the map names.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sutra_replication::{Group, GroupStatus, Members, ReplicaId};
use sutra_wal::GroupId;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::hosting::Hosting;
use crate::map::{GridMap, ReplicaRecord, ShardId};

/// How often a leader looks: while the members of a group change, while a replica is waited for, and while all is as the map says.
const PAUSES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(500)];
/// How long to wait before what failed is tried again.
const FAILED_PAUSE: Duration = Duration::from_millis(500);
/// How many entries a replica may be behind and count as one that keeps up: few enough for a quorum not to wait for it.
pub const BEHIND: u64 = 64;
/// For how many leases a leader that is to leave its group looks for another.
const HAND_OVER_LEASES: u32 = 2;

/// What a leader does next for its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The group is what the map says.
    Nothing,
    /// A replica gets entries from now on.
    Add(ReplicaId),
    /// These have the vote from now on; who loses it leaves, unless the map has him without one.
    Vote {
        /// All who vote.
        voters: Vec<ReplicaId>,
        /// Whether some who lose it stay.
        stay: bool,
    },
    /// One of these leads from now on: this one is to leave, or to lose its vote.
    HandOver(Vec<ReplicaId>),
    /// These have no vote, and leave.
    Drop(Vec<ReplicaId>),
    /// A replica has still to come, or to catch up.
    Wait(ReplicaId),
}

impl Next {
    /// When to look again.
    fn pause(&self) -> Duration {
        match self {
            Self::Nothing => PAUSES[2],
            Self::Wait(_) => PAUSES[1],
            Self::Add(_) | Self::Vote { .. } | Self::HandOver(_) | Self::Drop(_) => PAUSES[0],
        }
    }
}

/// Who should belong to a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) voters: Members,
    /// Members without a vote.
    pub(crate) watchers: Members,
    /// Those of them whose nodes have not come yet.
    pub(crate) awaited: Vec<ReplicaId>,
    /// Those whose nodes are to leave.
    pub(crate) leaving: Vec<ReplicaId>,
}

impl Wanted {
    /// As the map has it; `None`: it has no such group.
    pub(crate) fn of(map: &GridMap, group: ShardId) -> Option<Self> {
        let voters = map.replicas(group);
        let watchers: &[ReplicaRecord] = if group == ShardId(0) { &map.watchers } else { &[] };
        let of = |are: &dyn Fn(&str) -> bool| {
            voters.iter().chain(watchers).filter(|record| are(&record.node)).map(|record| record.replica).collect()
        };
        (!voters.is_empty()).then(|| Self {
            voters: map.members(voters),
            watchers: map.members(watchers),
            awaited: of(&|node| map.awaited.contains(node)),
            leaving: of(&|node| map.leaving.contains(node)),
        })
    }

    fn members(&self) -> impl Iterator<Item = (&ReplicaId, &sutra_replication::Member)> {
        self.voters.iter().chain(&self.watchers)
    }

    fn has(&self, id: ReplicaId) -> bool {
        self.voters.contains_key(&id) || self.watchers.contains_key(&id)
    }
}

/// Whether a replica is known to have nearly all of its leader's log.
pub(crate) fn keeps_up(status: &GroupStatus, id: ReplicaId) -> bool {
    // One that never answered is not there, however short the log is.
    status.behind(id).is_some_and(|entries| entries <= BEHIND)
}

/// What the leader `own` does next for its group.
pub(crate) fn next(status: &GroupStatus, wanted: &Wanted, own: ReplicaId) -> Next {
    if let Some((id, _)) = wanted.members().find(|(id, _)| !status.members.contains_key(id)) {
        return Next::Add(*id);
    }
    let is_ready =
        |id: &ReplicaId| *id == own || status.voters.contains(id) || (!wanted.awaited.contains(id) && keeps_up(status, *id));
    if let Some(id) = wanted.voters.keys().find(|id| !is_ready(id)) {
        return Next::Wait(*id);
    }
    let mut voters: Vec<ReplicaId> = wanted.voters.keys().copied().collect();
    let is_so = |voters: &[ReplicaId]| !status.joint && status.voters == voters;
    let leads_on = !status.voters.contains(&own) || wanted.voters.contains_key(&own);
    if !leads_on {
        // With it the others elect a leader at once; without it they would first have to miss it.
        let heirs = voters.clone();
        voters.push(own);
        voters.sort_unstable();
        if is_so(&voters) {
            return Next::HandOver(heirs);
        }
    }
    if !is_so(&voters) {
        let stay = status.voters.iter().any(|id| wanted.watchers.contains_key(id));
        return Next::Vote { voters, stay };
    }
    let others: Vec<ReplicaId> = status.members.keys().copied().filter(|id| !wanted.has(*id)).collect();
    if others.is_empty() { Next::Nothing } else { Next::Drop(others) }
}

/// Whether the group is what the map says, and the next change may be made: all who vote have nearly all of the log, but for those whose
/// nodes are to leave, which may be lost.
pub(crate) fn is_settled(status: &GroupStatus, wanted: &Wanted, own: ReplicaId) -> bool {
    let must_keep_up = |id: &&ReplicaId| **id != own && !wanted.leaving.contains(id);
    next(status, wanted, own) == Next::Nothing && wanted.voters.keys().filter(must_keep_up).all(|id| keeps_up(status, *id))
}

/// A group that is kept what the map says.
struct Kept {
    group: Group,
    /// What was told last.
    told: Next,
    /// A change on its way, which may wait for a quorum.
    changing: Option<JoinHandle<()>>,
}

/// Keeps meta and the shards' groups what the map says, whenever this node leads them.
pub(crate) async fn keep(meta: Group, hosting: Hosting, mut map: watch::Receiver<Arc<GridMap>>) {
    let lease = meta.timing().lease();
    let mut kept: BTreeMap<(GroupId, ReplicaId), Kept> = BTreeMap::new();
    loop {
        let pause = kept.values().map(|one| one.told.pause()).min().unwrap_or(PAUSES[2]);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // The map lives as long as this.
            Ok(()) = map.changed() => {}
        }
        let known = Arc::clone(&map.borrow_and_update());
        let shards = hosting.shards();
        let groups = || std::iter::once(&meta).chain(shards.iter().map(|shard| shard.group()));
        kept.retain(|key, _| groups().any(|group| (group.id(), group.replica()) == *key));
        for group in groups() {
            let one = kept.entry((group.id(), group.replica())).or_insert_with(|| Kept {
                group: group.clone(),
                told: Next::Nothing,
                changing: None,
            });
            let is_changing = one.changing.as_ref().is_some_and(|changing| !changing.is_finished());
            if is_changing {
                continue;
            }
            if !one.group.leads() {
                one.told = Next::Nothing;
                continue;
            }
            let status = one.group.status();
            if status.leads_fully(lease) {
                one.step(&known, &status);
            }
        }
    }
}

impl Kept {
    /// Makes the next change, if there is one.
    fn step(&mut self, known: &GridMap, status: &GroupStatus) {
        let Some(wanted) = Wanted::of(known, ShardId(self.group.id().0)) else { return };
        let next = next(status, &wanted, self.group.replica());
        if next != self.told {
            tracing::info!(group = %self.group.id(), ?next, "the members of the group follow the map");
            self.told = next.clone();
        }
        if matches!(next, Next::Nothing | Next::Wait(_)) {
            return;
        }
        let group = self.group.clone();
        self.changing = Some(tokio::spawn(async move {
            let done = match next {
                Next::Nothing | Next::Wait(_) => Ok(()),
                Next::Add(id) => match wanted.members().find(|(other, _)| **other == id) {
                    Some((_, member)) => group.add_learner(id, member.clone()).await,
                    None => Ok(()),
                },
                Next::Vote { voters, stay } => group.set_voters(voters, stay).await,
                Next::Drop(learners) => group.remove_learners(learners).await,
                Next::HandOver(heirs) => {
                    let is_led = group.hand_over_among(&heirs, group.timing().lease() * HAND_OVER_LEASES).await;
                    tracing::info!(group = %group.id(), is_led, "a leader that is to leave its group lets another lead");
                    if !is_led {
                        tokio::time::sleep(FAILED_PAUSE).await;
                    }
                    Ok(())
                }
            };
            if let Err(error) = done {
                tracing::warn!(group = %group.id(), %error, "a change of members is tried again");
                tokio::time::sleep(FAILED_PAUSE).await;
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::command::LogIndex;
    use sutra_replication::{Member, Role};

    use super::*;

    fn members(ids: &[u64]) -> Members {
        ids.iter()
            .map(|id| (ReplicaId(*id), Member { node: format!("node-{id}"), address: format!("10.0.0.{id}:7001") }))
            .collect()
    }

    fn leading(ids: &[u64], voters: &[u64], matched: &[(u64, u64)]) -> GroupStatus {
        GroupStatus {
            role: Role::Leader,
            term: 3,
            leader: Some(ReplicaId(1)),
            last: Some(LogIndex(1_000)),
            applied: None,
            checkpoint: None,
            purged: None,
            members: Arc::new(members(ids)),
            voters: voters.iter().copied().map(ReplicaId).collect(),
            joint: false,
            quorum_answered: None,
            matched: matched.iter().map(|(id, at)| (ReplicaId(*id), Some(LogIndex(*at)))).collect::<BTreeMap<_, _>>(),
        }
    }

    fn wanted(voters: &[u64], watchers: &[u64]) -> Wanted {
        Wanted { voters: members(voters), watchers: members(watchers), ..Wanted::default() }
    }

    fn vote(voters: &[u64], stay: bool) -> Next {
        Next::Vote { voters: voters.iter().copied().map(ReplicaId).collect(), stay }
    }

    const OWN: ReplicaId = ReplicaId(1);

    #[test]
    fn a_lost_replica_is_replaced_step_by_step() {
        let awaiting = Wanted { awaited: vec![ReplicaId(7)], ..wanted(&[1, 2, 7], &[]) };
        let seen = leading(&[1, 2, 3], &[1, 2, 3], &[(2, 1_000)]);
        assert_eq!(next(&seen, &awaiting, OWN), Next::Add(ReplicaId(7)));
        let seen = leading(&[1, 2, 3, 7], &[1, 2, 3], &[(2, 1_000), (7, 1_000)]);
        assert_eq!(next(&seen, &awaiting, OWN), Next::Wait(ReplicaId(7)), "it has not come");
        let wanted = wanted(&[1, 2, 7], &[]);
        let seen = leading(&[1, 2, 3, 7], &[1, 2, 3], &[(2, 1_000), (7, 900)]);
        assert_eq!(next(&seen, &wanted, OWN), Next::Wait(ReplicaId(7)), "it is far behind");
        let seen = leading(&[1, 2, 3, 7], &[1, 2, 3], &[(2, 1_000), (7, 990)]);
        assert_eq!(next(&seen, &wanted, OWN), vote(&[1, 2, 7], false));
        let seen = GroupStatus { joint: true, ..leading(&[1, 2, 7], &[1, 2, 7], &[]) };
        assert_eq!(next(&seen, &wanted, OWN), vote(&[1, 2, 7], false), "another leader had begun with it");
        let seen = leading(&[1, 2, 7], &[1, 2, 7], &[]);
        assert_eq!(next(&seen, &wanted, OWN), Next::Nothing);
        let seen = leading(&[1, 2, 5, 7], &[1, 2, 7], &[]);
        assert_eq!(next(&seen, &wanted, OWN), Next::Drop(vec![ReplicaId(5)]), "it was to come once");
    }

    #[test]
    fn one_that_never_answered_gets_no_vote_however_short_the_log_is() {
        let wanted = wanted(&[1, 2], &[]);
        let seen = GroupStatus { last: Some(LogIndex(9)), ..leading(&[1, 2], &[1], &[]) };
        assert_eq!(next(&seen, &wanted, OWN), Next::Wait(ReplicaId(2)), "two of two would wait for it for ever");
        let seen = GroupStatus { last: Some(LogIndex(9)), ..leading(&[1, 2], &[1], &[(2, 1)]) };
        assert_eq!(next(&seen, &wanted, OWN), vote(&[1, 2], false));
    }

    #[test]
    fn a_leader_that_is_to_leave_lets_another_lead_first() {
        let wanted = wanted(&[2], &[]);
        let seen = leading(&[1, 2], &[1], &[(2, 1_000)]);
        assert_eq!(next(&seen, &wanted, OWN), vote(&[1, 2], false));
        let seen = leading(&[1, 2], &[1, 2], &[(2, 1_000)]);
        assert_eq!(next(&seen, &wanted, OWN), Next::HandOver(vec![ReplicaId(2)]));
        let other = GroupStatus { leader: Some(ReplicaId(2)), ..seen };
        assert_eq!(next(&other, &wanted, ReplicaId(2)), vote(&[2], false));
    }

    #[test]
    fn who_loses_the_vote_on_the_map_goes_on_knowing_it() {
        let wanted = wanted(&[1, 2, 4], &[3]);
        let seen = leading(&[1, 2, 3, 4], &[1, 2, 3], &[(4, 1_000)]);
        assert_eq!(next(&seen, &wanted, OWN), vote(&[1, 2, 4], true));
        let seen = leading(&[1, 2, 3, 4], &[1, 2, 4], &[]);
        assert_eq!(next(&seen, &wanted, OWN), Next::Nothing);
    }

    #[test]
    fn a_group_is_settled_when_all_who_stay_keep_up() {
        let mut wanted = wanted(&[1, 2, 3], &[]);
        let seen = leading(&[1, 2, 3], &[1, 2, 3], &[(2, 1_000), (3, 1_000)]);
        assert!(is_settled(&seen, &wanted, OWN));
        let behind = leading(&[1, 2, 3], &[1, 2, 3], &[(2, 1_000), (3, 900)]);
        assert!(!is_settled(&behind, &wanted, OWN));
        wanted.leaving.push(ReplicaId(3));
        assert!(is_settled(&behind, &wanted, OWN), "it leaves, and may be lost");
    }
}
