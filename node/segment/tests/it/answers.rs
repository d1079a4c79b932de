//! Every question that a part can be asked, answered by the part and by plain maps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sutra_keyword::{Hit, Query};
use sutra_protocol::name::names;
use sutra_protocol::{AssociationKey, AttributeValue, Concept, ConceptId, Ground, Timestamp, Validity};
use sutra_segment::{AssociationRow, ConceptRow, Edge, Part, Shape, Standing, Values, number_key, text_hash, time_key};

use crate::fixture::Knowledge;

type Edges = Vec<(AssociationKey, AssociationRow)>;

/// The answers, in the order of the questions.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answers {
    namespace: String,
    shape: Option<Shape>,
    counts: [u32; 4],
    rows: Vec<Option<ConceptRow>>,
    standings: Vec<Option<Standing>>,
    concepts: Vec<Option<Arc<Concept>>>,
    leaving: Vec<Edges>,
    arriving: Vec<Edges>,
    supported: Vec<Edges>,
    edges: Vec<Option<AssociationRow>>,
    called: Vec<Vec<ConceptId>>,
    keyed: Vec<Vec<ConceptId>>,
    after: Vec<Vec<ConceptId>>,
    sources: Vec<Vec<ConceptId>>,
    oldest: Vec<(Timestamp, ConceptId)>,
    attributes: Vec<Vec<(u64, ConceptId)>>,
    vectors: BTreeMap<ConceptId, Vec<f32>>,
    /// Of each text: ids and the bits of their scores.
    found: Vec<Vec<(ConceptId, u64)>>,
}

/// What is asked about.
pub(crate) struct Questions {
    ids: Vec<ConceptId>,
    times: Vec<Option<Timestamp>>,
    keys: Vec<AssociationKey>,
    names: BTreeSet<String>,
    concept_keys: BTreeSet<String>,
    attributes: BTreeSet<String>,
    texts: BTreeSet<String>,
    bounds: Vec<f64>,
    /// Whether two ways of asking the same must agree: bytes of garbage may contradict themselves.
    strict: bool,
}

fn versions(knowledge: &Knowledge) -> impl Iterator<Item = &Arc<Concept>> {
    knowledge.concepts.values().flat_map(|row| &row.versions).filter_map(|version| version.concept.as_ref())
}

impl Questions {
    /// About everything that is there, and something that is not.
    pub(crate) fn about(knowledge: &Knowledge) -> Self {
        let mut ids: BTreeSet<ConceptId> = knowledge.concepts.keys().copied().collect();
        for (key, row) in &knowledge.associations {
            ids.extend([key.source, key.target]);
            ids.extend(row.evidence.iter().filter_map(|piece| match &piece.ground {
                Ground::Statement(id) => Some(*id),
                Ground::AssertedBy(_) => None,
            }));
        }
        ids.extend([0, 1, u128::MAX, u128::MAX / 3].map(ConceptId::from_u128));
        let recorded = knowledge.concepts.values().flat_map(|row| &row.versions).map(|version| version.recorded_at);
        let times: BTreeSet<Timestamp> = recorded.flat_map(|time| [time, time.plus_micros(-1)]).collect();
        let mut keys: Vec<AssociationKey> = knowledge.associations.keys().cloned().collect();
        // Those that are not there: with another target, with another validity.
        let never = Validity { from: None, to: Some(Timestamp::from_micros(-77)) };
        let absent = keys.iter().flat_map(|key| {
            let elsewhere = AssociationKey { target: ConceptId::from_u128(5), ..key.clone() };
            [elsewhere, AssociationKey { validity: never, ..key.clone() }]
        });
        keys.extend(absent.collect::<Vec<_>>());
        let mut attributes = BTreeSet::from(["absent".to_owned(), String::new(), "\u{10ffff}".to_owned()]);
        let mut texts = BTreeSet::from(["absent".to_owned(), "2026-03-01T14:00:00+02:00".to_owned()]);
        let mut bounds = vec![-1.0, 0.0, 1900.0];
        for concept in versions(knowledge) {
            for (name, value) in &concept.attributes {
                attributes.insert(name.clone());
                match value {
                    AttributeValue::Text(text) => drop(texts.insert(text.clone())),
                    AttributeValue::Float(number) => bounds.push(*number),
                    AttributeValue::Integer(number) => bounds.push(*number as f64),
                    AttributeValue::Bool(_) => {}
                }
            }
        }
        bounds.truncate(5);
        let called = versions(knowledge)
            .flat_map(|concept| names(&concept.content, concept.aliases.iter().map(AsRef::as_ref)))
            .chain(["nobody".to_owned()]);
        let concept_keys = versions(knowledge).filter_map(|concept| concept.key.as_deref().map(str::to_owned));
        Self {
            ids: ids.into_iter().collect(),
            times: times.into_iter().take(16).map(Some).chain([None]).collect(),
            keys,
            names: called.collect(),
            concept_keys: concept_keys.chain(["nobody".to_owned()]).collect(),
            attributes,
            texts,
            bounds,
            strict: true,
        }
    }

