//! What the keeper owes, and what searches see once it has done it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sutra_disk::{Disk, DiskCall, Failure, Fault, Held, SimulatedDisk, When};
use sutra_protocol::command::{Command, Operation};
use sutra_protocol::filter::{Filter, Leaf};
use sutra_protocol::http::OnConflict;
use sutra_protocol::{AsOf, AttributeValue, Attributes, Knowledge, Namespace, Timestamp};
use sutra_storage::{Hit, KeepFailure, Store, StoreConfig, View};

use super::{command, id, learn, view};

const NOW: AsOf = AsOf { valid_at: None, known_at: None };

fn store_on(disk: &SimulatedDisk) -> Store {
    Store::open(StoreConfig { disk: Arc::new(disk.clone()), ..StoreConfig::at("/store") }).unwrap()
}

/// Teaches a concept with this vector, in place of the one that it had.
fn with_vector(content: &str, vector: [f32; 2]) -> Command {
    let mut command = learn(content);
    if let [Operation::Learn(learn)] = command.operations.as_mut_slice() {
        learn.concept.vector = Some(Arc::from(vector));
        learn.on_conflict = Some(OnConflict::Merge);
    }
    command
}

fn contents(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.concept.content.as_ref()).collect()
}

fn at(store: &Store, known_at: Timestamp) -> View {
    store.view(&Namespace::default(), AsOf { valid_at: None, known_at: Some(known_at) }).unwrap()
}

#[tokio::test]
async fn a_checkpoint_after_a_failed_one_moves_out_what_came_since() {
    let disk = SimulatedDisk::new(3);
    let store = store_on(&disk);
    store.submit(learn("warfarin")).await.unwrap();
    disk.fault(Fault::new(DiskCall::Write, Failure::Io, When::From(1)).on("segments"));
    let failure = store.checkpoint().await.unwrap_err().to_string();
    assert!(failure.contains("sutradat"), "{failure}");
    store.submit(learn("vitamin K")).await.unwrap();
    disk.heal();
    store.checkpoint().await.unwrap();
    assert_eq!(store.stats().delta_bytes, 0, "what came while it could not is out too");
    for content in ["warfarin", "vitamin K"] {
        assert!(view(&store).concept(id(content)).is_some(), "{content}");
    }
    store.close().await;
}

