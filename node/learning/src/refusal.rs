//! Why a request can't become an operation.

use sutra_protocol::ConceptId;

use crate::reference::{Place, Reference};
use crate::stage::Stage;

/// Why a request can't become an operation. The text names the field and what it holds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// What the request names is not known.
    #[error("{}: {reference} does not exist", .place.field(.reference))]
    NotFound {
        /// Where it is named.
        place: Place,
        /// Its name.
        reference: Reference,
    },
    /// A name that several concepts have. None of them is chosen.
    #[error("{}: {reference} may be any of {} concepts; name it by its id or key", .place.field(.reference), .candidates.len())]
    Ambiguous {
        /// Where it is named.
        place: Place,
        /// The name.
        reference: Reference,
        /// Those that have it, in the order of their ids.
        candidates: Vec<ConceptId>,
    },
    /// An association of a learn request ends at the concept that the same request replaces.
    #[error("{}: concept {id} has the key of what is taught and is retracted by on_conflict replace; an association can't end at it", .place.field(.reference))]
    GivesWay {
        /// Where it is named.
        place: Place,
        /// Its name.
        reference: Reference,
        /// The concept.
        id: ConceptId,
    },
    /// A mention covers nothing but white space.
    #[error("mentions[{at}] covers only white space; it must cover a name")]
    Blank {
        /// Which mention.
        at: usize,
    },
    /// A stage of the pipeline that this node doesn't have.
    #[error("{} is true, but this node has no {}; leave it out or set it to false", .0.option(), .0.needs())]
    NoStage(Stage),
}

impl Refusal {
    /// The path of the field that is to blame.
    pub fn field(&self) -> String {
        match self {
            Self::NotFound { place, reference }
            | Self::Ambiguous { place, reference, .. }
            | Self::GivesWay { place, reference, .. } => place.field(reference),
            Self::Blank { at } => format!("mentions[{at}]"),
            Self::NoStage(stage) => stage.option().into(),
        }
    }
}
