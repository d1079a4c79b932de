//! What nodes ask of each other beside replication.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sutra_protocol::command::{Applied, LogIndex, Rejection, RequestKey};
use sutra_protocol::effects::{Audience, Taken};
use sutra_protocol::http::NamespaceView;
use sutra_protocol::{AsOf, Namespace};
use sutra_replication::{FIRST_OTHER, Member, ReplicaId};
use sutra_storage::{Digest, ManifestHead, SubmitError, ViewError};

use crate::map::{Epoch, GridMap, ShardId};
use crate::questions::Kind;

/// A command for the shard of the request's group, which the asked node leads: [`sutra_protocol::command::Command`] → [`Submitted`].
pub(crate) const SUBMIT: u16 = FIRST_OTHER;
/// How far a read of that shard has to wait: nothing → [`Index`].
pub(crate) const READ_INDEX: u16 = FIRST_OTHER + 1;
/// That what an entry of that shard erased has left the node's files: [`LogIndex`] → nothing.
pub(crate) const SCRUB: u16 = FIRST_OTHER + 2;
/// How the node is: nothing → [`NodeStatus`].
pub(crate) const STATUS: u16 = FIRST_OTHER + 3;
/// A change of the map, for meta's leader: [`crate::change::ProposedChange`] → [`Proposed`].
pub(crate) const PROPOSE: u16 = FIRST_OTHER + 4;

/// The map as the asked node knows it: nothing → [`GridMap`].
pub(crate) const MAP: u16 = FIRST_OTHER + 6;
/// A question to a view of that shard that is pinned there, or is to be: [`Asked`] → [`Told`].
pub(crate) const ASK: u16 = FIRST_OTHER + 15;
/// Which pins of that shard are needed, and which no more: [`Pinning`] → nothing.
pub(crate) const PINS: u16 = FIRST_OTHER + 8;
/// Who leads that shard: nothing → [`Led`].
pub(crate) const LEADER: u16 = FIRST_OTHER + 9;
/// What an equal request to that shard came to: [`Repeated`] → [`Remembered`].
pub(crate) const REMEMBERED: u16 = FIRST_OTHER + 10;
/// For whom effects of that shard are: their number and [`Fresh`] → [`Audiences`].
pub(crate) const AUDIENCES: u16 = FIRST_OTHER + 11;
/// What that shard made of another's effects: [`Follow`] → [`Followed`].
pub(crate) const FOLLOW: u16 = FIRST_OTHER + 12;
/// The namespaces of that shard: [`Fresh`] → [`NamespacesThere`].
pub(crate) const NAMESPACES: u16 = FIRST_OTHER + 13;

/// Whether a replica belongs to the request's group, for the group's leader: [`Belongs`] → [`Belonging`].
pub(crate) const BELONGS: u16 = FIRST_OTHER + 14;

/// To take a digest of that shard's replica at a mark that is not proposed yet: [`Marking`] → nothing.
pub(crate) const MARK: u16 = FIRST_OTHER + 16;
/// What came of it: the mark → [`Digested`].
pub(crate) const DIGEST: u16 = FIRST_OTHER + 17;
/// That the replica there is not what most of its group are: [`Heal`] → nothing.
pub(crate) const HEAL: u16 = FIRST_OTHER + 18;
/// A checkpoint of that shard, for a replica in quarantine: [`Wished`] → [`Given`].
pub(crate) const GIVE: u16 = FIRST_OTHER + 19;
/// A piece of its manifest, or of one of its files: [`PieceOf`] → its bytes.
pub(crate) const GIFT_PIECE: u16 = FIRST_OTHER + 20;

/// To belong to a grid from now on: [`Invitation`] → nothing.
pub(crate) const JOIN: u16 = 202;

/// What became of a forwarded command.
pub(crate) type Submitted = Result<Applied, SubmitRefusal>;

/// A [`SubmitError`] as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SubmitRefusal {
    Overloaded {
        commands: u64,
        bytes: u64,
        retry_after_ms: u64,
    },
    TooLarge {
        bytes: u64,
        bound: u64,
    },
    NotLeader,
    /// The asked node keeps no replica of the shard: its map is another than the asker's.
    NoReplica,
    Unknown,
    Closed,
    Refused {
        reason: String,
    },
}

