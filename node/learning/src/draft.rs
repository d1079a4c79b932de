//! An association whose ends are still names.

use sutra_protocol::command::{NewAssociation, NewConcept};
use sutra_protocol::http::AssociateRequest;
use sutra_protocol::{AssociationKey, AssociationType, ConceptId, Label, Validity};

use crate::reference::{Place, Reference};

/// An association whose ends are still names.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Where the request names its target.
    pub place: Place,
    /// Where it starts.
    pub source: Reference,
    /// Where it ends.
    pub target: Reference,
    /// What to create where nothing has the target's name.
    pub otherwise: Option<Box<NewConcept>>,
    /// Its type.
    pub kind: AssociationType,
    /// Its name.
    pub label: Label,
    /// When it holds in the world.
    pub validity: Validity,
    /// How strongly its evidence speaks for it.
    pub confidence: f64,
    /// How strongly it is held.
    pub strength: f64,
    /// The statements it rests on.
    pub evidence: Vec<Reference>,
}

impl Draft {
    /// The association, now that its ends and statements are known.
    pub fn between(&self, source: ConceptId, target: ConceptId, evidence: Vec<ConceptId>) -> NewAssociation {
        NewAssociation {
            key: AssociationKey { source, kind: self.kind, label: self.label.clone(), target, validity: self.validity },
            confidence: self.confidence,
            strength: self.strength,
            evidence,
        }
    }

    /// About how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        let name = |reference: &Reference| match reference {
            Reference::Id(_) => 0,
            Reference::Key(text) | Reference::Content(text) => text.len(),
        };
        let otherwise = self.otherwise.as_ref().map_or(0, |concept| size_of::<NewConcept>() + concept.content.len());
        let evidence = self.evidence.iter().map(|statement| size_of::<Reference>() + name(statement)).sum::<usize>();
        size_of::<Self>() + name(&self.source) + name(&self.target) + otherwise + evidence + 64
    }
}

impl From<&AssociateRequest> for Draft {
    fn from(request: &AssociateRequest) -> Self {
        Self {
            place: Place::Field("target"),
            source: (&request.source).into(),
            target: (&request.target).into(),
            otherwise: None,
            kind: request.kind.unwrap_or_default(),
            label: label(request.label.as_deref()),
            validity: Validity { from: request.valid_from, to: request.valid_to },
            confidence: request.confidence.unwrap_or(1.0),
            strength: request.strength.unwrap_or(1.0),
            evidence: request.evidence.iter().map(Reference::from).collect(),
        }
    }
}

/// The label of a request that may name none.
pub(crate) fn label(given: Option<&str>) -> Label {
    given.map(Label::from).unwrap_or_default()
}
