//! One group's part of the log: what may follow in it, and where its entries lie.
//!
//! ```text
//!   purged │ first … base-1 │ base … next-1 │ next
//!          │ in files that   │ `slots`       │ the next entry's index
//!          │ were dropped    │
//! ```
//! Entries from `first` to `base - 1` are there only while a log is replayed: a file begins with the groups' state at that time,
//! and the purge that made the files before it unneeded comes later.

use std::collections::VecDeque;

use sutra_protocol::command::LogIndex;

use crate::record::{GroupId, Record};
use crate::start::GroupStart;

/// Index and term of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPoint {
    /// Its index.
    pub index: LogIndex,
    /// Its term.
    pub term: u64,
}

/// What a log knows of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupState {
    /// Which.
    pub group: GroupId,
    /// Last entry that was purged.
    pub purged: Option<LogPoint>,
    /// First entry that is there.
    pub first: Option<LogPoint>,
    /// Last entry that is there; where none is, the last that was purged.
    pub last: Option<LogPoint>,
    /// Its vote.
    pub vote: Option<Vec<u8>>,
    /// How far it was said to be committed.
    pub committed: Option<LogIndex>,
}

/// One group's entries, and what else the log keeps of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    outline: Outline,
    purged_term: u64,
    /// Of the entries from `base` on.
    slots: VecDeque<Slot>,
    /// Ascending by `first`; they cover all slots. The first may begin below `base`.
    runs: VecDeque<Run>,
    vote: Option<Vec<u8>>,
    committed: Option<LogIndex>,
}

/// What decides whether a record may follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    purged: Option<u64>,
    /// Index of the first entry that was not purged; `next` where there is none.
    first: u64,
    /// Index that the next entry has; `None`: any.
    next: Option<u64>,
}

/// Where an entry is, but for what it has in common with its neighbours. 8 bytes: a log holds millions.
#[derive(Clone, Copy, Debug)]
struct Slot {
    offset: u32,
    /// Of the frame's payload.
    len: u32,
}

/// Consecutive entries of one file and one term.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Index of the first.
    first: u64,
    file: u64,
    term: u64,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: u64,
    /// Of its frame.
    pub(crate) offset: u64,
    /// Of its frame's payload.
    pub(crate) len: u32,
}

impl Outline {
    /// What the group is after the record, or why the record can't follow.
    pub(crate) fn step(self, record: &Record<'_>) -> Result<Self, String> {
        let Self { purged, first, next } = self;
        match *record {
            Record::Entry { index: LogIndex(u64::MAX), .. } | Record::Purge { upto: LogIndex(u64::MAX), .. } => {
                Err(format!("index {} is not below {}", u64::MAX, u64::MAX))
            }
            Record::Entry { index, .. } => match next {
                Some(next) if next != index.0 => Err(format!("entry {} stands where entry {next} must be", index.0)),
                _ => Ok(Self { purged, first: if next.is_none() { index.0 } else { first }, next: Some(index.0 + 1) }),
            },
            Record::Truncate { from, .. } => match purged {
                Some(purged) if from.0 <= purged => {
                    Err(format!("entries from {} on can't be truncated: those up to {purged} are purged", from.0))
                }
                _ => Ok(Self { purged, first: first.min(from.0), next: next.map(|next| next.min(from.0)) }),
            },
            Record::Purge { upto, .. } => Ok(Self {
                purged: Some(purged.unwrap_or_default().max(upto.0)),
                first: first.max(upto.0 + 1),
                next: Some(next.unwrap_or_default().max(upto.0 + 1)),
            }),
            Record::Vote { .. } | Record::Committed { .. } => Ok(self),
            Record::Forget { .. } => Ok(Self::default()),
        }
    }
}

impl Group {
    /// The group as a file's start says, its entries being in files that are not there.
    pub(crate) fn of_start(start: &GroupStart) -> Self {
        Self {
            outline: Outline { purged: start.purged.map(|(index, _)| index), first: start.first, next: start.next },
            purged_term: start.purged.map_or(0, |(_, term)| term),
            vote: start.vote.clone(),
            committed: start.committed.map(LogIndex),
            ..Self::default()
        }
    }

