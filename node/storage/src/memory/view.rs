//! A pinned namespace.

use std::collections::HashSet;
use std::sync::Arc;

use sutra_protocol::http::Degree;
use sutra_protocol::name::{names, normal_name};
use sutra_protocol::{
    AsOf, Association, AssociationFilter, AssociationKey, Concept, ConceptId, Direction, Knowledge, Namespace, Step, Timestamp,
};

use super::graph::{Graph, first_key};
use super::liveness::Reader;

/// A namespace as it was known, and valid, at one time. Cheap to clone; whoever holds it reads the same state however much is
/// written meanwhile. Reads take no lock, but for [`View::search`], which shares the keyword index with the writer.
#[derive(Clone)]
pub struct View(Arc<Pinned>);

struct Pinned {
    namespace: Namespace,
    as_of: AsOf,
    graph: Graph,
}

/// A concept that a search found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The concept.
    pub concept: Arc<Concept>,
    /// Its BM25 score; comparable within one search only.
    pub score: f64,
}

impl View {
    pub(crate) fn new(namespace: Namespace, as_of: AsOf, graph: Graph) -> Self {
        Self(Arc::new(Pinned { namespace, as_of, graph }))
    }

    /// The namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    /// The times that are asked about.
    pub fn as_of(&self) -> AsOf {
        self.0.as_of
    }

    /// When the concept was retracted, if that is later than what this view knows.
    pub fn retracted_at(&self, id: ConceptId) -> Option<Timestamp> {
        self.0.graph.concepts.get(&id)?.retracted_after(self.0.as_of.known_at?)
    }

    /// How many living associations the concept has.
    pub fn degree(&self, id: ConceptId) -> Degree {
        let everything = AssociationFilter::default();
        let count = |direction| self.steps(id, direction, &everything).len() as u64;
        Degree { out: count(Direction::Out), into: count(Direction::In) }
    }

    /// At most `k` living concepts with a word of `query` in content or aliases that pass `passes`: best first, then by id. Word
    /// statistics are those of now, whatever time the view is of.
    pub fn search(&self, query: &str, k: usize, passes: &dyn Fn(&Concept) -> bool) -> Vec<Hit> {
        let Ok(keywords) = self.0.graph.keywords.read() else { return Vec::new() };
        let mut found = keywords.matches(query);
        drop(keywords);
        found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.concept.id.cmp(&b.concept.id)));
        let reader = self.reader();
        let mut hits = Vec::new();
        let mut found_already = HashSet::new();
        for hit in found {
            // The index is shared with the writer and keeps older texts: only the text that this view sees counts.
            let seen = reader
                .concept(hit.concept.id)
                .filter(|seen| seen.content == hit.concept.content && seen.aliases == hit.concept.aliases);
            if let Some(seen) = seen
                && passes(seen)
                // A text that left and came back is in the index twice.
                && found_already.insert(seen.id)
            {
                hits.push(Hit { concept: Arc::clone(seen), score: hit.score });
                if hits.len() == k {
                    break;
                }
            }
        }
        hits
    }

    /// At most `limit` living concepts whose id is above `after`, in the order of the ids.
    pub fn concepts(&self, after: Option<ConceptId>, limit: usize) -> Vec<Arc<Concept>> {
        let reader = self.reader();
        let first = after.unwrap_or_default();
        let rows = self.0.graph.concepts.range(first..).map(|(id, _)| *id).filter(|id| after != Some(*id));
        rows.filter_map(|id| reader.concept(id).cloned()).take(limit).collect()
    }

    /// At most `limit` living concepts, the most recently taught first.
    pub fn recent(&self, limit: usize) -> Vec<Arc<Concept>> {
        let reader = self.reader();
        let mut newest = self.0.graph.by_time.iter().rev();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some((recorded_at, id)) = newest.next()
        {
            // A concept that was taught anew stands here once for each time; the one that it has now counts.
            found.extend(reader.concept(*id).filter(|concept| concept.created_at == *recorded_at).cloned());
        }
        found
    }

    /// At most `limit` living associations whose key is above `after`, in the order of the keys, with their evidence.
    pub fn associations(&self, after: Option<&AssociationKey>, limit: usize) -> Vec<Association> {
        let reader = self.reader();
        let first = after.cloned().unwrap_or_else(|| first_key(ConceptId::default()));
        let rows = self.0.graph.outgoing.range(first..).map(|(key, _)| key).filter(|key| Some(*key) != after);
        rows.filter_map(|key| reader.association(key)).take(limit).collect()
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(&self.0.graph, self.0.as_of)
    }

    fn steps(&self, id: ConceptId, direction: Direction, filter: &AssociationFilter) -> Vec<Step> {
        let reader = self.reader();
        let mut steps = Vec::new();
        let Some(here) = reader.concept(id) else { return steps };
        if direction != Direction::In {
            for (key, row) in self.0.graph.leaving(id).filter(|(key, _)| filter.allows_name(key.kind, &key.label)) {
                let Some(target) = reader.concept(key.target) else { continue };
                let Some(weight) = reader.weight(key, row, [here, target]) else { continue };
                if weight.confidence >= filter.min_confidence {
                    let key = key.clone();
                    steps.push(Step { key, confidence: weight.confidence, strength: weight.strength, reversed: false });
                }
            }
        }
        if direction != Direction::Out {
            for (incoming, row) in self.0.graph.arriving(id).filter(|(key, _)| filter.allows_name(key.kind, &key.label)) {
                let Some(source) = reader.concept(incoming.source) else { continue };
                let key = incoming.association();
                let Some(weight) = reader.weight(&key, row, [source, here]) else { continue };
                if weight.confidence >= filter.min_confidence {
                    steps.push(Step { key, confidence: weight.confidence, strength: weight.strength, reversed: true });
                }
            }
        }
        steps
    }
}

impl Knowledge for View {
    fn concept(&self, id: ConceptId) -> Option<Arc<Concept>> {
        self.reader().concept(id).cloned()
    }

    fn keyed(&self, key: &str) -> Option<ConceptId> {
        let concept = self.0.graph.keyed(key, self.0.as_of.known_at)?;
        self.reader().concept(concept.id).map(|concept| concept.id)
    }

    fn named(&self, name: &str) -> Vec<ConceptId> {
        let name = normal_name(name);
        let reader = self.reader();
        let called = self.0.graph.called(&name).iter().copied();
        // Names are never removed, and found by hash: whether the concept of this view is still called so is checked here.
        called
            .filter(|id| {
                reader
                    .concept(*id)
                    .is_some_and(|concept| names(&concept.content, concept.aliases.iter().map(AsRef::as_ref)).contains(&name))
            })
            .collect()
    }

    fn expand(&self, frontier: &[ConceptId], direction: Direction, filter: &AssociationFilter) -> Vec<Vec<Step>> {
        frontier.iter().map(|id| self.steps(*id, direction, filter)).collect()
    }

    fn association(&self, key: &AssociationKey) -> Option<Association> {
        self.reader().association(key)
    }
}
