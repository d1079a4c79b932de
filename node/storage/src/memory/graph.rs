//! One namespace: what was written lately over what the segments hold.
//!
//! ```text
//!   delta            newest; changed by the one thread that applies
//!   frozen           the delta that a checkpoint is writing into a segment, if there is one
//!   parts[n−1]       newest segment
//!   …
//!   parts[0]         oldest
//! ```
//!
//! A row is whole wherever it stands: the newest layer that has one answers, and nothing is put together from several.

use std::borrow::Cow;
use std::sync::Arc;

use sutra_protocol::command::LogIndex;
use sutra_protocol::http::{NamespaceSettings, VectorScalar};
use sutra_protocol::{AssociationKey, AssociationType, Concept, ConceptId, Ground, Label, Timestamp, Validity};
use sutra_segment::{AssociationRow, Code, ConceptRow, ConceptVersion, Damage, Edge, EvidenceVersion, Part, Standing, text_hash};
use sutra_vector::{Scalar, Shape};

use super::delta::{Delta, RecentAssociation, RecentConcept, RecentEdge};
use super::layer::Layer;
use super::merge::merged;

/// One namespace. A clone is a snapshot and costs little.
#[derive(Clone)]
pub(crate) struct Graph {
    pub(crate) settings: NamespaceSettings,
    /// Of every vector; fixed by the first.
    pub(crate) shape: Option<Shape>,
    pub(crate) counts: Counts,
    /// The entry that created it: tells it from one of the same name that was dropped before.
    pub(crate) born: LogIndex,
    /// Incarnations begin after this one: they were had in the namespace of the same name that was dropped before.
    pub(crate) base: u64,
    /// Older settings may have let what was before it be forgotten.
    pub(crate) forgotten_to: Option<Timestamp>,
    pub(crate) delta: Delta,
    pub(crate) frozen: Option<Arc<Delta>>,
    /// Oldest first.
    pub(crate) parts: Arc<[Layer]>,
}

/// What is alive now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Counts {
    pub(crate) concepts: u64,
    pub(crate) associations: u64,
    pub(crate) vectors: u64,
}

/// An association as a layer holds it.
#[derive(Clone, Copy)]
pub(crate) struct Link<'a> {
    pub(crate) source: ConceptId,
    pub(crate) target: ConceptId,
    pub(crate) kind: AssociationType,
    pub(crate) label: &'a Label,
    pub(crate) validity: Validity,
    row: LinkRow<'a>,
}

#[derive(Clone, Copy)]
enum LinkRow<'a> {
    Recent(RecentAssociation<'a>),
    Stored {
        edge: Edge<'a>,
        /// Which of the parts has it.
        part: usize,
    },
}

impl<'a> Link<'a> {
    fn recent(edge: RecentEdge<'a>) -> Self {
        let RecentEdge { source, target, kind, label, validity, row } = edge;
        Self { source, target, kind, label, validity, row: LinkRow::Recent(row) }
    }

    fn stored(edge: Edge<'a>, part: usize) -> Self {
        Self {
            source: edge.source(),
            target: edge.target(),
            kind: edge.kind(),
            label: edge.label(),
            validity: edge.validity(),
            row: LinkRow::Stored { edge, part },
        }
    }

    pub(crate) fn key(&self) -> AssociationKey {
        let Self { source, target, kind, validity, .. } = *self;
        AssociationKey { source, kind, label: self.label.clone(), target, validity }
    }

    /// The row.
    pub(crate) fn row(&self) -> Cow<'a, AssociationRow> {
        match self.row {
            LinkRow::Recent(row) => row.row(),
            LinkRow::Stored { edge, .. } => Cow::Owned(edge.row()),
        }
    }

    /// Its only piece of evidence, if it has one only and that is quickly told.
    pub(crate) fn single(&self) -> Option<Cow<'a, EvidenceVersion>> {
        match self.row {
            LinkRow::Recent(row) => row.single().map(Cow::Borrowed),
            LinkRow::Stored { edge, .. } => edge.single().map(Cow::Owned),
        }
    }

    fn order(&self) -> (AssociationType, &'a Label, ConceptId, ConceptId, Validity) {
        (self.kind, self.label, self.source, self.target, self.validity)
    }
}

