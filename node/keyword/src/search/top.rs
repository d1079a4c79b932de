//! The best k documents: MaxScore (Turtle and Flood, "Query evaluation: strategies and optimizations", 1995) with bounds per
//! block (Ding and Suel, "Faster top-k document retrieval using block-max indexes", 2011).
//!
//! A clause is *idle* while all idle ones together can't bring a document among the best: then only the documents of the others
//! are looked at, and the idle ones are asked about those. Where even the bounds of all blocks here together don't suffice, the
//! blocks are skipped.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use super::cursor::Cursor;
use super::matcher::Matcher;
use super::phrase::Phrase;
use super::union::Union;
use super::{Hit, Source};
use crate::bm25::Scale;
use crate::error::Damaged;
use crate::query::{Clause, Query};
use crate::statistics::{Statistics, Variant};

/// Bounds and scores are added up in different orders; a bound is raised by more than that can change.
const SLACK: f64 = 1.0 + 1e-9;

/// The best `k` documents that `accept` says yes to, best first, equal ones by their `rank`, which no two share: so the best of several
/// indexes are the best of one that had all documents. It is asked only about documents that would be among the best so far.
pub(crate) fn search<S: Source>(
    source: &S,
    query: &Query,
    statistics: &Statistics,
    k: usize,
    rank: &dyn Fn(u32) -> u128,
    accept: &mut dyn FnMut(u32) -> bool,
) -> Result<Vec<Hit>, Damaged> {
    if k == 0 {
        return Ok(Vec::new());
    }
    let scale = Scale::of(statistics);
    let mut lists = Vec::with_capacity(query.clauses.len());
    for clause in 0..query.clauses.len() {
        lists.push(lists_of(source, statistics, clause)?);
    }
    let mut clauses = Vec::new();
    for (order, (clause, lists)) in query.clauses.iter().zip(&lists).enumerate() {
        if let Some(matcher) = matcher(source, clause, lists, scale)? {
            clauses.push(Active { order, bound: matcher.bound() * SLACK, up_to: 0.0, matcher });
        }
    }
    clauses.sort_by(|a, b| a.bound.total_cmp(&b.bound).then(a.order.cmp(&b.order)));
    let mut up_to = 0.0;
    for clause in &mut clauses {
        up_to += clause.bound;
        clause.up_to = up_to;
    }
    let best = Best { k, heap: BinaryHeap::new() };
    Top { source, clauses, idle: 0, scores: vec![0.0; query.clauses.len()], best }.run(rank, accept)
}

/// The words that a clause stands for, by word, with how many living documents have them and what divides their score.
type Lists<L> = BTreeMap<Box<str>, (L, i64, f64)>;

fn lists_of<S: Source>(source: &S, statistics: &Statistics, clause: usize) -> Result<Lists<S::List>, Damaged> {
    let mut lists = BTreeMap::new();
    for (Variant { rank, word }, living) in statistics.variants(clause) {
        if let Some(list) = source.list(word)? {
            lists.insert(word.clone(), (list, living, f64::from(*rank)));
        }
    }
    Ok(lists)
}

/// What finds the documents of a clause; none if there is no such word here.
fn matcher<'a, S: Source>(
    source: &'a S,
    clause: &Clause,
    lists: &'a Lists<S::List>,
    scale: Scale,
) -> Result<Option<Matcher<'a, S>>, Damaged> {
    let cursor = |word: &str| {
        let list = lists.get(word);
        list.map(|(list, living, _)| Cursor::new(source, list, scale, scale.rarity(*living))).transpose()
    };
    match clause {
        Clause::Word(word) => Ok(cursor(word)?.map(Matcher::Word)),
        Clause::Phrase(words) => {
            let mut distinct: Vec<&str> = Vec::new();
            let mut pattern = Vec::with_capacity(words.len());
            for word in words {
                let at = distinct.iter().position(|known| *known == &**word).unwrap_or(distinct.len());
                if at == distinct.len() {
                    distinct.push(word);
                }
                pattern.push(at);
            }
            let cursors: Option<Vec<_>> = distinct.into_iter().map(cursor).collect::<Result<_, _>>()?;
            Ok(cursors.map(|cursors| Phrase::new(cursors, pattern)).transpose()?.map(Matcher::Phrase))
        }
        Clause::Prefix(_) | Clause::Fuzzy { .. } => {
            let fuzzy = matches!(clause, Clause::Fuzzy { .. });
            let cursors: Vec<_> = lists
                .values()
                .map(|(list, living, rank)| {
                    let rarity = scale.rarity(*living);
                    Cursor::new(source, list, scale, if fuzzy { rarity / (1.0 + rank) } else { rarity })
                })
                .collect::<Result<_, _>>()?;
            if cursors.is_empty() { Ok(None) } else { Ok(Some(Matcher::Union(Union::new(cursors)?))) }
        }
    }
}

