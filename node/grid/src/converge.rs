//! Making the groups what the map says: whoever leads a group gives it the members that the map names.

use std::sync::Arc;
use std::time::Duration;

use sutra_protocol::command::LogIndex;
use sutra_replication::{Group, GroupStatus, Members, ReplicaId};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::map::{GridMap, ShardId};

/// How often a leader looks.
const PAUSE: Duration = Duration::from_millis(500);
/// How many entries a replica may be behind when it gets its vote: few enough for the quorum not to wait for it.
pub(crate) const BEHIND: u64 = 64;

/// What a leader does next for its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The group is what the map says.
    Nothing,
    /// A replica gets entries from now on.
    Add(ReplicaId),
    /// These have the vote from now on, and all others leave.
    Vote(Vec<ReplicaId>),
    /// A replica has still to come, or to catch up.
    Wait(ReplicaId),
}

/// What is to be done for a group that should have the members `wanted`; `awaited` of them have not come yet.
pub(crate) fn next(status: &GroupStatus, wanted: &Members, awaited: &[ReplicaId]) -> Next {
    if let Some(id) = wanted.keys().find(|id| !status.members.contains_key(id)) {
        return Next::Add(*id);
    }
    let last = status.last.unwrap_or_default();
    let is_ready = |id: &ReplicaId| {
        let matched = status.matched.get(id).copied().flatten().unwrap_or(LogIndex(0));
        status.voters.contains(id) || (!awaited.contains(id) && matched.0 + BEHIND >= last.0)
    };
    if let Some(id) = wanted.keys().find(|id| !is_ready(id)) {
        return Next::Wait(*id);
    }
    let voters: Vec<ReplicaId> = wanted.keys().copied().collect();
    let is_so = status.voters == voters && status.members.len() == voters.len();
    if is_so { Next::Nothing } else { Next::Vote(voters) }
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
pub(crate) async fn keep(meta: Group, shards: Vec<Group>, map: watch::Receiver<Arc<GridMap>>) {
    let lease = meta.timing().lease();
    let groups = std::iter::once(meta).chain(shards);
    let mut kept: Vec<Kept> = groups.map(|group| Kept { group, told: Next::Nothing, changing: None }).collect();
    loop {
        tokio::time::sleep(PAUSE).await;
        let known = Arc::clone(&map.borrow());
        for one in &mut kept {
            let is_changing = one.changing.as_ref().is_some_and(|changing| !changing.is_finished());
            if is_changing || !one.group.leads() {
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
        let records = known.replicas(ShardId(self.group.id().0));
        if records.is_empty() {
            return;
        }
        let wanted = known.members(records);
        let awaited: Vec<ReplicaId> =
            records.iter().filter(|record| known.awaited.contains(&record.node)).map(|record| record.replica).collect();
        let next = next(status, &wanted, &awaited);
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
                Next::Add(id) => match wanted.get(&id) {
                    Some(member) => group.add_learner(id, member.clone()).await,
                    None => Ok(()),
                },
                Next::Vote(voters) => group.set_voters(voters).await,
            };
            if let Err(error) = done {
                tracing::warn!(group = %group.id(), %error, "a change of members is tried again");
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
            members: members(ids),
            voters: voters.iter().copied().map(ReplicaId).collect(),
            quorum_answered: None,
            matched: matched.iter().map(|(id, at)| (ReplicaId(*id), Some(LogIndex(*at)))).collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn a_lost_replica_is_replaced_step_by_step() {
        let wanted = members(&[1, 2, 7]);
        let seen = leading(&[1, 2, 3], &[1, 2, 3], &[(2, 1_000)]);
        assert_eq!(next(&seen, &wanted, &[ReplicaId(7)]), Next::Add(ReplicaId(7)));
        let seen = leading(&[1, 2, 3, 7], &[1, 2, 3], &[(2, 1_000), (7, 1_000)]);
        assert_eq!(next(&seen, &wanted, &[ReplicaId(7)]), Next::Wait(ReplicaId(7)), "it has not come");
        let seen = leading(&[1, 2, 3, 7], &[1, 2, 3], &[(2, 1_000), (7, 900)]);
        assert_eq!(next(&seen, &wanted, &[]), Next::Wait(ReplicaId(7)), "it is far behind");
        let seen = leading(&[1, 2, 3, 7], &[1, 2, 3], &[(2, 1_000), (7, 990)]);
        assert_eq!(next(&seen, &wanted, &[]), Next::Vote(vec![ReplicaId(1), ReplicaId(2), ReplicaId(7)]));
        let seen = leading(&[1, 2, 7], &[1, 2, 7], &[]);
        assert_eq!(next(&seen, &wanted, &[]), Next::Nothing);
    }
}
