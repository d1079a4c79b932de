//! Parts, kinds, members, wholes, groups and classes: what one association away stands in a relation to X.
//!
//! Both encodings count ("X has part Y", "Y part of X"); of several associations with one concept the surest is shown. A
//! stored negation of the same relation that passes the gate withdraws an answer.

use std::collections::BTreeMap;

use sutra_protocol::http::{AnswerView, Candidate, Intent, Objection, RefusalCode};
use sutra_protocol::{AssociationFilter, ConceptId, Direction, Ground, Step};

use super::thought::{Thought, Verdict, below_gate, refusal};
use super::{ANSWERS, Question};
use crate::path::Path;
use crate::relation::{Family, Relation};
use crate::verbalise::{LISTED, list, sentence};

/// Which way a question goes: to the wider concepts (classes, wholes, groups) or to the narrower ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Towards {
    Wider,
    Narrower,
}

/// What one association away stands in a relation to a concept.
pub(super) struct Related {
    /// The surest step to each concept, surest first.
    pub(super) steps: Vec<Step>,
    /// The surest negation for each concept.
    pub(super) denied: BTreeMap<ConceptId, Step>,
    pub(super) complete: bool,
}

pub(super) fn think(question: &Question<'_>, intent: Intent, x: ConceptId) -> Thought {
    let (family, towards) = match intent {
        Intent::Parts => (Family::PartOf, Towards::Narrower),
        Intent::Wholes => (Family::PartOf, Towards::Wider),
        Intent::Members => (Family::MemberOf, Towards::Narrower),
        Intent::Groups => (Family::MemberOf, Towards::Wider),
        Intent::Kinds => (Family::KindOf, Towards::Narrower),
        _ => (Family::KindOf, Towards::Wider),
    };
    let related = related(question, x, family, towards);
    let mut thought = weigh(question, intent, x, related);
    thought.relation = Some(family.as_str());
    thought.filters = family.filters();
    thought
}

pub(super) fn related(question: &Question<'_>, x: ConceptId, family: Family, towards: Towards) -> Related {
    let mut related = Related { steps: Vec::new(), denied: BTreeMap::new(), complete: true };
    if !question.budget.allows() {
        return Related { complete: false, ..related };
    }
    let filter = AssociationFilter { types: family.types().to_vec(), ..AssociationFilter::default() };
    let steps = question.knowledge.expand(&[x], Direction::Both, &filter).into_iter().flatten().collect::<Vec<_>>();
    question.budget.charge(steps.len());
    let mut surest: BTreeMap<ConceptId, Step> = BTreeMap::new();
    for step in steps {
        let Some(relation) = Relation::of_step(&step) else { continue };
        if relation.family != family || relation.widens(&step) != (towards == Towards::Wider) || step.to() == x {
            continue;
        }
        let held = if relation.negated { &mut related.denied } else { &mut surest };
        if held.get(&step.to()).is_none_or(|held| step.confidence > held.confidence) {
            held.insert(step.to(), step);
        }
    }
    related.steps = surest.into_values().collect();
    related.steps.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.to().cmp(&b.to())));
    related
}

