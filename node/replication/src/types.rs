//! What openraft is told of our types. Nothing of it leaves this crate.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use sutra_protocol::command::LogIndex;
use sutra_wal::LogPoint;

use crate::files::SnapshotFiles;

/// A replica's number within its grid: issued once, never used again. It is its node id in Raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplicaId(pub u64);

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a replica is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its node's name.
    pub node: String,
    /// Host and port of its node's peer port.
    pub address: String,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.node, self.address)
    }
}

/// Who belongs to a group.
pub type Members = BTreeMap<ReplicaId, Member>;

/// What is proposed: an entry's payload, in the words of the state machine.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Words {
    #[serde(with = "serde_bytes")]
    pub(crate) payload: Vec<u8>,
    /// Set once it stands in the log of the node that proposed it.
    #[serde(skip)]
    pub(crate) logged: Logged,
}

/// Whether a proposal reached a log: if it did not, it is surely in none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logged(Option<Arc<AtomicBool>>);

impl Logged {
    /// Of a proposal that somebody here waits for.
    pub(crate) fn watched() -> Self {
        Self(Some(Arc::default()))
    }

    pub(crate) fn set(&self) {
        if let Some(logged) = &self.0 {
            logged.store(true, Ordering::Release);
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.as_ref().is_some_and(|logged| logged.load(Ordering::Acquire))
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.payload.len())
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.payload.len())
    }
}

/// What applying an entry came to, in the words of the state machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer(#[serde(with = "serde_bytes")] pub(crate) Vec<u8>);

openraft::declare_raft_types!(
    pub(crate) TypeConfig:
        D = Words,
        R = Answer,
        NodeId = u64,
        Node = Member,
        Entry = openraft::Entry<TypeConfig>,
        SnapshotData = SnapshotFiles,
        AsyncRuntime = openraft::TokioRuntime,
);

pub(crate) type Raft = openraft::Raft<TypeConfig>;
pub(crate) type Entry = openraft::Entry<TypeConfig>;
pub(crate) type LogId = openraft::LogId<u64>;
pub(crate) type Vote = openraft::Vote<u64>;
pub(crate) type Membership = openraft::Membership<u64, Member>;
pub(crate) type StoredMembership = openraft::StoredMembership<u64, Member>;
pub(crate) type StorageError = openraft::StorageError<u64>;

/// A place in the log, as openraft says it.
pub(crate) fn log_id(point: LogPoint) -> LogId {
    LogId::new(openraft::CommittedLeaderId::new(point.term, 0), point.index.0)
}

/// The same, as the log says it.
pub(crate) fn point(id: &LogId) -> LogPoint {
    LogPoint { index: LogIndex(id.index), term: id.leader_id.term }
}
