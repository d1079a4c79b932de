//! Search by vector.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sutra_protocol::filter::Filter;
use sutra_protocol::{Concept, ConceptId};
use sutra_vector::{Effort, Neighbour, Ordinals, Query, Shape, ShapeError};

use super::Hit;
use crate::memory::graph::Found;
use crate::memory::layer::Layer;
use crate::memory::view::View;

/// Why nothing can be compared with a vector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum NearestError {
    /// The namespace holds vectors of another dimension.
    #[error("vector has {found} dimensions; namespace holds vectors of {expected}")]
    Dimension {
        /// The namespace's.
        expected: u32,
        /// The vector's.
        found: u32,
    },
}

/// So many vectors that are equally near are told apart by the ids of their concepts; of more of them, some.
const EQUALS: usize = 1_024;

/// Whether what is behind the best `k` may be as good as the last of these.
fn is_tied(best_first: &[f64], k: usize) -> bool {
    best_first.len() <= k || k.checked_sub(1).and_then(|last| best_first.get(last)) == best_first.last()
}

/// The best `k` of a search that answers so many as are wanted, and those that are as good as the last of them.
fn with_equals(k: usize, search: impl Fn(usize) -> Result<Vec<Neighbour>, ShapeError>) -> Result<Vec<Neighbour>, ShapeError> {
    let mut wanted = k + 1;
    loop {
        let found = search(wanted)?;
        let scores: Vec<f64> = found.iter().map(|near| f64::from(near.similarity)).collect();
        if found.len() < wanted || wanted >= EQUALS || !is_tied(&scores, k) {
            return Ok(found);
        }
        wanted *= 4;
    }
}

impl View {
    /// About the `k` living concepts that pass `filter` whose vectors point most nearly as `vector` does, by cosine similarity (−1
    /// to 1), nearest first, then by id. What is in no segment yet is compared exactly. A namespace without vectors has none.
    ///
    /// # Errors
    /// [`NearestError`].
    pub fn nearest(&self, vector: &[f32], k: usize, filter: Option<&Filter>) -> Result<Vec<Hit>, NearestError> {
        let Some(shape) = self.graph().shape else { return Ok(Vec::new()) };
        let found = vector.len() as u32;
        if found != shape.dimension() {
            return Err(NearestError::Dimension { expected: shape.dimension(), found });
        }
        // The dimension was the only thing that can be wrong.
        Ok(self.find_nearest(shape, vector, k, filter).unwrap_or_default())
    }

    fn find_nearest(&self, shape: Shape, vector: &[f32], k: usize, filter: Option<&Filter>) -> Result<Vec<Hit>, ShapeError> {
        let query = Query::new(shape, vector)?;
        let mut hits: Vec<Hit> = Vec::new();
        let reader = self.reader();
        for delta in self.graph().deltas() {
            let Some(recent) = delta.vectors.recent() else { continue };
            let accept = |ordinal: u32| {
                let version = delta.vectors.owner(ordinal)?;
                // The filter costs less than looking the concept up.
                let passes = filter.is_none_or(|filter| filter.passes(version));
                let seen = || reader.concept(version.id).is_some_and(|concept| Arc::ptr_eq(&concept, version));
                (passes && seen()).then_some(version)
            };
            let each = |ordinal| accept(ordinal).is_some();
            let found =
                with_equals(k, |wanted| recent.search(&query, wanted, &sutra_vector::Filter::Each(&each), Effort::Usual))?;
            hits.extend(found.iter().filter_map(|near| hit(Arc::clone(delta.vectors.owner(near.ordinal)?), near)));
        }
        for layer in self.graph().parts.iter() {
            self.nearest_in(layer, &query, k, filter, &mut hits)?;
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.concept.id.cmp(&b.concept.id)));
        // For a view of the past, a vector that left and came back is in two layers.
        let mut found_already = HashSet::new();
        hits.retain(|hit| found_already.insert(hit.concept.id));
        hits.truncate(k);
        Ok(hits)
    }

    fn nearest_in(
        &self,
        layer: &Layer,
        query: &Query,
        k: usize,
        filter: Option<&Filter>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), ShapeError> {
        let Some(vectors) = layer.vectors() else { return Ok(()) };
        // A graph and its re-scoring ask about the same ones again and again.
        let known: RefCell<HashMap<u32, Option<Arc<Concept>>>> = RefCell::default();
        let accept = |ordinal: u32| -> Option<Arc<Concept>> {
            if let Some(answer) = known.borrow().get(&ordinal) {
                return answer.clone();
            }
            let concept = self.owner(layer, ordinal).filter(|concept| filter.is_none_or(|filter| filter.passes(concept)));
            known.borrow_mut().insert(ordinal, concept.clone());
            concept
        };
        let among = match filter {
            Some(filter) if self.as_of().known_at.is_none() => self.ordinals(layer, filter, vectors.len()),
            _ => None,
        };
        let Some(among) = among else {
            let each = |ordinal| accept(ordinal).is_some();
            let found =
                with_equals(k, |wanted| vectors.search(query, wanted, &sutra_vector::Filter::Each(&each), Effort::Usual))?;
            hits.extend(found.iter().filter_map(|near| hit(accept(near.ordinal)?, near)));
            return Ok(());
        };
        // The index knows what passed when the segment was written; what is gone since makes room for more.
        let mut wanted = k + 1;
        loop {
            let found = vectors.search(query, wanted, &sutra_vector::Filter::Among(&among), Effort::Usual)?;
            let passing: Vec<Hit> = found.iter().filter_map(|near| hit(accept(near.ordinal)?, near)).collect();
            let scores: Vec<f64> = passing.iter().map(|hit| hit.score).collect();
            let is_enough = passing.len() >= k && (wanted >= EQUALS || !is_tied(&scores, k));
            if is_enough || found.len() < wanted {
                hits.extend(passing);
                return Ok(());
            }
            wanted *= 4;
        }
    }

    /// Whose vector it is, if this view sees the concept with this vector.
    fn owner(&self, layer: &Layer, ordinal: u32) -> Option<Arc<Concept>> {
        let code = layer.vector_row(ordinal)?;
        let id: ConceptId = layer.id_of(code);
        let is_now = self.as_of().known_at.is_none();
        let here = matches!(self.graph().find(id)?, Found::Stored(newest, _) if newest.segment_id() == layer.segment_id());
        // A newer layer has the newest version, and its vector. A view of the past may want an older one.
        if is_now && !here {
            return None;
        }
        let concept = self.reader().concept(id)?;
        // Only a row with one vector needs no comparison.
        let sole = is_now
            && (ordinal == 0 || layer.vector_row(ordinal - 1) != Some(code))
            && layer.vector_row(ordinal + 1) != Some(code);
        if sole && concept.vector.is_some() {
            return Some(concept);
        }
        let vector = layer.vectors()?.vector(ordinal)?;
        concept.vector.as_deref().is_some_and(|current| *current == *vector).then_some(concept)
    }

    /// The vectors of a layer whose rows may pass, as far as its index can tell.
    fn ordinals(&self, layer: &Layer, filter: &Filter, count: u32) -> Option<Ordinals> {
        let rows = super::candidates::rows(layer, filter)?;
        let mut among = Ordinals::with_capacity(count);
        for (ordinal, row) in (0..count).zip(layer.vector_rows()) {
            if rows.contains(row) {
                among.insert(ordinal);
            }
        }
        Some(among)
    }
}

fn hit(concept: Arc<Concept>, near: &Neighbour) -> Option<Hit> {
    Some(Hit { concept, score: f64::from(near.similarity) })
}
