//! The rows of one namespace in a segment.

use std::ops::RangeInclusive;
use std::sync::Arc;

use sutra_protocol::{AssociationKey, AssociationType, Concept, ConceptId, Label, Namespace, Timestamp, Validity};

use crate::container::Container;
use crate::rows::{AssociationRow, ConceptRow, EvidenceVersion};
use crate::shape::Shape;

/// A row of a part: the `n`th by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub(crate) u32);

impl Code {
    /// From 0.
    pub const fn row(self) -> u32 {
        self.0
    }
}

/// That a concept is alive, and what an association needs to know of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// How often it was taught anew, from 1.
    pub incarnation: u64,
    /// When it holds in the world.
    pub validity: Validity,
    /// How sure its teacher is, 0 to 1.
    pub confidence: f64,
}

/// The rows of one namespace in a segment.
///
/// No method fails: where bytes turn out damaged it answers as if there were no more, and [`Container::damage`] of
/// [`Part::segment`] says so from then on, so a caller that must not miss anything asks for it after reading.
#[derive(Debug)]
pub struct Part {
    container: Arc<Container>,
    namespace: Namespace,
}

impl Part {
    /// The namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }
    /// The file that holds it.
    pub fn segment(&self) -> &Arc<Container> {
        &self.container
    }
    /// How many rows of concepts, alive or not.
    pub fn rows(&self) -> u32 {
        0
    }
    /// How many rows of associations, alive or not.
    pub fn edges(&self) -> u32 {
        0
    }
    /// How many vectors of living concepts.
    pub fn vectors_count(&self) -> u32 {
        0
    }
    /// How vectors are stored; `None`: there are none.
    pub fn shape(&self) -> Option<Shape> {
        None
    }
    /// The `row`th row; `None` beyond the last.
    pub fn code(&self, row: u32) -> Option<Code> {
        (row < self.rows()).then_some(Code(row))
    }
    /// The row of a concept; `None`: this part knows nothing of it but, perhaps, associations.
    pub fn find(&self, id: ConceptId) -> Option<Code> {
        let _ = id;
        None
    }
    /// The id of a row.
    pub fn id_of(&self, code: Code) -> ConceptId {
        let _ = code;
        ConceptId::default()
    }
    /// Whether and how the concept lived at `known_at`, `None` for now. `None`: retracted, erased or not yet known then.
    pub fn standing(&self, code: Code, known_at: Option<Timestamp>) -> Option<Standing> {
        let _ = (code, known_at);
        None
    }
    /// The concept as recorded at `known_at`, `None` for now.
    pub fn concept(&self, code: Code, known_at: Option<Timestamp>) -> Option<Arc<Concept>> {
        let _ = (code, known_at);
        None
    }
    /// The row with all its versions; an empty one where it is damaged.
    pub fn row(&self, code: Code) -> ConceptRow {
        let _ = code;
        ConceptRow::default()
    }
    /// Associations from `source`, in the order of their keys.
    pub fn leaving(&self, source: ConceptId) -> impl Iterator<Item = Edge<'_>> + Clone {
        let _ = source;
        std::iter::empty()
    }
    /// Associations from the concept of a row.
    pub fn leaving_row(&self, source: Code) -> impl Iterator<Item = Edge<'_>> + Clone {
        let _ = source;
        std::iter::empty()
    }
    /// Associations to `target`, by (type, label, source, validity).
    pub fn arriving(&self, target: ConceptId) -> impl Iterator<Item = Edge<'_>> + Clone {
        let _ = target;
        std::iter::empty()
    }
    /// Associations to the concept of a row.
    pub fn arriving_row(&self, target: Code) -> impl Iterator<Item = Edge<'_>> + Clone {
        let _ = target;
        std::iter::empty()
    }
    /// Associations that `statement`, which is neither of their ends, was ever evidence for, in the order of their keys.
    pub fn supported_by(&self, statement: ConceptId) -> impl Iterator<Item = Edge<'_>> + Clone {
        let _ = statement;
        std::iter::empty()
    }
    /// The association.
    pub fn edge(&self, key: &AssociationKey) -> Option<Edge<'_>> {
        let _ = key;
        None
    }
    /// Ids that any version calls so; the hash is [`crate::text_hash`] of the normal name. May name others too: compare.
    pub fn called(&self, name_hash: u64) -> impl Iterator<Item = ConceptId> + '_ {
        let _ = name_hash;
        std::iter::empty()
    }
    /// Ids of which any version has the key; the hash is [`crate::text_hash`] of the key. May name others too: compare.
    pub fn keyed(&self, key_hash: u64) -> impl Iterator<Item = ConceptId> + '_ {
        let _ = key_hash;
        std::iter::empty()
    }
    /// Rows by id, from the first above `after`.
    pub fn concepts_from(&self, after: Option<ConceptId>) -> impl Iterator<Item = (ConceptId, Code)> + '_ {
        let _ = after;
        std::iter::empty()
    }
    /// Ids from `first` on that associations of this part leave, ascending; whether or not their rows are here.
    pub fn sources_from(&self, first: ConceptId) -> impl Iterator<Item = ConceptId> + '_ {
        let _ = first;
        std::iter::empty()
    }
    /// The incarnations of all rows by the time of their teaching, oldest first; reverse it for the newest first.
    pub fn by_time(&self) -> impl DoubleEndedIterator<Item = (Timestamp, ConceptId)> + '_ {
        std::iter::empty()
    }
    /// The incarnations of all rows, the last taught first.
    pub fn newest(&self) -> impl DoubleEndedIterator<Item = (Timestamp, ConceptId)> + '_ {
        self.by_time().rev()
    }
    /// The incarnations of all rows, the first taught first.
    pub fn oldest(&self) -> impl DoubleEndedIterator<Item = (Timestamp, ConceptId)> + '_ {
        self.by_time()
    }
    /// The values of an attribute; `None`: no living concept has it.
    pub fn attribute(&self, name: &str) -> Option<AttributeRuns<'_>> {
        let _ = name;
        None
    }
    /// The row of a vector; `None` beyond the last.
    pub fn vector_row(&self, ordinal: u32) -> Option<Code> {
        let _ = ordinal;
        None
    }
}

