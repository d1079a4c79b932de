//! The one builder of test data in this crate: a small pharmacopoeia.

use std::sync::Arc;

use sutra_protocol::association::{AssociationKey, Label};
use sutra_protocol::command::{Command, Learn, NewAssociation, NewConcept, Operation, RequestKey};
use sutra_protocol::{AssociationType, ConceptId, Namespace, Validity};

/// The id of `content` in the default namespace, without a key.
pub(crate) fn id(content: &str) -> ConceptId {
    ConceptId::derive(&Namespace::default(), content, None)
}

/// "aspirin", about to be taught.
pub(crate) fn aspirin() -> NewConcept {
    entity("aspirin")
}

/// A concept with this content, about to be taught.
pub(crate) fn entity(content: &str) -> NewConcept {
    NewConcept::bare(&Namespace::default(), content, None)
}

/// A command of one operation in the default namespace.
pub(crate) fn command(operation: Operation) -> Command {
    let (namespace, operations) = (Namespace::default(), vec![operation]);
    Command { namespace, asserted_by: "anonymous".into(), request: None, operations, foreign: Vec::new() }
}

/// A command that teaches a concept.
pub(crate) fn learn(concept: NewConcept) -> Command {
    command(Operation::Learn(Box::new(Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() })))
}

/// A command that may be repeated.
pub(crate) fn repeatable(mut command: Command, key: &str, digest: u128) -> Command {
    command.request = Some(RequestKey { key: key.into(), digest });
    command
}

/// The identity of "source —label→ target", which holds always.
pub(crate) fn key(source: &str, label: &str, target: &str) -> AssociationKey {
    AssociationKey {
        source: id(source),
        kind: AssociationType::Causal,
        label: Label::from(label),
        target: id(target),
        validity: Validity::ALWAYS,
    }
}

/// "source —label→ target", resting on these statements.
pub(crate) fn association(source: &str, label: &str, target: &str, confidence: f64, evidence: &[&str]) -> NewAssociation {
    NewAssociation {
        key: key(source, label, target),
        confidence,
        strength: 1.0,
        evidence: evidence.iter().map(|content| id(content)).collect(),
    }
}

/// A command that teaches that association.
pub(crate) fn associate(source: &str, label: &str, target: &str, confidence: f64, evidence: &[&str]) -> Command {
    command(Operation::Associate(association(source, label, target, confidence, evidence)))
}

/// Text that may be shared.
pub(crate) fn shared(text: &str) -> Arc<str> {
    text.into()
}