    /// The group for a file's start.
    pub(crate) fn start(&self, group: GroupId) -> GroupStart {
        GroupStart {
            group: group.0,
            purged: self.outline.purged.map(|index| (index, self.purged_term)),
            first: self.outline.first,
            next: self.outline.next,
            vote: self.vote.clone(),
            committed: self.committed.map(|index| index.0),
        }
    }

    pub(crate) fn outline(&self) -> Outline {
        self.outline
    }

    /// Takes in a record that [`Outline::step`] has admitted; `file` and `offset` say where its frame is.
    pub(crate) fn apply(&mut self, record: &Record<'_>, outline: Outline, file: u64, offset: u64, len: u32) {
        let base = self.base();
        self.outline = outline;
        match *record {
            Record::Entry { index, term, .. } => {
                if self.slots.is_empty() || self.runs.back().is_none_or(|run| run.file != file || run.term != term) {
                    self.runs.push_back(Run { first: index.0, file, term });
                }
                // No file is longer: the scan and the writer see to that.
                self.slots.push_back(Slot { offset: offset as u32, len });
            }
            Record::Truncate { from, .. } => {
                self.slots.truncate(usize::try_from(from.0.saturating_sub(base)).unwrap_or(usize::MAX));
                while self.runs.back().is_some_and(|run| run.first >= from.0) {
                    self.runs.pop_back();
                }
            }
            Record::Purge { upto, term, .. } => {
                if self.outline.purged == Some(upto.0) {
                    self.purged_term = term;
                }
                let gone = (upto.0 + 1).saturating_sub(base);
                self.slots.drain(..usize::try_from(gone).unwrap_or(usize::MAX).min(self.slots.len()));
                while self.runs.get(1).is_some_and(|run| run.first <= upto.0 + 1) {
                    self.runs.pop_front();
                }
            }
            Record::Vote { vote, .. } => self.vote = Some(vote.into()),
            Record::Committed { index, .. } => self.committed = Some(index),
            Record::Forget { .. } => *self = Self::default(),
        }
        if self.slots.is_empty() {
            self.runs.clear();
        }
    }

    /// Index of the first slot; the next entry's where there is none.
    fn base(&self) -> u64 {
        self.outline.next.unwrap_or_default() - self.slots.len() as u64
    }

    /// Entries that are neither purged nor in a file that is there: first and last index.
    pub(crate) fn absent(&self) -> Option<(u64, u64)> {
        let base = self.base();
        (self.outline.first < base).then(|| (self.outline.first, base - 1))
    }

    /// Index of the first entry that is there and that of the next entry to come.
    pub(crate) fn span(&self) -> std::ops::Range<u64> {
        self.base()..self.outline.next.unwrap_or_default()
    }

    /// Where an entry is, and its term.
    pub(crate) fn place(&self, index: u64) -> Option<(Place, u64)> {
        let slot = self.slots.get(usize::try_from(index.checked_sub(self.base())?).ok()?)?;
        let run = self.runs.get(self.runs.partition_point(|run| run.first <= index).checked_sub(1)?)?;
        Some((Place { file: run.file, offset: u64::from(slot.offset), len: slot.len }, run.term))
    }

    /// The oldest file that holds an entry, and the last of the entries there.
    pub(crate) fn oldest(&self) -> Option<(u64, LogIndex)> {
        let file = self.runs.front()?.file;
        let behind = self.runs.iter().find(|run| run.file != file).map_or(self.outline.next?, |run| run.first);
        Some((file, LogIndex(behind - 1)))
    }

    /// The last of the entries that are in files before this one.
    pub(crate) fn last_before(&self, file: u64) -> Option<LogIndex> {
        self.runs.front().filter(|run| run.file < file)?;
        let behind = self.runs.iter().find(|run| run.file >= file).map_or(self.outline.next?, |run| run.first);
        Some(LogIndex(behind - 1))
    }

    pub(crate) fn state(&self, group: GroupId) -> GroupState {
        let point = |index: u64| self.place(index).map(|(_, term)| LogPoint { index: LogIndex(index), term });
        let purged = self.outline.purged.map(|index| LogPoint { index: LogIndex(index), term: self.purged_term });
        let span = self.span();
        GroupState {
            group,
            purged,
            first: point(span.start),
            last: span.end.checked_sub(1).and_then(point).or(purged),
            vote: self.vote.clone(),
            committed: self.committed,
        }
    }
}

#[cfg(test)]
mod tests;
