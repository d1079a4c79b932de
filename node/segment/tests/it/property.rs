//! Random knowledge reads back.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sutra_protocol::{
    AssociationKey, AssociationType, AttributeValue, Concept, ConceptId, Ground, Label, SemanticType, Source as Origin,
    Timestamp, Validity,
};
use sutra_segment::{ConceptRow, ConceptVersion, EvidenceVersion, Shape};
use sutra_vector::Scalar;

use crate::answers::assert_answers;
use crate::fixture::{Knowledge, minute};

const WORDS: [&str; 8] = ["heparin", "lien", "swap: a derivative", "Torsades de pointes", "", "estoppel", "Größe", "put option"];
const TIMES: [&str; 3] = ["2026-03-01T12:00:00Z", "2026-03-01T13:30:00+01:30", "1999-12-31T23:59:59.5Z"];

/// Choices from a seed.
struct Choices(u64);

impl Choices {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn of<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }

    fn unit(&mut self) -> f64 {
        if self.one_in(2) { 1.0 } else { self.below(1000) as f64 / 999.0 }
    }

    fn time(&mut self) -> Timestamp {
        if self.one_in(20) {
            self.of(&[i64::MIN, i64::MAX, 0, -1].map(Timestamp::from_micros))
        } else {
            minute(self.below(50_000) as i64)
        }
    }

    fn validity(&mut self) -> Validity {
        if self.one_in(2) {
            return Validity::ALWAYS;
        }
        let mut end = || if self.one_in(3) { None } else { Some(self.time()) };
        Validity { from: end(), to: end() }
    }

    fn value(&mut self) -> AttributeValue {
        match self.below(6) {
            0 => AttributeValue::Bool(self.one_in(2)),
            1 => AttributeValue::Integer(self.of(&[0, -1, 1899, i64::MAX, i64::MIN, 1 << 53])),
            2 => AttributeValue::Float(self.of(&[0.0, -0.0, 1.5, -2.25, 1e300, 1899.0])),
            3 => AttributeValue::Text(self.of(&TIMES).into()),
            4 => AttributeValue::Text(String::new()),
            _ => AttributeValue::Text(self.of(&WORDS).into()),
        }
    }

    fn content(&mut self) -> Arc<str> {
        let mut content = format!("{} {}", self.of(&WORDS), self.below(30));
        if self.one_in(4) {
            content = self.of(&WORDS).into();
        }
        if self.one_in(25) {
            content = content.repeat(3000);
        }
        content.into()
    }

    /// Changes some of the concept.
    fn change(&mut self, concept: &mut Concept, shape: Option<Shape>) {
        if self.one_in(2) {
            concept.content = self.content();
        }
        if self.one_in(3) {
            concept.aliases = (0..self.below(4)).map(|_| self.of(&WORDS).into()).collect();
        }
        if self.one_in(3) {
            concept.key = if self.one_in(3) { None } else { Some(format!("LEI:{}", self.below(9)).into()) };
        }
        if self.one_in(3) {
            concept.attributes =
                (0..self.below(4)).map(|_| (self.of(&["approved", "route", "", "due"]).into(), self.value())).collect();
        }
        if self.one_in(3) {
            concept.source = (!self.one_in(3)).then(|| Origin {
                uri: format!("doi:{}", self.below(3)),
                title: self.one_in(2).then(|| self.of(&WORDS).into()),
                page: self.one_in(2).then(|| self.below(500) as u32),
                offset: self.one_in(2).then(|| self.next()),
            });
        }
        if let Some(shape) = shape
            && self.one_in(2)
        {
            let numbers: Vec<f32> = (0..shape.dimension()).map(|_| self.below(100) as f32 - 50.0).collect();
            concept.vector = if self.one_in(4) { None } else { Some(shape.stored(&numbers).unwrap().into()) };
        }
        if self.one_in(4) {
            concept.semantic_type = self.of(&SemanticType::ALL);
            concept.confidence = self.unit();
            concept.strength = self.unit();
            concept.validity = self.validity();
            concept.asserted_by = self.of(&["dr.osei", "nurse.lind", ""]).into();
        }
    }

    fn row(&mut self, knowledge: &Knowledge, id: ConceptId) -> ConceptRow {
        let mut row = ConceptRow::default();
        if self.one_in(5) {
            row.erased_incarnation = self.below(300);
        }
        let mut recorded_at = minute(self.below(1000) as i64);
        let mut concept = Concept { id, incarnation: row.erased_incarnation + 1, ..knowledge.plain("", recorded_at) };
        let versions = self.of(&[0, 1, 1, 1, 2, 3, 6]);
        for at in 0..versions {
            if at > 0 || self.one_in(6) {
                recorded_at = recorded_at.plus_micros(1 + self.below(90_000_000) as i64);
            }
            if self.one_in(4) {
                row.versions.push(ConceptVersion { recorded_at, concept: None });
                concept.incarnation += 1;
                concept.created_at = recorded_at.plus_micros(1);
                recorded_at = concept.created_at;
            } else {
                self.change(&mut concept, knowledge.shape);
                concept.updated_at = if self.one_in(20) { self.time() } else { recorded_at };
                row.versions.push(ConceptVersion { recorded_at, concept: Some(Arc::new(concept.clone())) });
            }
        }
        row
    }

    fn piece(&mut self, ids: &[ConceptId]) -> EvidenceVersion {
        let ground = match self.below(3) {
            0 => Ground::Statement(self.of(ids)),
            _ => Ground::AssertedBy(self.of(&["dr.osei", "nurse.lind", "registrar"]).into()),
        };
        let usual = self.one_in(2);
        let mut incarnation = |first: u64| if usual { first } else { self.below(4) };
        let ground_first = u64::from(matches!(ground, Ground::Statement(_)));
        EvidenceVersion {
            source_incarnation: incarnation(1),
            target_incarnation: incarnation(1),
            ground_incarnation: incarnation(ground_first),
            ground,
            confidence: self.unit(),
            strength: self.unit(),
            recorded_at: self.time(),
            retracted_at: if self.one_in(3) { Some(self.time()) } else { None },
        }
    }

    fn knowledge(&mut self) -> Knowledge {
        let mut knowledge = Knowledge::new(self.of(&["cardiology", "contract_law", "treasury"]));
        let scalar = self.of(&[Scalar::F32, Scalar::F16, Scalar::I8]);
        knowledge.shape = if self.one_in(3) { None } else { Some(Shape::new(1 + self.below(20) as u32, scalar).unwrap()) };
        // Derived ids are spread evenly; these are not, to try the search.
        let crowded = self.one_in(3);
        let count = self.of(&[0, 1, 2, 12, 40]);
        let mut ids: Vec<ConceptId> = (0..count + 6)
            .map(|n| if crowded { ConceptId::from_u128(u128::from(self.below(200))) } else { knowledge.id(&format!("case {n}")) })
            .collect();
        ids.push(ConceptId::from_u128(u128::MAX));
        let rows: BTreeMap<ConceptId, ConceptRow> = ids.iter().take(count).map(|id| (*id, self.row(&knowledge, *id))).collect();
        knowledge.concepts = rows;
        for _ in 0..self.of(&[0, 1, 10, 80]) {
            let key = AssociationKey {
                source: self.of(&ids),
                kind: self.of(&AssociationType::ALL),
                label: Label::from(self.of(&["", "treats", "cites"])),
                target: self.of(&ids),
                validity: self.validity(),
            };
            let pieces = self.of(&[0, 1, 1, 1, 2, 5]);
            let evidence = (0..pieces).map(|_| self.piece(&ids)).collect();
            knowledge.associate(key, evidence);
        }
        knowledge
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_knowledge_reads_back_through_every_way_of_asking(seed in any::<u64>()) {
        let knowledge = Choices(seed).knowledge();
        let segment = knowledge.segment();
        assert_answers(&segment.parts()[0], &knowledge);
        segment.verify().unwrap();
    }
}
