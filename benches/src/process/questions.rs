//! What nodes ask each other's shards for, as they count it themselves.

use std::collections::BTreeMap;
use std::iter::Sum;

/// The counter that a node tells: requests that it has sent to other nodes in order to read the shards that they keep, each attempt one,
/// by what was asked. Every kind is told, also those that were never sent.
const COUNTER: &str = "sutra_view_requests_total";

/// How many requests of which kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Questions(BTreeMap<String, u64>);

impl Questions {
    /// From what `GET /metrics` answers.
    ///
    /// # Errors
    /// If the node does not count them.
    pub(super) fn read(metrics: &str) -> anyhow::Result<Self> {
        let told = metrics.lines().filter_map(|line| {
            let labels = line.strip_prefix(COUNTER)?.strip_prefix("{question=\"")?;
            let (kind, count) = labels.split_once("\"} ")?;
            Some((kind.to_owned(), count.trim().parse().ok()?))
        });
        let told: BTreeMap<String, u64> = told.collect();
        anyhow::ensure!(!told.is_empty(), "this sutra-node tells no {COUNTER}");
        Ok(Self(told))
    }

    /// Those since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let earlier = |kind: &str| before.0.get(kind).copied().unwrap_or_default();
        Self(self.0.iter().map(|(kind, count)| (kind.clone(), count.saturating_sub(earlier(kind)))).collect())
    }

    /// How many there were of these kinds.
    pub(crate) fn of(&self, kinds: &[&str]) -> u64 {
        kinds.iter().filter_map(|kind| self.0.get(*kind)).sum()
    }

    /// How many there were.
    pub(crate) fn all(&self) -> u64 {
        self.0.values().sum()
    }
}

#[cfg(test)]
impl Questions {
    /// As if nodes had told them.
    pub(crate) fn told<const N: usize>(kinds: [(&str, u64); N]) -> Self {
        Self(kinds.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect())
    }
}

impl Sum for Questions {
    fn sum<I: Iterator<Item = Self>>(nodes: I) -> Self {
        let mut all = Self::default();
        for (kind, count) in nodes.flat_map(|node| node.0) {
            *all.0.entry(kind).or_default() += count;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "\
# HELP sutra_view_requests_total Requests to other nodes for what their shards hold.
# TYPE sutra_view_requests_total counter
sutra_view_requests_total{question=\"expand\"} 7
sutra_view_requests_total{question=\"concepts\"} 2
sutra_view_requests_total{question=\"rest\"} 0
sutra_peer_calls_total 90
";

    #[test]
    fn questions_of_all_nodes_are_added_up_and_those_before_taken_away() {
        let one = Questions::read(METRICS).unwrap();
        let two: Questions = [one.clone(), one.clone()].into_iter().sum();
        let later = two.since(&one);
        assert_eq!((two.all(), later.all()), (18, 9));
        assert_eq!(later.of(&["expand", "rest"]), 7);
    }

    #[test]
    fn a_node_that_does_not_count_them_is_told_from_one_that_sent_none() {
        let error = Questions::read("sutra_peer_calls_total 90\n").unwrap_err().to_string();
        assert!(error.contains(COUNTER), "{error}");
        assert_eq!(Questions::read("sutra_view_requests_total{question=\"expand\"} 0\n").unwrap().all(), 0);
    }
}
