//! Who is right, where replicas say different things of one state.

use std::collections::BTreeMap;

use sutra_replication::ReplicaId;
use sutra_storage::Digest;

/// What a replica said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Digest(Digest),
    /// One of its files is damaged.
    Damaged(String),
    /// Nothing, and why.
    Nothing(String),
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All who vote have one digest.
    Equal,
    /// Most have one, and somebody has another, or a damaged file.
    Diverged,
    /// Those who answered have one digest, and somebody did not answer.
    Incomplete,
    /// No digest is that of most.
    Undecided,
}

impl Outcome {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Equal, Self::Diverged, Self::Incomplete, Self::Undecided];

    /// Its name in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Diverged => "diverged",
            Self::Incomplete => "incomplete",
            Self::Undecided => "undecided",
        }
    }
}

/// What follows from what the voters of a shard said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    /// That of most of all who vote.
    pub(crate) digest: Option<Digest>,
    /// Those who are to be healed: they said something else than most, whoever leads.
    pub(crate) wrong: Vec<ReplicaId>,
}

/// Judges what those said who vote. Whom most of them contradict is wrong, and most of them have to be of one mind for that: otherwise
/// nobody is touched, since nobody knows who is.
pub(crate) fn judge(said: &BTreeMap<ReplicaId, Said>) -> Verdict {
    let mut supporters: BTreeMap<&Digest, usize> = BTreeMap::new();
    for one in said.values() {
        if let Said::Digest(digest) = one {
            *supporters.entry(digest).or_default() += 1;
        }
    }
    let digest = supporters.iter().find(|(_, count)| **count > said.len() / 2).map(|(digest, _)| (*digest).clone());
    let is_silent = |one: &Said| matches!(one, Said::Nothing(_));
    let Some(digest) = digest else {
        let contradicted = supporters.len() > 1 || said.values().any(|one| matches!(one, Said::Damaged(_)));
        let outcome = if contradicted { Outcome::Undecided } else { Outcome::Incomplete };
        return Verdict { outcome, digest: None, wrong: Vec::new() };
    };
    let is_wrong = |one: &Said| match one {
        Said::Digest(other) => *other != digest,
        Said::Damaged(_) => true,
        Said::Nothing(_) => false,
    };
    let wrong: Vec<ReplicaId> = said.iter().filter(|(_, one)| is_wrong(one)).map(|(id, _)| *id).collect();
    let outcome = match (wrong.is_empty(), said.values().any(is_silent)) {
        (false, _) => Outcome::Diverged,
        (true, true) => Outcome::Incomplete,
        (true, false) => Outcome::Equal,
    };
    Verdict { outcome, digest: Some(digest), wrong }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::command::LogIndex;

    use super::*;

    fn digest(number: u64) -> Digest {
        Digest { version: 1, applied: LogIndex(9), rows: 3, sum: [number, 0, 0, 0] }
    }

    fn said(all: &[Said]) -> BTreeMap<ReplicaId, Said> {
        all.iter().enumerate().map(|(at, one)| (ReplicaId(at as u64 + 1), one.clone())).collect()
    }

    fn judged(all: &[Said]) -> (Outcome, Vec<u64>) {
        let verdict = judge(&said(all));
        (verdict.outcome, verdict.wrong.iter().map(|id| id.0).collect())
    }

    #[test]
    fn whom_most_contradict_is_wrong_and_nobody_is_where_there_are_not_most() {
        let of = |number| Said::Digest(digest(number));
        let (damaged, nothing) = (Said::Damaged("a block".into()), Said::Nothing("it is away".into()));
        assert_eq!(judged(&[of(1), of(1), of(1)]), (Outcome::Equal, vec![]));
        assert_eq!(judged(&[of(1), of(2), of(1)]), (Outcome::Diverged, vec![2]));
        assert_eq!(judged(&[of(2), of(1), of(1)]), (Outcome::Diverged, vec![1]));
        assert_eq!(judged(&[of(1), damaged.clone(), of(1)]), (Outcome::Diverged, vec![2]));
        assert_eq!(judged(&[of(1), nothing.clone(), of(1)]), (Outcome::Incomplete, vec![]));
        assert_eq!(judged(&[of(1), nothing.clone(), of(2)]), (Outcome::Undecided, vec![]), "either may be wrong");
        assert_eq!(judged(&[of(1), nothing.clone(), damaged.clone()]), (Outcome::Undecided, vec![]), "one of three is not most");
        assert_eq!(judged(&[of(1), of(2), of(3)]), (Outcome::Undecided, vec![]));
        assert_eq!(judged(&[of(1), nothing.clone(), nothing.clone()]), (Outcome::Incomplete, vec![]));
        assert_eq!(judged(&[of(1), of(2), of(1), of(3), of(1)]), (Outcome::Diverged, vec![2, 4]));
        assert_eq!(judged(&[of(1), of(2), of(1), nothing, of(2)]), (Outcome::Undecided, vec![]));
        assert_eq!(judged(&[of(1)]), (Outcome::Equal, vec![]), "who is alone agrees");
        assert_eq!(judged(&[damaged]), (Outcome::Undecided, vec![]), "and is never called wrong");
    }
}
