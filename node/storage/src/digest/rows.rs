//! Which bytes stand for a row: a kind, then each field by its length or in a fixed width, so that no two rows have the same.
//!
//! A vector is told by its dimension only: a delta has it as it was given, and a segment as its namespace stores it. What a segment has
//! of it is under the segment's own checksums.

use sutra_protocol::concept::AttributeValue;
use sutra_protocol::{AssociationKey, Concept, ConceptId, Ground, Namespace, Source, Timestamp, Validity};
use sutra_segment::{ConceptRow, EvidenceVersion};

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Shard = 1,
    Namespace = 2,
    Concept = 3,
    Living = 4,
    Evidence = 5,
    Taken = 6,
    Reserved = 7,
    Dropped = 8,
    GivingWay = 9,
}

/// A row's bytes as they are hashed.
pub(super) struct Row(blake3::Hasher);

impl Row {
    /// Begins a row.
    pub(super) fn new(kind: Kind) -> Self {
        let mut row = Self(blake3::Hasher::new());
        row.0.update(&[kind as u8]);
        row
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    pub(super) fn id(&mut self, id: ConceptId) -> &mut Self {
        self.0.update(&id.as_u128().to_le_bytes());
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
        self
    }

    pub(super) fn namespace(&mut self, namespace: &Namespace) -> &mut Self {
        self.text(namespace.as_str())
    }

    pub(super) fn time(&mut self, time: Timestamp) -> &mut Self {
        self.number(time.as_micros().cast_unsigned())
    }

    pub(super) fn float(&mut self, number: f64) -> &mut Self {
        self.number(number.to_bits())
    }

    /// What may be missing.
    pub(super) fn maybe<T>(&mut self, what: Option<T>, put: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.0.update(&[u8::from(what.is_some())]);
        if let Some(what) = what {
            put(self, what);
        }
        self
    }

    fn validity(&mut self, validity: Validity) -> &mut Self {
        let Validity { from, to } = validity;
        self.maybe(from, |row, time| {
            row.time(time);
        });
        self.maybe(to, |row, time| {
            row.time(time);
        })
    }

    pub(super) fn end(self) -> blake3::Hash {
        self.0.finalize()
    }

    fn source(&mut self, source: &Source) {
        let Source { uri, title, page, offset } = source;
        self.text(uri);
        self.maybe(title.as_deref(), |row, title| {
            row.text(title);
        });
        self.maybe(*page, |row, page| {
            row.number(u64::from(page));
        });
        self.maybe(*offset, |row, offset| {
            row.number(offset);
        });
    }

    fn attribute(&mut self, name: &str, value: &AttributeValue) {
        self.text(name);
        match value {
            AttributeValue::Bool(value) => self.number(0).number(u64::from(*value)),
            AttributeValue::Integer(value) => self.number(1).number(value.cast_unsigned()),
            AttributeValue::Float(value) => self.number(2).float(*value),
            AttributeValue::Text(value) => self.number(3).text(value),
        };
    }

    /// A concept, without its namespace and id, which are the row's.
    fn concept(&mut self, concept: &Concept) {
        // All of it by name: a field that comes to be has to be decided about here.
        let Concept {
            id: _,
            namespace: _,
            incarnation,
            key,
            content,
            aliases,
            semantic_type,
            confidence,
            strength,
            attributes,
            vector,
            source,
            validity,
            asserted_by,
            created_at,
            updated_at,
        } = concept;
        self.number(*incarnation);
        self.maybe(key.as_deref(), |row, key| {
            row.text(key);
        });
        self.text(content).number(aliases.len() as u64);
        for alias in aliases {
            self.text(alias);
        }
        self.text(semantic_type.as_str()).float(*confidence).float(*strength).number(attributes.len() as u64);
        for (name, value) in attributes {
            self.attribute(name, value);
        }
        self.maybe(vector.as_deref(), |row, vector| {
            row.number(vector.len() as u64);
        });
        self.maybe(source.as_ref(), Self::source);
        self.validity(*validity).text(asserted_by).time(*created_at).time(*updated_at);
    }

    /// A concept's row with its history.
    pub(super) fn history(namespace: &Namespace, id: ConceptId, row: &ConceptRow) -> blake3::Hash {
        let ConceptRow { versions, erased_incarnation } = row;
        let mut hash = Self::new(Kind::Concept);
        hash.namespace(namespace).id(id).number(*erased_incarnation).number(versions.len() as u64);
        for version in versions {
            hash.time(version.recorded_at).maybe(version.concept.as_deref(), Self::concept);
        }
        hash.end()
    }

    /// A concept's row where history is forgotten: what is known of it now, and what must not be resurrected.
    pub(super) fn living(namespace: &Namespace, id: ConceptId, row: &ConceptRow) -> blake3::Hash {
        let mut hash = Self::new(Kind::Living);
        hash.namespace(namespace).id(id).number(row.incarnation());
        hash.maybe(row.at(None).map(|concept| &**concept), Self::concept);
        hash.end()
    }

    /// A piece of evidence of an association.
    pub(super) fn evidence(namespace: &Namespace, key: &AssociationKey, piece: &EvidenceVersion) -> blake3::Hash {
        let AssociationKey { source, kind, label, target, validity } = key;
        let EvidenceVersion {
            ground,
            confidence,
            strength,
            source_incarnation,
            target_incarnation,
            ground_incarnation,
            recorded_at,
            retracted_at,
        } = piece;
        let mut hash = Self::new(Kind::Evidence);
        hash.namespace(namespace).id(*source).text(kind.as_str()).text(label.as_str()).id(*target).validity(*validity);
        match ground {
            Ground::Statement(id) => hash.number(0).id(*id),
            Ground::AssertedBy(who) => hash.number(1).text(who),
        };
        hash.float(*confidence).float(*strength);
        hash.number(*source_incarnation).number(*target_incarnation).number(*ground_incarnation).time(*recorded_at);
        hash.maybe(*retracted_at, |row, time| {
            row.time(time);
        });
        hash.end()
    }
}