/// Waits until the store's numbers are so.
async fn until(store: &Store, is_so: impl Fn(&sutra_storage::StoreStats) -> bool) {
    let wait = async {
        while !is_so(&store.stats()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("it stays so: {:?}", store.stats()));
}

/// Teaches each of the drugs, and has it in a segment of its own.
async fn segments_of(store: &Store, drugs: &[&str]) {
    for drug in drugs {
        store.submit(learn(drug)).await.unwrap();
        store.checkpoint().await.unwrap();
    }
}

const DRUGS: [&str; 4] = ["warfarin", "heparin", "rivaroxaban", "apixaban"];

#[tokio::test]
async fn segments_of_one_size_become_one_and_nobody_waits_for_it() {
    let disk = SimulatedDisk::new(5);
    let store = store_on(&disk);
    segments_of(&store, &DRUGS).await;
    until(&store, |stats| stats.compactions == 1 && stats.segments == 1).await;
    // The next are merged too, and those that come while that goes on.
    segments_of(&store, &["aspirin", "clopidogrel", "ticagrelor", "prasugrel", "cangrelor", "tirofiban", "dabigatran"]).await;
    until(&store, |stats| stats.compactions >= 2 && stats.segments < 4).await;
    store.close().await;
    let store = store_on(&disk);
    assert!(DRUGS.iter().chain(&["aspirin", "dabigatran"]).all(|drug| view(&store).concept(id(drug)).is_some()));
    assert_eq!(store.stats().trouble, None);
    store.close().await;
}

#[tokio::test]
async fn a_long_merge_holds_up_no_checkpoint() {
    let disk = SimulatedDisk::new(15);
    let store = store_on(&disk);
    let held = disk.hold("0000000000000005");
    segments_of(&store, &DRUGS).await;
    // More than a store keeps without waiting for merges.
    let findings: Vec<String> = (0..40).map(|number| format!("finding {number}")).collect();
    soon(segments_of(&store, &findings.iter().map(String::as_str).collect::<Vec<_>>())).await;
    until(&store, |stats| stats.compactions >= 1 && stats.segments <= 4 + 12).await;
    for replaced in 1..=4 {
        let file = format!("{replaced:016}.sutradat");
        assert!(disk.paths().iter().any(|path| path.ends_with(&file)), "{file} is the long merge's");
    }
    // What is erased meanwhile waits for no merge: it gives them up, and they are begun anew.
    let erased = store.submit(command(Operation::Erase(id("finding 7")))).await.unwrap();
    drop(held);
    soon(store.scrub(erased.index)).await;
    assert!(!holds(&disk, "finding 7"));
    until(&store, |stats| stats.segments <= 4).await;
    let is_there = |content: &str| view(&store).concept(id(content)).is_some();
    assert!(
        DRUGS.into_iter().chain(findings.iter().map(String::as_str)).all(|content| is_there(content) == (content != "finding 7"))
    );
    store.close().await;
    let store = store_on(&disk);
    assert!(DRUGS.iter().all(|drug| view(&store).concept(id(drug)).is_some()));
    assert_eq!(store.stats().trouble, None);
    store.close().await;
}

#[tokio::test]
async fn what_was_merged_is_merged_again_though_newer_merges_never_cease() {
    let disk = SimulatedDisk::new(16);
    let store = store_on(&disk);
    let findings: Vec<String> = (0..21).map(|number| format!("finding {number}")).collect();
    let names: Vec<&str> = findings.iter().map(String::as_str).collect();
    let mut under_way: Option<Held> = None;
    for (four, before) in names[..20].chunks(4).zip(0..) {
        // The merge into each fifth segment goes on until the next has begun.
        let held = disk.hold(format!("{:016}", 5 * before + 5));
        soon(segments_of(&store, four)).await;
        if before == 4 {
            soon(segments_of(&store, &names[20..])).await;
        }
        drop(under_way.replace(held));
        until(&store, |stats| stats.compactions >= before).await;
    }
    // Those four, of one size: older than what is being merged, and than the last.
    until(&store, |stats| (stats.compactions, stats.segments) == (5, 6)).await;
    drop(under_way);
    until(&store, |stats| stats.segments <= 3).await;
    assert!(findings.iter().all(|content| view(&store).concept(id(content)).is_some()));
    store.close().await;
}

#[tokio::test]
async fn a_failed_merge_is_told_and_tried_again_and_refuses_no_write() {
    let disk = SimulatedDisk::new(6);
    let store = store_on(&disk);
    disk.fault(Fault::new(DiskCall::Write, Failure::Io, When::From(1)).on("0000000000000005"));
    segments_of(&store, &DRUGS).await;
    until(&store, |stats| stats.trouble.as_ref().is_some_and(|told| told.contains("0000000000000005"))).await;
    segments_of(&store, &["aspirin"]).await;
    until(&store, |stats| stats.trouble.is_none() && stats.compactions == 1).await;
    assert!(DRUGS.iter().chain(&["aspirin"]).all(|drug| view(&store).concept(id(drug)).is_some()));
    store.close().await;
}

/// What comes of it, if it is not waited for in vain.
async fn soon<T>(wanted: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), wanted).await.expect("it is waited for in vain")
}

/// Asks for a compaction into this segment, which can't be written as long as the second lives.
async fn asked<'a>(
    store: &'a Store,
    disk: &SimulatedDisk,
    segment: &str,
) -> (Pin<Box<impl Future<Output = Result<(), KeepFailure>> + use<'a>>>, Held) {
    let held = disk.hold(segment);
    let mut compaction = Box::pin(soon(store.compact()));
    let (merges, files) = (store.stats().compactions, disk.paths().len());
    let begun = async {
        while disk.paths().len() == files {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        outcome = &mut compaction => panic!("{outcome:?} although its segment can't be written"),
        () = begun => {}
    }
    assert_eq!(store.stats().compactions, merges);
    (compaction, held)
}

#[tokio::test]
async fn a_compaction_that_is_asked_for_holds_up_no_checkpoint() {
    let disk = SimulatedDisk::new(7);
    let store = store_on(&disk);
    segments_of(&store, &DRUGS[..2]).await;
    let (compaction, held) = asked(&store, &disk, "0000000000000003").await;
    segments_of(&store, &DRUGS[2..]).await;
    assert_eq!((store.stats().segments, store.stats().compactions), (4, 0));
    // Whoever asks meanwhile waits for one that has what came since.
    let mut second = Box::pin(store.compact());
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut second).await.is_err());
    drop(held);
    compaction.await.unwrap();
    second.await.unwrap();
    assert_eq!((store.stats().segments, store.stats().compactions), (1, 2));
    assert!(DRUGS.iter().all(|drug| view(&store).concept(id(drug)).is_some()));
    store.close().await;
}

