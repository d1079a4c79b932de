//! The rows of one namespace.

use std::collections::hash_map::RandomState;
use std::sync::{Arc, RwLock};

use im::{HashMap, OrdMap, OrdSet};
use sutra_protocol::http::NamespaceSettings;
use sutra_protocol::name;
use sutra_protocol::time::Validity;
use sutra_protocol::{AssociationKey, AssociationType, Concept, ConceptId, Ground, Label, Timestamp};

use super::ids::Ids;
use super::rows::{AssociationRow, ConceptRow, EvidenceVersion};
use crate::keyword::KeywordIndex;

/// One namespace. A clone shares everything until one of the two is changed; then the changed rows' tree nodes are copied.
#[derive(Clone)]
pub(crate) struct Graph {
    pub(crate) settings: NamespaceSettings,
    /// Of every vector; fixed by the first.
    pub(crate) dimension: Option<u32>,
    pub(crate) concepts: OrdMap<ConceptId, Arc<ConceptRow>>,
    /// Every id that ever had the key; at most one of them is alive and has it still.
    pub(crate) keys: HashMap<Arc<str>, Ids, RandomState>,
    /// Every id that was ever called so, by the name's hash; whether it is still is for the reader to check.
    names: HashMap<u128, Ids, RandomState>,
    pub(crate) outgoing: OrdMap<AssociationKey, Arc<AssociationRow>>,
    pub(crate) incoming: OrdMap<IncomingKey, Arc<AssociationRow>>,
    /// Every label in use, by its text, so that equal ones share it.
    labels: OrdMap<Label, Label>,
    /// Associations that rest on a statement that is neither of their ends.
    pub(crate) supports: OrdSet<(ConceptId, AssociationKey)>,
    /// By the time of their first recording.
    pub(crate) by_time: OrdSet<(Timestamp, ConceptId)>,
    pub(crate) counts: Counts,
    /// Shared by all clones, and so ahead of older ones: a reader checks what it finds there against its own rows.
    pub(crate) keywords: Arc<RwLock<KeywordIndex>>,
}

/// What is alive now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) concepts: u64,
    pub(crate) associations: u64,
    pub(crate) vectors: u64,
}

/// An association's identity, seen from its target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IncomingKey {
    pub(crate) target: ConceptId,
    pub(crate) kind: AssociationType,
    pub(crate) label: Label,
    pub(crate) source: ConceptId,
    pub(crate) validity: Validity,
}

impl IncomingKey {
    pub(crate) fn of(key: &AssociationKey) -> Self {
        Self { target: key.target, kind: key.kind, label: key.label.clone(), source: key.source, validity: key.validity }
    }

    pub(crate) fn association(&self) -> AssociationKey {
        AssociationKey {
            source: self.source,
            kind: self.kind,
            label: self.label.clone(),
            target: self.target,
            validity: self.validity,
        }
    }

    /// Sorts before every association to `target`.
    pub(crate) fn first(target: ConceptId) -> Self {
        let AssociationKey { kind, label, validity, .. } = first_key(target);
        Self { target, kind, label, source: ConceptId::from_u128(0), validity }
    }
}

/// Sorts before every association from `source`.
pub(crate) fn first_key(source: ConceptId) -> AssociationKey {
    AssociationKey {
        source,
        kind: AssociationType::ALL[0],
        label: Label::default(),
        target: ConceptId::from_u128(0),
        validity: Validity::ALWAYS,
    }
}

fn name_hash(name: &str) -> u128 {
    let mut first = [0; 16];
    first.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..16]);
    u128::from_le_bytes(first)
}

impl Graph {
    pub(crate) fn new() -> Self {
        Self {
            settings: NamespaceSettings::default(),
            dimension: None,
            concepts: OrdMap::new(),
            keys: HashMap::default(),
            names: HashMap::default(),
            outgoing: OrdMap::new(),
            incoming: OrdMap::new(),
            labels: OrdMap::new(),
            supports: OrdSet::new(),
            by_time: OrdSet::new(),
            counts: Counts::default(),
            keywords: Arc::default(),
        }
    }

    /// The concept as recorded at `known_at`, whatever its validity; `None` for now.
    pub(crate) fn concept(&self, id: ConceptId, known_at: Option<Timestamp>) -> Option<&Arc<Concept>> {
        self.concepts.get(&id)?.at(known_at)
    }

    /// The living concept that has the key.
    pub(crate) fn keyed(&self, key: &str, known_at: Option<Timestamp>) -> Option<&Arc<Concept>> {
        let ids = self.keys.get(key)?.as_slice();
        ids.iter().find_map(|id| self.concept(*id, known_at).filter(|concept| concept.key.as_deref() == Some(key)))
    }

    /// Ids that were ever called by this normal name.
    pub(crate) fn called(&self, name: &str) -> &[ConceptId] {
        self.names.get(&name_hash(name)).map_or(&[], Ids::as_slice)
    }

