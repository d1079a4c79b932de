//! Sentences from paths, by templates. Nothing is said that is not stored.

use sutra_protocol::name::leading_words;
use sutra_protocol::{ConceptId, Step};

use crate::path::Path;
use crate::relation::{Family, Relation, normal_label};

mod phrases;

/// Longest name in a sentence, in characters.
const NAME_CHARACTERS: usize = 60;
/// Most items that a sentence lists.
pub const LISTED: usize = 10;

/// A concept's name as sentences use it: the words before its first colon or comma, or its content, cut where it gets long.
pub fn short_name(content: &str) -> String {
    let name = leading_words(content).unwrap_or(content).trim().trim_end_matches('.');
    match name.char_indices().nth(NAME_CHARACTERS) {
        None => name.to_owned(),
        Some((cut, _)) => {
            let cut = name[..cut].rfind(char::is_whitespace).filter(|at| *at > cut / 2).unwrap_or(cut);
            format!("{}…", name[..cut].trim_end())
        }
    }
}

/// What a step says, beginning with the concept that it comes from where English allows it.
pub fn sentence(step: &Step, name: &dyn Fn(ConceptId) -> String) -> String {
    let (from, to) = (name(step.from()), name(step.to()));
    let label = normal_label(step.key.label.as_str());
    let (along, against) = match Relation::of_step(step) {
        Some(relation) => {
            let (wider, narrower) = family_phrases(relation, &label);
            // Inverse labels say the same thing from the other end.
            if relation.widens(step) { return fill(wider, &from, &to) } else { return fill(narrower, &from, &to) }
        }
        None => match phrases::find(&label) {
            Some(phrases) => phrases,
            None => {
                let label = if label.is_empty() { step.key.kind.as_str() } else { step.key.label.as_str() };
                let (source, target) = (name(step.key.source), name(step.key.target));
                return format!("\"{source}\" —{label}→ \"{target}\"");
            }
        },
    };
    fill(if step.reversed { against } else { along }, &from, &to)
}

/// What a path says, hop by hop.
pub fn chain(path: &Path, name: &dyn Fn(ConceptId) -> String) -> String {
    path.hops.iter().map(|step| sentence(step, name)).collect::<Vec<_>>().join("; ")
}

