//! "Is X a Y?"
//!
//! Yes: a chain of kind-of associations leads from X up to Y. Only its first hop may be an instance: what is an instance of a
//! kind is an instance of the wider kind too, but a class that is an instance ("poodle" of "breed") does not pass that on.
//!
//! No: only by a stored negation. "A is not a B" is read as "no A is a B". It refutes "X is a Y" if X is an A and every Y is a
//! B: then an X that were a Y would be an A that is a B. Nothing weaker refutes, and silence never does.
//!
//! Both yes and no pass the gate: `contradicted`. Only one does: it is the answer, and the other is told in `against`.

use std::collections::BTreeSet;

use sutra_protocol::http::{AnswerView, Candidate, Objection, PathDirection, PathStrategy, RefusalCode};
use sutra_protocol::{AssociationFilter, ConceptId, Direction, Ground, Step};

use super::Question;
use super::thought::{Thought, Verdict, below_gate, refusal};
use crate::path::{Found, Path, PathQuery, find_paths_where, reach};
use crate::relation::{Family, Relation};
use crate::verbalise::{chain, sentence};

/// Most stored negations that are weighed.
const NEGATIONS: usize = 64;

pub(super) fn think(question: &Question<'_>, x: ConceptId, y: ConceptId) -> Thought {
    let yes = upward(question, x, y, question.paths, true);
    let (no, no_complete) = refutations(question, x, y);
    let complete = yes.complete && no_complete;
    let mut thought = weigh(question, x, y, yes.paths, no, complete);
    thought.relation = Some(Family::KindOf.as_str());
    thought.filters = Family::KindOf.filters();
    thought
}

fn weigh(question: &Question<'_>, x: ConceptId, y: ConceptId, yes: Vec<Path>, no: Vec<Path>, complete: bool) -> Thought {
    let name = |id| question.name(id);
    let best = |paths: &[Path]| paths.first().map(|path| path.confidence);
    let (for_it, against_it) = (best(&yes), best(&no));
    if for_it.is_none() && against_it.is_none() {
        let (x, y) = (name(x), name(y));
        let hops = question.max_depth;
        return Thought::nothing(
            format!("Nothing stored within {hops} hops says that {x} is a kind of {y}, or that it is not."),
            complete,
        );
    }
    let passes = |confidence: Option<f64>| confidence.is_some_and(|confidence| question.passes(confidence));
    // The surer side is the answer; the other one speaks against it, and if that passes the gate too there is no answer.
    let affirmed = for_it >= against_it;
    let (supporting, opposing) = if affirmed { (yes, no) } else { (no, yes) };
    let confidence = if affirmed { for_it } else { against_it }.unwrap_or_default();
    let word = |affirmed: bool| if affirmed { "yes" } else { "no" };
    let view = |affirmed: bool, from: usize, paths: &[Path]| AnswerView {
        id: None,
        content: word(affirmed).into(),
        confidence: paths.first().map_or(0.0, |path| path.confidence),
        paths: (from..from + paths.len()).collect(),
    };
    let answer = view(affirmed, 0, &supporting);
    let alternative = (!opposing.is_empty()).then(|| view(!affirmed, supporting.len(), &opposing));
    let sentence = match supporting[0].hops.as_slice() {
        [] => format!("Yes: both names stand for the concept \"{}\".", name(x)),
        _ => format!("{}: {}.", if affirmed { "Yes" } else { "No" }, chain(&supporting[0], &name)),
    };
    let mut against = Vec::new();
    object(&mut against, question, &opposing, affirmed);
    let contradicted = passes(for_it) && passes(against_it);
    let verdict = if contradicted {
        object(&mut against, question, &supporting, !affirmed);
        let message = format!(
            "What is stored says both yes ({:.3}) and no ({:.3}).",
            for_it.unwrap_or_default(),
            against_it.unwrap_or_default()
        );
        Verdict::Refusal(refusal(RefusalCode::Contradicted, message))
    } else if passes(Some(confidence)) {
        Verdict::Answer { sentence, answers: vec![answer.clone()] }
    } else {
        let nearest = Candidate { name: word(affirmed).into(), id: y, content: sentence, key: None };
        Verdict::Refusal(below_gate(confidence, question.gate.threshold(), vec![nearest]))
    };
    let answered = matches!(verdict, Verdict::Answer { .. });
    let supports = supporting.len();
    let paths: Vec<Path> = supporting.into_iter().chain(opposing).collect();
    Thought {
        alternatives: (!answered).then_some(answer).into_iter().chain(alternative).collect(),
        against,
        confidence,
        weighed: paths.len(),
        supporting: if answered { supports } else { 0 },
        paths,
        complete,
        ..Thought::new(verdict)
    }
}

/// The surest chains of kinds from `from` up to `to`. `instances`: whether `from` may be an instance.
fn upward(question: &Question<'_>, from: ConceptId, to: ConceptId, paths: usize, instances: bool) -> Found {
    let query = PathQuery {
        max_depth: question.max_depth,
        max_paths: paths,
        direction: PathDirection::Both,
        filter: filter(),
        strategy: PathStrategy::Best,
    };
    find_paths_where(question.knowledge, from, to, &query, &|step| climbs(step, from, instances), question.budget)
}