#[tokio::test]
async fn who_asked_for_a_compaction_that_fails_is_told_why() {
    let disk = SimulatedDisk::new(8);
    let store = store_on(&disk);
    segments_of(&store, &DRUGS[..2]).await;
    disk.fault(Fault::new(DiskCall::Write, Failure::Io, When::From(1)).on("0000000000000003"));
    let told = store.compact().await.unwrap_err().to_string();
    assert!(told.contains("0000000000000003"), "{told}");
    disk.heal();
    store.compact().await.unwrap();
    assert_eq!(store.stats().segments, 1);
    until(&store, |stats| stats.trouble.is_none()).await;
    store.close().await;
}

#[tokio::test]
async fn segments_that_come_during_a_compaction_are_merged_beside_it() {
    let disk = SimulatedDisk::new(12);
    let store = store_on(&disk);
    segments_of(&store, &DRUGS[..2]).await;
    let (compaction, held) = asked(&store, &disk, "0000000000000003").await;
    // More than a store keeps without waiting for merges.
    for number in 0..40 {
        segments_of(&store, &[&format!("finding {number}")]).await;
    }
    until(&store, |stats| stats.compactions >= 1 && stats.segments <= 12).await;
    for replaced in ["0000000000000001.sutradat", "0000000000000002.sutradat"] {
        assert!(disk.paths().iter().any(|path| path.ends_with(replaced)), "{replaced} is the compaction's");
    }
    drop(held);
    compaction.await.unwrap();
    assert!(DRUGS[..2].iter().all(|drug| view(&store).concept(id(drug)).is_some()));
    assert!((0..40).all(|number| view(&store).concept(id(&format!("finding {number}"))).is_some()));
    store.close().await;
    let store = store_on(&disk);
    assert!((0..40).all(|number| view(&store).concept(id(&format!("finding {number}"))).is_some()));
    store.close().await;
}