impl Graph {
    pub(crate) fn new(born: LogIndex) -> Self {
        Self {
            settings: NamespaceSettings::default(),
            shape: None,
            counts: Counts::default(),
            born,
            base: 0,
            forgotten_to: None,
            delta: Delta::default(),
            frozen: None,
            parts: Arc::from([]),
        }
    }

    /// The layers in memory, newest first.
    pub(crate) fn deltas(&self) -> impl Iterator<Item = &Delta> {
        std::iter::once(&self.delta).chain(self.frozen.as_deref())
    }

    /// What is wrong with a segment of this namespace, if a read of it found something.
    pub(crate) fn damage(&self) -> Option<&Damage> {
        self.parts.iter().find_map(|part| part.segment().damage())
    }

    /// The whole row of a concept.
    pub(crate) fn row(&self, id: ConceptId) -> Option<Cow<'_, ConceptRow>> {
        match self.find(id)? {
            Found::Recent(row) => Some(row.row()),
            Found::Stored(part, code) => Some(Cow::Owned(part.row(code))),
        }
    }

    /// Where the newest row of a concept is.
    pub(crate) fn find(&self, id: ConceptId) -> Option<Found<'_>> {
        self.newer(id, 0)
    }

    /// The same, in the layers from `parts[oldest]` on.
    fn newer(&self, id: ConceptId, oldest: usize) -> Option<Found<'_>> {
        if let Some(row) = self.deltas().find_map(|delta| delta.concept(id)) {
            return Some(Found::Recent(row));
        }
        let parts = self.parts.get(oldest..).unwrap_or_default();
        parts.iter().rev().find_map(|part| part.find(id).map(|code| Found::Stored(part, code)))
    }

    /// The concept as recorded at `known_at`, whatever its validity; `None` for now.
    pub(crate) fn concept(&self, id: ConceptId, known_at: Option<Timestamp>) -> Option<Arc<Concept>> {
        self.find(id)?.concept(known_at)
    }

    /// What liveness asks of a concept.
    pub(crate) fn standing(&self, id: ConceptId, known_at: Option<Timestamp>) -> Option<Standing> {
        self.find(id)?.standing(known_at)
    }

    /// The same of an association's source and target, which are often found beside it.
    pub(crate) fn ends(&self, link: &Link<'_>, known_at: Option<Timestamp>) -> Option<[Standing; 2]> {
        let LinkRow::Stored { edge, part } = link.row else {
            return Some([self.standing(link.source, known_at)?, self.standing(link.target, known_at)?]);
        };
        let end = |id, code: Option<Code>| match (self.newer(id, part + 1), code) {
            (Some(found), _) => found.standing(known_at),
            (None, Some(code)) => self.parts.get(part)?.standing(code, known_at),
            (None, None) => self.standing(id, known_at),
        };
        Some([end(link.source, edge.source_code())?, end(link.target, edge.target_code())?])
    }

    /// The living concept that has the key, of those that count. Another shard's may seem to have it yet which has lost it.
    pub(crate) fn keyed(
        &self,
        key: &str,
        known_at: Option<Timestamp>,
        counts: impl Fn(&Concept) -> bool,
    ) -> Option<Arc<Concept>> {
        let hash = text_hash(key);
        let recent = self.deltas().flat_map(|delta| delta.keyed(hash));
        let mut ids = recent.chain(self.parts.iter().rev().flat_map(|part| part.keyed(hash)));
        ids.find_map(|id| self.concept(id, known_at).filter(|concept| concept.key.as_deref() == Some(key) && counts(concept)))
    }

    /// Ids of which some version may be called by this normal name; ascending.
    pub(crate) fn called(&self, name: &str) -> Vec<ConceptId> {
        let hash = text_hash(name);
        let recent = self.deltas().flat_map(|delta| delta.called(hash));
        let mut ids: Vec<_> = recent.chain(self.parts.iter().flat_map(|part| part.called(hash))).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Associations from `source`, in the order of their keys.
    pub(crate) fn leaving(&self, source: ConceptId) -> Vec<Link<'_>> {
        self.gather(|delta, links| links.extend(delta.leaving(source).map(Link::recent)), |part| part.leaving(source))
    }

    /// Associations to `target`, in the order of type, label and source.
    pub(crate) fn arriving(&self, target: ConceptId) -> Vec<Link<'_>> {
        self.gather(|delta, links| links.extend(delta.arriving(target).map(Link::recent)), |part| part.arriving(target))
    }

    /// The links of every layer: sorted, and the newest of each.
    fn gather<'a, E: Iterator<Item = Edge<'a>>>(
        &'a self,
        recent: impl Fn(&'a Delta, &mut Vec<Link<'a>>),
        stored: impl Fn(&'a Part) -> E,
    ) -> Vec<Link<'a>> {
        let mut links = Vec::new();
        self.deltas().for_each(|delta| recent(delta, &mut links));
        let mut layers = 2 * usize::from(!links.is_empty());
        for (at, part) in self.parts.iter().enumerate().rev() {
            let before = links.len();
            links.extend(stored(part).map(|edge| Link::stored(edge, at)));
            layers += usize::from(links.len() > before);
        }
        // A part's own order is right; a delta's is not.
        if layers > 1 {
            // Stable, so that of equal keys the newest stays first.
            links.sort_by(|a, b| a.order().cmp(&b.order()));
            links.dedup_by(|later, kept| later.order() == kept.order());
        }
        links
    }

    /// The row of an association.
    pub(crate) fn association(&self, key: &AssociationKey) -> Option<Cow<'_, AssociationRow>> {
        if let Some(row) = self.deltas().find_map(|delta| delta.association(key)) {
            return Some(row.row());
        }
        self.parts.iter().rev().find_map(|part| part.edge(key)).map(|edge| Cow::Owned(edge.row()))
    }

    /// Associations that `statement`, which is neither of their ends, was ever evidence for; distinct.
    pub(crate) fn supported_by(&self, statement: ConceptId) -> Vec<AssociationKey> {
        let recent = self.deltas().flat_map(|delta| delta.supported_by(statement));
        let stored = self.parts.iter().flat_map(|part| part.supported_by(statement).map(|edge| edge.key()));
        let mut keys: Vec<_> = recent.chain(stored).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Ids of all rows whose id is `first` or above, ascending.
    pub(crate) fn ids_from(&self, first: ConceptId) -> impl Iterator<Item = ConceptId> {
        let recent = self.deltas().map(|delta| boxed(delta.ids_from(first)));
        let stored = self.parts.iter().map(|part| boxed(ids_from(part, first)));
        merged(recent.chain(stored).collect())
    }

    /// Concepts that an association leaves, from `first` on, ascending.
    pub(crate) fn sources_from(&self, first: ConceptId) -> impl Iterator<Item = ConceptId> {
        let recent = self.deltas().map(|delta| boxed(delta.sources_from(first)));
        let stored = self.parts.iter().map(|part| boxed(part.sources_from(first)));
        merged(recent.chain(stored).collect())
    }

    /// When each concept's incarnations began, the newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (Timestamp, ConceptId)> {
        let recent = self.deltas().map(|delta| boxed(delta.newest().map(std::cmp::Reverse)));
        let stored = self.parts.iter().map(|part| boxed(part.newest().map(std::cmp::Reverse)));
        merged(recent.chain(stored).collect()).map(|newest| newest.0)
    }

    /// The same, the oldest first.
    pub(crate) fn oldest(&self) -> impl Iterator<Item = (Timestamp, ConceptId)> {
        let recent = self.deltas().map(|delta| boxed(delta.oldest()));
        let stored = self.parts.iter().map(|part| boxed(part.oldest()));
        merged(recent.chain(stored).collect())
    }

    /// Whether the piece of evidence counts now: it stands, and its concepts live in the incarnations that it names.
    pub(crate) fn counts_now(&self, key: &AssociationKey, piece: &EvidenceVersion) -> bool {
        let lives = |id, incarnation| self.standing(id, None).is_some_and(|standing| standing.incarnation == incarnation);
        piece.stood(None)
            && lives(key.source, piece.source_incarnation)
            && lives(key.target, piece.target_incarnation)
            && match &piece.ground {
                Ground::Statement(id) => lives(*id, piece.ground_incarnation),
                Ground::AssertedBy(_) => true,
            }
    }

    /// Whether the association is alive now, whenever it holds in the world.
    pub(crate) fn is_alive(&self, key: &AssociationKey, row: &AssociationRow) -> bool {
        row.evidence.iter().any(|piece| self.counts_now(key, piece))
    }

    /// Stores a version of a concept, and, where they are new, its names.
    pub(crate) fn put_concept(&mut self, concept: Concept, recorded_at: Timestamp) -> Arc<Concept> {
        let concept = Arc::new(concept);
        let previous = self.concept(concept.id, None);
        if previous.is_none() {
            self.counts.concepts += 1;
            self.delta.put_time(recorded_at, concept.id);
        }
        let had_vector = previous.as_ref().is_some_and(|concept| concept.vector.is_some());
        match (had_vector, concept.vector.is_some()) {
            (false, true) => self.counts.vectors += 1,
            (true, false) => self.counts.vectors -= 1,
            _ => {}
        }
        if let Some(shape) = self.shape {
            self.delta.vectors.put(shape, &concept);
        }
        let same_text =
            previous.as_ref().is_some_and(|previous| previous.content == concept.content && previous.aliases == concept.aliases);
        if !same_text {
            if let Some(previous) = &previous {
                self.delta.texts.remove(previous);
            }
            self.delta.put_names(&concept);
            self.delta.texts.put(&concept);
        }
        self.push(concept.id, recorded_at, Some(Arc::clone(&concept)));
        concept
    }

    /// Stores the retraction of a living concept.
    pub(crate) fn remove_concept(&mut self, concept: &Concept, recorded_at: Timestamp) {
        self.forget_living(concept);
        self.push(concept.id, recorded_at, None);
    }

    /// Takes everything that is known of a concept, now and in the past, out of reach; what the disk holds of it is for the
    /// scrubbing that follows.
    pub(crate) fn erase_concept(&mut self, id: ConceptId) {
        if let Some(living) = self.concept(id, None) {
            self.forget_living(&living);
        }
        let incarnation = self.row(id).map_or(0, |row| row.incarnation());
        self.delta.put_concept(id, ConceptRow { versions: Vec::new(), erased_incarnation: incarnation });
    }

    fn forget_living(&mut self, concept: &Concept) {
        self.counts.concepts -= 1;
        self.counts.vectors -= u64::from(concept.vector.is_some());
        self.delta.texts.remove(concept);
    }

    /// The incarnation that `id` gets when it is taught anew.
    pub(crate) fn next_incarnation(&self, id: ConceptId) -> u64 {
        self.incarnation(id) + 1
    }

    /// The greatest incarnation that `id` ever had.
    pub(crate) fn incarnation(&self, id: ConceptId) -> u64 {
        self.row(id).map_or(0, |row| row.incarnation()).max(self.base)
    }

    /// Retracts every piece of evidence of an association that stands.
    pub(crate) fn retract_evidence(&mut self, key: &AssociationKey, at: Timestamp) {
        if self.delta.association(key).is_none()
            && let Some(older) = self.association(key)
        {
            self.delta.put_association(key, older.into_owned());
        }
        self.delta.retract_evidence(key, at);
    }

    /// Stores the row of an association, which is new or to which as many pieces of evidence were added as `replaced` has items: at the
    /// time of each, the piece whose index is there was retracted.
    pub(crate) fn add_evidence(&mut self, key: &AssociationKey, is_new: bool, row: &AssociationRow, replaced: &[Option<usize>]) {
        if is_new || self.delta.association(key).is_some() {
            let first = row.evidence.len().saturating_sub(replaced.len());
            for (piece, replaced) in row.evidence.iter().skip(first).zip(replaced) {
                // As many pieces do not fit a delta's budget.
                self.delta.push_evidence(key, replaced.map(|at| at as u32), piece.clone());
            }
        } else {
            self.delta.put_association(key, row.clone());
        }
    }

    /// How vectors are kept.
    pub(crate) fn scalar(&self) -> Scalar {
        match self.settings.vector_scalar.unwrap_or_default() {
            VectorScalar::F32 => Scalar::F32,
            VectorScalar::F16 => Scalar::F16,
            VectorScalar::I8 => Scalar::I8,
        }
    }

    /// The shape of vectors of this dimension.
    pub(crate) fn shape_of(&self, dimension: u32) -> Option<Shape> {
        Shape::new(dimension, self.scalar()).ok()
    }

    /// What vectors depend on stays as it is from now on.
    pub(crate) fn fix_settings(&mut self) {
        self.settings.vector_scalar.get_or_insert_default();
        self.settings.embedder.get_or_insert_with(|| NamespaceSettings::GIVEN.into());
    }

    /// Gives vectors their dimension; answers what is fixed with it.
    pub(crate) fn fix_dimension(&mut self, dimension: u32) -> NamespaceSettings {
        self.shape = self.shape_of(dimension);
        self.fix_settings();
        self.settings.clone()
    }

    /// The earliest record time that can still be asked about, when it is `now`.
    pub(crate) fn horizon(&self, now: Timestamp) -> Option<Timestamp> {
        horizon(&self.settings, now)
    }

    /// The earliest record time of which all is still there, when it is `now`; `None`: all there ever was.
    pub(crate) fn forgotten_before(&self, now: Timestamp) -> Option<Timestamp> {
        self.horizon(now).max(self.forgotten_to)
    }

    fn push(&mut self, id: ConceptId, recorded_at: Timestamp, concept: Option<Arc<Concept>>) {
        if self.delta.concept(id).is_none()
            && let Some(older) = self.row(id)
        {
            self.delta.put_concept(id, older.into_owned());
        }
        self.delta.push_version(id, ConceptVersion { recorded_at, concept });
    }
}