    /// Associations from `source`, in the order of their keys.
    pub(crate) fn leaving(&self, source: ConceptId) -> impl Iterator<Item = (&AssociationKey, &Arc<AssociationRow>)> {
        self.outgoing.range(first_key(source)..).take_while(move |(key, _)| key.source == source)
    }

    /// Associations to `target`, in the order of their keys.
    pub(crate) fn arriving(&self, target: ConceptId) -> impl Iterator<Item = (&IncomingKey, &Arc<AssociationRow>)> {
        self.incoming.range(IncomingKey::first(target)..).take_while(move |(key, _)| key.target == target)
    }

    /// Associations that `statement`, which is neither of their ends, was ever evidence for.
    pub(crate) fn supported_by(&self, statement: ConceptId) -> impl Iterator<Item = &AssociationKey> {
        let first = (statement, first_key(ConceptId::from_u128(0)));
        self.supports.range(first..).take_while(move |(ground, _)| *ground == statement).map(|(_, key)| key)
    }

    /// Whether the piece of evidence counts at `known_at`: it stands, and its concepts live in the incarnations that it names.
    pub(crate) fn counts_now(&self, key: &AssociationKey, piece: &EvidenceVersion) -> bool {
        let lives = |id, incarnation| self.concept(id, None).is_some_and(|concept| concept.incarnation == incarnation);
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
        let previous = self.concept(concept.id, None).cloned();
        if previous.is_none() {
            self.counts.concepts += 1;
            self.by_time.insert((recorded_at, concept.id));
            if let Some(key) = &concept.key {
                add(&mut self.keys, Arc::clone(key), concept.id);
            }
        }
        let had_vector = previous.as_ref().is_some_and(|concept| concept.vector.is_some());
        match (had_vector, concept.vector.is_some()) {
            (false, true) => self.counts.vectors += 1,
            (true, false) => self.counts.vectors -= 1,
            _ => {}
        }
        let same_text =
            previous.as_ref().is_some_and(|previous| previous.content == concept.content && previous.aliases == concept.aliases);
        if !same_text {
            for name in name::names(&concept.content, concept.aliases.iter().map(AsRef::as_ref)) {
                add(&mut self.names, name_hash(&name), concept.id);
            }
            if let Ok(mut keywords) = self.keywords.write() {
                keywords.put(&concept);
            }
        }
        self.push(concept.id, recorded_at, Some(Arc::clone(&concept)));
        concept
    }

    /// Stores the retraction of a living concept.
    pub(crate) fn remove_concept(&mut self, concept: &Concept, recorded_at: Timestamp) {
        self.counts.concepts -= 1;
        self.counts.vectors -= u64::from(concept.vector.is_some());
        if let Ok(mut keywords) = self.keywords.write() {
            keywords.remove(concept.id);
        }
        self.push(concept.id, recorded_at, None);
    }

    /// The incarnation that `id` gets when it is taught anew.
    pub(crate) fn next_incarnation(&self, id: ConceptId) -> u64 {
        self.concepts.get(&id).map_or(0, |row| row.incarnation()) + 1
    }

    /// Stores the row of an association under both its ends.
    pub(crate) fn put_association(&mut self, mut key: AssociationKey, row: AssociationRow) {
        match self.labels.get(&key.label) {
            Some(shared) => key.label = shared.clone(),
            None => {
                self.labels.insert(key.label.clone(), key.label.clone());
            }
        }
        for piece in &row.evidence {
            if let Ground::Statement(statement) = piece.ground
                && statement != key.source
                && statement != key.target
            {
                self.supports.insert((statement, key.clone()));
            }
        }
        let row = Arc::new(row);
        self.incoming.insert(IncomingKey::of(&key), Arc::clone(&row));
        self.outgoing.insert(key, row);
    }

    /// The earliest record time that can still be asked about, when it is `now`.
    pub(crate) fn horizon(&self, now: Timestamp) -> Option<Timestamp> {
        let seconds = i64::try_from(self.settings.history_retention_seconds?).unwrap_or(i64::MAX);
        Some(now.plus_micros(seconds.saturating_mul(-1_000_000)))
    }

    fn push(&mut self, id: ConceptId, recorded_at: Timestamp, concept: Option<Arc<Concept>>) {
        let horizon = self.horizon(recorded_at);
        let row = Arc::make_mut(self.concepts.entry(id).or_default());
        row.push(recorded_at, concept);
        if let Some(horizon) = horizon {
            row.forget_before(horizon);
        }
    }
}

fn add<K: Clone + Eq + std::hash::Hash>(map: &mut HashMap<K, Ids, RandomState>, key: K, id: ConceptId) {
    match map.get_mut(&key) {
        Some(ids) => ids.insert(id),
        None => {
            map.insert(key, Ids::One(id));
        }
    }
}
