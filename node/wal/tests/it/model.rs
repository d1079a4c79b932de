//! What a log must be: every group by plain means.

use std::collections::BTreeMap;

use sutra_protocol::command::LogIndex;
use sutra_wal::{GroupId, GroupState, Log, LogPoint, Record};

use crate::fixture::Handed;

/// All groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model(pub(crate) BTreeMap<u64, ModelGroup>);

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModelGroup {
    pub(crate) purged: Option<(u64, u64)>,
    /// Index, term, payload.
    pub(crate) entries: Vec<(u64, u64, Vec<u8>)>,
    pub(crate) vote: Option<Vec<u8>>,
    pub(crate) committed: Option<u64>,
    /// Index of the next entry, once there was one.
    pub(crate) next: Option<u64>,
}

/// A record that owns what it is of.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Entry { group: u64, index: u64, term: u64, payload: Vec<u8> },
    Truncate { group: u64, from: u64 },
    Purge { group: u64, upto: u64, term: u64 },
    Vote { group: u64, vote: Vec<u8> },
    Committed { group: u64, index: u64 },
    Forget { group: u64 },
}

impl Deed {
    pub(crate) fn record(&self) -> Record<'_> {
        match self {
            Self::Entry { group, index, term, payload } => {
                Record::Entry { group: GroupId(*group), index: LogIndex(*index), term: *term, payload }
            }
            Self::Truncate { group, from } => Record::Truncate { group: GroupId(*group), from: LogIndex(*from) },
            Self::Purge { group, upto, term } => Record::Purge { group: GroupId(*group), upto: LogIndex(*upto), term: *term },
            Self::Vote { group, vote } => Record::Vote { group: GroupId(*group), vote },
            Self::Committed { group, index } => Record::Committed { group: GroupId(*group), index: LogIndex(*index) },
            Self::Forget { group } => Record::Forget { group: GroupId(*group) },
        }
    }
}

impl Model {
    pub(crate) fn apply(&mut self, deed: &Deed) {
        let group = deed.record().group().0;
        match deed {
            Deed::Forget { .. } => drop(self.0.remove(&group)),
            Deed::Truncate { from, .. } => {
                if let Some(state) = self.0.get_mut(&group) {
                    state.entries.retain(|(index, _, _)| index < from);
                    state.next = state.next.map(|next| next.min(*from));
                }
            }
            Deed::Entry { index, term, payload, .. } => {
                let state = self.0.entry(group).or_default();
                state.entries.push((*index, *term, payload.clone()));
                state.next = Some(index + 1);
            }
            Deed::Purge { upto, term, .. } => {
                let state = self.0.entry(group).or_default();
                state.entries.retain(|(index, _, _)| index > upto);
                state.purged = Some((*upto, *term));
                state.next = Some(state.next.unwrap_or(0).max(upto + 1));
            }
            Deed::Vote { vote, .. } => self.0.entry(group).or_default().vote = Some(vote.clone()),
            Deed::Committed { index, .. } => self.0.entry(group).or_default().committed = Some(*index),
        }
    }

    /// What the log says of its groups if this is what it holds.
    fn states(&self) -> Vec<GroupState> {
        let point = |index: u64, term: u64| LogPoint { index: LogIndex(index), term };
        let state = |(group, state): (&u64, &ModelGroup)| {
            let purged = state.purged.map(|(index, term)| point(index, term));
            GroupState {
                group: GroupId(*group),
                purged,
                first: state.entries.first().map(|(index, term, _)| point(*index, *term)),
                last: state.entries.last().map(|(index, term, _)| point(*index, *term)).or(purged),
                vote: state.vote.clone(),
                committed: state.committed.map(LogIndex),
            }
        };
        self.0.iter().map(state).collect()
    }

    /// Whether the log says that it holds this, and hands it out when it is read.
    pub(crate) fn is(&self, log: &Log) -> bool {
        self.states() == log.groups()
            && self.0.iter().all(|(group, state)| {
                let read = log.read(GroupId(*group), LogIndex(0)..LogIndex(u64::MAX), usize::MAX).unwrap();
                let read: Vec<_> = read.into_iter().map(|entry| (entry.index.0, entry.term, entry.payload)).collect();
                read == state.entries
            })
    }

    /// Whether this is what an opening has handed over.
    pub(crate) fn was_handed(&self, handed: &Handed) -> bool {
        let entries = |state: &ModelGroup| state.entries.iter().map(|(index, _, payload)| (*index, payload.clone())).collect();
        let here: Handed = self.0.iter().map(|(group, state)| (GroupId(*group), entries(state))).collect();
        here.into_iter().filter(|(_, entries)| !entries.is_empty()).collect::<Handed>() == *handed
    }
}