/// The newest row of a concept.
#[derive(Clone, Copy)]
pub(crate) enum Found<'a> {
    Recent(RecentConcept<'a>),
    Stored(&'a Layer, Code),
}

impl Found<'_> {
    /// The concept as recorded at `known_at`; `None` for now.
    pub(crate) fn concept(self, known_at: Option<Timestamp>) -> Option<Arc<Concept>> {
        match self {
            Self::Recent(row) => row.concept(known_at).cloned(),
            Self::Stored(part, code) => part.concept(code, known_at),
        }
    }

    fn standing(self, known_at: Option<Timestamp>) -> Option<Standing> {
        match self {
            Self::Recent(row) => row.standing(known_at),
            Self::Stored(part, code) => part.standing(code, known_at),
        }
    }
}

/// Ids of a part's rows from `first` on.
pub(crate) fn ids_from(part: &Part, first: ConceptId) -> impl Iterator<Item = ConceptId> {
    let before = first.as_u128().checked_sub(1).map(ConceptId::from_u128);
    part.concepts_from(before).map(|(id, _)| id)
}

/// The earliest record time that can still be asked about, when it is `now`.
pub(crate) fn horizon(settings: &NamespaceSettings, now: Timestamp) -> Option<Timestamp> {
    let seconds = i64::try_from(settings.history_retention_seconds?).unwrap_or(i64::MAX);
    Some(now.plus_micros(seconds.saturating_mul(-1_000_000)))
}

fn boxed<'a, T>(items: impl Iterator<Item = T> + 'a) -> Box<dyn Iterator<Item = T> + 'a> {
    Box::new(items)
}
