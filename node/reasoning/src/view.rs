//! Paths as the interfaces show them, with their evidence quoted.

use sutra_protocol::http::{EvidenceView, HopView, PathConcept, PathView};
use sutra_protocol::{Association, AssociationKey, ConceptId, Evidence, Ground, Knowledge, Step, Wanted};

use crate::path::Path;

/// A path with the contents of its concepts, and with the evidence of each hop quoted.
fn path_view(knowledge: &dyn Knowledge, path: &Path) -> PathView {
    PathView {
        concepts: path.concepts().map(|id| PathConcept { id, content: content(knowledge, id) }).collect(),
        hops: path.hops.iter().map(|step| hop_view(knowledge, step)).collect(),
        confidence: path.confidence,
    }
}

/// Several, of which all that other nodes keep is asked for at once.
pub fn path_views(knowledge: &dyn Knowledge, paths: &[Path]) -> Vec<PathView> {
    prepare_steps(knowledge, paths.iter().flat_map(|path| &path.hops));
    paths.iter().map(|path| path_view(knowledge, path)).collect()
}

/// Says that these steps will be shown, with their ends and their evidence.
pub fn prepare_steps<'a>(knowledge: &dyn Knowledge, steps: impl IntoIterator<Item = &'a Step>) {
    if !knowledge.is_elsewhere() {
        return;
    }
    let keys: Vec<AssociationKey> = steps.into_iter().map(|step| step.key.clone()).collect();
    let ends = keys.iter().flat_map(|key| [key.source, key.target]).collect();
    knowledge.prepare(&Wanted { associations: keys.clone(), concepts: ends, ..Wanted::default() });
    let associations = keys.iter().filter_map(|key| knowledge.association(key));
    let statements = associations.flat_map(|association| quoted(&association.evidence).collect::<Vec<_>>()).collect();
    knowledge.prepare(&Wanted { concepts: statements, ..Wanted::default() });
}

/// The statements among some evidence.
pub fn quoted(evidence: &[Evidence]) -> impl Iterator<Item = ConceptId> {
    evidence.iter().filter_map(|piece| match piece.ground {
        Ground::Statement(id) => Some(id),
        Ground::AssertedBy(_) => None,
    })
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
