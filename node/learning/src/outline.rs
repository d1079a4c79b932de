//! A learn request taken apart: its concept, and its associations as drafts.

use std::sync::Arc;

use sutra_protocol::command::NewConcept;
use sutra_protocol::http::{LearnRequest, OnConflict};
use sutra_protocol::{AssociationType, ConceptId, Knowledge, Namespace, Validity};

use crate::draft::{self, Draft};
use crate::link::Linker;
use crate::mention;
use crate::overlay::Overlay;
use crate::reference::{Place, Reference};
use crate::refusal::Refusal;
use crate::stage;

/// The label of the associations that mentions become.
pub const MENTIONS: &str = "mentions";

/// A learn request taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// The concept it teaches.
    pub concept: NewConcept,
    /// The concept that will hold it: another one where its key names one and `on_conflict` is `merge`.
    pub subject: ConceptId,
    /// What to do about what is there.
    pub on_conflict: Option<OnConflict>,
    /// Its associations, then its mentions.
    pub drafts: Vec<Draft>,
    /// What becomes of the concept that has the key.
    pub(crate) holder: Holder,
}

/// What becomes of a concept that has the key of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// There is none.
    None,
    /// It takes the new content as an alias.
    Merges,
    /// It is retracted.
    GivesWay(ConceptId),
    /// It stays, and what is taught will be rejected.
    Stays,
}

impl Outline {
    /// Takes a valid `request` apart.
    ///
    /// # Errors
    /// [`Refusal::NoStage`] and [`Refusal::Blank`].
    pub(crate) fn of<K: Knowledge + ?Sized>(request: &LearnRequest, linker: &Linker<'_, K>) -> Result<Self, Refusal> {
        stage::run(request.options.as_ref())?;
        let concept = concept(request, linker.namespace);
        let held = request.key.as_deref().and_then(|key| linker.keyed(key)).filter(|held| *held != concept.id);
        let (subject, holder) = match (held, request.on_conflict) {
            (None, _) => (concept.id, Holder::None),
            (Some(held), Some(OnConflict::Merge)) => (held, Holder::Merges),
            (Some(held), Some(OnConflict::Replace)) => (concept.id, Holder::GivesWay(held)),
            (Some(_), None | Some(OnConflict::Error)) => (concept.id, Holder::Stays),
        };
        let mut drafts = Vec::with_capacity(request.associations.len() + request.mentions.len());
        drafts.extend(associations(request, subject, linker.namespace));
        drafts.extend(mentions(request, subject, linker.namespace)?);
        Ok(Self { concept, subject, on_conflict: request.on_conflict, drafts, holder })
    }

    /// Lets the overlay know what applying the request will come to.
    pub(crate) fn enter(&self, overlay: &mut Overlay) {
        match self.holder {
            Holder::Stays => return,
            Holder::GivesWay(held) => overlay.retract(held),
            Holder::None | Holder::Merges => {}
        }
        overlay.teach(self.subject, &self.concept);
    }
}

fn concept(request: &LearnRequest, namespace: &Namespace) -> NewConcept {
    let validity = Validity { from: request.valid_from, to: request.valid_to };
    NewConcept {
        aliases: request.aliases.iter().map(|alias| alias.trim().into()).collect(),
        semantic_type: request.semantic_type,
        confidence: request.confidence,
        strength: request.strength,
        attributes: request.attributes.clone(),
        vector: request.vector.as_deref().map(Arc::from),
        source: request.source.clone(),
        validity: (validity != Validity::ALWAYS).then_some(validity),
        ..NewConcept::bare(namespace, &request.content, request.key.as_deref())
    }
}

fn associations<'a>(
    request: &'a LearnRequest,
    subject: ConceptId,
    namespace: &'a Namespace,
) -> impl Iterator<Item = Draft> + use<'a> {
    request.associations.iter().enumerate().filter_map(move |(at, association)| {
        let target = Reference::target_of(association)?;
        let otherwise = match &target {
            Reference::Content(content) => Some(Box::new(NewConcept::bare(namespace, content, None))),
            Reference::Id(_) | Reference::Key(_) => None,
        };
        Some(Draft {
            place: Place::Association(at),
            source: Reference::Id(subject),
            target,
            otherwise,
            kind: association.kind.unwrap_or_default(),
            label: draft::label(association.label.as_deref()),
            validity: Validity { from: association.valid_from, to: association.valid_to },
            confidence: association.confidence.or(request.confidence).unwrap_or(1.0),
            strength: association.strength.unwrap_or(1.0),
            evidence: vec![Reference::Id(subject)],
        })
    })
}

fn mentions(request: &LearnRequest, subject: ConceptId, namespace: &Namespace) -> Result<Vec<Draft>, Refusal> {
    let names = mention::slices(&request.content, &request.mentions);
    let draft = |(at, (mention, name)): (usize, (&sutra_protocol::http::Mention, &str))| {
        let name = name.trim();
        if name.is_empty() {
            return Err(Refusal::Blank { at });
        }
        let key = mention.key.as_deref();
        let entity = NewConcept { semantic_type: mention.semantic_type, ..NewConcept::bare(namespace, name, key) };
        Ok(Draft {
            place: Place::Mention(at),
            source: Reference::Id(subject),
            target: key.map_or_else(|| Reference::Content(name.into()), |key| Reference::Key(key.into())),
            otherwise: Some(Box::new(entity)),
            kind: AssociationType::Semantic,
            label: MENTIONS.into(),
            validity: Validity::ALWAYS,
            confidence: request.confidence.unwrap_or(1.0),
            strength: 1.0,
            evidence: vec![Reference::Id(subject)],
        })
    };
    request.mentions.iter().zip(names).enumerate().map(draft).collect()
}
