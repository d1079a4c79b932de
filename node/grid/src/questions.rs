//! What is asked of a shard's view, wherever it is pinned.
//!
//! Each question says what a view answers to it, so that the same code answers here and on another node.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sutra_protocol::effects::Ghost;
use sutra_protocol::filter::Filter;
use sutra_protocol::http::Degree;
use sutra_protocol::query::{Cursor, Order};
use sutra_protocol::{Association, AssociationFilter, AssociationKey, Concept, ConceptId, Direction, Knowledge, Step, Timestamp};
use sutra_storage::{Hit, NearestError, Page, View, WordStatistics};

/// A question to one shard.
pub(crate) trait Question: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it is on the wire.
    const KIND: Kind;
    /// What it is answered with.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// A view's answer.
    fn answer(&self, view: &View) -> Self::Answer;
}

/// A question whose answer is remembered for each thing that is asked about: see [`crate::there`].
pub(crate) trait Lookup: Send + Sync + 'static {
    /// What is asked about.
    type Key: Clone + Ord + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What is known of it.
    type Value: Clone + Serialize + DeserializeOwned + Send + 'static;
    /// What the question about several is on the wire.
    const KIND: Kind;

    /// What a view knows of it.
    fn look_up(view: &View, key: &Self::Key) -> Self::Value;
}

/// Several things that are looked up at once.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Several<L: Lookup>(pub(crate) Vec<L::Key>);

impl<L: Lookup> Question for Several<L> {
    const KIND: Kind = L::KIND;
    type Answer = Vec<L::Value>;

    fn answer(&self, view: &View) -> Self::Answer {
        self.0.iter().map(|key| L::look_up(view, key)).collect()
    }
}

/// The questions by what they are on the wire. None changes its meaning; new ones come at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// More of the answer before.
    Rest,
    Concepts,
    Associations,
    Details,
    Ghosts,
    Keys,
    Names,
    Dimension,
    ConceptsAfter,
    Recent,
    AssociationsAfter,
    Query,
    Count,
    Words,
    Search,
    Nearest,
    Expand,
}

impl Kind {
    /// Every one, in the order of their numbers on the wire.
    pub(crate) const ALL: [Self; 17] = [
        Self::Rest,
        Self::Concepts,
        Self::Associations,
        Self::Details,
        Self::Ghosts,
        Self::Keys,
        Self::Names,
        Self::Dimension,
        Self::ConceptsAfter,
        Self::Recent,
        Self::AssociationsAfter,
        Self::Query,
        Self::Count,
        Self::Words,
        Self::Search,
        Self::Nearest,
        Self::Expand,
    ];

    /// Its name where questions are counted.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Concepts => "concepts",
            Self::Associations => "associations",
            Self::Details => "details",
            Self::Ghosts => "ghosts",
            Self::Keys => "keys",
            Self::Names => "names",
            Self::Dimension => "dimension",
            Self::ConceptsAfter => "concepts_after",
            Self::Recent => "recent",
            Self::AssociationsAfter => "associations_after",
            Self::Query => "query",
            Self::Count => "count",
            Self::Words => "words",
            Self::Search => "search",
            Self::Nearest => "nearest",
            Self::Expand => "expand",
        }
    }
}

macro_rules! lookups {
    ($($(#[$doc:meta])* $name:ident: $key:ty => $value:ty, $kind:ident, |$view:ident, $of:ident| $answer:expr;)+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl Lookup for $name {
            type Key = $key;
            type Value = $value;
            const KIND: Kind = Kind::$kind;

            fn look_up($view: &View, $of: &$key) -> $value {
                $answer
            }
        }
    )+};
}

lookups! {
    /// A living concept.
    OfConcept: ConceptId => Option<Arc<Concept>>, Concepts, |view, id| view.concept(*id);
    /// A living association.
    OfAssociation: AssociationKey => Option<Association>, Associations, |view, key| view.association(key);
    /// When a concept was retracted later, and how many associations it has.
    OfDetails: ConceptId => (Option<Timestamp>, Degree), Details, |view, id| (view.retracted_at(*id), view.degree(*id));
    /// A concept as other shards may see it.
    OfGhost: ConceptId => Ghost, Ghosts, |view, id| view.ghost(*id);
    /// The living concept with a key.
    OfKey: String => Option<ConceptId>, Keys, |view, key| view.keyed(key);
    /// The living concepts with a name.
    OfName: String => Vec<ConceptId>, Names, |view, name| view.named(name);
}

