//! What is appended to a log, and how it lies in a frame.

use std::fmt;

use serde::{Deserialize, Serialize};
use sutra_protocol::command::LogIndex;

use crate::frame::{ENTRY_HEAD_BYTES, FrameKind, PAYLOAD_BYTES, frame_len};

/// Longest vote in bytes: each new file repeats every group's.
pub const VOTE_BYTES: usize = 4096;

/// The log of one replica within the files that all of a node's replicas share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(pub u64);

impl GroupId {
    /// Meta's.
    pub const META: Self = Self(0);
    /// The one data shard of a grid that has not been split.
    pub const FIRST_SHARD: Self = Self(1);
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One thing to append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// The group's next entry. A new group may begin at any index; every later entry has the next.
    Entry {
        /// Whose.
        group: GroupId,
        /// One more than that of the entry, or the purge, before it.
        index: LogIndex,
        /// Raft's term; the log keeps it, and does not judge it.
        term: u64,
        /// At most [`PAYLOAD_BYTES`]; may be empty.
        payload: &'a [u8],
    },
    /// The group's entries at `from` and beyond are gone; the next one has the index `from`. Nothing happens where there are none.
    Truncate {
        /// Whose.
        group: GroupId,
        /// First index that is gone; above what is purged.
        from: LogIndex,
    },
    /// The group's entries up to `upto` are not needed any more. Beyond the last entry it moves the log's beginning, as a
    /// snapshot from another replica does.
    Purge {
        /// Whose.
        group: GroupId,
        /// Last index that is not needed.
        upto: LogIndex,
        /// Of the entry `upto`.
        term: u64,
    },
    /// The group's vote, in the words of whoever votes.
    Vote {
        /// Whose.
        group: GroupId,
        /// 1 to [`VOTE_BYTES`] bytes.
        vote: &'a [u8],
    },
    /// How far the group is known to be committed; the log keeps it, and does not judge it.
    Committed {
        /// Whose.
        group: GroupId,
        /// Last committed index.
        index: LogIndex,
    },
    /// The group has left this node: nothing of it is needed any more.
    Forget {
        /// Whose.
        group: GroupId,
    },
}

impl<'a> Record<'a> {
    /// Whose it is.
    pub fn group(&self) -> GroupId {
        match *self {
            Self::Entry { group, .. }
            | Self::Truncate { group, .. }
            | Self::Purge { group, .. }
            | Self::Vote { group, .. }
            | Self::Committed { group, .. }
            | Self::Forget { group } => group,
        }
    }

    /// Length of its whole frame.
    pub(crate) fn frame_len(&self) -> u64 {
        let mut head = [0; ENTRY_HEAD_BYTES];
        let (_, head, body) = self.parts(&mut head);
        frame_len(head.len() + body.len())
    }

    /// How it lies in a frame: kind, and the payload in two parts, the first of them written to `head`.
    pub(crate) fn parts<'h>(&self, head: &'h mut [u8; ENTRY_HEAD_BYTES]) -> (FrameKind, &'h [u8], &'a [u8]) {
        let numbers = |head: &mut [u8; ENTRY_HEAD_BYTES], first: u64, second: u64| {
            head[..8].copy_from_slice(&first.to_le_bytes());
            head[8..].copy_from_slice(&second.to_le_bytes());
        };
        match *self {
            Self::Entry { index, term, payload, .. } => {
                numbers(head, index.0, term);
                (FrameKind::Entry, head, payload)
            }
            Self::Truncate { from, .. } => {
                numbers(head, from.0, 0);
                (FrameKind::Truncate, &head[..8], &[])
            }
            Self::Purge { upto, term, .. } => {
                numbers(head, upto.0, term);
                (FrameKind::Purge, head, &[])
            }
            Self::Vote { vote, .. } => (FrameKind::Vote, &[], vote),
            Self::Committed { index, .. } => {
                numbers(head, index.0, 0);
                (FrameKind::Committed, &head[..8], &[])
            }
            Self::Forget { .. } => (FrameKind::Forget, &[], &[0]),
        }
    }

    /// Reads what [`Record::parts`] made. Of an entry the payload may be left out: its first 16 bytes are enough. `None`: the
    /// payload is not one of this kind, or the kind is none of a record.
    pub(crate) fn decode(kind: FrameKind, group: GroupId, payload: &'a [u8]) -> Option<Self> {
        let number = |at: usize| payload.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let exact = |len: usize| (payload.len() == len).then_some(());
        match kind {
            FrameKind::FileStart | FrameKind::Mark => None,
            FrameKind::Entry => {
                let (index, term) = (LogIndex(number(0)?), number(8)?);
                Some(Self::Entry { group, index, term, payload: payload.get(ENTRY_HEAD_BYTES..)? })
            }
            FrameKind::Truncate => exact(8).and_then(|()| Some(Self::Truncate { group, from: LogIndex(number(0)?) })),
            FrameKind::Purge => {
                exact(16).and_then(|()| Some(Self::Purge { group, upto: LogIndex(number(0)?), term: number(8)? }))
            }
            FrameKind::Vote => Some(Self::Vote { group, vote: payload }),
            FrameKind::Committed => exact(8).and_then(|()| Some(Self::Committed { group, index: LogIndex(number(0)?) })),
            FrameKind::Forget => exact(1).map(|()| Self::Forget { group }),
        }
    }

    /// Why it is too large or too small to be written.
    pub(crate) fn check_size(&self) -> Result<(), String> {
        match self {
            Self::Entry { payload, .. } if payload.len() > PAYLOAD_BYTES => {
                Err(format!("the entry has {} bytes, and at most {PAYLOAD_BYTES} are taken", payload.len()))
            }
            Self::Vote { vote, .. } if vote.is_empty() || vote.len() > VOTE_BYTES => {
                Err(format!("the vote has {} bytes, and 1 to {VOTE_BYTES} are taken", vote.len()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_reads_back_from_its_frame() {
        let group = GroupId::FIRST_SHARD;
        let records = [
            Record::Entry { group, index: LogIndex(7), term: 2, payload: b"aspirin treats fever" },
            Record::Entry { group, index: LogIndex(8), term: 2, payload: b"" },
            Record::Truncate { group, from: LogIndex(8) },
            Record::Purge { group, upto: LogIndex(5), term: 1 },
            Record::Vote { group, vote: b"term 3, node 2" },
            Record::Committed { group, index: LogIndex(7) },
            Record::Forget { group },
        ];
        for record in records {
            let mut head = [0; ENTRY_HEAD_BYTES];
            let (kind, head, body) = record.parts(&mut head);
            let payload = [head, body].concat();
            assert_eq!(Record::decode(kind, group, &payload), Some(record));
            assert_eq!(record.frame_len(), frame_len(payload.len()));
        }
    }

    #[test]
    fn a_payload_of_the_wrong_length_is_no_record() {
        for kind in [FrameKind::Entry, FrameKind::Truncate, FrameKind::Purge, FrameKind::Committed, FrameKind::Forget] {
            assert_eq!(Record::decode(kind, GroupId::META, &[0; 3]), None, "{kind:?}");
        }
    }
}