#[tokio::test]
async fn who_asked_for_a_compaction_is_told_when_an_erasure_that_came_between_can_not_be_done() {
    let disk = SimulatedDisk::new(13);
    let store = store_on(&disk);
    segments_of(&store, &DRUGS[..2]).await;
    let (compaction, held) = asked(&store, &disk, "0000000000000003").await;
    disk.fault(Fault::new(DiskCall::Create, Failure::Io, When::From(1)).on("wal"));
    store.submit(command(Operation::Erase(id("heparin")))).await.unwrap();
    let releasing = async {
        // By then the erasure has been heard of.
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(held);
    };
    let (told, ()) = tokio::join!(compaction, releasing);
    // Had it been over before the erasure was heard of, it would have been done.
    assert!(told.is_err() || store.stats().compactions == 1, "{told:?}");
    disk.heal();
    until(&store, |stats| stats.trouble.is_none()).await;
    store.compact().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_checkpoint_that_fails_ends_a_compaction_and_no_file_of_it_stays() {
    let disk = SimulatedDisk::new(14);
    let store = store_on(&disk);
    segments_of(&store, &DRUGS[..2]).await;
    let (compaction, held) = asked(&store, &disk, "0000000000000003").await;
    store.submit(learn("vitamin K")).await.unwrap();
    disk.fault(Fault::new(DiskCall::Write, Failure::Full, When::From(1)).on("0000000000000004"));
    assert!(store.checkpoint().await.is_err());
    drop(held);
    let told = compaction.await.unwrap_err().to_string();
    assert!(told.contains("0000000000000004"), "{told}");
    let erased = store.submit(command(Operation::Erase(id("heparin")))).await.unwrap();
    disk.heal();
    store.scrub(erased.index).await;
    assert!(!holds(&disk, "heparin"));
    assert!(!disk.paths().iter().any(|path| path.to_string_lossy().contains("0000000000000003.sutradat")));
    store.compact().await.unwrap();
    assert_eq!(store.stats().segments, 1);
    assert!(["warfarin", "vitamin K"].iter().all(|drug| view(&store).concept(id(drug)).is_some()));
    store.close().await;
}

#[tokio::test]
async fn erasures_of_what_nobody_knows_begin_no_compaction_anew() {
    let disk = SimulatedDisk::new(15);
    let store = store_on(&disk);
    segments_of(&store, &DRUGS[..2]).await;
    let (compaction, held) = asked(&store, &disk, "0000000000000003").await;
    for _ in 0..5 {
        let erased = store.submit(command(Operation::Erase(id("thalidomide")))).await.unwrap();
        assert!(erased.outcomes[0].is_err());
    }
    // The keeper has heard of all of them when it is done with this.
    soon(store.checkpoint()).await.unwrap();
    drop(held);
    compaction.await.unwrap();
    assert!(disk.paths().iter().any(|path| path.ends_with("0000000000000003.sutradat")), "the first attempt was published");
    store.close().await;
}

#[tokio::test]
async fn an_erasure_begins_a_compaction_anew() {
    let disk = SimulatedDisk::new(9);
    let store = store_on(&disk);
    segments_of(&store, &DRUGS[..3]).await;
    let (compaction, held) = asked(&store, &disk, "0000000000000004").await;
    let erased = store.submit(command(Operation::Erase(id("heparin")))).await.unwrap();
    let releasing = async {
        // By then it has been given up, which the write that can't go on hears of afterwards.
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(held);
        store.scrub(erased.index).await;
        assert!(!holds(&disk, "heparin"));
    };
    let (compacted, ()) = tokio::join!(compaction, releasing);
    compacted.unwrap();
    assert_eq!(store.stats().segments, 1);
    assert!(["warfarin", "rivaroxaban"].iter().all(|drug| view(&store).concept(id(drug)).is_some()));
    store.close().await;
}

#[tokio::test]
async fn who_waits_for_a_compaction_when_the_store_closes_is_told() {
    let disk = SimulatedDisk::new(10);
    let store = store_on(&disk);
    segments_of(&store, &DRUGS[..2]).await;
    let (compaction, held) = asked(&store, &disk, "0000000000000003").await;
    let closing = async {
        // It is given up as soon as the keeper hears of the end; what is written already is of no use then.
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(held);
    };
    let (told, (), ()) = tokio::join!(compaction, store.close(), closing);
    let store = store_on(&disk);
    // On a machine that has much to do, the end may come after it.
    let finished = told.is_ok() && store.stats().segments == 1;
    assert!(finished || told.is_err_and(|failure| failure.to_string().contains("the store is closed")));
    assert!(DRUGS[..2].iter().all(|drug| view(&store).concept(id(drug)).is_some()));
    store.close().await;
}

#[tokio::test]
async fn what_was_erased_is_gone_from_files_though_its_namespace_was_dropped_with_it() {
    let disk = SimulatedDisk::new(4);
    let store = store_on(&disk);
    let ward: Namespace = "ward-7".parse().unwrap();
    let secret = "Patient 4711 is HIV positive.";
    let mut taught = learn(secret);
    taught.namespace = ward.clone();
    if let [Operation::Learn(learn)] = taught.operations.as_mut_slice() {
        learn.concept = sutra_protocol::command::NewConcept::bare(&ward, secret, None);
    }
    store.submit(taught).await.unwrap();
    store.submit(learn("warfarin")).await.unwrap();
    store.checkpoint().await.unwrap();
    assert!(holds(&disk, secret), "it is in a segment that another namespace needs");

    let erase = Operation::Erase(sutra_protocol::ConceptId::derive(&ward, secret, None));
    let mut gone = command(erase);
    gone.namespace = ward;
    gone.operations.push(Operation::DropNamespace);
    let erased = store.submit(gone).await.unwrap();
    assert!(erased.outcomes.iter().all(Result::is_ok), "{:?}", erased.outcomes);
    store.scrub(erased.index).await;
    assert!(!holds(&disk, secret));
    assert!(view(&store).concept(id("warfarin")).is_some());
    store.close().await;
}

/// Whether any file has these words.
/// Enough vectors for a graph, on the unit circle.
const VECTORS: usize = 20_000;

#[tokio::test]
async fn an_erased_vector_is_in_no_graph_though_one_was_being_built() {
    let dir = tempfile::tempdir().unwrap();
    let store = super::open(dir.path());
    for first in (0..VECTORS).step_by(500) {
        let mut batch = command(Operation::DropNamespace);
        batch.operations = (first..first + 500)
            .flat_map(|at| {
                let angle = at as f32 / VECTORS as f32 * std::f32::consts::TAU;
                with_vector(&format!("finding {at}"), [angle.cos(), angle.sin()]).operations
            })
            .collect();
        store.submit(batch).await.unwrap();
    }
    store.checkpoint().await.unwrap();
    // Its graph is being built, or was.
    let erased = store.submit(command(Operation::Erase(id("finding 7000")))).await.unwrap();
    store.scrub(erased.index).await;
    let names: Vec<String> = std::fs::read_dir(dir.path().join("segments"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let segments: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".sutradat")).collect();
    for graph in names.iter().filter(|name| !name.ends_with(".sutradat")) {
        assert!(segments.iter().any(|segment| graph.starts_with(segment)), "{graph} is of none of {segments:?}");
    }
    let angle = 7_000_f32 / VECTORS as f32 * std::f32::consts::TAU;
    let nearest = view(&store).nearest(&[angle.cos(), angle.sin()], 2, None).unwrap();
    let mut found = contents(&nearest);
    found.sort_unstable();
    assert_eq!(found, ["finding 6999", "finding 7001"]);
    store.close().await;
}

/// Whether any file has these words.
fn holds(disk: &SimulatedDisk, words: &str) -> bool {
    // As of one moment: a merge may put files in the place of others meanwhile.
    let disk = disk.snapshot().disk(0);
    disk.paths().iter().any(|path| {
        let bytes = disk.read(path).unwrap();
        bytes.windows(words.len()).any(|window| window == words.as_bytes())
    })
}

#[tokio::test]
async fn a_view_of_the_past_compares_with_the_vector_of_then() {
    let disk = SimulatedDisk::new(5);
    let store = store_on(&disk);
    let then = store.submit(with_vector("aspirin", [1.0, 0.0])).await.unwrap().recorded_at;
    store.submit(with_vector("aspirin", [0.0, 1.0])).await.unwrap();
    store.checkpoint().await.unwrap();
    let now = store.view(&Namespace::default(), NOW).unwrap().nearest(&[0.0, 1.0], 1, None).unwrap();
    assert_eq!((contents(&now), now[0].score.round()), (vec!["aspirin"], 1.0));
    // The vector of then may not be found in a segment; that of now must not be taken for it.
    let past = at(&store, then).nearest(&[0.0, 1.0], 1, None).unwrap();
    assert!(past.iter().all(|hit| hit.score < 0.5), "{past:?}");
    store.close().await;
}

#[tokio::test]
async fn a_vector_that_left_and_came_back_takes_no_place_of_another() {
    let store = store_on(&SimulatedDisk::new(6));
    for vector in [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]] {
        store.submit(with_vector("aspirin", vector)).await.unwrap();
    }
    store.submit(with_vector("ibuprofen", [0.5, 0.5])).await.unwrap();
    let found = store.view(&Namespace::default(), NOW).unwrap().nearest(&[1.0, 0.0], 2, None).unwrap();
    assert_eq!(contents(&found), ["aspirin", "ibuprofen"]);
    store.close().await;
}

