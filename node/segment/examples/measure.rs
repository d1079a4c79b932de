//! Writes and reads a segment of generated knowledge and prints what it costs.
//!
//! `cargo run --release -p sutra-segment --example measure -- [CONCEPTS [ASSOCIATIONS_EACH [DIRECTORY]]]`; 1,000,000 concepts with 5 each
//! in the system's temporary directory are the default.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use sutra_disk::{Random, RealDisk};
use sutra_protocol::{
    AssociationKey, AssociationType, Concept, ConceptId, Ground, Label, Namespace, SemanticType, Source as Origin, Timestamp,
    Validity,
};
use sutra_segment::{
    AssociationRow, ConceptRow, ConceptVersion, EvidenceVersion, Pace, Part, Segment, SegmentId, Shape, Source, text_hash, write,
};

const WORDS: [&str; 24] = [
    "acute",
    "renal",
    "failure",
    "contract",
    "breach",
    "equity",
    "bond",
    "option",
    "cardiac",
    "liability",
    "tort",
    "ledger",
    "plasma",
    "dosage",
    "clearance",
    "statute",
    "appeal",
    "yield",
    "hedge",
    "syndrome",
    "chronic",
    "duty",
    "court",
    "margin",
];
const LABELS: [(AssociationType, &str); 4] = [
    (AssociationType::Hierarchical, "hypernym"),
    (AssociationType::Compositional, "part of"),
    (AssociationType::Causal, "leads to"),
    (AssociationType::Semantic, ""),
];
const TAUGHT: i64 = 1_772_366_400_000_000;

/// Knowledge that is made up as it is asked for.
struct Generated {
    namespace: Namespace,
    /// Ids with what they were made of, ascending.
    ids: Vec<(ConceptId, u32)>,
    each: u64,
    teacher: Arc<str>,
    labels: Vec<(AssociationType, Label)>,
}

impl Generated {
    fn new(concepts: u32, each: u64) -> Self {
        let namespace = Namespace::default();
        let mut ids: Vec<(ConceptId, u32)> =
            (0..concepts).map(|n| (ConceptId::derive(&namespace, &content(n), None), n)).collect();
        ids.sort_unstable();
        let labels = LABELS.iter().map(|(kind, label)| (*kind, Label::from(*label))).collect();
        Self { namespace, ids, each, teacher: "importer".into(), labels }
    }

    fn concept(&self, id: ConceptId, n: u32) -> Concept {
        let at = Timestamp::from_micros(TAUGHT + i64::from(n) * 130);
        Concept {
            id,
            namespace: self.namespace.clone(),
            incarnation: 1,
            key: None,
            content: content(n).into(),
            aliases: Vec::new(),
            semantic_type: SemanticType::Entity,
            confidence: 1.0,
            strength: 1.0,
            attributes: BTreeMap::new(),
            vector: None,
            source: Some(Origin { uri: format!("https://corpus.example/{}", n / 1000), title: None, page: None, offset: None }),
            validity: Validity::ALWAYS,
            asserted_by: Arc::clone(&self.teacher),
            created_at: at,
            updated_at: at,
        }
    }

    fn leaving(&self, id: ConceptId, n: u32) -> Vec<(AssociationKey, AssociationRow)> {
        let mut random = Random::new(u64::from(n) + 1);
        let degree = random.below(2 * self.each + 1);
        let mut edges: Vec<_> = (0..degree)
            .map(|_| {
                let (kind, label) = &self.labels[random.index(self.labels.len())];
                // The product of two even choices: some targets are known to many.
                let spread = random.index(self.ids.len()) as u64 * random.below(1000) / 1000;
                let target = self.ids[spread as usize].0;
                let key = AssociationKey { source: id, kind: *kind, label: label.clone(), target, validity: Validity::ALWAYS };
                let other = random.one_in(10);
                let ground = if other { Ground::Statement(id) } else { Ground::AssertedBy(Arc::clone(&self.teacher)) };
                let piece = EvidenceVersion {
                    confidence: 1.0,
                    strength: 1.0,
                    source_incarnation: 1,
                    target_incarnation: 1,
                    ground_incarnation: u64::from(other),
                    ground,
                    recorded_at: Timestamp::from_micros(TAUGHT + i64::from(n) * 130),
                    retracted_at: None,
                };
                (key, AssociationRow { evidence: vec![piece] })
            })
            .collect();
        edges.sort_by(|(a, _), (b, _)| a.cmp(b));
        edges.dedup_by(|(a, _), (b, _)| a == b);
        edges
    }
}

fn content(n: u32) -> String {
    let mut random = Random::new(u64::from(n));
    let words: Vec<&str> = (0..4).map(|_| WORDS[random.index(WORDS.len())]).collect();
    format!("{} {n}", words.join(" "))
}

impl Source for Generated {
    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn shape(&self) -> Option<Shape> {
        None
    }