/// A clause of the query that some document here may fit.
struct Active<'a, S: Source> {
    /// Its place in the query.
    order: usize,
    matcher: Matcher<'a, S>,
    /// No document adds more than this.
    bound: f64,
    /// Nor do this clause and all of lesser bounds together add more than this.
    up_to: f64,
}

struct Top<'a, S: Source> {
    source: &'a S,
    /// The least bound first.
    clauses: Vec<Active<'a, S>>,
    /// How many of them, from the front, are idle.
    idle: usize,
    /// What each clause of the query adds to the document that is looked at. They are added up in this order, so that a score
    /// is the same to the last bit wherever the document is stored.
    scores: Vec<f64>,
    best: Best,
}

impl<S: Source> Top<'_, S> {
    fn run(mut self, rank: &dyn Fn(u32) -> u128, accept: &mut dyn FnMut(u32) -> bool) -> Result<Vec<Hit>, Damaged> {
        // Up to here the bounds of the blocks have been found to suffice.
        let mut looked_to = None;
        while let Some(slot) = self.next() {
            if looked_to.is_none_or(|to| slot > to) {
                let (bound, to) = self.bound_here();
                if !self.best.lets_in(bound) {
                    let Some(behind) = to.checked_add(1) else { break };
                    self.seek(behind)?;
                    continue;
                }
                looked_to = Some(to);
            }
            if let Some(score) = self.score(slot)? {
                let ordinal = self.source.ordinal(slot)?;
                let one = Ranked { hit: Hit { ordinal, score }, rank: rank(ordinal) };
                if self.best.takes(&one) && accept(ordinal) {
                    self.best.add(one);
                    self.rest();
                }
            }
            let Some(behind) = slot.checked_add(1) else { break };
            self.seek(behind)?;
        }
        Ok(self.best.into_hits())
    }

    /// The first document that a busy clause stands at.
    fn next(&self) -> Option<u32> {
        self.clauses.get(self.idle..)?.iter().filter_map(|clause| clause.matcher.slot()).min()
    }

    /// No document gets more than this from the idle clauses.
    fn idle_bound(&self) -> f64 {
        self.idle.checked_sub(1).and_then(|last| self.clauses.get(last)).map_or(0.0, |clause| clause.up_to)
    }

    /// Moves all busy clauses to `target` or behind it.
    fn seek(&mut self, target: u32) -> Result<(), Damaged> {
        self.clauses.iter_mut().skip(self.idle).try_for_each(|clause| clause.matcher.seek(target))
    }

    /// No document from here to the slot that is told has a higher score.
    fn bound_here(&self) -> (f64, u32) {
        let mut bound = self.idle_bound();
        let mut to = u32::MAX;
        for clause in self.clauses.iter().skip(self.idle) {
            let (here, until) = clause.matcher.bound_here();
            bound += here * SLACK;
            to = to.min(until);
        }
        (bound, to)
    }

    /// The document's score, if it is among the best.
    fn score(&mut self, slot: u32) -> Result<Option<f64>, Damaged> {
        self.scores.fill(0.0);
        let mut found = 0.0;
        let (idle, busy) = self.clauses.split_at_mut(self.idle);
        for clause in busy {
            if clause.matcher.slot() == Some(slot) {
                let score = clause.matcher.score()?;
                self.scores[clause.order] = score;
                found += score * SLACK;
            }
        }
        for clause in idle.iter_mut().rev() {
            if !self.best.lets_in(found + clause.up_to) {
                return Ok(None);
            }
            clause.matcher.seek(slot)?;
            if clause.matcher.slot() == Some(slot) {
                let score = clause.matcher.score()?;
                self.scores[clause.order] = score;
                found += score * SLACK;
            }
        }
        let score = self.scores.iter().sum();
        Ok(Some(score).filter(|score| self.best.lets_in(*score)))
    }

    /// Lets every clause rest that can.
    fn rest(&mut self) {
        while self.clauses.get(self.idle).is_some_and(|clause| !self.best.lets_in(clause.up_to)) {
            self.idle += 1;
        }
    }
}

/// The best documents so far.
struct Best {
    k: usize,
    /// Never more than k; the worst on top.
    heap: BinaryHeap<Ranked>,
}

impl Best {
    /// Whether a document of this score may be among the best.
    #[inline]
    fn lets_in(&self, score: f64) -> bool {
        self.heap.len() < self.k || self.heap.peek().is_none_or(|worst| score >= worst.hit.score)
    }

    /// Whether this one is.
    fn takes(&self, one: &Ranked) -> bool {
        self.heap.len() < self.k || self.heap.peek().is_none_or(|worst| one < worst)
    }

    fn add(&mut self, one: Ranked) {
        if self.heap.len() == self.k {
            self.heap.pop();
        }
        self.heap.push(one);
    }

    fn into_hits(self) -> Vec<Hit> {
        self.heap.into_sorted_vec().into_iter().map(|one| one.hit).collect()
    }
}

/// Greater the worse: a lower score, then a higher rank.
struct Ranked {
    hit: Hit,
    rank: u128,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.hit.score.total_cmp(&self.hit.score).then(self.rank.cmp(&other.rank))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}