/// The values of one attribute: of the newest versions of living concepts. What they yield are candidates, to be compared.
#[derive(Clone, Copy, Debug)]
pub struct AttributeRuns<'a> {
    _part: &'a Part,
}

impl<'a> AttributeRuns<'a> {
    /// Rows whose number lies in `range`, ascending; whole numbers count as the nearest float. The key is [`crate::number_key`].
    pub fn numbers(&self, range: RangeInclusive<f64>) -> impl DoubleEndedIterator<Item = (u64, Code)> + 'a {
        let _ = range;
        std::iter::empty()
    }
    /// Rows whose text is a time of RFC 3339 in `range`, ascending. The key is [`crate::time_key`].
    pub fn times(&self, range: RangeInclusive<Timestamp>) -> impl DoubleEndedIterator<Item = (u64, Code)> + 'a {
        let _ = range;
        std::iter::empty()
    }
    /// Rows whose text is `text`, or, if that is a time, the same time.
    pub fn equal_text(&self, text: &str) -> impl DoubleEndedIterator<Item = (u64, Code)> + 'a {
        let _ = text;
        std::iter::empty()
    }
    /// Rows whose truth value is `value`.
    pub fn equal_bool(&self, value: bool) -> impl DoubleEndedIterator<Item = (u64, Code)> + 'a {
        let _ = value;
        std::iter::empty()
    }
}

/// A row of an association, in place.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'a> {
    part: &'a Part,
    label: &'a Label,
}

impl<'a> Edge<'a> {
    /// Where it starts.
    pub fn source(&self) -> ConceptId {
        ConceptId::default()
    }
    /// Where it ends.
    pub fn target(&self) -> ConceptId {
        ConceptId::default()
    }
    /// The source's row, if it is in this part.
    pub fn source_code(&self) -> Option<Code> {
        None
    }
    /// The target's row, if it is in this part.
    pub fn target_code(&self) -> Option<Code> {
        None
    }
    /// Its type.
    pub fn kind(&self) -> AssociationType {
        AssociationType::Semantic
    }
    /// Its name; shared by all edges of the part that have it.
    pub fn label(&self) -> &'a Label {
        self.label
    }
    /// When it holds in the world.
    pub fn validity(&self) -> Validity {
        Validity::ALWAYS
    }
    /// Its identity.
    pub fn key(&self) -> AssociationKey {
        todo_key()
    }
    /// Its row with all evidence; an empty one where it is damaged.
    pub fn row(&self) -> AssociationRow {
        let _ = self.part;
        AssociationRow::default()
    }
    /// Whether it rests on one piece, taught when both ends (and the statement) had incarnation 1, and not retracted.
    pub fn is_simple(&self) -> bool {
        false
    }
    /// The only piece of a simple one, made without a list; `None` where it is not simple.
    pub fn single(&self) -> Option<EvidenceVersion> {
        None
    }
}

fn todo_key() -> AssociationKey {
    AssociationKey {
        source: ConceptId::default(),
        kind: AssociationType::Semantic,
        label: Label::default(),
        target: ConceptId::default(),
        validity: Validity::ALWAYS,
    }
}
