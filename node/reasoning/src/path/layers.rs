//! What one end of a search has reached, layer by layer.

use std::cmp::Ordering;

use sutra_protocol::{ConceptId, Step};

use super::expansion::{End, IdMap};

/// A concept at a depth, with the best way to it of exactly that length.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) id: ConceptId,
    /// The product of the confidences between the end and this concept.
    pub(super) product: f64,
    /// The step between this concept and one of the layer before, and that concept's position there; `None` in layer 0.
    via: Option<(u32, Step)>,
    /// Compares ways of equal length and product by their ids: see [`Layers::close`].
    rank: u32,
}

#[derive(Debug, Default)]
struct Layer {
    reached: Vec<Reached>,
    at: IdMap<u32>,
}

/// All layers of one end.
#[derive(Debug)]
pub(super) struct Layers {
    end: End,
    closed: Vec<Layer>,
    open: Layer,
    /// The best product of each concept in all closed layers.
    best: IdMap<f64>,
}

impl Layers {
    pub(super) fn from(end: End, id: ConceptId) -> Self {
        let mut layers = Self { end, closed: Vec::new(), open: Layer::default(), best: IdMap::default() };
        layers.open.at.insert(id, 0);
        layers.open.reached.push(Reached { id, product: 1.0, via: None, rank: 0 });
        layers.close();
        layers
    }

    /// How many hops the outermost closed layer is away.
    pub(super) fn depth(&self) -> usize {
        self.closed.len() - 1
    }

    /// The outermost closed layer.
    pub(super) fn frontier(&self) -> &[Reached] {
        self.closed.last().map_or(&[], |layer| &layer.reached)
    }

    /// The greatest product in the frontier: no way through it can be surer.
    pub(super) fn surest(&self) -> f64 {
        self.frontier().iter().map(|reached| reached.product).fold(0.0, f64::max)
    }

    /// The best product with which a concept was reached before the open layer.
    pub(super) fn best(&self, id: ConceptId) -> Option<f64> {
        self.best.get(&id).copied()
    }

    /// Notes in the open layer that `step` leads from the `parent`th of the frontier to `id` with this product, unless a better
    /// way of this length is known. Better is a greater product, then smaller ids, then the surer of parallel associations,
    /// then its type and label.
    pub(super) fn relax(&mut self, parent: usize, step: &Step, id: ConceptId, product: f64) {
        let via = || Some((parent as u32, step.clone()));
        let Some(&at) = self.open.at.get(&id) else {
            self.open.at.insert(id, self.open.reached.len() as u32);
            self.open.reached.push(Reached { id, product, via: via(), rank: 0 });
            return;
        };
        let held = &self.open.reached[at as usize];
        let better = product.total_cmp(&held.product).is_gt()
            || product.total_cmp(&held.product).is_eq()
                && held.via.as_ref().is_some_and(|(other, kept)| {
                    let rank = |position: usize| self.frontier()[position].rank;
                    rank(parent).cmp(&rank(*other as usize)).then_with(|| parallel(step, kept)).is_lt()
                });
        if better {
            let held = &mut self.open.reached[at as usize];
            held.product = product;
            held.via = via();
        }
    }

    /// Makes the open layer the frontier.
    ///
    /// Ranks make ways comparable by their ids without walking them: from the start, ways compare by the rank of the concept
    /// before, then by the last id; from the goal, by the first id alone, since a concept keeps one way only.
    pub(super) fn close(&mut self) {
        let mut layer = std::mem::take(&mut self.open);
        let before = |reached: &Reached| match (&reached.via, self.end) {
            (Some((parent, _)), End::Start) => self.frontier()[*parent as usize].rank,
            _ => 0,
        };
        let mut order: Vec<(u32, ConceptId, usize)> =
            layer.reached.iter().enumerate().map(|(at, reached)| (before(reached), reached.id, at)).collect();
        order.sort_unstable();
        for (rank, (_, _, at)) in order.into_iter().enumerate() {
            layer.reached[at].rank = rank as u32;
        }
        for reached in &layer.reached {
            let best = self.best.entry(reached.id).or_insert(reached.product);
            *best = best.max(reached.product);
        }
        self.closed.push(layer);
    }

    /// The position of `id` in the frontier.
    pub(super) fn position(&self, id: ConceptId) -> Option<usize> {
        self.closed.last()?.at.get(&id).map(|at| *at as usize)
    }

    /// Compares two of the frontier by the ids of their ways.
    pub(super) fn by_ids(&self, a: usize, b: usize) -> Ordering {
        self.frontier()[a].rank.cmp(&self.frontier()[b].rank)
    }

    /// The steps between the end and the `position`th of the frontier, the nearest to the frontier first.
    pub(super) fn way(&self, position: usize) -> Vec<Step> {
        let mut steps = Vec::with_capacity(self.depth());
        let mut at = position;
        for layer in self.closed.iter().rev() {
            if let Some((parent, step)) = &layer.reached[at].via {
                steps.push(step.clone());
                at = *parent as usize;
            }
        }
        steps
    }
}

/// Which of two associations between the same concepts a path uses: the surer one, then by type and label.
fn parallel(a: &Step, b: &Step) -> Ordering {
    b.confidence.total_cmp(&a.confidence).then_with(|| {
        (a.key.kind, &a.key.label, a.reversed, a.key.validity).cmp(&(b.key.kind, &b.key.label, b.reversed, b.key.validity))
    })
}