fn weigh(question: &Question<'_>, intent: Intent, x: ConceptId, related: Related) -> Thought {
    let withdrawn = |step: &Step| related.denied.get(&step.to()).filter(|denial| question.passes(denial.confidence));
    let passes = |step: &Step| question.passes(step.confidence);
    let (held, contested): (Vec<&Step>, Vec<&Step>) = related.steps.iter().partition(|step| withdrawn(step).is_none());
    let (sure, unsure): (Vec<&Step>, Vec<&Step>) = held.into_iter().partition(|step| passes(step));
    let against: Vec<Objection> = contested
        .iter()
        .filter(|step| passes(step))
        .filter_map(|step| withdrawn(step))
        .map(|denial| objection(question, denial))
        .collect();

    // Each concept that the sentence names has its path; more if the caller wants more.
    let shown = question.paths.max(LISTED);
    let mut paths = Vec::new();
    let mut view = |step: &Step| {
        let at = paths.len();
        if at < shown {
            paths.push(Path { start: x, hops: vec![step.clone()], confidence: step.confidence });
        }
        AnswerView {
            id: Some(step.to()),
            content: question.content(step.to()),
            confidence: step.confidence,
            paths: if at < shown { vec![at] } else { vec![] },
        }
    };
    let answers: Vec<AnswerView> = sure.iter().take(ANSWERS).map(|step| view(step)).collect();
    let alternatives: Vec<AnswerView> =
        unsure.iter().chain(&contested).take(ANSWERS - answers.len()).map(|step| view(step)).collect();
    let least = answers.last().map(|answer| answer.confidence);
    let best = related.steps.first().map_or(0.0, |step| step.confidence);
    let (supporting, weighed) = (answers.iter().filter(|answer| !answer.paths.is_empty()).count(), paths.len());
    let verdict = if !answers.is_empty() {
        Verdict::Answer { sentence: say(question, intent, x, &sure), answers }
    } else if let [denied, ..] = against.as_slice() {
        Verdict::Refusal(refusal(RefusalCode::Contradicted, format!("What is stored says both yes and no. {}", denied.reason)))
    } else if let Some(step) = related.steps.first() {
        let name = |id| question.name(id);
        let nearest = unsure.iter().take(LISTED).map(|step| Candidate {
            name: name(step.to()),
            id: step.to(),
            content: sentence(step, &name),
            key: None,
        });
        Verdict::Refusal(below_gate(step.confidence, question.gate.threshold(), nearest.collect()))
    } else {
        let message = format!("No {} of {} is stored.", sought(intent), question.name(x));
        return Thought { complete: related.complete, ..Thought::nothing(message, related.complete) };
    };
    Thought {
        paths,
        alternatives,
        against,
        // All of the sentence has to hold, so it is as sure as its weakest part.
        confidence: least.unwrap_or(best),
        weighed,
        supporting,
        complete: related.complete,
        ..Thought::new(verdict)
    }
}

fn say(question: &Question<'_>, intent: Intent, x: ConceptId, steps: &[&Step]) -> String {
    let is_instance = |step: &&&Step| Relation::of_step(step).is_some_and(|relation| relation.instance);
    let names = |steps: Vec<&&Step>| list(&steps.iter().map(|step| question.name(step.to())).collect::<Vec<_>>());
    let (instances, kinds): (Vec<&&Step>, Vec<&&Step>) = steps.iter().partition(is_instance);
    let x = question.name(x);
    let mut sentences = Vec::new();
    if !kinds.is_empty() {
        let names = names(kinds);
        sentences.push(match intent {
            Intent::Parts => format!("{x} has as parts: {names}."),
            Intent::Wholes => format!("{x} is a part of {names}."),
            Intent::Members => format!("{x} has as members: {names}."),
            Intent::Groups => format!("{x} is a member of {names}."),
            Intent::Kinds => format!("Kinds of {x}: {names}."),
            _ => format!("{x} is a kind of {names}."),
        });
    }
    if !instances.is_empty() {
        let names = names(instances);
        sentences.push(match intent {
            Intent::Kinds => format!("Instances of {x}: {names}."),
            _ => format!("{x} is an instance of {names}."),
        });
    }
    sentences.join(" ")
}

fn sought(intent: Intent) -> &'static str {
    match intent {
        Intent::Parts => "part",
        Intent::Wholes => "whole",
        Intent::Members => "member",
        Intent::Groups => "group",
        Intent::Kinds => "kind",
        _ => "class",
    }
}

fn objection(question: &Question<'_>, denial: &Step) -> Objection {
    let name = |id| question.name(id);
    let evidence = question.knowledge.association(&denial.key).map(|association| association.evidence).unwrap_or_default();
    let statement =
        evidence.iter().find_map(|evidence| if let Ground::Statement(id) = evidence.ground { Some(id) } else { None });
    Objection { statement: statement.unwrap_or(denial.key.source), reason: format!("It says: {}.", sentence(denial, &name)) }
}
