//! How a thought is shown.

use std::collections::BTreeSet;

use sutra_protocol::http::{Asked, AskedEntity, Consensus, GateReport, Intent, PathView, ReasonResponse, SourceView};

use super::thought::{Thought, Verdict};
use super::{Context, Question};
use crate::view::path_views;

pub(super) fn respond(
    question: &Question<'_>,
    intent: Intent,
    entities: Vec<AskedEntity>,
    thought: Thought,
    context: Context<'_>,
) -> ReasonResponse {
    let paths: Vec<PathView> = path_views(question.knowledge, &thought.paths);
    let sources = sources(question, &thought, &paths);
    let (answer, answers, because) = match thought.verdict {
        Verdict::Answer { sentence, answers } => (Some(sentence), answers, None),
        Verdict::Refusal(refusal) => (None, Vec::new(), Some(refusal)),
    };
    let known = answer.is_some();
    ReasonResponse {
        id: context.id,
        known,
        answer,
        answers,
        confidence: if known { thought.confidence } else { 0.0 },
        because,
        intent,
        asked: Asked { entities, relation: thought.relation.map(Into::into), filters: thought.filters },
        consensus: Consensus { paths: thought.weighed as u32, supporting: thought.supporting as u32 },
        alternatives: thought.alternatives,
        against: thought.against,
        paths,
        gate: GateReport {
            name: question.gate,
            passed: known,
            threshold: question.gate.threshold(),
            confidence: thought.confidence,
        },
        sources,
        elapsed_ms: (context.elapsed_ms)(),
        partial: !thought.complete,
        missing_shards: Vec::new(),
    }
}

/// Every statement that is quoted, once, in the order in which it first appears.
fn sources(question: &Question<'_>, thought: &Thought, paths: &[PathView]) -> Vec<SourceView> {
    let evidence = paths.iter().flat_map(|path| &path.hops).flat_map(|hop| &hop.evidence);
    let statements = evidence.filter_map(|evidence| evidence.statement);
    let objections = thought.against.iter().map(|objection| objection.statement);
    let mut seen = BTreeSet::new();
    thought
        .quoted
        .iter()
        .copied()
        .chain(statements)
        .chain(objections)
        .filter(|id| seen.insert(*id))
        .filter_map(|id| question.knowledge.concept(id))
        .map(|concept| SourceView { id: concept.id, content: concept.content.to_string(), source: concept.source.clone() })
        .collect()
}