macro_rules! questions {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* } => $answer:ty, |$view:ident, $this:ident| $how:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Serialize, Deserialize)]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }

        impl Question for $name {
            const KIND: Kind = Kind::$name;
            type Answer = $answer;

            fn answer(&self, $view: &View) -> $answer {
                let $this = self;
                $how
            }
        }
    )+};
}

questions! {
    /// How many numbers the vectors of the namespace have.
    Dimension {} => Option<u32>, |view, _asked| view.dimension();
    /// The first living concepts, by id.
    ConceptsAfter { after: Option<ConceptId>, limit: usize } => Vec<Arc<Concept>>, |view, asked| view.concepts(asked.after, asked.limit);
    /// The living concepts that were taught last.
    Recent { limit: usize } => Vec<Arc<Concept>>, |view, asked| view.recent(asked.limit);
    /// The first living associations, by key.
    AssociationsAfter { after: Option<AssociationKey>, limit: usize } => Vec<Association>,
        |view, asked| view.associations(asked.after.as_ref(), asked.limit);
    /// A page of living concepts.
    Query { filter: Option<Filter>, order: Order, after: Option<Cursor>, limit: usize } => Page,
        |view, asked| view.query(asked.filter.as_ref(), &asked.order, asked.after.as_ref(), asked.limit);
    /// How many living concepts pass.
    Count { filter: Option<Filter> } => u64, |view, asked| view.count(asked.filter.as_ref());
    /// How common the words of a query are; none for a query that can't be asked.
    Words { query: String } => WordStatistics, |view, asked| view.words(&asked.query).unwrap_or_default();
    /// The concepts that fit a query best.
    Search { query: String, statistics: WordStatistics, k: usize, filter: Option<Filter> } => Vec<Hit>,
        |view, asked| {
            let passes = |concept: &Concept| asked.filter.as_ref().is_none_or(|filter| filter.passes(concept));
            view.search_weighed(&asked.query, &asked.statistics, asked.k, &passes).unwrap_or_default()
        };
    /// The concepts with the nearest vectors.
    Nearest { vector: Vec<f32>, k: usize, filter: Option<Filter> } => Result<Vec<Hit>, NearestError>,
        |view, asked| view.nearest(&asked.vector, asked.k, asked.filter.as_ref());
    /// What leaves each concept of a frontier.
    Expand { frontier: Vec<ConceptId>, direction: Direction, filter: AssociationFilter } => Vec<Vec<Step>>,
        |view, asked| view.expand(&asked.frontier, asked.direction, &asked.filter);
}

/// A view's answer to a question of this kind, both as they lie on the wire.
///
/// # Errors
/// It is no such question.
pub(crate) fn answered(view: &View, kind: Kind, question: &[u8]) -> Result<Vec<u8>, String> {
    fn of<Q: Question>(view: &View, question: &[u8]) -> Result<Vec<u8>, String> {
        crate::words::encode(&crate::words::decode::<Q>(question)?.answer(view))
    }
    match kind {
        Kind::Rest => Err("there is no more of an answer than was asked for".into()),
        Kind::Concepts => of::<Several<OfConcept>>(view, question),
        Kind::Associations => of::<Several<OfAssociation>>(view, question),
        Kind::Details => of::<Several<OfDetails>>(view, question),
        Kind::Ghosts => of::<Several<OfGhost>>(view, question),
        Kind::Keys => of::<Several<OfKey>>(view, question),
        Kind::Names => of::<Several<OfName>>(view, question),
        Kind::Dimension => of::<Dimension>(view, question),
        Kind::ConceptsAfter => of::<ConceptsAfter>(view, question),
        Kind::Recent => of::<Recent>(view, question),
        Kind::AssociationsAfter => of::<AssociationsAfter>(view, question),
        Kind::Query => of::<Query>(view, question),
        Kind::Count => of::<Count>(view, question),
        Kind::Words => of::<Words>(view, question),
        Kind::Search => of::<Search>(view, question),
        Kind::Nearest => of::<Nearest>(view, question),
        Kind::Expand => of::<Expand>(view, question),
    }
}
