//! A pinned namespace.

use std::sync::Arc;

use sutra_protocol::command::LogIndex;
use sutra_protocol::effects::Ghost;
use sutra_protocol::http::{Degree, NamespaceView};
use sutra_protocol::name::{names, normal_name};
use sutra_protocol::{
    AsOf, Association, AssociationFilter, AssociationKey, Concept, ConceptId, Direction, KeyRange, Knowledge, Namespace, Step,
    Timestamp,
};
use sutra_segment::Damage;

use super::State;
use super::graph::{Graph, Link};
use super::liveness::Reader;
use crate::error::ViewError;

/// A namespace as it was known, and valid, at one time. Cheap to clone; whoever holds it reads the same state however much is
/// written, checkpointed or compacted meanwhile. Reads take no lock, but for [`View::search`], which shares the newest words with the
/// writer.
///
/// A segment's bytes are checked when they are first read. What a view answers after [`View::damage`] says something is not to be
/// used.
#[derive(Clone)]
pub struct View(Arc<Pinned>);

struct Pinned {
    namespace: Namespace,
    as_of: AsOf,
    graph: Arc<Graph>,
    /// What the shard keeps: of all else the graph has only what that needs.
    range: KeyRange,
}

impl State {
    /// Pins a namespace, when it is `now`; an unknown one is an empty one.
    ///
    /// # Errors
    /// [`ViewError::BeforeHistory`].
    pub(crate) fn view(&self, namespace: &Namespace, as_of: AsOf, now: Timestamp) -> Result<View, ViewError> {
        let graph = self.namespaces.get(namespace).cloned().unwrap_or_else(|| {
            let base = self.dropped.get(namespace).map_or(0, |dropped| dropped.upto);
            Arc::new(Graph { base, ..Graph::new(LogIndex(0)) })
        });
        if let (Some(known_at), Some(horizon)) = (as_of.known_at, graph.forgotten_before(now))
            && known_at < horizon
        {
            return Err(ViewError::BeforeHistory { namespace: namespace.clone(), known_at, horizon });
        }
        Ok(View::new(namespace.clone(), as_of, graph, self.range))
    }

    /// Every namespace, by name.
    pub(crate) fn namespace_views(&self) -> Vec<NamespaceView> {
        let views = self.namespaces.iter().map(|(name, graph)| NamespaceView {
            name: name.clone(),
            settings: graph.settings.clone(),
            concepts: graph.counts.concepts,
            associations: graph.counts.associations,
            dimension: graph.shape.map(|shape| shape.dimension()),
        });
        views.collect()
    }
}

impl View {
    pub(crate) fn new(namespace: Namespace, as_of: AsOf, graph: Arc<Graph>, range: KeyRange) -> Self {
        Self(Arc::new(Pinned { namespace, as_of, graph, range }))
    }

    /// The namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    /// How many numbers its vectors have, once that is known.
    pub fn dimension(&self) -> Option<u32> {
        self.0.graph.shape.map(|shape| shape.dimension())
    }

    /// The times that are asked about.
    pub fn as_of(&self) -> AsOf {
        self.0.as_of
    }

    /// When the concept was retracted, if that is later than what this view knows.
    pub fn retracted_at(&self, id: ConceptId) -> Option<Timestamp> {
        self.0.graph.row(id)?.retracted_after(self.0.as_of.known_at?)
    }

    /// How many living associations the concept has.
    pub fn degree(&self, id: ConceptId) -> Degree {
        let everything = AssociationFilter::default();
        let count = |direction| self.steps(id, direction, &everything).len() as u64;
        Degree { out: count(Direction::Out), into: count(Direction::In) }
    }

    /// What is wrong with a segment that this view read.
    pub fn damage(&self) -> Option<&Damage> {
        self.0.graph.damage()
    }

