//! Knowledge in plain maps, and the segments that are written of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sutra_disk::SimulatedDisk;
use sutra_protocol::{
    AssociationKey, AssociationType, AttributeValue, Concept, ConceptId, Ground, Label, Namespace, SemanticType,
    Source as Origin, Timestamp, Validity,
};
use sutra_segment::{
    AssociationRow, ConceptRow, ConceptVersion, EvidenceVersion, Pace, Segment, SegmentId, Shape, Source, write,
};
use sutra_vector::Scalar;

pub(crate) const STORE: &str = "3f6c1d8e-store";
pub(crate) const FILE: &str = "000007.sutradat";

/// One namespace.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Knowledge {
    pub(crate) namespace: Namespace,
    pub(crate) shape: Option<Shape>,
    pub(crate) concepts: BTreeMap<ConceptId, ConceptRow>,
    pub(crate) associations: BTreeMap<AssociationKey, AssociationRow>,
}

impl Source for Knowledge {
    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn shape(&self) -> Option<Shape> {
        self.shape
    }

    fn concepts(&self) -> Box<dyn Iterator<Item = (ConceptId, Cow<'_, ConceptRow>)> + '_> {
        Box::new(self.concepts.iter().map(|(id, row)| (*id, Cow::Borrowed(row))))
    }

    fn associations(&self) -> Box<dyn Iterator<Item = (AssociationKey, Cow<'_, AssociationRow>)> + '_> {
        Box::new(self.associations.iter().map(|(key, row)| (key.clone(), Cow::Borrowed(row))))
    }
}

/// Noon of 2026-03-01 and so many minutes.
pub(crate) fn minute(minutes: i64) -> Timestamp {
    Timestamp::from_micros(1_772_366_400_000_000 + minutes * 60_000_000)
}

impl Knowledge {
    pub(crate) fn new(namespace: &str) -> Self {
        let shape = Shape::new(4, Scalar::F16).unwrap();
        Self {
            namespace: namespace.parse().unwrap(),
            shape: Some(shape),
            concepts: BTreeMap::new(),
            associations: BTreeMap::new(),
        }
    }

    pub(crate) fn id(&self, content: &str) -> ConceptId {
        ConceptId::derive(&self.namespace, content, None)
    }

    /// A concept of which nothing is said but its content.
    pub(crate) fn plain(&self, content: &str, at: Timestamp) -> Concept {
        Concept {
            id: self.id(content),
            namespace: self.namespace.clone(),
            incarnation: 1,
            key: None,
            content: content.into(),
            aliases: Vec::new(),
            semantic_type: SemanticType::Entity,
            confidence: 1.0,
            strength: 1.0,
            attributes: BTreeMap::new(),
            vector: None,
            source: None,
            validity: Validity::ALWAYS,
            asserted_by: "dr.osei".into(),
            created_at: at,
            updated_at: at,
        }
    }

    /// Adds a version.
    pub(crate) fn record(&mut self, concept: Concept) -> ConceptId {
        let id = concept.id;
        let version = ConceptVersion { recorded_at: concept.updated_at, concept: Some(Arc::new(concept)) };
        self.concepts.entry(id).or_default().versions.push(version);
        id
    }

    pub(crate) fn retract(&mut self, id: ConceptId, at: Timestamp) {
        self.concepts.entry(id).or_default().versions.push(ConceptVersion { recorded_at: at, concept: None });
    }

    pub(crate) fn associate(&mut self, key: AssociationKey, evidence: Vec<EvidenceVersion>) {
        self.associations.insert(key, AssociationRow { evidence });
    }

    /// Writes it alone.
    pub(crate) fn write(&self, disk: &SimulatedDisk) {
        write(disk, Path::new(FILE), SegmentId(7), STORE, &[self], &Pace::default()).unwrap();
    }

    /// Writes it alone and opens it.
    pub(crate) fn segment(&self) -> Arc<Segment> {
        let disk = SimulatedDisk::new(1);
        self.write(&disk);
        open(&disk)
    }

    /// A ward's knowledge: every feature of the format in few rows.
    pub(crate) fn ward() -> Self {
        let mut ward = Self::new("cardiology");
        let vector = |of: [f32; 4]| Some(Arc::from(ward.shape.unwrap().stored(&of).unwrap()));
        let (up, down, aside) = (vector([0.5, 0.25, -1.0, 2.0]), vector([1.0, 0.0, 0.0, -0.5]), vector([0.0, 1.0, 0.5, 0.125]));

        let aspirin = Concept {
            key: Some("RXCUI:1191".into()),
            aliases: vec!["ASA".into(), "acetylsalicylic acid".into()],
            vector: up.clone(),
            attributes: BTreeMap::from([
                ("half_life_h".into(), AttributeValue::Float(0.25)),
                ("approved".into(), AttributeValue::Integer(1899)),
                ("otc".into(), AttributeValue::Bool(true)),
                ("route".into(), AttributeValue::Text("oral".into())),
            ]),
            source: Some(Origin {
                uri: "https://labels.example/asa.pdf".into(),
                title: Some("Label".into()),
                page: Some(3),
                offset: Some(70_000),
            }),
            ..ward.plain("aspirin: a drug that relieves pain", minute(0))
        };
        let aspirin = ward.record(aspirin);
        let mi = ward.record(ward.plain("myocardial infarction", minute(1)));
        let trial = Concept {
            semantic_type: SemanticType::Rule,
            confidence: 0.75,
            strength: 0.5,
            validity: Validity { from: Some(minute(-500)), to: None },
            source: Some(Origin { uri: "https://labels.example/asa.pdf".into(), title: None, page: None, offset: None }),
            ..ward.plain("Give aspirin within 24 hours of a myocardial infarction.", minute(2))
        };
        let trial = ward.record(trial);

        // Three versions, a retraction, and a second incarnation without its key.
        let warfarin = Concept { key: Some("RXCUI:11289".into()), vector: down, ..ward.plain("warfarin", minute(3)) };
        ward.record(warfarin.clone());
        let better = Concept {
            aliases: vec!["Coumadin".into()],
            confidence: 0.9,
            attributes: BTreeMap::from([("approved".into(), AttributeValue::Integer(1954))]),
            updated_at: minute(4),
            ..warfarin.clone()
        };
        ward.record(better.clone());
        ward.retract(warfarin.id, minute(5));
        let again = Concept {
            incarnation: 2,
            key: None,
            vector: aside,
            attributes: BTreeMap::from([
                ("approved".into(), AttributeValue::Text("1954-06-01T00:00:00Z".into())),
                ("otc".into(), AttributeValue::Bool(false)),
            ]),
            asserted_by: "pharmacy".into(),
            created_at: minute(6),
            updated_at: minute(6),
            ..better
        };
        let warfarin = ward.record(again);
        let stopped = ward.record(ward.plain("ximelagatran", minute(7)));
        ward.retract(stopped, minute(8));
        let erased = ward.id("a patient's name");
        ward.concepts.insert(erased, ConceptRow { versions: Vec::new(), erased_incarnation: 3 });

        let word = Ground::AssertedBy("dr.osei".into());
        let nurse = Ground::AssertedBy("nurse.lind".into());
        let elsewhere = ward.id("stroke");
        ward.associate(key(aspirin, AssociationType::Causal, "treats", mi), vec![piece(Ground::Statement(trial), 2)]);
        ward.associate(key(aspirin, AssociationType::Causal, "treats", elsewhere), vec![piece(word.clone(), 3)]);
        ward.associate(key(aspirin, AssociationType::Causal, "interacts with", warfarin), {
            let withdrawn = EvidenceVersion { retracted_at: Some(minute(9)), ..piece(nurse.clone(), 4) };
            vec![
                withdrawn,
                EvidenceVersion { target_incarnation: 2, confidence: 0.6, ..piece(nurse, 10) },
                EvidenceVersion { target_incarnation: 2, strength: 0.3, ..piece(Ground::Statement(aspirin), 11) },
            ]
        });
        let seasonal = Validity { from: Some(minute(0)), to: Some(minute(90_000)) };
        let limited = AssociationKey { validity: seasonal, ..key(aspirin, AssociationType::Causal, "treats", mi) };
        ward.associate(limited, vec![piece(Ground::Statement(mi), 12)]);
        ward.associate(key(elsewhere, AssociationType::Semantic, "", mi), vec![piece(word.clone(), 13)]);
        ward.associate(key(mi, AssociationType::Semantic, "", mi), vec![piece(Ground::Statement(mi), 14)]);
        ward.associate(key(trial, AssociationType::Temporal, "before", stopped), Vec::new());
        ward
    }
}

pub(crate) fn key(source: ConceptId, kind: AssociationType, label: &str, target: ConceptId) -> AssociationKey {
    AssociationKey { source, kind, label: Label::from(label), target, validity: Validity::ALWAYS }
}

pub(crate) fn piece(ground: Ground, minutes: i64) -> EvidenceVersion {
    let ground_incarnation = u64::from(matches!(ground, Ground::Statement(_)));
    EvidenceVersion {
        ground,
        confidence: 1.0,
        strength: 1.0,
        source_incarnation: 1,
        target_incarnation: 1,
        ground_incarnation,
        recorded_at: minute(minutes),
        retracted_at: None,
    }
}

pub(crate) fn open(disk: &SimulatedDisk) -> Arc<Segment> {
    Segment::open(disk, Path::new(FILE), STORE).unwrap()
}