    /// The same, to files that may be damaged.
    pub(crate) fn lenient(self) -> Self {
        Self { strict: false, ..self }
    }

    /// Asks the part.
    pub(crate) fn ask(&self, part: &Part) -> Answers {
        let edges =
            |edges: &mut dyn Iterator<Item = Edge<'_>>| edges.map(|edge| checked(part, &edge, self.strict)).collect::<Edges>();
        let mut answers = Answers {
            namespace: part.namespace().to_string(),
            shape: part.shape(),
            counts: [part.rows(), part.living(), part.edges(), part.vectors_count()],
            ..Answers::default()
        };
        for id in &self.ids {
            let code = part.find(*id);
            if let Some(code) = code {
                assert!(!self.strict || part.id_of(code) == *id);
            }
            answers.rows.push(code.map(|code| part.row(code)));
            for time in &self.times {
                answers.standings.push(code.and_then(|code| part.standing(code, *time)));
                answers.concepts.push(code.and_then(|code| part.concept(code, *time)));
            }
            answers.leaving.push(edges(&mut part.leaving(*id)));
            answers.arriving.push(edges(&mut part.arriving(*id)));
            answers.supported.push(edges(&mut part.supported_by(*id)));
            if let Some(code) = code.filter(|_| self.strict) {
                assert_eq!(part.leaving_row(code).count(), part.leaving(*id).count());
                assert_eq!(part.arriving_row(code).count(), part.arriving(*id).count());
            }
            answers.after.push(part.concepts_from(Some(*id)).map(|(id, _)| id).collect());
            answers.sources.push(part.sources_from(*id).collect());
        }
        answers.after.push(part.concepts_from(None).map(|(id, _)| id).collect());
        answers.edges = self.keys.iter().map(|key| part.edge(key).map(|edge| checked(part, &edge, self.strict).1)).collect();
        answers.called = self.names.iter().map(|name| part.called(text_hash(name)).collect()).collect();
        answers.keyed = self.concept_keys.iter().map(|key| part.keyed(text_hash(key)).collect()).collect();
        answers.oldest = part.oldest().collect();
        let mut newest: Vec<_> = part.newest().collect();
        newest.reverse();
        assert!(!self.strict || answers.oldest == newest);
        for name in &self.attributes {
            let runs = part.attribute(name);
            let list = |values: Values<'_>| {
                let rows: Vec<_> = values.clone().rows().collect();
                assert!(!self.strict || values.clone().map(|(_, code)| code).eq(rows));
                values.map(|(key, code)| (key, part.id_of(code))).collect::<Vec<_>>()
            };
            let mut put = |found: Option<Vec<(u64, ConceptId)>>| answers.attributes.push(found.unwrap_or_default());
            put(runs.map(|runs| list(runs.all_numbers())));
            put(runs.map(|runs| list(runs.all_times())));
            for low in &self.bounds {
                for high in &self.bounds {
                    put(runs.map(|runs| list(runs.numbers(*low..=*high))));
                }
            }
            for time in self.times.iter().flatten() {
                put(runs.map(|runs| list(runs.times(*time..=time.plus_micros(90_000_000)))));
            }
            for text in &self.texts {
                put(runs.map(|runs| list(runs.equal_text(text))));
            }
            for value in [false, true] {
                put(runs.map(|runs| list(runs.equal_bool(value))));
            }
        }
        if let (Some(vectors), Some(shape)) = (part.vectors(), part.shape()) {
            assert!(!self.strict || vectors.shape() == shape);
            if self.strict {
                let rows = (0..vectors.len()).filter_map(|ordinal| Some(part.vector_row(ordinal)?.row()));
                assert!(part.vector_rows().eq(rows));
            }
            for ordinal in 0..vectors.len() {
                let row = part.vector_row(ordinal).map(|code| part.id_of(code)).unwrap_or_default();
                answers.vectors.insert(row, vectors.vector(ordinal).unwrap_or_default());
            }
        }
        for query in self.queries() {
            let hits = part.keywords().map(|index| hits(index, &query)).unwrap_or(Ok(Vec::new()));
            let hits = hits.map_err(|damage| part.found_damaged(&damage)).unwrap_or_default();
            let id = |row| part.code(row).map(|code| part.id_of(code)).unwrap_or_default();
            answers.found.push(hits.into_iter().map(|hit| (id(hit.ordinal), hit.score.to_bits())).collect());
        }
        answers
    }

    fn queries(&self) -> impl Iterator<Item = Query> {
        self.names.iter().take(5).map(|name| Query::parse(name.split_at(name.floor_char_boundary(40)).0).unwrap())
    }

    /// Asks the maps.
    pub(crate) fn expect(&self, knowledge: &Knowledge) -> Answers {
        let now = || knowledge.concepts.iter().filter_map(|(id, row)| Some((*id, row.at(None)?)));
        let mut answers = Answers {
            namespace: knowledge.namespace.to_string(),
            shape: knowledge.shape,
            counts: [
                knowledge.concepts.len() as u32,
                now().count() as u32,
                knowledge.associations.len() as u32,
                now().filter(|(_, concept)| concept.vector.is_some()).count() as u32,
            ],
            ..Answers::default()
        };
        let filter = |passes: &dyn Fn(&AssociationKey, &AssociationRow) -> bool| {
            let edges = knowledge.associations.iter().filter(|(key, row)| passes(key, row));
            edges.map(|(key, row)| (key.clone(), row.clone())).collect::<Edges>()
        };
        for id in &self.ids {
            let row = knowledge.concepts.get(id);
            answers.rows.push(row.cloned());
            for time in &self.times {
                let concept = row.and_then(|row| row.at(*time));
                answers.standings.push(concept.map(|concept| Standing {
                    incarnation: concept.incarnation,
                    validity: concept.validity,
                    confidence: concept.confidence,
                }));
                answers.concepts.push(concept.cloned());
            }
            answers.leaving.push(filter(&|key, _| key.source == *id));
            let mut arriving = filter(&|key, _| key.target == *id);
            arriving.sort_by(|(a, _), (b, _)| {
                (a.kind, &a.label, a.source, a.validity).cmp(&(b.kind, &b.label, b.source, b.validity))
            });
            answers.arriving.push(arriving);
            answers.supported.push(filter(&|key, row| {
                let is_other = key.source != *id && key.target != *id;
                is_other && row.evidence.iter().any(|piece| piece.ground == Ground::Statement(*id))
            }));
            answers.after.push(knowledge.concepts.keys().copied().filter(|other| other > id).collect());
            let sources: BTreeSet<ConceptId> = knowledge.associations.keys().map(|key| key.source).collect();
            answers.sources.push(sources.into_iter().filter(|source| source >= id).collect());
        }
        answers.after.push(knowledge.concepts.keys().copied().collect());
        answers.edges = self.keys.iter().map(|key| knowledge.associations.get(key).cloned()).collect();
        let ids = |passes: &dyn Fn(&Concept) -> bool| {
            let ids: BTreeSet<ConceptId> =
                versions(knowledge).filter(|concept| passes(concept)).map(|concept| concept.id).collect();
            ids.into_iter().collect::<Vec<_>>()
        };
        // What another shard keeps is not found by what it is called.
        let calls = |concept: &Concept, name: &String| {
            !concept.is_ghost() && names(&concept.content, concept.aliases.iter().map(AsRef::as_ref)).contains(name)
        };
        answers.called = self.names.iter().map(|name| ids(&|concept| calls(concept, name))).collect();
        answers.keyed = self.concept_keys.iter().map(|key| ids(&|concept| concept.key.as_deref() == Some(key))).collect();
        let taught = versions(knowledge).filter(|concept| !concept.is_ghost());
        let taught: BTreeSet<_> = taught.map(|concept| (concept.created_at, concept.id)).collect();
        answers.oldest = taught.into_iter().collect();
        for name in &self.attributes {
            let list = |key: &dyn Fn(&AttributeValue) -> Option<u64>| {
                let mut found: Vec<_> =
                    now().filter_map(|(id, concept)| Some((key(concept.attributes.get(name)?)?, id))).collect();
                found.sort_unstable();
                found
            };
            let number = |value: &AttributeValue| match value {
                AttributeValue::Integer(number) => Some(*number as f64),
                AttributeValue::Float(number) => Some(*number),
                _ => None,
            };
            let time = |value: &AttributeValue| match value {
                AttributeValue::Text(text) => text.parse::<Timestamp>().ok(),
                _ => None,
            };
            let mut put = |found| answers.attributes.push(found);
            put(list(&|value| number(value).map(number_key)));
            put(list(&|value| time(value).map(time_key)));
            for low in &self.bounds {
                for high in &self.bounds {
                    put(list(&|value| number(value).filter(|number| low <= number && number <= high).map(number_key)));
                }
            }
            for least in self.times.iter().flatten() {
                let inside = |time: &Timestamp| *least <= *time && *time <= least.plus_micros(90_000_000);
                put(list(&|value| time(value).filter(inside).map(time_key)));
            }
            for text in &self.texts {
                put(list(&|value| match (text.parse::<Timestamp>(), value) {
                    (Ok(wanted), value) => time(value).filter(|time| *time == wanted).map(time_key),
                    (Err(_), AttributeValue::Text(found)) if found == text => Some(text_hash(text)),
                    _ => None,
                }));
            }
            for wanted in [false, true] {
                put(list(&|value| (*value == AttributeValue::Bool(wanted)).then_some(u64::from(wanted))));
            }
        }
        let mut index = sutra_keyword::Builder::new();
        for (row, versions) in (0..).zip(knowledge.concepts.values()) {
            if let Some(concept) = versions.at(None).filter(|concept| !concept.is_ghost()) {
                index.put(row, std::iter::once(&concept.content).chain(&concept.aliases)).unwrap();
            }
        }
        let index = sutra_keyword::Part::open(index.finish().unwrap()).unwrap();
        let ids: Vec<ConceptId> = knowledge.concepts.keys().copied().collect();
        for query in self.queries() {
            let hits = hits(&index, &query).unwrap();
            answers.found.push(hits.into_iter().map(|hit| (ids[hit.ordinal as usize], hit.score.to_bits())).collect());
        }
        answers.vectors = now().filter_map(|(id, concept)| Some((id, concept.vector.as_ref()?.to_vec()))).collect();
        answers
    }
}

