//! What replicas ask of each other, and who answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest};
use serde::Serialize;

use crate::patience::Patience;
use crate::receive::Receiving;
use crate::types::{Raft, TypeConfig};
use crate::words::{addressee, decode, encode};

/// Entries, or a sign of life of the leader.
pub(crate) const APPEND: u16 = 1;
/// A candidate wants a vote.
pub(crate) const VOTE: u16 = 2;
/// A snapshot is about to come.
pub(crate) const SNAPSHOT_OFFER: u16 = 3;
/// A piece of one of its files.
pub(crate) const SNAPSHOT_PIECE: u16 = 4;
/// All of its files have come.
pub(crate) const SNAPSHOT_END: u16 = 5;
/// Stand for election: the leader is about to leave.
pub(crate) const STAND: u16 = 6;
/// The services from here on are not replication's.
pub const FIRST_OTHER: u16 = 100;

/// A group of this node, as its peers see it.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) replica: u64,
    pub(crate) raft: Raft,
    pub(crate) receiving: Arc<Receiving>,
    pub(crate) patience: Patience,
}

/// The groups that a node has a replica of. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub struct Groups(Arc<Mutex<HashMap<u64, Served>>>);

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} groups", self.lock().len())
    }
}

impl Groups {
    pub(crate) fn insert(&self, group: u64, served: Served) {
        self.lock().insert(group, served);
    }

    pub(crate) fn remove(&self, group: u64) {
        self.lock().remove(&group);
    }

    /// Answers a request of another replica. One that is for a replica which was here before is refused: this one knows nothing of what that
    /// one has voted and stored, and must not answer for it.
    ///
    /// # Errors
    /// A sentence for the other replica.
    pub async fn handle(&self, service: u16, group: u64, payload: &Bytes) -> Result<Bytes, String> {
        let served = self.lock().get(&group).cloned();
        let Some(Served { replica, raft, receiving, patience }) = served else {
            return Err(format!("there is no replica of group {group} here"));
        };
        let (addressee, payload) = addressee(payload)?;
        if addressee != replica {
            return Err(format!("replica {addressee} of group {group} is not here; replica {replica} is"));
        }
        match service {
            APPEND => {
                let appended = raft.append_entries(decode::<AppendEntriesRequest<TypeConfig>>(payload)?).await;
                // One whose time is over gives no sign of life.
                if appended.as_ref().is_ok_and(|response| !matches!(response, AppendEntriesResponse::HigherVote(_))) {
                    patience.heard();
                }
                answer(appended)
            }
            VOTE => {
                let voted = raft.vote(decode::<VoteRequest<u64>>(payload)?).await;
                if voted.as_ref().is_ok_and(|response| response.vote_granted) {
                    patience.heard();
                }
                answer(voted)
            }
            SNAPSHOT_OFFER => answer(receiving.offer(decode(payload)?).await),
            SNAPSHOT_PIECE => answer(receiving.piece(decode(payload)?).await),
            SNAPSHOT_END => answer(receiving.end(&raft, decode(payload)?).await),
            STAND => answer(raft.trigger().elect().await),
            other => Err(format!("there is no service {other}")),
        }
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Served>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer<T: Serialize, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<Bytes, String> {
    let reply = outcome.map_err(|error| error.to_string())?;
    encode(&reply).map(Bytes::from)
}
