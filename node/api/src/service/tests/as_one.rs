//! Shards, wherever they are kept, answer as one does: any graph, any filter, both strategies, every question over all of them.
//!
//! Ids are hashes of namespace and content, so each graph lies otherwise in the ranges.

use serde_json::{Value, json};
use sutra_disk::Random;
use sutra_protocol::filter::Filter;
use sutra_protocol::http::{
    AssociateRequest, CountRequest, LearnRequest, PathDirection, PathRequest, PathStrategy, QueryRequest, SearchRequest,
};
use sutra_protocol::{AssociationType, AttributeValue, Namespace};

use super::fixture::{Node, alone, associate, called, caller, over_four_shards, path, scattered};

const WORDS: [&str; 8] = ["aspirin", "fever", "headache", "stroke", "label", "trial", "relieves", "causes"];
const LABELS: [&str; 3] = ["treats", "causes", "hypernym"];
/// Graphs, and questions of each kind about each.
const GRAPHS: u64 = 24;
const QUESTIONS: usize = 6;

/// What is taught of a namespace.
struct Graph {
    namespace: Namespace,
    concepts: Vec<LearnRequest>,
    associations: Vec<AssociateRequest>,
}

impl Graph {
    fn random(seed: u64, random: &mut Random) -> Self {
        let namespace: Namespace = format!("graph-{seed}").parse().unwrap();
        let count = 2 + random.index(12);
        let concept = |at: usize, random: &mut Random| {
            let words: Vec<&str> = (0..1 + random.index(4)).map(|_| *random.pick(&WORDS).unwrap()).collect();
            let mut learn = LearnRequest { content: format!("{at} {}", words.join(" ")), ..LearnRequest::default() };
            learn.namespace = Some(namespace.clone());
            learn.confidence = Some([0.25, 0.5, 1.0][random.index(3)]);
            if !random.one_in(4) {
                learn.attributes.insert("approved".into(), AttributeValue::Integer(1_970 + random.below(6) as i64));
            }
            if !random.one_in(3) {
                learn.vector = Some((0..3).map(|_| random.index(5) as f32 - 2.0 + 0.25).collect());
            }
            learn
        };
        let concepts: Vec<LearnRequest> = (0..count).map(|at| concept(at, random)).collect();
        let association = |random: &mut Random| {
            let mut end = || called(&random.pick(&concepts).unwrap().content.clone());
            let mut association = associate(end(), end(), LABELS[0]);
            association.namespace = Some(namespace.clone());
            association.label = Some((*random.pick(&LABELS).unwrap()).into());
            association.kind = Some(AssociationType::ALL[random.index(AssociationType::ALL.len())]);
            association.confidence = Some([0.125, 0.25, 0.5, 0.5, 1.0][random.index(5)]);
            association
        };
        let associations = (0..count + random.index(3 * count)).map(|_| association(random)).collect();
        Self { namespace, concepts, associations }
    }

    async fn teach(&self, node: &Node) {
        for concept in &self.concepts {
            node.service.learn(&caller(), concept.clone()).await.unwrap();
        }
        for association in &self.associations {
            node.service.associate(&caller(), association.clone()).await.unwrap();
        }
    }

    fn path(&self, random: &mut Random) -> PathRequest {
        let mut end = || called(&random.pick(&self.concepts).unwrap().content.clone());
        let (start, end) = (end(), end());
        let some = |random: &mut Random, of: usize| {
            random.one_in(3).then(|| (0..2 + random.index(2)).map(|_| random.index(of)).collect())
        };
        let types: Option<Vec<usize>> = some(random, AssociationType::ALL.len());
        let labels: Option<Vec<usize>> = some(random, LABELS.len());
        PathRequest {
            max_depth: Some(1 + random.index(8) as u32),
            max_paths: Some(1 + random.index(8) as u32),
            direction: Some(if random.one_in(2) { PathDirection::Out } else { PathDirection::Both }),
            types: types.map(|types| types.into_iter().map(|at| AssociationType::ALL[at]).collect()),
            labels: labels.map(|labels| labels.into_iter().map(|at| LABELS[at].into()).collect()),
            min_confidence: random.one_in(2).then(|| [0.25, 0.5][random.index(2)]),
            strategy: Some(if random.one_in(2) { PathStrategy::Shortest } else { PathStrategy::Best }),
            namespace: Some(self.namespace.clone()),
            ..path(start, end)
        }
    }