/// "a", "a and b", "a, b and c", "a, b, … and 7 more": at most [`LISTED`] items.
pub fn list(items: &[String]) -> String {
    let shown = &items[..items.len().min(LISTED)];
    match (shown, items.len() - shown.len()) {
        ([], _) => String::new(),
        ([only], 0) => only.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// `{a}` and `{b}` replaced.
fn fill(template: &str, a: &str, b: &str) -> String {
    // Split first: a name may itself hold braces.
    let mut text = String::with_capacity(template.len() + a.len() + b.len());
    for (at, part) in template.split("{a}").enumerate() {
        if at > 0 {
            text.push_str(a);
        }
        for (at, part) in part.split("{b}").enumerate() {
            if at > 0 {
                text.push_str(b);
            }
            text.push_str(part);
        }
    }
    text
}

/// What a family says from the narrower end, and from the wider one.
fn family_phrases(relation: Relation, label: &str) -> (&'static str, &'static str) {
    let substance = label.contains("substance") || label.contains("ingredient");
    match (relation.family, relation.negated) {
        (Family::KindOf, true) if relation.instance => ("{a} is not an instance of {b}", "{b} is not an instance of {a}"),
        (Family::KindOf, true) => ("{a} is not a kind of {b}", "{b} is not a kind of {a}"),
        (Family::KindOf, false) if relation.instance => ("{a} is an instance of {b}", "{b} is an instance of {a}"),
        (Family::KindOf, false) => ("{a} is a kind of {b}", "{b} is a kind of {a}"),
        (Family::PartOf, true) => ("{a} is not a part of {b}", "{a} does not have {b} as a part"),
        (Family::PartOf, false) if substance => ("{a} is a substance in {b}", "{a} contains {b}"),
        (Family::PartOf, false) => ("{a} is a part of {b}", "{a} has {b} as a part"),
        (Family::MemberOf, true) => ("{a} is not a member of {b}", "{a} does not have {b} as a member"),
        (Family::MemberOf, false) => ("{a} is a member of {b}", "{a} has {b} as a member"),
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::{AssociationKey, AssociationType, Validity};

    use super::*;

    fn say(source: &str, kind: AssociationType, label: &str, target: &str, reversed: bool) -> String {
        let (a, b) = (ConceptId::from_u128(1), ConceptId::from_u128(2));
        let key = AssociationKey { source: a, kind, label: label.into(), target: b, validity: Validity::ALWAYS };
        let step = Step { key, confidence: 1.0, strength: 1.0, reversed };
        sentence(&step, &|id| if id == a { source.into() } else { target.into() })
    }

    #[test]
    fn a_step_reads_from_the_side_it_comes_from() {
        use AssociationType::{Causal, Compositional, Hierarchical, Semantic};
        assert_eq!(say("aspirin", Hierarchical, "hypernym", "NSAID", false), "aspirin is a kind of NSAID");
        assert_eq!(say("aspirin", Hierarchical, "hypernym", "NSAID", true), "aspirin is a kind of NSAID");
        assert_eq!(say("NSAID", Hierarchical, "hyponym", "aspirin", true), "aspirin is a kind of NSAID");
        assert_eq!(say("heart", Compositional, "has_part", "aorta", false), "heart has aorta as a part");
        assert_eq!(say("dog", Hierarchical, "is_not_a", "cat", false), "dog is not a kind of cat");
        assert_eq!(say("cat", Hierarchical, "not_hyponym", "dog", true), "dog is not a kind of cat");
        assert_eq!(say("smoking", Causal, "causes", "lung cancer", true), "lung cancer is caused by smoking");
        assert_eq!(say("metformin", Semantic, "treats", "type 2 diabetes", false), "metformin treats type 2 diabetes");
    }

    #[test]
    fn what_one_thing_does_to_another_is_said_from_both_sides() {
        for (label, passive) in [
            ("produces", "produced"),
            ("activates", "activated"),
            ("inhibits", "inhibited"),
            ("treats", "treated"),
            ("causes", "caused"),
            ("prevents", "prevented"),
            ("relieves", "relieved"),
        ] {
            assert_eq!(say("x", AssociationType::Causal, label, "y", false), format!("x {label} y"));
            assert_eq!(say("x", AssociationType::Causal, label, "y", true), format!("y is {passive} by x"));
            assert_eq!(say("y", AssociationType::Causal, &format!("{passive} by"), "x", false), format!("y is {passive} by x"));
        }
    }

    #[test]
    fn an_unknown_label_is_shown_as_it_is_stored() {
        let shown = "\"Basel III\" —capital rule for→ \"banks\"";
        assert_eq!(say("Basel III", AssociationType::Semantic, "capital rule for", "banks", false), shown);
        assert_eq!(say("Basel III", AssociationType::Semantic, "capital rule for", "banks", true), shown);
        assert_eq!(say("{b}", AssociationType::Causal, "", "{a}", false), "\"{b}\" —causal→ \"{a}\"");
        assert_eq!(say("{b}", AssociationType::Causal, "causes", "{a}", false), "{b} causes {a}");
    }

    #[test]
    fn names_are_short_and_lists_end() {
        assert_eq!(short_name("aspirin, acetylsalicylic acid: a drug"), "aspirin");
        assert_eq!(short_name("Aspirin relieves pain."), "Aspirin relieves pain");
        let long = "The lessee shall return the premises in the condition in which they were received";
        assert_eq!(short_name(long), "The lessee shall return the premises in the condition in…");
        assert!(short_name(&"é".repeat(90)).chars().count() <= NAME_CHARACTERS + 1);
        let items = |count: usize| (1..=count).map(|item| item.to_string()).collect::<Vec<_>>();
        assert_eq!(list(&items(1)), "1");
        assert_eq!(list(&items(3)), "1, 2 and 3");
        assert_eq!(list(&items(12)), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more");
    }
}
