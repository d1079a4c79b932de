//! A write that names concepts: what a batch holds, and what a single request is.

use sutra_grid::View;
use sutra_learning::{Planner, Refusal};
use sutra_protocol::command::{Operation, Rejection};
use sutra_protocol::http::{AssociateRequest, ConceptRef, DissociateRequest, LearnRequest};
use sutra_protocol::limits::Violation;
use sutra_protocol::{ConceptId, Namespace, Wanted};

/// A write that names concepts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Deed {
    Learn(Box<LearnRequest>),
    Associate(Box<AssociateRequest>),
    Dissociate(Box<DissociateRequest>),
}

impl Deed {
    pub(super) fn namespace(&self) -> Option<&Namespace> {
        match self {
            Self::Learn(request) => request.namespace.as_ref(),
            Self::Associate(request) => request.namespace.as_ref(),
            Self::Dissociate(request) => request.namespace.as_ref(),
        }
    }

    pub(super) fn validate(&self) -> Result<(), Violation> {
        match self {
            Self::Learn(request) => request.validate(),
            Self::Associate(request) => request.validate(),
            Self::Dissociate(request) => request.validate(),
        }
    }

    /// How many names have to be looked up.
    pub(super) fn names(&self) -> usize {
        match self {
            Self::Learn(request) => 1 + request.associations.len() + request.mentions.len(),
            Self::Associate(request) => 2 + request.evidence.len(),
            Self::Dissociate(_) => 2,
        }
    }

    /// What is looked up to plan it.
    pub(super) fn names_in(&self, namespace: &Namespace, wanted: &mut Wanted) {
        match self {
            Self::Learn(request) => learn_names(request, namespace, wanted),
            Self::Associate(request) => associate_names(request, namespace, wanted),
            Self::Dissociate(request) => {
                [&request.source, &request.target].into_iter().for_each(|end| reference(end, namespace, wanted));
            }
        }
    }

    pub(super) fn plan(&self, planner: &mut Planner<'_, View>) -> Result<Operation, Refusal> {
        match self {
            Self::Learn(request) => planner.learn(request).map(|learn| Operation::Learn(Box::new(learn))),
            Self::Associate(request) => planner.associate(request).map(Operation::Associate),
            Self::Dissociate(request) => planner.dissociate(request).map(Operation::Dissociate),
        }
    }

    /// Whether looking names up again may help: a concept vanished that the caller did not name by its id.
    pub(super) fn may_retry(&self, rejection: &Rejection) -> bool {
        let Rejection::NoConcept { id, .. } = rejection else { return false };
        !match self {
            Self::Learn(request) => request.associations.iter().any(|association| association.target == Some(*id)),
            Self::Associate(request) => {
                [&request.source, &request.target].into_iter().chain(&request.evidence).any(|reference| is(reference, *id))
            }
            Self::Dissociate(_) => true,
        }
    }
}

fn is(reference: &ConceptRef, id: ConceptId) -> bool {
    matches!(reference, ConceptRef::Id(named) if *named == id)
}

/// What is looked up to plan the teaching of a concept.
pub(super) fn learn_names(request: &LearnRequest, namespace: &Namespace, wanted: &mut Wanted) {
    wanted.concepts.push(ConceptId::derive(namespace, &request.content, request.key.as_deref()));
    wanted.keys.extend(request.key.clone());
    for association in &request.associations {
        wanted.concepts.extend(association.target);
        wanted.keys.extend(association.target_key.clone());
        if let Some(content) = &association.target_content {
            reference(&ConceptRef::Content { content: content.clone() }, namespace, wanted);
        }
    }
    for mention in &request.mentions {
        wanted.keys.extend(mention.key.clone());
        if let Some(content) = request.content.get(mention.start as usize..mention.end as usize) {
            reference(&ConceptRef::Content { content: content.to_owned() }, namespace, wanted);
        }
    }
}

/// What is looked up to plan an association.
pub(super) fn associate_names(request: &AssociateRequest, namespace: &Namespace, wanted: &mut Wanted) {
    [&request.source, &request.target].into_iter().chain(&request.evidence).for_each(|name| reference(name, namespace, wanted));
}

/// A concept with this content is meant before others that are called so.
fn reference(name: &ConceptRef, namespace: &Namespace, wanted: &mut Wanted) {
    match name {
        ConceptRef::Id(id) => wanted.concepts.push(*id),
        ConceptRef::Key { key } => wanted.keys.push(key.clone()),
        ConceptRef::Content { content } => {
            wanted.concepts.push(ConceptId::derive(namespace, content, None));
            wanted.names.push(content.clone());
        }
    }
}