    fn concepts(&self) -> Box<dyn Iterator<Item = (ConceptId, Cow<'_, ConceptRow>)> + '_> {
        Box::new(self.ids.iter().map(|(id, n)| {
            let concept = Arc::new(self.concept(*id, *n));
            let version = ConceptVersion { recorded_at: concept.updated_at, concept: Some(concept) };
            (*id, Cow::Owned(ConceptRow { versions: vec![version], erased_incarnation: 0 }))
        }))
    }

    fn associations(&self) -> Box<dyn Iterator<Item = (AssociationKey, Cow<'_, AssociationRow>)> + '_> {
        Box::new(self.ids.iter().flat_map(|(id, n)| self.leaving(*id, *n)).map(|(key, row)| (key, Cow::Owned(row))))
    }
}

/// Time that this thread had a processor: on a machine that others use, too, it says more than the clock on the wall. Where the
/// kernel does not tell, it is that clock.
struct Stopwatch {
    wall: Instant,
    processor: Option<u64>,
}

impl Stopwatch {
    fn start() -> Self {
        Self { wall: Instant::now(), processor: Self::processor() }
    }

    fn processor() -> Option<u64> {
        fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
    }

    fn nanos(&self) -> f64 {
        match (self.processor, Self::processor()) {
            (Some(start), Some(now)) => (now - start) as f64,
            _ => self.wall.elapsed().as_secs_f64() * 1e9,
        }
    }
}

/// Nanoseconds for each of `count` calls.
fn time(count: usize, mut call: impl FnMut(usize)) -> f64 {
    let watch = Stopwatch::start();
    (0..count).for_each(&mut call);
    watch.nanos() / count as f64
}

fn read(part: &Part, generated: &Generated) {
    let mut random = Random::new(9);
    let mut picks =
        |count: usize| -> Vec<ConceptId> { (0..count).map(|_| generated.ids[random.index(generated.ids.len())].0).collect() };
    let ids = picks(1_000_000);
    let absent: Vec<ConceptId> =
        (0..1_000_000u32).map(|n| ConceptId::derive(&generated.namespace, &format!("absent {n}"), None)).collect();
    println!("find, hit          {:>8.0} ns", time(ids.len(), |at| assert!(black_box(part.find(ids[at])).is_some())));
    println!("find, miss         {:>8.0} ns", time(absent.len(), |at| assert!(black_box(part.find(absent[at])).is_none())));
    let codes: Vec<_> = ids.iter().filter_map(|id| part.find(*id)).collect();
    println!(
        "standing           {:>8.0} ns",
        time(codes.len(), |at| assert!(black_box(part.standing(codes[at], None)).is_some()))
    );
    println!(
        "concept            {:>8.0} ns",
        time(codes.len(), |at| assert!(black_box(part.concept(codes[at], None)).is_some()))
    );
    println!(
        "find and concept   {:>8.0} ns",
        time(ids.len(), |at| assert!(part.find(ids[at]).and_then(|code| black_box(part.concept(code, None))).is_some()))
    );
    for (what, arriving) in [("leaving", false), ("arriving", true)] {
        let (mut edges, mut weights) = (0usize, 0.0);
        let watch = Stopwatch::start();
        for id in &ids[..300_000] {
            let mut see = |edge: sutra_segment::Edge<'_>| {
                edges += 1;
                weights += edge.single().map_or(0.0, |piece| piece.confidence);
                black_box(if arriving { edge.source() } else { edge.target() });
            };
            if arriving { part.arriving(*id).for_each(&mut see) } else { part.leaving(*id).for_each(&mut see) }
        }
        let nanos = watch.nanos();
        println!("{what:<18} {:>8.0} ns each edge, {:.0} ns each concept", nanos / edges as f64, nanos / 300_000.0);
        black_box(weights);
    }
    let names: Vec<u64> = (0..200_000u32).map(|n| text_hash(&content(n))).collect();
    println!("called             {:>8.0} ns", time(names.len(), |at| assert!(black_box(part.called(names[at])).count() >= 1)));
    println!("every id           {:>8.1} ns", {
        let watch = Stopwatch::start();
        let count = part.concepts_from(None).count();
        watch.nanos() / count as f64
    });
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let concepts: u32 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let each: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let dir = arguments.next().map_or_else(env::temp_dir, Into::into);
    let path = dir.join("measure.sutradat");

    let generated = Generated::new(concepts, each);
    let watch = Stopwatch::start();
    let text: usize = generated.concepts().map(|(_, row)| row.at(None).map_or(0, |concept| concept.content.len())).sum();
    let edges = generated.associations().count();
    let once = watch.nanos() / 1e9;
    println!("{concepts} concepts with {text} bytes of content, {edges} associations; generating them takes {once:.1} s");

    let (start, watch) = (Instant::now(), Stopwatch::start());
    let written = write(&RealDisk, &path, SegmentId(1), "measure", &[&generated], &Pace::default())?;
    let elapsed = start.elapsed();
    let megabytes = written.bytes as f64 / 1e6;
    let busy = watch.nanos() / 1e9;
    println!(
        "written            {megabytes:>8.1} MB in {elapsed:.1?}, {busy:.1} s of them at work: {:.1} MB/s",
        megabytes / busy
    );

    let start = Instant::now();
    let segment = Segment::open(&RealDisk, &path, "measure")?;
    println!("open               {:>8.1?}", start.elapsed());
    let part = Arc::clone(&segment.parts()[0]);
    for (name, bytes) in part.section_bytes() {
        println!(
            "  {name:<16} {bytes:>12} bytes  {:>6.2} a concept  {:>6.2} an edge",
            bytes as f64 / f64::from(concepts),
            bytes as f64 / edges as f64
        );
    }
    read(&part, &generated);
    let watch = Stopwatch::start();
    segment.verify()?;
    println!("verify             {:>8.1} s", watch.nanos() / 1e9);
    fs::remove_file(&path)?;
    Ok(())
}
