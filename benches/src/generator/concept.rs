//! A whole concept from its index.

use std::fmt::Write as _;

use sutra_protocol::command::{Learn, NewAssociation, NewConcept, Operation};
use sutra_protocol::{
    AssociationKey, AssociationType, AttributeValue, Attributes, ConceptId, Label, Namespace, SemanticType, Source, Validity,
};

use super::degrees;
use super::vectors::Vectors;
use super::vocabulary::{Domain, phrase};
use crate::random::Random;

const TEXT: u64 = 1;
const PROPERTIES: u64 = 2;
const EDGES: u64 = 3;

/// Values of the attribute `bucket`, evenly spread: `bucket < 10` passes a hundredth of all concepts.
pub(crate) const BUCKETS: usize = 1_000;

/// Types and labels of associations, the frequent ones first.
const RELATIONS: [(AssociationType, &str); 12] = [
    (AssociationType::Semantic, "refers_to"),
    (AssociationType::Hierarchical, "kind_of"),
    (AssociationType::Semantic, "cites"),
    (AssociationType::Compositional, "part_of"),
    (AssociationType::Causal, "treats"),
    (AssociationType::Causal, "causes"),
    (AssociationType::Semantic, "contraindicates"),
    (AssociationType::Temporal, "follows"),
    (AssociationType::Semantic, "guaranteed_by"),
    (AssociationType::Hierarchical, "instance_of"),
    (AssociationType::Temporal, "supersedes"),
    (AssociationType::Compositional, "member_of"),
];

/// Makes concepts by their index.
#[derive(Clone, Debug)]
pub(crate) struct Generator {
    seed: u64,
    namespace: Namespace,
    labels: Vec<Label>,
    vectors: Option<Vectors>,
}