impl From<SubmitError> for SubmitRefusal {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Overloaded { commands, bytes, retry_after } => Self::Overloaded {
                commands: commands as u64,
                bytes: bytes as u64,
                retry_after_ms: u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX),
            },
            SubmitError::TooLarge { bytes, bound } => Self::TooLarge { bytes: bytes as u64, bound: bound as u64 },
            SubmitError::NotLeader => Self::NotLeader,
            SubmitError::Unknown => Self::Unknown,
            SubmitError::Closed => Self::Closed,
            SubmitError::Refused { reason } => Self::Refused { reason },
        }
    }
}

impl From<SubmitRefusal> for SubmitError {
    fn from(refusal: SubmitRefusal) -> Self {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        match refusal {
            SubmitRefusal::Overloaded { commands, bytes, retry_after_ms } => Self::Overloaded {
                commands: size(commands),
                bytes: size(bytes),
                retry_after: Duration::from_millis(retry_after_ms),
            },
            SubmitRefusal::TooLarge { bytes, bound } => Self::TooLarge { bytes: size(bytes), bound: size(bound) },
            SubmitRefusal::NotLeader | SubmitRefusal::NoReplica => Self::NotLeader,
            SubmitRefusal::Unknown => Self::Unknown,
            SubmitRefusal::Closed => Self::Closed,
            SubmitRefusal::Refused { reason } => Self::Refused { reason },
        }
    }
}

/// How new what a node answers with has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fresh {
    /// This entry of the shard's log is applied.
    pub(crate) applied: Option<LogIndex>,
    /// So is all that was acknowledged before it is asked.
    pub(crate) strong: bool,
    /// How long that may take.
    pub(crate) wait_ms: u64,
}

/// Which view a pin holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Opening {
    pub(crate) namespace: Namespace,
    pub(crate) as_of: AsOf,
    pub(crate) fresh: Fresh,
}

/// A question to a pinned view.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The number of the pin, which the asker has drawn at random.
    pub(crate) pin: u128,
    /// To pin it, if that is not done yet.
    pub(crate) open: Option<Opening>,
    pub(crate) kind: Kind,
    /// The question as its kind says; of [`Kind::Rest`] nothing.
    #[serde(with = "serde_bytes")]
    pub(crate) question: Vec<u8>,
    /// How much of the answer the asker has already.
    pub(crate) from: u64,
}

/// The answer to [`ASK`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Told {
    Answer {
        /// What the view has seen of the shard's log.
        applied: LogIndex,
        /// The answer, or a piece of it.
        #[serde(with = "serde_bytes")]
        answer: Vec<u8>,
        /// How many bytes are behind this piece.
        left: u64,
    },
    /// The node does not hold that pin any more.
    NoPin,
    /// The node keeps no replica of the shard, or does not come to what is asked for in time.
    NotHere,
    /// The view can't be had.
    NoView(ViewError),
    /// A file is damaged that the answer would be from.
    Damaged(String),
}

/// Pins by their numbers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pinning {
    pub(crate) keep: Vec<u128>,
    pub(crate) release: Vec<u128>,
}

/// The answer to [`LEADER`]; `None`: the asked node knows of nobody.
pub(crate) type Led = Option<Leads>;

/// Who leads a shard, as far as a node knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leads {
    pub(crate) term: u64,
    pub(crate) leader: ReplicaId,
    pub(crate) member: Member,
}

/// A request that may have been done before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Repeated {
    pub(crate) namespace: Namespace,
    pub(crate) request: RequestKey,
    pub(crate) fresh: Fresh,
}

/// What a node says of a shard. (An option of an option is one option on the wire.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Said<T> {
    Known(T),
    /// It keeps no replica, or its replica is not as new as was demanded.
    Unknown,
}

impl<T> Said<T> {
    pub(crate) fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    pub(crate) fn known(self) -> Option<T> {
        match self {
            Self::Known(what) => Some(what),
            Self::Unknown => None,
        }
    }
}

/// The answer to [`REMEMBERED`].
pub(crate) type Remembered = Said<Option<Result<Applied, Rejection>>>;

/// The answer to [`AUDIENCES`]; `None`: all have taken them.
pub(crate) type Audiences = Said<Option<Vec<Audience>>>;

