//! How a leader that leaves lets another replica lead.

use std::time::Duration;

use sutra_peer::{CallError, Class};
use tokio::time::timeout;

use crate::group::Group;
use crate::service::STAND;
use crate::status::{GroupStatus, Role};
use crate::transport::Call;
use crate::types::{Member, ReplicaId};
use crate::words::request;

impl Group {
    /// Lets another replica lead, if this one does: it takes no more proposals, one of the others gets what it lacks, and they stand for
    /// election, the one that has most of the log first. Ends when another leads; `false` if none does within `limit`.
    pub async fn hand_over(&self, limit: Duration) -> bool {
        self.hand_over_to_any(limit, |_| true).await
    }

    /// The same, to this replica and no other.
    pub async fn hand_over_to(&self, heir: ReplicaId, limit: Duration) -> bool {
        self.hand_over_to_any(limit, |id| id == heir).await
    }

    /// The same, to one of these.
    pub async fn hand_over_among(&self, heirs: &[ReplicaId], limit: Duration) -> bool {
        self.hand_over_to_any(limit, |id| heirs.contains(&id)).await
    }

    async fn hand_over_to_any(&self, limit: Duration, is_heir: impl Fn(ReplicaId) -> bool) -> bool {
        let status = self.status();
        if status.role != Role::Leader {
            return true;
        }
        // It has all of the log, and would win again.
        let _leaving = self.patience().leave();
        let heirs = status.voters.iter().copied().filter(|id| *id != self.replica() && is_heir(*id)).collect();
        timeout(limit, self.succeeded(&status, heirs)).await.unwrap_or(false)
    }

    /// Whether it is handing over, and takes no proposals.
    pub(crate) fn leaves(&self) -> bool {
        self.patience().leaves()
    }

    /// Ends when another replica leads; `false`: there is no heir. Each of the heirs is asked by turns: within its leader's lease a
    /// replica votes for nobody, unless it has stood for election itself since; and who lacks an entry that another has does not win.
    async fn succeeded(&self, status: &GroupStatus, mut heirs: Vec<ReplicaId>) -> bool {
        let own = self.replica();
        if heirs.is_empty() {
            return false;
        }
        // The proposals that the consensus was given before are in its log when it gets to a later request, and in what it tells of itself
        // when it gets to the next. It fails only once the replica has.
        for _ in 0..2 {
            let _ = self.raft().with_raft_state(|_| ()).await;
        }
        // Who lacks an entry of ours would not get our vote, and have us give up leading all the same: until the others' leases are over
        // nobody could then be elected.
        let has_all = |status: &GroupStatus| heirs.iter().any(|heir| status.matched.get(heir).copied().flatten() >= status.last);
        let status = self.wait_until(self.timing().lease(), has_all).await.unwrap_or_else(|| status.clone());
        heirs.sort_by_key(|id| std::cmp::Reverse(status.matched.get(id).copied().flatten()));
        let heirs: Vec<(ReplicaId, &Member)> =
            heirs.into_iter().filter_map(|id| status.members.get(&id).map(|heir| (id, heir))).collect();
        // An election takes as long as two disks take to sync, and whoever stands meanwhile ends it. Where an heir's vote and ours are enough,
        // the first one wins unless the heir is gone; where they are not, it takes several to free the others of their lease. Longer and
        // longer, because some disk may be slow.
        let mut pause = if heirs.len() <= 2 { self.timing().lease() / 2 } else { self.timing().heartbeat / 4 };
        let leads = |status: &GroupStatus| status.leader.is_some_and(|leader| leader != own);
        loop {
            // Each twice: who has stood in vain has only then learnt of the others' terms, and goes beyond them.
            for (id, heir) in heirs.iter().flat_map(|heir| [heir; 2]) {
                let Ok(payload) = request(id.0, &()) else { return false };
                let call = Call {
                    class: Class::Control,
                    service: STAND,
                    group: self.id().0,
                    payload: payload.into(),
                    timeout: self.timing().heartbeat,
                };
                if let Err(error) = self.transport().call(heir, call).await {
                    tracing::debug!(group = %self.id(), %heir, %error, "asked in vain to stand for election");
                    if matches!(error, CallError::Unreachable { .. } | CallError::Refused { .. }) {
                        // It does not stand. Who is gone is not asked without a pause.
                        tokio::time::sleep(self.timing().heartbeat / 4).await;
                        continue;
                    }
                }
                if self.wait_until(pause, leads).await.is_some() {
                    return true;
                }
            }
            if self.has_ended() {
                // It hears of no leader any more, and waits for none.
                return false;
            }
            pause *= 2;
        }
    }
}
