//! One best path, from both ends at once.
//!
//! Layers grow from both ends, always the one with the smaller frontier. When the outermost layers are i and j hops away from
//! their ends, every path of i + j hops runs through a concept that is in both; so after each growth exactly the paths of one
//! more hop are looked at, and all shorter ones have been.
//!
//! * `shortest`: a concept belongs to the first layer that reaches it. The first meeting has the least length; within it the
//!   layers' products and ids decide.
//! * `best`: a concept belongs to every layer that reaches it with a greater product than all layers before. Confidences are at
//!   most 1, so a detour never helps: the best walk is a path, and each of its halves is the best of its length. What can't
//!   exceed the best path found so far is dropped, because it would be longer too.

use sutra_protocol::http::PathStrategy;
use sutra_protocol::{ConceptId, Step};

use super::expansion::{End, Expansion, IdSet};
use super::layers::Layers;

/// What one search looks for.
pub(super) struct Wanted<'a> {
    pub(super) start: ConceptId,
    pub(super) goal: ConceptId,
    pub(super) max_depth: usize,
    pub(super) strategy: PathStrategy,
    /// Concepts that the path must not visit.
    pub(super) excluded: &'a IdSet,
    /// Concepts that the first hop must not lead to.
    pub(super) banned: &'a IdSet,
}

/// What one search came to.
pub(super) struct Outcome {
    /// The hops of the best path.
    pub(super) hops: Option<Vec<Step>>,
    /// False if the budget ran out.
    pub(super) complete: bool,
}

/// Where the halves of the best path so far meet.
struct Meeting {
    product: f64,
    hops: Vec<Step>,
}

/// The best path between two different concepts.
pub(super) fn search(expansion: &Expansion<'_>, wanted: &Wanted<'_>) -> Outcome {
    let mut near = Layers::from(End::Start, wanted.start);
    let mut far = Layers::from(End::Goal, wanted.goal);
    let mut best: Option<Meeting> = None;
    let mut complete = true;
    while complete && near.depth() + far.depth() < wanted.max_depth && !near.frontier().is_empty() && !far.frontier().is_empty() {
        let least = best.as_ref().map(|meeting| meeting.product);
        complete = if (near.frontier().len(), near.depth()) <= (far.frontier().len(), far.depth()) {
            grow(expansion, wanted, End::Start, &mut near, far.surest(), least)
        } else {
            grow(expansion, wanted, End::Goal, &mut far, near.surest(), least)
        };
        if let Some(meeting) = meet(&near, &far)
            && best.as_ref().is_none_or(|best| meeting.product > best.product)
        {
            best = Some(meeting);
        }
        // What is longer runs through both frontiers, and so is no surer than this.
        let is_over = |best: &Meeting| wanted.strategy == PathStrategy::Shortest || best.product >= near.surest() * far.surest();
        if best.as_ref().is_some_and(is_over) {
            break;
        }
    }
    // Half a layer may still join to a walk with a loop, which is no path.
    let hops = best.map(|meeting| meeting.hops).filter(|hops| complete || is_simple(wanted.start, hops));
    Outcome { hops, complete }
}

/// Adds a layer. `surest` is the greatest product of the other end's frontier, `least` what a path has to exceed.
fn grow(expansion: &Expansion<'_>, wanted: &Wanted<'_>, end: End, layers: &mut Layers, surest: f64, least: Option<f64>) -> bool {
    let frontier: Vec<ConceptId> = layers.frontier().iter().map(|reached| reached.id).collect();
    let complete = expansion.expand(end, &frontier, &mut |parent, step| {
        let id = if end == End::Start { step.to() } else { step.from() };
        if wanted.excluded.contains(&id) || (step.from() == wanted.start && wanted.banned.contains(&step.to())) {
            return;
        }
        let product = match end {
            End::Start => layers.frontier()[parent].product * step.confidence,
            End::Goal => step.confidence * layers.frontier()[parent].product,
        };
        let dominated = match (wanted.strategy, layers.best(id)) {
            (_, None) => false,
            (PathStrategy::Shortest, Some(_)) => true,
            (PathStrategy::Best, Some(before)) => before >= product,
        };
        if !dominated && least.is_none_or(|least| product * surest > least) {
            layers.relax(parent, step, id, product);
        }
    });
    layers.close();
    complete
}

/// The best path that runs through both frontiers.
fn meet(near: &Layers, far: &Layers) -> Option<Meeting> {
    let (fewer, more) = if near.frontier().len() <= far.frontier().len() { (near, far) } else { (far, near) };
    let mut best: Option<(f64, usize, usize)> = None;
    for (at, reached) in fewer.frontier().iter().enumerate() {
        let Some(position) = more.position(reached.id) else { continue };
        let (in_near, in_far) = if std::ptr::eq(fewer, near) { (at, position) } else { (position, at) };
        let product = near.frontier()[in_near].product * far.frontier()[in_far].product;
        let better = best
            .is_none_or(|(held, other, _)| product.total_cmp(&held).reverse().then_with(|| near.by_ids(in_near, other)).is_lt());
        if better {
            best = Some((product, in_near, in_far));
        }
    }
    let (product, in_near, in_far) = best?;
    let mut hops = near.way(in_near);
    hops.reverse();
    hops.extend(far.way(in_far));
    Some(Meeting { product, hops })
}

fn is_simple(start: ConceptId, hops: &[Step]) -> bool {
    let mut visited = IdSet::default();
    visited.insert(start);
    hops.iter().all(|step| visited.insert(step.to()))
}