    /// At most `limit` living concepts whose id is above `after`, in the order of the ids.
    pub fn concepts(&self, after: Option<ConceptId>, limit: usize) -> Vec<Arc<Concept>> {
        let reader = self.reader();
        let ids = self.ids_from(after.unwrap_or_default()).filter(|id| after != Some(*id));
        ids.filter_map(|id| reader.concept(id)).take(limit).collect()
    }

    /// At most `limit` living concepts, the most recently taught first.
    pub fn recent(&self, limit: usize) -> Vec<Arc<Concept>> {
        let reader = self.reader();
        // A concept that was taught anew stands here once for each time; the one that it has now counts.
        let newest = self.0.graph.newest().filter(|(_, id)| self.keeps(*id));
        let found = newest.filter_map(|(began, id)| reader.concept(id).filter(|one| one.created_at == began));
        found.take(limit).collect()
    }

    /// At most `limit` living associations whose key is above `after`, in the order of the keys, with their evidence.
    pub fn associations(&self, after: Option<&AssociationKey>, limit: usize) -> Vec<Association> {
        let reader = self.reader();
        let first = after.map(|key| key.source).unwrap_or_default();
        let keys = self.0.graph.sources_from(first).filter(|source| self.keeps(*source)).flat_map(|source| {
            let links = self.0.graph.leaving(source);
            links.into_iter().map(|link| link.key()).collect::<Vec<_>>()
        });
        let keys = keys.filter(|key| after.is_none_or(|after| key > after));
        keys.filter_map(|key| reader.association(&key)).take(limit).collect()
    }

    /// Whether the shard keeps a concept.
    pub(super) fn keeps(&self, id: ConceptId) -> bool {
        self.0.range.keeps(id)
    }

    /// Ids that the shard keeps, of all rows from `first` on, ascending.
    pub(super) fn ids_from(&self, first: ConceptId) -> impl Iterator<Item = ConceptId> {
        self.0.graph.ids_from(first).filter(|id| self.keeps(*id))
    }

    /// A concept as other shards may see it, where this one keeps it; an id that was never taught has no versions.
    pub fn ghost(&self, id: ConceptId) -> Ghost {
        let ghost = self.0.graph.ghost(id);
        Ghost { erased_incarnation: ghost.erased_incarnation.max(self.0.graph.base), ..ghost }
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.0.graph
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader::new(&self.0.graph, self.0.as_of)
    }

    fn steps(&self, id: ConceptId, direction: Direction, filter: &AssociationFilter) -> Vec<Step> {
        let reader = self.reader();
        let mut steps = Vec::new();
        if !self.keeps(id) || !reader.sees(id) {
            return steps;
        }
        let mut cross = |links: Vec<Link<'_>>, reversed| {
            for link in links.iter().filter(|link| filter.allows_name(link.kind, link.label)) {
                let Some(weight) = reader.weight(link) else { continue };
                if weight.confidence >= filter.min_confidence {
                    steps.push(Step { key: link.key(), confidence: weight.confidence, strength: weight.strength, reversed });
                }
            }
        };
        if direction != Direction::In {
            cross(self.0.graph.leaving(id), false);
        }
        if direction != Direction::Out {
            cross(self.0.graph.arriving(id), true);
        }
        steps
    }
}

impl Knowledge for View {
    fn concept(&self, id: ConceptId) -> Option<Arc<Concept>> {
        self.keeps(id).then(|| self.reader().concept(id)).flatten()
    }

    fn keyed(&self, key: &str) -> Option<ConceptId> {
        let concept = self.0.graph.keyed(key, self.0.as_of.known_at, |concept| self.keeps(concept.id))?;
        self.reader().sees(concept.id).then_some(concept.id)
    }

    fn named(&self, name: &str) -> Vec<ConceptId> {
        let name = normal_name(name);
        let reader = self.reader();
        let called = self.0.graph.called(&name).into_iter();
        // Names are never removed, and found by hash: whether the concept of this view is still called so is checked here.
        called
            .filter(|id| self.keeps(*id))
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
        self.keeps(key.source).then(|| self.reader().association(key)).flatten()
    }
}
