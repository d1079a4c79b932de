//! "How are X and Y related?": the surest paths between them, in any direction.

use sutra_protocol::ConceptId;
use sutra_protocol::http::{AnswerView, Candidate, PathStrategy};

use super::Question;
use super::thought::{Thought, Verdict, below_gate};
use crate::path::{Path, PathQuery, find_paths};
use crate::verbalise::chain;

pub(super) fn think(question: &Question<'_>, x: ConceptId, y: ConceptId) -> Thought {
    let query = PathQuery {
        max_depth: question.max_depth,
        max_paths: question.paths,
        strategy: PathStrategy::Best,
        ..PathQuery::default()
    };
    let found = find_paths(question.knowledge, x, y, &query, question.budget);
    let Some(best) = found.paths.first() else {
        let message = format!(
            "No chain of at most {} associations connects {} and {}.",
            question.max_depth,
            question.name(x),
            question.name(y)
        );
        return Thought { relation: Some("related"), ..Thought::nothing(message, found.complete) };
    };
    let confidence = best.confidence;
    let name = |id| question.name(id);
    let say = |path: &Path| if path.hops.is_empty() { format!("Both are {}", name(x)) } else { chain(path, &name) };
    let view =
        |(at, path): (usize, &Path)| AnswerView { id: None, content: say(path), confidence: path.confidence, paths: vec![at] };
    let sentence = format!("{}.", say(best));
    let (answers, alternatives): (Vec<AnswerView>, Vec<AnswerView>) =
        found.paths.iter().enumerate().map(view).partition(|view| question.passes(view.confidence));
    let supporting = answers.len();
    let verdict = if answers.is_empty() {
        let nearest = Candidate { name: name(y), id: y, content: sentence, key: None };
        Verdict::Refusal(below_gate(confidence, question.gate.threshold(), vec![nearest]))
    } else {
        Verdict::Answer { sentence, answers }
    };
    Thought {
        alternatives,
        confidence,
        weighed: found.paths.len(),
        supporting,
        paths: found.paths,
        complete: found.complete,
        relation: Some("related"),
        ..Thought::new(verdict)
    }
}
