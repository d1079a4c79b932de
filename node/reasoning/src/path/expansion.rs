//! Frontiers asked of the knowledge in batches, and remembered.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use sutra_protocol::http::PathDirection;
use sutra_protocol::{AssociationFilter, ConceptId, Direction, Knowledge, Step};

use crate::budget::Budget;

/// Maps of concepts. An id is already a hash, so that hashing it again would only cost time.
pub(super) type IdMap<V> = HashMap<ConceptId, V, BuildHasherDefault<IdHasher>>;
/// Sets of concepts.
pub(super) type IdSet = HashSet<ConceptId, BuildHasherDefault<IdHasher>>;

/// Folds an id into 64 bits. One multiplication spreads ids that are not hashes (as tests use) over the map's buckets.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0.rotate_left(8) ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn write_u128(&mut self, id: u128) {
        let folded = (id as u64) ^ ((id >> 64) as u64);
        self.0 = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32) ^ folded;
    }
}

/// The end of a path from which a search comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It walks along the path.
    Start,
    /// It walks against the path.
    Goal,
}

/// Most concepts asked about in one call; what one message between shards may hold.
const PAGE: u64 = 65_536;
/// Fewest concepts asked about in one call: with less, the calls would cost more than the work.
const LEAST_PAGE: u64 = 16;
/// How many associations one call should bring at most, as far as the degrees seen so far foretell it: they are in memory at once.
const PAGE_ASSOCIATIONS: u64 = 262_144;

/// The steps of concepts that were asked about.
type Memory = RefCell<IdMap<Rc<[Step]>>>;

/// The part of the knowledge that a search may walk on.
pub(super) struct Expansion<'a> {
    knowledge: &'a dyn Knowledge,
    direction: PathDirection,
    filter: &'a AssociationFilter,
    admits: &'a dyn Fn(&Step) -> bool,
    budget: &'a Budget<'a>,
    /// What was asked before, for searches that come by again; by the end they come from.
    known: Option<[Memory; 2]>,
    /// Concepts and associations seen, for the mean degree.
    seen: Cell<(u64, u64)>,
}

impl<'a> Expansion<'a> {
    /// `again`: whether several searches will run, so that answers are worth remembering.
    pub(super) fn new(
        knowledge: &'a dyn Knowledge,
        direction: PathDirection,
        filter: &'a AssociationFilter,
        admits: &'a dyn Fn(&Step) -> bool,
        budget: &'a Budget<'a>,
        again: bool,
    ) -> Self {
        // One concept of degree 16 to begin with, so that the first pages are neither tiny nor boundless.
        Self { knowledge, direction, filter, admits, budget, known: again.then(Default::default), seen: Cell::new((1, 16)) }
    }

    /// Shows `visit` every step that leaves the frontier towards the other end, as the path crosses it, with the position in
    /// the frontier of the concept it belongs to. Returns false if the budget ran out before the last one.
    pub(super) fn expand(&self, end: End, frontier: &[ConceptId], visit: &mut dyn FnMut(usize, &Step)) -> bool {
        let mut at = 0;
        while at < frontier.len() {
            if !self.budget.allows() {
                return false;
            }
            let page = &frontier[at..frontier.len().min(at + self.page())];
            match &self.known {
                None => {
                    for (position, steps) in self.ask(end, page).into_iter().enumerate() {
                        steps.iter().for_each(|step| visit(at + position, step));
                    }
                }
                Some(known) => self.recall(&known[end as usize], end, page, at, visit),
            }
            at += page.len();
        }
        true
    }

    fn recall(&self, known: &Memory, end: End, page: &[ConceptId], at: usize, visit: &mut dyn FnMut(usize, &Step)) {
        let missing: Vec<ConceptId> = page.iter().copied().filter(|id| !known.borrow().contains_key(id)).collect();
        if !missing.is_empty() {
            let answers = self.ask(end, &missing);
            known.borrow_mut().extend(missing.into_iter().zip(answers.into_iter().map(Rc::from)));
        }
        for (position, id) in page.iter().enumerate() {
            let steps = known.borrow().get(id).cloned();
            let Some(steps) = steps else { continue };
            self.budget.charge(steps.len());
            steps.iter().for_each(|step| visit(at + position, step));
        }
    }

    fn ask(&self, end: End, page: &[ConceptId]) -> Vec<Vec<Step>> {
        let direction = match (self.direction, end) {
            (PathDirection::Both, _) => Direction::Both,
            (PathDirection::Out, End::Start) => Direction::Out,
            (PathDirection::Out, End::Goal) => Direction::In,
        };
        let mut answers = self.knowledge.expand(page, direction, self.filter);
        let associations: usize = answers.iter().map(Vec::len).sum();
        // A concept without associations is work too.
        self.budget.charge(associations + page.len());
        let (concepts, seen) = self.seen.get();
        self.seen.set((concepts + page.len() as u64, seen + associations as u64));
        for steps in &mut answers {
            if end == End::Goal {
                steps.iter_mut().for_each(|step| step.reversed = !step.reversed);
            }
            steps.retain(|step| step.from() != step.to() && (self.admits)(step));
        }
        answers
    }

    /// How many concepts to ask about at once.
    fn page(&self) -> usize {
        let (concepts, associations) = self.seen.get();
        let degree = associations.div_ceil(concepts).max(1);
        let wanted = self.budget.left().min(PAGE_ASSOCIATIONS) / degree;
        wanted.clamp(LEAST_PAGE, PAGE) as usize
    }
}
