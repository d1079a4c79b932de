//! One request in, one operation out.

use sutra_protocol::command::{Learn, NewAssociation, NewConcept};
use sutra_protocol::http::{AssociateRequest, ConceptRef, DissociateRequest, LearnRequest};
use sutra_protocol::{AssociationKey, ConceptId, Knowledge, Namespace, Validity};

use crate::draft::{self, Draft};
use crate::link::{Link, Linker, Subject};
use crate::outline::{Holder, Outline};
use crate::overlay::Overlay;
use crate::reference::{Place, Reference};
use crate::refusal::Refusal;

/// Turns valid requests into operations, each seeing what those before it will do.
///
/// A request that is refused leaves no trace in the overlay.
pub struct Planner<'a, K: ?Sized> {
    linker: Linker<'a, K>,
}

impl<'a, K: Knowledge + ?Sized> Planner<'a, K> {
    /// A planner for requests to `namespace`, over what is stored in it and what is planned already.
    pub fn new(namespace: &'a Namespace, known: &'a K, overlay: &'a mut Overlay) -> Self {
        Self { linker: Linker { namespace, known, overlay } }
    }

    /// The operation that teaches `request` with all its associations.
    ///
    /// # Errors
    /// The first name that is unknown, ambiguous or of a concept that `request` replaces, and what [`outline`](Self::outline) refuses.
    pub fn learn(&mut self, request: &LearnRequest) -> Result<Learn, Refusal> {
        let outline = Outline::of(request, &self.linker)?;
        let subject = Subject { id: outline.subject, key: request.key.as_deref() };
        let mut targets: Vec<NewConcept> = Vec::new();
        let mut associations: Vec<NewAssociation> = Vec::with_capacity(outline.drafts.len());
        for draft in &outline.drafts {
            let planned = targets.iter().find(|concept| names(&draft.target, concept, draft.otherwise.as_deref()));
            let target = match planned {
                Some(concept) => concept.id,
                None => match self.linker.link(draft.place, &draft.target, draft.otherwise.as_deref(), Some(subject))? {
                    Link::Known(id) => id,
                    Link::Create(concept) => {
                        let id = concept.id;
                        targets.push(*concept);
                        id
                    }
                },
            };
            if outline.holder == Holder::GivesWay(target) {
                return Err(Refusal::GivesWay { place: draft.place, reference: draft.target.clone(), id: target });
            }
            let mention = matches!(draft.place, Place::Mention(_));
            let association = draft.between(outline.subject, target, vec![outline.subject]);
            // A text that names an entity twice, or is its own name, says nothing new.
            if !mention || (target != outline.subject && associations.iter().all(|known| known.key != association.key)) {
                associations.push(association);
            }
        }
        outline.enter(self.linker.overlay);
        targets.iter().for_each(|concept| self.linker.overlay.create(concept));
        Ok(Learn { concept: outline.concept, on_conflict: outline.on_conflict, targets, associations })
    }

    /// The concept that `request` teaches, known from now on, and its associations as drafts: for an import, where targets may
    /// come after the lines that name them.
    ///
    /// # Errors
    /// A stage that this node doesn't have, or a mention of nothing.
    pub fn outline(&mut self, request: &LearnRequest) -> Result<Outline, Refusal> {
        let outline = Outline::of(request, &self.linker)?;
        outline.enter(self.linker.overlay);
        Ok(outline)
    }

    /// The association that `request` teaches.
    ///
    /// # Errors
    /// The first end or statement that is unknown or ambiguous.
    pub fn associate(&mut self, request: &AssociateRequest) -> Result<NewAssociation, Refusal> {
        let (association, _) = self.complete(&Draft::from(request))?;
        Ok(association)
    }

    /// The association of `draft`, and the concept to create for it, if there has to be one.
    ///
    /// # Errors
    /// The first end or statement that is unknown or ambiguous.
    pub fn complete(&mut self, draft: &Draft) -> Result<(NewAssociation, Option<Box<NewConcept>>), Refusal> {
        let source = self.linker.link(Place::Field("source"), &draft.source, None, None)?;
        let target = self.linker.link(draft.place, &draft.target, draft.otherwise.as_deref(), None)?;
        let mut evidence = Vec::with_capacity(draft.evidence.len());
        for (at, statement) in draft.evidence.iter().enumerate() {
            // The source of a learned association is its evidence as well; it is known by now.
            evidence.push(match statement {
                Reference::Id(id) if *id == source.id() => *id,
                named => self.linker.link(Place::Evidence(at), named, None, None)?.id(),
            });
        }
        let association = draft.between(source.id(), target.id(), evidence);
        match target {
            Link::Create(concept) if draft.otherwise.is_some() => {
                self.linker.overlay.create(&concept);
                Ok((association, Some(concept)))
            }
            Link::Create(_) | Link::Known(_) => Ok((association, None)),
        }
    }

    /// The association that `request` retracts. An id stands for itself, whether or not there is such a concept: then there is
    /// no such association either, which is no error.
    ///
    /// # Errors
    /// The first end that is named by key or content and is unknown or ambiguous.
    pub fn dissociate(&mut self, request: &DissociateRequest) -> Result<AssociationKey, Refusal> {
        let mut end = |field, reference: &ConceptRef| match reference {
            ConceptRef::Id(id) => Ok(*id),
            named => self.find(field, named),
        };
        Ok(AssociationKey {
            source: end("source", &request.source)?,
            target: end("target", &request.target)?,
            kind: request.kind.unwrap_or_default(),
            label: draft::label(request.label.as_deref()),
            validity: Validity { from: request.valid_from, to: request.valid_to },
        })
    }

    /// The concept that the `field` of a request names.
    ///
    /// # Errors
    /// If it is unknown or ambiguous.
    pub fn find(&mut self, field: &'static str, reference: &ConceptRef) -> Result<ConceptId, Refusal> {
        self.linker.link(Place::Field(field), &reference.into(), None, None).map(|link| link.id())
    }
}

/// Whether `target` is the name of a concept that the same request creates already.
fn names(target: &Reference, concept: &NewConcept, otherwise: Option<&NewConcept>) -> bool {
    match target {
        Reference::Id(id) => *id == concept.id,
        Reference::Key(key) => concept.key.as_ref() == Some(key),
        Reference::Content(_) => otherwise.is_some_and(|otherwise| otherwise.id == concept.id),
    }
}

#[cfg(test)]
mod tests;