impl Generator {
    /// Concepts of the default namespace, with vectors or without.
    pub(crate) fn new(seed: u64, vectors: bool) -> Self {
        let labels = RELATIONS.iter().map(|(_, label)| Label::from(*label)).collect();
        Self { seed, namespace: Namespace::default(), labels, vectors: vectors.then(|| Vectors::new(seed)) }
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    pub(crate) fn id(&self, index: usize) -> ConceptId {
        ConceptId::derive(&self.namespace, &self.content(index), self.key(index).as_deref())
    }

    /// The content: 40 to some 600 bytes, mostly around 130, and no other concept's.
    pub(crate) fn content(&self, index: usize) -> String {
        let mut random = Random::of(self.seed, TEXT, index as u64);
        let domain = domain(index);
        let mut text = String::with_capacity(160);
        // Writing into a String cannot fail.
        let _ = match domain {
            Domain::Medicine => write!(text, "Encounter {index:07}: "),
            Domain::Law => write!(text, "[{}] EWCA Civ {index}: ", 1960 + index % 65),
            Domain::Finance => write!(text, "ISIN XS{index:010}: "),
        };
        let skewed = random.unit();
        phrase(&mut text, &mut random, domain, 6 + (60.0 * skewed * skewed * skewed) as usize);
        text
    }

    /// The caller's own id, which two in three have.
    pub(crate) fn key(&self, index: usize) -> Option<String> {
        (index % 3 != 2).then(|| format!("{}:{index:08}", domain(index).name()))
    }

    /// The value of the attribute `bucket`.
    pub(crate) fn bucket(&self, index: usize) -> usize {
        Random::of(self.seed, PROPERTIES, index as u64).below(BUCKETS)
    }

    /// The concept, without its associations.
    pub(crate) fn concept(&self, index: usize) -> NewConcept {
        let mut random = Random::of(self.seed, PROPERTIES, index as u64);
        let (domain, content, key) = (domain(index), self.content(index), self.key(index));
        let bucket = random.below(BUCKETS);
        let attributes = Attributes::from([
            ("bucket".to_owned(), AttributeValue::Integer(bucket as i64)),
            ("domain".to_owned(), AttributeValue::Text(domain.name().into())),
            ("score".to_owned(), AttributeValue::Float((random.unit() * 1e4).round() / 1e4)),
            ("reviewed".to_owned(), AttributeValue::Bool(random.chance(0.2))),
            (
                "dated".to_owned(),
                AttributeValue::Text(format!(
                    "{}-{:02}-{:02}T08:00:00Z",
                    1990 + random.below(36),
                    1 + random.below(12),
                    1 + random.below(28)
                )),
            ),
        ]);
        let mut aliases = Vec::new();
        while aliases.len() < 2 && random.chance(0.25) {
            let mut alias = String::new();
            phrase(&mut alias, &mut random, domain, 2);
            let _ = write!(alias, " {index}");
            aliases.push(alias.into());
        }
        let source = random.chance(0.5).then(|| Source {
            uri: format!("https://records.example/{}/{}", domain.name(), index / 40),
            title: None,
            page: Some(1 + (index % 40) as u32),
            offset: None,
        });
        let mut concept = NewConcept::bare(&self.namespace, &content, key.as_deref());
        concept.aliases = aliases;
        concept.semantic_type = Some(*random.pick(&SemanticType::ALL));
        concept.confidence = Some(0.5 + (random.unit() * 500.0).round() / 1_000.0);
        concept.attributes = attributes;
        concept.source = source;
        concept.vector = self.vectors.as_ref().map(|vectors| vectors.of(index));
        concept
    }

    /// The associations that concept `index` teaches, each once.
    pub(crate) fn associations(&self, index: usize) -> Vec<NewAssociation> {
        let mut random = Random::of(self.seed, EDGES, index as u64);
        let degree = degrees::out_degree(&mut random, index);
        let mut chosen = std::collections::BTreeSet::new();
        // A popular target comes up again and again; a concept points at it once.
        while chosen.len() < degree {
            chosen.insert(degrees::target(&mut random, index));
        }
        let source = self.id(index);
        let associations = chosen.into_iter().map(|target| {
            let relation = random.below(RELATIONS.len()).min(random.below(RELATIONS.len()));
            let key = AssociationKey {
                source,
                kind: RELATIONS[relation].0,
                label: self.labels[relation].clone(),
                target: self.id(target),
                validity: Validity::ALWAYS,
            };
            let confidence = 0.6 + (random.unit() * 400.0).round() / 1_000.0;
            NewAssociation { key, confidence, strength: 1.0, evidence: Vec::new() }
        });
        associations.collect()
    }

    /// The whole concept as an operation. What it points at is older, so that operations in the order of the index all apply.
    pub(crate) fn learn(&self, index: usize) -> Operation {
        Operation::Learn(Box::new(Learn {
            concept: self.concept(index),
            on_conflict: None,
            targets: Vec::new(),
            associations: self.associations(index),
        }))
    }
}

fn domain(index: usize) -> Domain {
    Domain::ALL[index % Domain::ALL.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_store_and_another_seed_another() {
        let first: Vec<_> = (0..500).map(|index| Generator::new(9, true).learn(index)).collect();
        let generator = Generator::new(9, true);
        // In another order, and each from scratch: nothing depends on what was made before.
        for index in (0..500).rev() {
            assert_eq!(generator.learn(index), first[index]);
        }
        assert_ne!(Generator::new(10, true).learn(400), first[400]);
    }

    #[test]
    fn the_store_has_the_promised_size() {
        const N: usize = 40_000;
        let generator = Generator::new(1, false);
        let (mut bytes, mut edges, mut ids) = (0, 0, HashSet::new());
        for index in 0..N {
            let content = generator.content(index);
            assert!((30..1_500).contains(&content.len()), "{content}");
            bytes += content.len();
            edges += generator.associations(index).len();
            ids.insert(generator.id(index));
        }
        assert_eq!(ids.len(), N, "no two concepts are one");
        let (mean, degree) = (bytes as f64 / N as f64, edges as f64 / N as f64);
        assert!((90.0..250.0).contains(&mean), "{mean} bytes of content a concept");
        assert!((degree - 5.0).abs() < 0.2, "{degree} associations a concept");
    }

    #[test]
    fn associations_are_distinct_and_end_at_older_concepts() {
        let generator = Generator::new(1, false);
        let older: HashSet<ConceptId> = (0..1_000).map(|index| generator.id(index)).collect();
        for index in 900..1_000 {
            let associations = generator.associations(index);
            let keys: HashSet<&AssociationKey> = associations.iter().map(|association| &association.key).collect();
            assert_eq!(keys.len(), associations.len());
            assert!(keys.iter().all(|key| older.contains(&key.target) && key.target != key.source));
            assert!(keys.iter().all(|key| key.source == generator.id(index)));
        }
    }

    #[test]
    fn a_concept_is_named_by_its_own_id_and_stays_within_the_bounds() {
        let generator = Generator::new(1, true);
        for index in 0..300 {
            let concept = generator.concept(index);
            assert_eq!(concept.id, generator.id(index));
            assert_eq!(concept.attributes.get("bucket"), Some(&AttributeValue::Integer(generator.bucket(index) as i64)));
            assert!((0.0..=1.0).contains(&concept.confidence.unwrap()));
            sutra_protocol::concept::validate_attributes(&concept.attributes).unwrap();
            let time = concept.attributes.get("dated").unwrap();
            assert!(matches!(time, AttributeValue::Text(text) if text.parse::<sutra_protocol::Timestamp>().is_ok()));
        }
    }

    #[test]
    fn buckets_are_evenly_spread() {
        let generator = Generator::new(1, false);
        let below_10 = (0..100_000).filter(|index| generator.bucket(*index) < 10).count();
        assert!((900..1_100).contains(&below_10), "{below_10}");
    }
}
