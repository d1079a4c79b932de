//! What a search for a path has to ask, hop by hop: the reference for what a grid's nodes ask each other.
//!
//! The search itself, [`find_paths`], runs over WordNet's synsets in memory, with the question that is put to the grid. Each time that it
//! expands a frontier is a hop; which concepts it asks about says which shards have to be asked. Frontiers follow from what is taught alone,
//! so those of the grid's own search are the same.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use sutra_protocol::{
    Association, AssociationFilter, AssociationKey, AssociationType, Concept, ConceptId, Direction, Knowledge, Label, Step,
    Validity,
};
use sutra_reasoning::{Budget, PathQuery, find_paths};

use crate::wordnet::Synset;

/// WordNet in memory, as far as a search for paths sees it, and what was asked of it.
#[derive(Debug)]
pub(super) struct Plans {
    out: HashMap<ConceptId, Vec<Step>>,
    into: HashMap<ConceptId, Vec<Step>>,
    hops: RefCell<Vec<Vec<ConceptId>>>,
}

impl Plans {
    /// # Errors
    /// If a synset points at one that is not there.
    pub(super) fn of(synsets: &[Synset]) -> anyhow::Result<Self> {
        let ids: HashMap<&str, ConceptId> = synsets.iter().map(|synset| (&*synset.key, synset.id())).collect();
        let (mut out, mut into) = (HashMap::<_, Vec<Step>>::new(), HashMap::<_, Vec<Step>>::new());
        for synset in synsets {
            let source = synset.id();
            for pointer in &synset.associations {
                let target = *ids.get(&*pointer.target_key).with_context(|| format!("{} is in no line", pointer.target_key))?;
                let label = Label::from(&*pointer.label);
                let key = AssociationKey { source, kind: pointer.kind, label, target, validity: Validity::ALWAYS };
                let step = Step { key, confidence: 1.0, strength: 1.0, reversed: false };
                into.entry(target).or_default().push(Step { reversed: true, ..step.clone() });
                out.entry(source).or_default().push(step);
            }
        }
        Ok(Self { out, into, hops: RefCell::default() })
    }

    /// The frontiers that a search along associations of this type expands between two concepts, one for each hop of the path.
    ///
    /// # Errors
    /// If there is no path, or if it took more frontiers than it has hops: then a frontier was too large for one question.
    pub(super) fn hops(&self, [start, end]: [ConceptId; 2], kind: AssociationType) -> anyhow::Result<Vec<Vec<ConceptId>>> {
        let filter = AssociationFilter { types: vec![kind], ..AssociationFilter::default() };
        let never = || false;
        self.hops.take();
        let found = find_paths(self, start, end, &PathQuery { filter, ..PathQuery::default() }, &Budget::until(&never));
        let (path, hops) = (found.paths.first().context("there is no path")?, self.hops.take());
        anyhow::ensure!(hops.len() == path.hops.len(), "a path of {} hops took {} frontiers", path.hops.len(), hops.len());
        Ok(hops)
    }
}

impl Knowledge for Plans {
    fn concept(&self, _: ConceptId) -> Option<Arc<Concept>> {
        None
    }

    fn keyed(&self, _: &str) -> Option<ConceptId> {
        None
    }

    fn named(&self, _: &str) -> Vec<ConceptId> {
        Vec::new()
    }

    fn expand(&self, frontier: &[ConceptId], direction: Direction, filter: &AssociationFilter) -> Vec<Vec<Step>> {
        self.hops.borrow_mut().push(frontier.to_vec());
        let (outgoing, incoming) = (direction != Direction::In, direction != Direction::Out);
        let steps = |id: &ConceptId| {
            let out = self.out.get(id).into_iter().flatten().filter(move |_| outgoing);
            let into = self.into.get(id).into_iter().flatten().filter(move |_| incoming);
            let passes = |step: &&Step| filter.allows(step.key.kind, &step.key.label, step.confidence);
            out.chain(into).filter(passes).cloned().collect()
        };
        frontier.iter().map(steps).collect()
    }

    fn association(&self, _: &AssociationKey) -> Option<Association> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wordnet::tests::{CANINE, DOG, synset};

    #[test]
    fn a_path_of_one_hop_asks_one_end_once() {
        let synsets = [synset(DOG), synset(CANINE)];
        let [dog, canine] = [synsets[0].id(), synsets[1].id()];
        let plans = Plans::of(&synsets).unwrap();
        for ends in [[dog, canine], [canine, dog]] {
            assert_eq!(plans.hops(ends, AssociationType::Hierarchical).unwrap(), [vec![ends[0]]]);
        }
    }

    #[test]
    fn a_path_that_is_not_there_has_no_plan() {
        let synsets = [synset(DOG), synset(CANINE)];
        let plans = Plans::of(&synsets).unwrap();
        assert!(plans.hops([synsets[0].id(), synsets[1].id()], AssociationType::Causal).is_err());
        assert!(Plans::of(&synsets[..1]).unwrap_err().to_string().contains("wn30:02083346-n"));
    }
}
