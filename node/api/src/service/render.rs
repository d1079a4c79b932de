//! Stored knowledge as the interfaces show it.

use std::sync::Arc;

use sutra_grid::View;
use sutra_protocol::command::{LearnedAssociation, Outcome};
use sutra_protocol::http::{AssociateResponse, ConceptView, DissociateResponse, LearnResponse, LearnedAssociationView};
use sutra_protocol::{ApiError, Association, Concept, ConceptId, Knowledge, Namespace, Wanted};
use sutra_reasoning::view::{evidence_views, quoted};

use super::submit::{Done, unexpected};
use super::{Caller, Service};

/// A concept as `view` sees it.
pub(super) fn concept(concept: &Concept, view: &View) -> ConceptView {
    let (retracted_at, degree) = view.details(concept.id);
    ConceptView {
        id: concept.id,
        key: concept.key.as_deref().map(str::to_owned),
        content: concept.content.to_string(),
        namespace: concept.namespace.clone(),
        semantic_type: concept.semantic_type,
        aliases: concept.aliases.iter().map(ToString::to_string).collect(),
        confidence: concept.confidence,
        strength: concept.strength,
        attributes: concept.attributes.clone(),
        source: concept.source.clone(),
        valid_from: concept.validity.from,
        valid_to: concept.validity.to,
        created_at: concept.created_at,
        updated_at: concept.updated_at,
        retracted_at,
        asserted_by: concept.asserted_by.to_string(),
        degree,
    }
}

/// Several.
pub(super) fn concepts(concepts: &[Arc<Concept>], view: &View) -> Vec<ConceptView> {
    view.prepare_details(&concepts.iter().map(|concept| concept.id).collect::<Vec<_>>());
    concepts.iter().map(|one| concept(one, view)).collect()
}

/// The content of a concept, empty if the view does not see it.
pub(super) fn content(id: ConceptId, view: &View) -> String {
    view.concept(id).map(|concept| concept.content.to_string()).unwrap_or_default()
}

impl Service {
    /// The answer to a learn request. Made from what was applied and from the state at that time, so that a repeated request
    /// gets the same one.
    pub(super) fn learned(&self, namespace: &Namespace, caller: &Caller, done: Done) -> Result<LearnResponse, ApiError> {
        let Outcome::Learned { associations, .. } = &done.outcome else { return Err(unexpected(&done.outcome)) };
        let associations = if associations.is_empty() {
            Vec::new()
        } else {
            self.read_then(namespace, caller, &done, |view| {
                let sources = associations.iter().map(|association| association.key.source);
                let statements = associations.iter().flat_map(|association| quoted(&association.evidence));
                view.prepare(&Wanted { concepts: sources.chain(statements).collect(), ..Wanted::default() });
                Ok(associations.iter().cloned().map(|association| learned_association(association, view)).collect())
            })?
        };
        let Done { outcome, shard, index, recorded_at, .. } = done;
        let Outcome::Learned { id, created, semantic_type, .. } = outcome else { return Err(unexpected(&outcome)) };
        Ok(LearnResponse { id, created, shard, index, recorded_at, semantic_type, associations })
    }
}

fn learned_association(learned: LearnedAssociation, view: &View) -> LearnedAssociationView {
    let LearnedAssociation { key, target_content, confidence, evidence } = learned;
    let association = Association { key, confidence, strength: 1.0, evidence };
    let evidence = evidence_views(view, &association);
    let Association { key, confidence, .. } = association;
    LearnedAssociationView {
        source: key.source,
        source_content: content(key.source, view),
        target: key.target,
        target_content: if target_content.is_empty() { content(key.target, view) } else { target_content.to_string() },
        kind: key.kind,
        label: key.label.to_string(),
        confidence,
        evidence,
    }
}

/// The answer to an associate request.
pub(super) fn associated(done: Done) -> Result<AssociateResponse, ApiError> {
    let Done { outcome, shard, index, recorded_at, .. } = done;
    let Outcome::Associated { created, confidence } = outcome else { return Err(unexpected(&outcome)) };
    Ok(AssociateResponse { shard, index, recorded_at, created, confidence })
}

/// The answer to a dissociate request.
pub(super) fn dissociated(done: Done) -> Result<DissociateResponse, ApiError> {
    let Done { outcome, index, recorded_at, .. } = done;
    let Outcome::Dissociated { deleted } = outcome else { return Err(unexpected(&outcome)) };
    Ok(DissociateResponse { deleted, index, recorded_at })
}
