//! Paths as the interfaces show them, with their evidence quoted.

use sutra_protocol::http::{EvidenceView, HopView, PathConcept, PathView};
use sutra_protocol::{Association, ConceptId, Ground, Knowledge, Step};

use crate::path::Path;

/// A path with the contents of its concepts, and with the evidence of each hop quoted.
pub fn path_view(knowledge: &dyn Knowledge, path: &Path) -> PathView {
    PathView {
        concepts: path.concepts().map(|id| PathConcept { id, content: content(knowledge, id) }).collect(),
        hops: path.hops.iter().map(|step| hop_view(knowledge, step)).collect(),
        confidence: path.confidence,
    }
}

/// What an association rests on, quoted.
pub fn evidence_views(knowledge: &dyn Knowledge, association: &Association) -> Vec<EvidenceView> {
    let quote = |evidence: &sutra_protocol::Evidence| match &evidence.ground {
        Ground::Statement(id) => {
            let statement = knowledge.concept(*id);
            EvidenceView {
                statement: Some(*id),
                content: statement.as_ref().map(|statement| statement.content.to_string()),
                source: statement.as_ref().and_then(|statement| statement.source.clone()),
                asserted_by: None,
                confidence: evidence.confidence,
            }
        }
        Ground::AssertedBy(who) => {
            EvidenceView { asserted_by: Some(who.to_string()), confidence: evidence.confidence, ..EvidenceView::default() }
        }
    };
    association.evidence.iter().map(quote).collect()
}

fn hop_view(knowledge: &dyn Knowledge, step: &Step) -> HopView {
    let association = knowledge.association(&step.key);
    HopView {
        source: step.key.source,
        target: step.key.target,
        kind: step.key.kind,
        label: step.key.label.to_string(),
        confidence: step.confidence,
        reversed: step.reversed,
        evidence: association.map(|association| evidence_views(knowledge, &association)).unwrap_or_default(),
    }
}

fn content(knowledge: &dyn Knowledge, id: ConceptId) -> String {
    knowledge.concept(id).map(|concept| concept.content.to_string()).unwrap_or_default()
}