    fn search(&self, random: &mut Random) -> SearchRequest {
        let words = (0..1 + random.index(3)).map(|_| *random.pick(&WORDS).unwrap()).collect::<Vec<_>>().join(" ");
        let has_vectors = self.concepts.iter().any(|concept| concept.vector.is_some());
        let vector =
            (has_vectors && random.one_in(2)).then(|| (0..3).map(|_| random.index(5) as f32 - 1.5).collect::<Vec<f32>>());
        SearchRequest {
            query: if vector.is_some() { String::new() } else { words },
            vector,
            k: Some(1 + random.index(6) as u32),
            filter: filter(random, 2),
            namespace: Some(self.namespace.clone()),
            ..SearchRequest::default()
        }
    }
}

/// Any filter of at most so many levels; `None`: everything passes.
fn filter(random: &mut Random, depth: usize) -> Option<Filter> {
    fn of(random: &mut Random, depth: usize) -> Value {
        match random.index(if depth > 0 { 7 } else { 4 }) {
            0 => json!({"field": "attributes.approved", "gte": 1_970 + random.below(6)}),
            1 => json!({"field": "attributes.approved", "in": [1_971, 1_973]}),
            2 => json!({"field": "attributes.approved", "exists": random.one_in(2)}),
            3 => json!({"field": "confidence", "lt": 0.75}),
            4 => json!({"not": of(random, depth - 1)}),
            5 => json!({"all": [of(random, depth - 1), of(random, depth - 1)]}),
            _ => json!({"any": [of(random, depth - 1), of(random, depth - 1)]}),
        }
    }
    (!random.one_in(3)).then(|| serde_json::from_value(of(random, depth)).unwrap())
}

/// What a node says to all that is asked of a graph.
async fn answers(node: &Node, graph: &Graph, random: &mut Random) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    for _ in 0..QUESTIONS {
        let request = graph.path(random);
        let asked = format!("{request:?}");
        let answer = node.service.path(&caller(), request).await.unwrap();
        assert!(!answer.partial, "{asked}");
        answers.push((asked, format!("{} {:?}", answer.found, answer.paths)));

        let request = graph.search(random);
        let asked = format!("{request:?}");
        let answer = node.service.search(&caller(), request).await.unwrap();
        // Every bit of the scores.
        answers.push((asked, format!("{:?}", answer.results)));

        let filter = filter(random, 3);
        let asked = format!("{filter:?}");
        let namespace = Some(graph.namespace.clone());
        let count = CountRequest { filter: filter.clone(), namespace: namespace.clone(), ..CountRequest::default() };
        let count = node.service.count(&caller(), count).await.unwrap().count;
        let mut query = QueryRequest { filter, limit: Some(3), namespace, ..QueryRequest::default() };
        let mut ids = Vec::new();
        loop {
            let page = node.service.query(&caller(), query.clone()).await.unwrap();
            ids.extend(page.concepts.into_iter().map(|concept| concept.id));
            query.cursor = page.cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        answers.push((asked, format!("{count} {ids:?}")));
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_here_and_elsewhere_answer_as_one_does() {
    let nodes = [alone(), over_four_shards(), scattered()];
    let (mut paths, mut hits) = (0, 0);
    for seed in 0..GRAPHS {
        let random = &mut Random::new(seed);
        let graph = Graph::random(seed, random);
        let mut said = Vec::new();
        for node in &nodes {
            graph.teach(node).await;
            said.push(answers(node, &graph, &mut random.clone()).await);
        }
        for (at, several) in said.iter().enumerate().skip(1) {
            for (several, one) in several.iter().zip(&said[0]) {
                assert_eq!(several, one, "on node {at}, of graph {seed}");
            }
        }
        paths += said[0].iter().filter(|(_, answer)| answer.starts_with("true")).count();
        hits += said[0].iter().filter(|(_, answer)| answer.starts_with("[SearchHit")).count();
    }
    let questions = GRAPHS as usize * QUESTIONS;
    assert!(paths > questions / 4 && hits > questions / 4, "of {questions} each, {paths} paths and {hits} hits are found");
}
