//! Which concept a name stands for.
//!
//! In this order, and the first that knows the name decides: what the caller bound it to; a key; the whole content, first as
//! written and then without regard to case; any name ([`Knowledge::named`]). Several concepts at one step are ambiguous, which
//! is an answer: nothing is chosen silently.

use std::collections::BTreeMap;

use sutra_protocol::id::normal_content;
use sutra_protocol::name::normal_name;
use sutra_protocol::{ConceptId, Knowledge};

mod nearest;
mod spelling;

pub use nearest::nearest;
pub use spelling::spellings;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// One concept.
    One(ConceptId),
    /// Several, in the order of their ids.
    Several(Vec<ConceptId>),
    /// None.
    Unknown,
    /// It was bound to a concept that is not alive.
    Dead(ConceptId),
}

/// Names that the caller has bound to concepts, compared by [`normal_name`].
#[derive(Clone, Debug, Default)]
pub struct Bindings(BTreeMap<String, ConceptId>);

impl Bindings {
    /// From the `bind` of a request. Of two spellings of one name the later in the map's order counts.
    pub fn new(bind: &BTreeMap<String, ConceptId>) -> Self {
        Self(bind.iter().map(|(name, id)| (normal_name(name), *id)).collect())
    }

    /// What `name` is bound to.
    pub fn get(&self, name: &str) -> Option<ConceptId> {
        self.0.get(&normal_name(name)).copied()
    }
}

/// Which concept `name` stands for.
pub fn link(knowledge: &dyn Knowledge, name: &str, bindings: &Bindings) -> Link {
    if let Some(bound) = bindings.get(name) {
        return if knowledge.concept(bound).is_some() { Link::One(bound) } else { Link::Dead(bound) };
    }
    if let Some(keyed) = knowledge.keyed(name.trim()) {
        return Link::One(keyed);
    }
    let named = knowledge.named(name);
    if named.len() > 1 {
        let normal = normal_name(name);
        let written = normal_content(name);
        let contents: Vec<(ConceptId, String)> = named
            .iter()
            .filter_map(|id| Some((*id, knowledge.concept(*id)?.content.to_string())))
            .filter(|(_, content)| normal_name(content) == normal)
            .collect();
        let exact: Vec<ConceptId> = contents.iter().filter(|(_, content)| *content == written).map(|(id, _)| *id).collect();
        for choice in [exact, contents.into_iter().map(|(id, _)| id).collect()] {
            match choice.as_slice() {
                [] => {}
                [only] => return Link::One(*only),
                _ => return Link::Several(choice),
            }
        }
    }
    match named.as_slice() {
        [] => Link::Unknown,
        [only] => Link::One(*only),
        _ => Link::Several(named),
    }
}

/// Which concept a name in a sentence stands for: as it is written, else without a leading article, else in the singular. The
/// first spelling that is known decides; a spelling that is bound goes before all.
pub fn link_spoken(knowledge: &dyn Knowledge, spoken: &str, bindings: &Bindings) -> Link {
    let spellings = spellings(spoken);
    let bound = spellings.iter().find(|name| bindings.get(name).is_some());
    bound
        .into_iter()
        .chain(&spellings)
        .map(|name| link(knowledge, name, bindings))
        .find(|link| *link != Link::Unknown)
        .unwrap_or(Link::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Graph;

    fn none() -> Bindings {
        Bindings::default()
    }

    #[test]
    fn bindings_then_keys_then_contents_then_names_decide() {
        let mut graph = Graph::default();
        let drug = graph.learn_as("aspirin: a drug", None, &["ASA"]);
        let entry = graph.learn("Aspirin");
        let society = graph.learn_as("American Society of Anesthesiologists", Some("ASA-ORG"), &["ASA"]);
        assert_eq!(link(&graph, "Aspirin", &none()), Link::One(entry));
        assert_eq!(link(&graph, "ASPIRIN", &none()), Link::One(entry));
        assert_eq!(link(&graph, "ASA-ORG", &none()), Link::One(society));
        let mut both = vec![drug, society];
        both.sort();
        assert_eq!(link(&graph, "asa", &none()), Link::Several(both));
        let bindings = Bindings::new(&BTreeMap::from([("ASA".to_owned(), drug)]));
        assert_eq!(link(&graph, "asa", &bindings), Link::One(drug));
        let dead = ConceptId::from_u128(3);
        let bindings = Bindings::new(&BTreeMap::from([("asa".to_owned(), dead)]));
        assert_eq!(link(&graph, "ASA", &bindings), Link::Dead(dead));
        assert_eq!(link(&graph, "ibuprofen", &none()), Link::Unknown);
    }

    #[test]
    fn namesakes_with_keys_are_ambiguous() {
        let mut graph = Graph::default();
        graph.learn_as("John Smith", Some("MRN-1"), &[]);
        graph.learn_as("John Smith", Some("MRN-2"), &[]);
        assert!(matches!(link(&graph, "John Smith", &none()), Link::Several(both) if both.len() == 2));
    }

    #[test]
    fn articles_and_plurals_are_dropped_only_if_the_name_is_unknown() {
        let mut graph = Graph::default();
        let hague = graph.learn("The Hague");
        let dog = graph.learn("dog");
        let glasses = graph.learn("glasses");
        graph.learn("glass");
        assert_eq!(link_spoken(&graph, "The Hague", &none()), Link::One(hague));
        assert_eq!(link_spoken(&graph, "the dogs", &none()), Link::One(dog));
        assert_eq!(link_spoken(&graph, "glasses", &none()), Link::One(glasses));
    }
}
