//! "What is X?": what its content says besides its name, and its classes.

use sutra_protocol::http::{AnswerView, Candidate};
use sutra_protocol::name::{leading_words, normal_name};

use super::Question;
use super::one_hop::{Towards, related};
use super::thought::{Thought, Verdict, below_gate};
use super::understanding::Entity;
use crate::linking::spellings;
use crate::path::Path;
use crate::relation::{Family, Relation};
use crate::verbalise::{LISTED, list};

/// From how many words on a content is taken for a sentence rather than a name.
const SENTENCE: usize = 5;
/// Longest quotation in a sentence, in characters; `answers` holds the whole.
const QUOTED: usize = 1_000;

pub(super) fn think(question: &Question<'_>, x: &Entity) -> Thought {
    let definition = definition(&x.content, &x.name);
    let own = question.knowledge.concept(x.id).map_or(0.0, |concept| concept.confidence);
    let classes = related(question, x.id, Family::KindOf, Towards::Wider);
    let name = question.name(x.id);

    let mut paths = Vec::new();
    let mut views = Vec::new();
    if definition.is_some() {
        views.push(AnswerView { id: Some(x.id), content: x.content.clone(), confidence: own, paths: vec![0] });
        paths.push(Path { start: x.id, hops: Vec::new(), confidence: own });
    }
    let denied =
        |step: &&sutra_protocol::Step| classes.denied.get(&step.to()).is_none_or(|denial| !question.passes(denial.confidence));
    let steps: Vec<_> = classes.steps.iter().filter(denied).take(LISTED).collect();
    for step in &steps {
        let content = question.content(step.to());
        views.push(AnswerView { id: Some(step.to()), content, confidence: step.confidence, paths: vec![paths.len()] });
        paths.push(Path { start: x.id, hops: vec![(*step).clone()], confidence: step.confidence });
    }
    if views.is_empty() {
        let message = format!("Nothing but its name is stored about {name}.");
        return Thought::nothing(message, classes.complete);
    }

    let defined = definition.filter(|_| question.passes(own));
    let class_names = |instance: bool| -> Vec<String> {
        let is = |step: &&&sutra_protocol::Step| {
            question.passes(step.confidence) && Relation::of_step(step).is_some_and(|relation| relation.instance == instance)
        };
        steps.iter().filter(is).map(|step| question.name(step.to())).collect()
    };
    let mut sentences = Vec::new();
    if let Some(text) = &defined {
        sentences.push(format!("{name}: \"{}\".", shorten(text)));
    }
    for (instance, phrase) in [(false, "a kind of"), (true, "an instance of")] {
        let names = class_names(instance);
        if !names.is_empty() {
            sentences.push(format!("{} is {phrase} {}.", if sentences.is_empty() { &name } else { "It" }, list(&names)));
        }
    }
    let best = views.iter().map(|view| view.confidence).fold(0.0, f64::max);
    let (answers, alternatives): (Vec<AnswerView>, Vec<AnswerView>) =
        views.into_iter().partition(|view| question.passes(view.confidence));
    let least = answers.iter().map(|view| view.confidence).reduce(f64::min);
    let (weighed, supporting) = (paths.len(), answers.len());
    let verdict = if answers.is_empty() {
        let near = alternatives
            .iter()
            .filter_map(|view| Some(Candidate { name: x.name.clone(), id: view.id?, content: view.content.clone(), key: None }));
        Verdict::Refusal(below_gate(best, question.gate.threshold(), near.collect()))
    } else {
        Verdict::Answer { sentence: sentences.join(" "), answers }
    };
    Thought {
        paths,
        alternatives,
        confidence: least.unwrap_or(best),
        weighed,
        supporting,
        quoted: definition.is_some().then_some(x.id).into_iter().collect(),
        complete: classes.complete,
        relation: Some("definition"),
        filters: Family::KindOf.filters(),
        ..Thought::new(verdict)
    }
}

/// What a content says about what it is called. Of an entry ("dog, domestic dog: a canine"), the words after the colon; of a
/// sentence that was found by an alias or a key, the whole; a name of a few words says nothing.
fn definition<'a>(content: &'a str, asked: &str) -> Option<&'a str> {
    let spellings: Vec<String> = spellings(asked).iter().map(|name| normal_name(name)).collect();
    let is_asked = |name: &str| spellings.contains(&normal_name(name));
    // A colon inside a sentence, a time or an address does not make an entry.
    if let Some((head, gloss)) =
        content.split_once(':').filter(|(_, gloss)| gloss.is_empty() || gloss.starts_with(char::is_whitespace))
    {
        let mut names = head.split(',');
        if names.clone().any(is_asked) || names.all(|name| name.split_whitespace().count() < SENTENCE) {
            return Some(gloss.trim()).filter(|gloss| !gloss.is_empty());
        }
    }
    let says = leading_words(content).is_some() || content.split_whitespace().count() >= SENTENCE;
    (says && !is_asked(content)).then_some(content)
}

fn shorten(text: &str) -> String {
    let text = text.trim_end_matches('.');
    match text.char_indices().nth(QUOTED) {
        None => text.to_owned(),
        Some((cut, _)) => format!("{}…", &text[..cut]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_more_than_a_name() {
        assert_eq!(definition("aspirin: a drug", "aspirin"), Some("a drug"));
        assert_eq!(definition("dog, domestic dog: a canine", "dogs"), Some("a canine"));
        assert_eq!(definition("Basel III", "basel iii"), None);
        assert_eq!(definition("Basel III", "the accord"), None);
        assert_eq!(definition("Basel III", "BCBS-189"), None);
        let statement = "Basel III sets capital requirements for banks";
        assert_eq!(definition(statement, "BCBS-189"), Some(statement));
        assert_eq!(definition("aspirin:", "aspirin"), None);
        let notice = "The committee decided as follows: rates stay at 5:30 levels";
        assert_eq!(definition(notice, "FOMC-7"), Some(notice));
        let link = "Dosage tables are kept at https://example.org/dosage";
        assert_eq!(definition(link, "dosage tables"), Some(link));
    }
}
