//! Which concepts are asked about.

use std::collections::HashMap;

use anyhow::Context as _;
use sutra_protocol::ConceptId;

use super::synset::Synset;
use crate::random::Random;

/// Draws concepts and pairs of concepts of WordNet, the same in every run.
#[derive(Debug)]
pub(crate) struct Pairs {
    random: Random,
    ids: Vec<ConceptId>,
    /// By position; the first hypernym of each that has one.
    hypernym: Vec<Option<usize>>,
    /// Positions of those that have one.
    below: Vec<usize>,
}

impl Pairs {
    /// # Errors
    /// If the synsets have no hypernyms.
    pub(crate) fn new(synsets: &[Synset], seed: u64) -> anyhow::Result<Self> {
        let at: HashMap<&str, usize> = synsets.iter().enumerate().map(|(at, synset)| (&*synset.key, at)).collect();
        let hypernym: Vec<Option<usize>> = synsets
            .iter()
            .map(|synset| {
                let pointer = synset.associations.iter().find(|pointer| pointer.label == "hypernym")?;
                at.get(&*pointer.target_key).copied()
            })
            .collect();
        let below: Vec<usize> = (0..synsets.len()).filter(|at| hypernym[*at].is_some()).collect();
        below.first().context("no synset has a hypernym")?;
        Ok(Self { random: Random::of(seed, 0x30, 0), ids: synsets.iter().map(Synset::id).collect(), hypernym, below })
    }

    /// Any concept.
    pub(crate) fn one(&mut self) -> ConceptId {
        *self.random.pick(&self.ids)
    }

    /// Any two different concepts.
    pub(crate) fn random(&mut self) -> [ConceptId; 2] {
        loop {
            let pair = [self.one(), self.one()];
            if pair[0] != pair[1] {
                return pair;
            }
        }
    }

    /// A concept and its hypernym.
    pub(crate) fn hypernym(&mut self) -> [ConceptId; 2] {
        self.ancestor(1)
    }

    /// A concept and one that stands `up` hypernyms above it, or as far as they lead.
    pub(crate) fn ancestor(&mut self, up: usize) -> [ConceptId; 2] {
        let start = *self.random.pick(&self.below);
        let mut end = start;
        for _ in 0..up {
            match self.hypernym[end] {
                // Some verbs are each other's hypernyms.
                Some(above) if above != start => end = above,
                _ => break,
            }
        }
        [self.ids[start], self.ids[end]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wordnet::tests::{CANINE, DOG, synset};

    #[test]
    fn hypernym_pairs_are_a_concept_and_what_it_is_a_kind_of() {
        let synsets = [synset(DOG), synset(CANINE)];
        let [dog, canine] = [synsets[0].id(), synsets[1].id()];
        let mut pairs = Pairs::new(&synsets, 1).unwrap();
        assert_eq!(pairs.hypernym(), [dog, canine]);
        assert_eq!(pairs.ancestor(4), [dog, canine], "there is nothing above");
        for _ in 0..20 {
            let [a, b] = pairs.random();
            assert_ne!(a, b);
        }
    }

    #[test]
    fn without_hypernyms_there_are_no_pairs() {
        assert!(Pairs::new(&[synset(CANINE)], 1).is_err());
    }
}