fn hits<B: AsRef<[u8]>>(index: &sutra_keyword::Part<B>, query: &Query) -> Result<Vec<Hit>, sutra_keyword::Damaged> {
    index.search(query, &index.statistics(query)?, 100, &|ordinal| ordinal.into(), &mut |_| true)
}

/// The edge with its row, after its own methods were held against each other.
fn checked(part: &Part, edge: &Edge<'_>, strict: bool) -> (AssociationKey, AssociationRow) {
    let (key, row) = (edge.key(), edge.row());
    if strict {
        assert_eq!(edge.source_code(), part.find(key.source));
        assert_eq!(edge.target_code(), part.find(key.target));
        assert_eq!(edge.validity(), key.validity);
        assert_eq!((edge.kind(), edge.label()), (key.kind, &key.label));
        let simple = match row.evidence.as_slice() {
            [only] => {
                let first = [only.source_incarnation, only.target_incarnation, only.ground_incarnation];
                let expected = [1, 1, u64::from(matches!(only.ground, Ground::Statement(_)))];
                (only.retracted_at.is_none() && first == expected).then(|| only.clone())
            }
            _ => None,
        };
        assert_eq!(edge.is_simple(), simple.is_some());
        assert_eq!(edge.single(), simple);
    }
    (key, row)
}

/// Asks the part everything and holds its answers against the maps.
pub(crate) fn assert_answers(part: &Part, knowledge: &Knowledge) {
    let questions = Questions::about(knowledge);
    let (found, expected) = (questions.ask(part), questions.expect(knowledge));
    assert_eq!(part.segment().damage(), None);
    assert_eq!(found, expected);
}
