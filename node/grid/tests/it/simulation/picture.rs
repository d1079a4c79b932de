//! What there is to be seen of a few concepts, without what follows the logs of the shards that keep them.

use std::collections::BTreeSet;
use std::sync::Arc;

use sutra_grid::View;
use sutra_protocol::command::{Outcome, Rejection};
use sutra_protocol::{AssociationFilter, Concept, Direction, Knowledge, Timestamp};

use super::author::Subject;

/// All that can be asked about a subject, as text.
#[derive(Clone, PartialEq)]
pub(super) struct Picture(BTreeSet<String>);

/// A concept without when it came to be, and which incarnation it is.
fn timeless(concept: &Concept) -> Concept {
    Concept { created_at: Timestamp::default(), updated_at: Timestamp::default(), incarnation: 1, ..concept.clone() }
}

/// An outcome without what only the keeper of a concept knows, or its clock.
pub(super) fn timeless_outcome(outcome: Result<Outcome, Rejection>) -> Result<Outcome, Rejection> {
    match outcome {
        Ok(Outcome::Amended(concept)) => Ok(Outcome::Amended(Arc::new(timeless(&concept)))),
        // What a ghost's concept is called is for its keeper to say.
        Ok(Outcome::Learned { id, created, semantic_type, mut associations }) => {
            associations.iter_mut().for_each(|one| one.target_content = "".into());
            Ok(Outcome::Learned { id, created, semantic_type, associations })
        }
        other => other,
    }
}

impl Picture {
    pub(super) fn of(view: &View, subject: &Subject) -> Self {
        let everything = AssociationFilter::default();
        let ids = subject.ids();
        let steps: Vec<_> = ids.iter().copied().zip(view.expand(&ids, Direction::Both, &everything)).collect();
        let mut all = BTreeSet::new();
        for (id, steps) in &steps {
            all.extend(view.concept(*id).map(|concept| format!("{:?}", timeless(&concept))));
            all.insert(format!("{id} has {:?}", view.details(*id).1));
            all.extend(steps.iter().map(|step| format!("from {id}: {step:?}")));
            let leaving = steps.iter().filter(|step| !step.reversed);
            all.extend(leaving.filter_map(|step| view.association(&step.key)).map(|association| format!("{association:?}")));
        }
        all.extend(subject.keys.iter().map(|key| format!("{key}: {:?}", view.keyed(key))));
        let names = subject.contents.iter().chain([&subject.alias]);
        all.extend(names.map(|name| format!("{name}: {:?}", view.named(name))));
        Self(all)
    }

    /// What only one of them shows.
    pub(super) fn difference(&self, other: &Self) -> String {
        let of = |who: &str, one: &Self, other: &Self| {
            one.0.difference(&other.0).map(|fact| format!("{who} shows {fact}\n")).collect::<String>()
        };
        of("the grid alone", self, other) + &of("one store alone", other, self)
    }
}