/// Whether a step leads from a kind, or from the instance that the chain begins with, to its class.
fn climbs(step: &Step, start: ConceptId, instances: bool) -> bool {
    Relation::of_step(step).is_some_and(|relation| {
        relation.family == Family::KindOf
            && !relation.negated
            && relation.widens(step)
            && (!relation.instance || (instances && step.from() == start))
    })
}

/// Whether a step leads from A to B where "A is not a B" is stored. "A is not an instance of B" says nothing about the
/// instances and kinds of A, so that it counts only if A is X itself.
fn denies(step: &Step, x: ConceptId) -> bool {
    Relation::of_step(step).is_some_and(|relation| {
        relation.family == Family::KindOf && relation.negated && relation.widens(step) && (!relation.instance || step.from() == x)
    })
}

/// The proofs that X is not a Y, surest first: up from X to A, the negation, and down from B to Y.
fn refutations(question: &Question<'_>, x: ConceptId, y: ConceptId) -> (Vec<Path>, bool) {
    let (knowledge, budget, depth) = (question.knowledge, question.budget, question.max_depth);
    // The negation is a hop itself.
    let above_x = reach(knowledge, x, depth.saturating_sub(1), &filter(), &|step| climbs(step, x, true), budget);
    let mut complete = above_x.complete;
    if !budget.allows() {
        return (Vec::new(), false);
    }
    let steps = knowledge.expand(&above_x.concepts, Direction::Both, &filter());
    budget.charge(steps.iter().map(Vec::len).sum());
    let mut denials: Vec<Step> = steps.into_iter().flatten().filter(|step| denies(step, x)).collect();
    if denials.is_empty() {
        return (Vec::new(), complete);
    }
    let above_y = reach(knowledge, y, depth.saturating_sub(1), &filter(), &|step| climbs(step, y, false), budget);
    complete &= above_y.complete;
    let above_y: BTreeSet<ConceptId> = above_y.concepts.into_iter().collect();
    denials.retain(|step| above_y.contains(&step.to()));
    denials.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then_with(|| (&a.key, a.reversed).cmp(&(&b.key, b.reversed))));
    let mut proofs = Vec::new();
    for denial in denials.into_iter().take(NEGATIONS) {
        let up = upward(question, x, denial.from(), 1, true);
        let down = upward(question, y, denial.to(), 1, false);
        complete &= up.complete && down.complete;
        if let (Some(up), Some(down)) = (up.paths.into_iter().next(), down.paths.into_iter().next()) {
            proofs.extend(proof(up, denial, down).filter(|proof| proof.hops.len() <= depth));
        }
    }
    proofs.sort_by(|a, b| crate::path::order(PathStrategy::Best, a, b));
    proofs.truncate(question.paths);
    (proofs, complete)
}

fn proof(up: Path, denial: Step, down: Path) -> Option<Path> {
    let start = up.start;
    let mut hops = up.hops;
    hops.push(denial);
    hops.extend(down.hops.into_iter().rev().map(|step| Step { reversed: !step.reversed, ..step }));
    let confidence = hops.iter().map(|hop| hop.confidence).product();
    Some(Path { start, hops, confidence })
}

/// Adds every statement that the paths rest on, as a word against the answer: once, with all that it says. Where an association
/// rests on somebody's word only, its source stands for it.
fn object(found: &mut Vec<Objection>, question: &Question<'_>, paths: &[Path], says_no: bool) {
    let name = |id| question.name(id);
    let word = if says_no { "no" } else { "yes" };
    for path in paths {
        let mut told = Vec::new();
        for step in &path.hops {
            let reason = format!("It says {word}: {}.", sentence(step, &name));
            told.extend(grounds(question, step).into_iter().map(|statement| (statement, reason.clone())));
        }
        if path.hops.is_empty() {
            told.push((path.start, format!("It says {word}: it is the same concept.")));
        }
        for (statement, reason) in told {
            match found.iter_mut().find(|held| held.statement == statement) {
                None => found.push(Objection { statement, reason }),
                Some(held) if held.reason.contains(&reason) => {}
                Some(held) => held.reason.extend([" ", &reason]),
            }
        }
    }
}

/// The statements that a step rests on, or its source.
fn grounds(question: &Question<'_>, step: &Step) -> Vec<ConceptId> {
    let association = question.knowledge.association(&step.key);
    let statement = |ground: &Ground| if let Ground::Statement(id) = ground { Some(*id) } else { None };
    association
        .map(|association| association.evidence.iter().filter_map(|evidence| statement(&evidence.ground)).collect::<Vec<_>>())
        .filter(|statements| !statements.is_empty())
        .unwrap_or_else(|| vec![step.key.source])
}

fn filter() -> AssociationFilter {
    AssociationFilter { types: Family::KindOf.types().to_vec(), ..AssociationFilter::default() }
}