/// The same with a stage of a disease.
fn at_stage(content: &str, vector: [f32; 2], stage: i64) -> Command {
    let mut command = with_vector(content, vector);
    if let [Operation::Learn(learn)] = command.operations.as_mut_slice() {
        learn.concept.attributes = Attributes::from([("stage".to_owned(), AttributeValue::Integer(stage))]);
        learn.on_conflict = Some(OnConflict::Replace);
    }
    command
}

#[tokio::test]
async fn a_filter_looks_at_the_attributes_of_now_though_the_vector_is_an_older_one() {
    let disk = SimulatedDisk::new(11);
    let store = store_on(&disk);
    store.submit(at_stage("melanoma of Mr. Ito", [1.0, 0.0], 1)).await.unwrap();
    store.submit(at_stage("melanoma of Ms. Weber", [0.9, 0.1], 1)).await.unwrap();
    let is = |stage| {
        let field = "attributes.stage".into();
        Filter::Leaf(Leaf { field, eq: Some(AttributeValue::Integer(stage)), ..Leaf::default() })
    };
    let found = |stage| {
        let hits = store.view(&Namespace::default(), NOW).unwrap().nearest(&[1.0, 0.0], 5, Some(&is(stage))).unwrap();
        contents(&hits).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    for step in ["in a segment", "in the delta"] {
        if step == "in a segment" {
            store.checkpoint().await.unwrap();
        }
        store.submit(at_stage("melanoma of Mr. Ito", [1.0, 0.0], 2)).await.unwrap();
        assert_eq!((found(1), found(2)), (vec!["melanoma of Ms. Weber".into()], vec!["melanoma of Mr. Ito".into()]), "{step}");
        store.submit(at_stage("melanoma of Mr. Ito", [1.0, 0.0], 1)).await.unwrap();
        assert_eq!(found(2), Vec::<String>::new(), "{step}");
        assert_eq!(found(1), ["melanoma of Mr. Ito", "melanoma of Ms. Weber"], "{step}");
    }
    store.close().await;
}