/// Effects that are followed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Follow {
    pub(crate) namespace: Namespace,
    /// The shard that they are of.
    pub(crate) origin: u64,
    pub(crate) number: u64,
    /// Whether they are for the asked shard, which has to take them first.
    pub(crate) is_taker: bool,
    pub(crate) fresh: Fresh,
}

/// The answer to [`FOLLOW`]. After the entry, what was taken is seen.
pub(crate) type Followed = Said<(LogIndex, Option<Taken>)>;

/// The answer to [`NAMESPACES`].
pub(crate) type NamespacesThere = Said<(LogIndex, Vec<NamespaceView>)>;

/// The answer to [`READ_INDEX`]; `None`: the asked node does not lead, or reaches no quorum.
pub(crate) type Index = Option<LogIndex>;

/// The answer to [`PROPOSE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Proposed {
    /// Meta has decided.
    Decided(crate::meta::Changed),
    /// The asked node does not lead meta.
    NotLeader,
    /// Who led meta leads it no more.
    Unknown,
}

/// How a node is, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub node: String,
    /// Its release.
    pub version: String,
    /// Its replicas, meta's first.
    pub replicas: Vec<ReplicaStatus>,
    /// Whether it is about to stop: nothing is given it to lead.
    #[serde(default)]
    pub leaving: bool,
}

/// How a replica is, as its node says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaStatus {
    /// The shard; 0 for meta.
    pub shard: ShardId,
    /// Its number.
    pub replica: u64,
    /// `leader`, `follower`, `candidate`, `learner`, `stopped` or `quarantined`.
    pub role: String,
    /// Raft's term.
    pub term: u64,
    /// Last entry of its log.
    pub last: LogIndex,
    /// Last entry that is applied.
    pub applied: LogIndex,
    /// Of a leader: the newest map that its group is in accord with, all who vote keeping up.
    #[serde(default)]
    pub settled: Option<Epoch>,
    /// Whether one of its files was found damaged.
    #[serde(default)]
    pub damaged: bool,
}

/// A replica that the map takes away from the node that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Belongs {
    pub(crate) replica: ReplicaId,
    /// Of the map that says so.
    pub(crate) epoch: Epoch,
}

/// The answer; `None`: the asked node does not lead, or knows an older map.
pub(crate) type Belonging = Option<bool>;

/// A digest that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marking {
    /// The number of the entry, which the asker has drawn at random.
    pub(crate) mark: u64,
    /// See [`sutra_storage::DIGEST_VERSION`].
    pub(crate) version: u32,
}

/// The answer to [`DIGEST`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Digested {
    /// It has not come to the mark, or is at work.
    NotYet,
    Digest(Digest),
    /// One of its files is damaged.
    Damaged(String),
    /// It has not applied the mark, or does not know of it any more.
    Unmarked,
    Failed(String),
}

/// A replica that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heal {
    pub(crate) replica: ReplicaId,
    pub(crate) reason: String,
}

/// Whose checkpoint is wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Wish {
    /// That of who leads the shard.
    OfLeader,
    /// That of any: nobody leads it, and may not before this replica is there.
    OfAny,
}

/// A checkpoint, wished for by a replica in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wished {
    pub(crate) by: ReplicaId,
    pub(crate) wish: Wish,
}

/// Why a leader gives none.
pub(crate) const UNDECIDED: &str =
    "the shard's replicas differ, and nobody can say who is right: none is healed by another's state";

/// The answer to [`GIVE`]; `None`: the asked node does not lead the shard, or its replica is not sound itself.
pub(crate) type Given = Option<Gift>;

/// A checkpoint whose manifest and files can be asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Gift {
    pub(crate) number: u64,
    pub(crate) manifest: ManifestHead,
    /// In the manifest's order.
    pub(crate) files: Vec<GiftFile>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GiftFile {
    pub(crate) bytes: u64,
    #[serde(with = "serde_bytes")]
    pub(crate) signature: Vec<u8>,
}

/// Where a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PieceOf {
    /// Of the checkpoint.
    pub(crate) number: u64,
    /// The place of its file; `None`: in its manifest.
    pub(crate) file: Option<u64>,
    pub(crate) offset: u64,
}

/// What a node is told that becomes one of a grid.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Invitation {
    /// The name under which the map knows it.
    pub(crate) node: String,
    pub(crate) map: GridMap,
    #[serde(with = "serde_bytes")]
    pub(crate) secret: Vec<u8>,
}
