//! What replicas ask of each other, and who answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest};
use serde::Serialize;

use crate::network::Network;
use crate::receive::Receiving;
use crate::signs::{self, Said};
use crate::types::{Raft, TypeConfig};
use crate::words::{addressee, decode, encode};

/// Entries, or how far they are committed.
pub(crate) const APPEND: u16 = 1;
/// A candidate wants a vote.
pub(crate) const VOTE: u16 = 2;
/// A snapshot is about to come.
pub(crate) const SNAPSHOT_OFFER: u16 = 3;
/// A piece of its manifest, or of one of its files.
pub(crate) const SNAPSHOT_PIECE: u16 = 4;
/// All of its files have come.
pub(crate) const SNAPSHOT_END: u16 = 5;
/// Stand for election: the leader is about to leave.
pub(crate) const STAND: u16 = 6;
/// Signs of life of the leaders of several groups.
pub(crate) const SIGNS: u16 = 7;
/// The services from here on are not replication's.
pub const FIRST_OTHER: u16 = 100;

/// A group of this node, as its peers see it.
pub(crate) struct Served {
    pub(crate) replica: u64,
    pub(crate) raft: Raft,
    pub(crate) receiving: Arc<Receiving>,
    pub(crate) network: Network,
}

impl Served {
    /// Takes a leader's sign of life if its consensus knows all that it says.
    pub(crate) fn takes_by_itself(&self, said: &Said) -> bool {
        let Network { calm, patience, timing, .. } = &self.network;
        let is_taken = calm.take(&self.raft.metrics().borrow(), said, timing.lease());
        if is_taken {
            patience.heard();
        }
        is_taken
    }

    /// Takes what its leader says.
    ///
    /// # Errors
    /// The replica has failed.
    pub(crate) async fn append(&self, said: AppendEntriesRequest<TypeConfig>) -> Result<AppendEntriesResponse<u64>, String> {
        let asked = self.network.calm.asks();
        let appended = self.raft.append_entries(said).await;
        // One whose time is over gives no sign of life.
        if appended.as_ref().is_ok_and(|response| !matches!(response, AppendEntriesResponse::HigherVote(_))) {
            self.network.patience.heard();
            self.network.calm.told(asked);
        }
        appended.map_err(|error| error.to_string())
    }
}

/// The groups that a node has a replica of. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub struct Groups(Arc<Inner>);

#[derive(Default)]
struct Inner {
    served: Mutex<HashMap<u64, Arc<Served>>>,
    /// Whether their leaders' signs of life are given.
    speaks: AtomicBool,
}

/// The same, for as long as somebody else has them.
pub(crate) struct WeakGroups(Weak<Inner>);

impl WeakGroups {
    /// All that there are; `None`: nobody has them any more.
    pub(crate) fn all(&self) -> Option<Vec<Arc<Served>>> {
        let groups = Groups(self.0.upgrade()?);
        let all = groups.lock().values().cloned().collect();
        Some(all)
    }
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} groups", self.lock().len())
    }
}

impl Groups {
    pub(crate) fn insert(&self, served: Served) {
        let Network { group, transport, timing, .. } = &served.network;
        if !self.0.speaks.swap(true, Ordering::AcqRel) {
            tokio::spawn(signs::give(WeakGroups(Arc::downgrade(&self.0)), Arc::clone(transport), *timing));
        }
        self.lock().insert(*group, Arc::new(served));
    }

    pub(crate) fn remove(&self, group: u64) {
        self.lock().remove(&group);
    }

    /// A replica, if it is this one that is here.
    pub(crate) fn served(&self, group: u64, replica: u64) -> Result<Arc<Served>, String> {
        let served = self.lock().get(&group).cloned().ok_or_else(|| format!("there is no replica of group {group} here"))?;
        if served.replica != replica {
            return Err(format!("replica {replica} of group {group} is not here; replica {} is", served.replica));
        }
        Ok(served)
    }

    /// Answers a request of another replica. One that is for a replica which was here before is refused: this one knows nothing of what that
    /// one has voted and stored, and must not answer for it.
    ///
    /// # Errors
    /// A sentence for the other replica.
    pub async fn handle(&self, service: u16, group: u64, payload: &Bytes) -> Result<Bytes, String> {
        if service == SIGNS {
            return signs::take(self, payload).await;
        }
        let (addressee, payload) = addressee(payload)?;
        let served = self.served(group, addressee)?;
        let Served { raft, receiving, network, .. } = &*served;
        match service {
            APPEND => answer(served.append(decode(payload)?).await),
            VOTE => {
                let wanted: VoteRequest<u64> = decode(payload)?;
                let refusal = network.calm.refusal(&raft.metrics().borrow(), network.timing.lease());
                let voted = match refusal {
                    Some(refusal) => Ok(refusal),
                    None => raft.vote(wanted).await,
                };
                if voted.as_ref().is_ok_and(|response| response.vote_granted) {
                    network.patience.heard();
                }
                answer(voted)
            }
            SNAPSHOT_OFFER => answer(receiving.offer(decode(payload)?).await),
            SNAPSHOT_PIECE => answer(receiving.piece(decode(payload)?).await),
            SNAPSHOT_END => answer(Arc::clone(receiving).end(raft, decode(payload)?).await),
            STAND => answer(raft.trigger().elect().await),
            other => Err(format!("there is no service {other}")),
        }
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Served>>> {
        self.0.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer<T: Serialize, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<Bytes, String> {
    let reply = outcome.map_err(|error| error.to_string())?;
    encode(&reply).map(Bytes::from)
}
