//! A store as the rest of a node uses it: on a real directory, closed and opened again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't go on has failed"
)]

mod adversary;
mod keeping;
mod offline;
mod several;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sutra_disk::{RealDisk, SimulatedDisk};
use sutra_protocol::command::{Command, Learn, LogIndex, NewConcept, Operation, RequestKey};
use sutra_protocol::{AsOf, ConceptId, Knowledge, Namespace, Timestamp};
use sutra_storage::{OpenError, Store, StoreConfig, SubmitError, View, ViewError, WalError};
use sutra_wal::offline::FileEnd;

fn learn(content: &str) -> Command {
    let concept = NewConcept::bare(&Namespace::default(), content, None);
    let learn = Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() };
    command(Operation::Learn(Box::new(learn)))
}

fn command(operation: Operation) -> Command {
    Command {
        namespace: Namespace::default(),
        asserted_by: "anonymous".into(),
        request: None,
        operations: vec![operation],
        foreign: Vec::new(),
    }
}

fn id(content: &str) -> ConceptId {
    ConceptId::derive(&Namespace::default(), content, None)
}

fn open(dir: &Path) -> Store {
    Store::open(StoreConfig::at(dir)).unwrap()
}

fn view(store: &Store) -> View {
    store.view(&Namespace::default(), AsOf { valid_at: Some(store.now()), known_at: None }).unwrap()
}

fn only_log(dir: &Path) -> std::path::PathBuf {
    dir.join("wal/0000000000000001.log")
}

/// What was seen is where a token says that it is: a reader's next read would else show less.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_view_shows_what_is_not_said_to_be_applied() {
    const WRITES: usize = 2_000;
    let config = StoreConfig { disk: Arc::new(SimulatedDisk::new(7)), ..StoreConfig::at("/data") };
    let store = tokio::task::spawn_blocking(|| Store::open(config).unwrap()).await.unwrap();
    let contents: Vec<String> = (0..WRITES).map(|at| format!("finding {at}")).collect();
    let reader = {
        let (store, ids) = (store.clone(), contents.iter().map(|content| id(content)).collect::<Vec<_>>());
        tokio::task::spawn_blocking(move || {
            let mut shown = Vec::new();
            for id in &ids {
                while view(&store).concept(*id).is_none() {}
                shown.push(store.applied());
            }
            shown
        })
    };
    let mut written = Vec::new();
    for content in &contents {
        written.push(store.submit(learn(content)).await.unwrap().index);
    }
    let shown = reader.await.unwrap();
    for (at, (written, applied)) in written.iter().zip(&shown).enumerate() {
        assert!(
            applied >= written,
            "{} is of entry {written:?}, and was shown when {applied:?} was said to be applied",
            contents[at]
        );
    }
}

#[tokio::test]
async fn who_wrote_can_read_at_once_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let grid = store.grid_id();
    let applied = store.submit(learn("aspirin")).await.unwrap();
    assert_eq!((applied.index, store.applied()), (LogIndex(1), LogIndex(1)));
    assert!(view(&store).concept(id("aspirin")).is_some());
    store.close().await;
    assert_eq!(store.submit(learn("iron")).await, Err(SubmitError::Closed));

    let store = open(dir.path());
    assert_eq!((store.grid_id(), store.applied()), (grid, LogIndex(1)));
    let concept = view(&store).concept(id("aspirin")).unwrap();
    assert_eq!(concept.created_at, applied.recorded_at);
    assert_eq!(store.submit(learn("iron")).await.unwrap().index, LogIndex(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_share_entries_and_all_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let writers = (0..64).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for at in 0..10 {
                store.submit(learn(&format!("patient {writer}, finding {at}"))).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let stats = store.stats();
    assert_eq!((stats.concepts, stats.commands_written, stats.commands_pending), (640, 640, 0));
    assert!(stats.entries < 640, "{} entries", stats.entries);
    store.close().await;
    let store = open(dir.path());
    assert_eq!(store.stats().concepts, 640);
    assert_eq!(store.stats().applied, stats.applied);
}

#[tokio::test]
async fn a_dropped_caller_does_not_take_its_command_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut submitted = Box::pin(store.submit(learn("aspirin")));
    std::future::poll_fn(|context| {
        let _ = submitted.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    drop(submitted);
    store.flush().await.unwrap();
    assert!(view(&store).concept(id("aspirin")).is_some());
}

#[tokio::test]
async fn a_directory_in_use_is_refused_until_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(matches!(Store::open(StoreConfig::at(dir.path())), Err(OpenError::InUse { .. })));
    store.close().await;
    open(dir.path());
}

#[tokio::test]
async fn a_request_is_remembered_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let request = RequestKey { key: "order-7".into(), digest: u128::MAX - 1 };
    let mut once = learn("aspirin");
    once.request = Some(request.clone());
    let store = open(dir.path());
    let first = store.submit(once).await.unwrap();
    store.close().await;
    let store = open(dir.path());
    let again = store.remembered(&Namespace::default(), &request).unwrap().unwrap();
    assert!(again.repeated);
    assert_eq!((again.index, again.outcomes), (first.index, first.outcomes));
}

#[tokio::test]
async fn a_request_is_remembered_for_an_hour_of_the_log_s_time_on_a_node_whose_clock_is_behind() {
    const HOUR: i64 = 3_600_000_000;
    let (wrong, right) = (Arc::new(AtomicI64::new(0)), StoreConfig::at("/data").wall_clock);
    let skew = Arc::clone(&wrong);
    let wall_clock = Arc::new(move || right().plus_micros(skew.load(Ordering::Relaxed)));
    let store =
        Store::open(StoreConfig { disk: Arc::new(SimulatedDisk::new(7)), wall_clock, ..StoreConfig::at("/data") }).unwrap();
    let request = RequestKey { key: "order-7".into(), digest: 7 };
    let mut once = learn("aspirin");
    once.request = Some(request.clone());
    store.submit(once).await.unwrap();
    let is_remembered = || store.remembered(&Namespace::default(), &request).is_some();
    assert!(is_remembered());
    wrong.store(HOUR + 1_000_000, Ordering::Relaxed);
    assert!(!is_remembered(), "nothing was written since, and an hour is over all the same");
    store.submit(learn("warfarin")).await.unwrap();
    wrong.store(0, Ordering::Relaxed);
    assert!(!is_remembered(), "applied now, it would be another request");
}

#[tokio::test]
async fn history_that_is_not_kept_can_not_be_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let settings = sutra_protocol::http::NamespaceSettings { history_retention_seconds: Some(60), ..Default::default() };
    store.submit(command(Operation::SetNamespace(settings))).await.unwrap();
    let ask = |known_at| store.view(&Namespace::default(), AsOf { valid_at: None, known_at: Some(known_at) });
    assert!(ask(store.now().plus_micros(-59_000_000)).is_ok());
    assert!(matches!(ask(Timestamp::from_micros(0)), Err(ViewError::BeforeHistory { .. })));
}

#[tokio::test]
async fn every_cut_of_the_log_opens_with_a_prefix_of_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let contents = ["aspirin", "ibuprofen", "paracetamol"];
    for content in contents {
        store.submit(learn(content)).await.unwrap();
    }
    // A copy of what a crash leaves: without the mark that closing writes.
    let mut bytes = fs::read(only_log(dir.path())).unwrap();
    // Behind the last frame, whose own last byte may be zero, there is only the space for more.
    let FileEnd::Clean { offset } = sutra_wal::offline::verify(&RealDisk, dir.path(), None).unwrap().files[0].end else {
        panic!()
    };
    bytes.truncate(offset as usize);
    let beside = ["IDENTITY", "DURABLE", "MANIFEST"].map(|name| (name, fs::read(dir.path().join(name)).unwrap()));
    let floor: serde_json::Value = serde_json::from_slice(&beside[1].1).unwrap();
    let floor = floor["offset"].as_u64().unwrap() as usize;
    let mut seen = Vec::new();
    for cut in (floor..=bytes.len()).step_by(7).chain([bytes.len()]) {
        let crashed = tempfile::tempdir().unwrap();
        fs::create_dir(crashed.path().join("wal")).unwrap();
        for (name, content) in &beside {
            fs::write(crashed.path().join(name), content).unwrap();
        }
        fs::write(only_log(crashed.path()), &bytes[..cut]).unwrap();
        let store = open(crashed.path());
        let known = contents.iter().filter(|content| view(&store).concept(id(content)).is_some()).count();
        assert_eq!(store.applied(), LogIndex(known as u64), "cut at {cut}");
        assert!(contents[..known].iter().all(|content| view(&store).concept(id(content)).is_some()));
        seen.push(known);
        store.submit(learn("warfarin")).await.unwrap();
        store.close().await;
        assert!(view(&open(crashed.path())).concept(id("warfarin")).is_some(), "cut at {cut}");
    }
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 3]);
}

#[tokio::test]
async fn damage_is_named_with_file_and_offset() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.submit(learn("aspirin")).await.unwrap();
    // The entry behind it says that it was durable: it can't be taken for a torn end.
    store.submit(learn("iron")).await.unwrap();
    let crashed = tempfile::tempdir().unwrap();
    fs::create_dir(crashed.path().join("wal")).unwrap();
    for name in ["IDENTITY", "DURABLE", "MANIFEST"] {
        fs::copy(dir.path().join(name), crashed.path().join(name)).unwrap();
    }
    let mut bytes = fs::read(only_log(dir.path())).unwrap();
    let damaged = bytes.windows(7).position(|window| window == b"aspirin").unwrap();
    bytes[damaged] ^= 1;
    fs::write(only_log(crashed.path()), bytes).unwrap();
    match Store::open(StoreConfig::at(crashed.path())) {
        Err(OpenError::Wal(WalError::Damaged { file, offset, .. })) => {
            assert_eq!(file, only_log(crashed.path()));
            assert!(offset <= damaged as u64);
        }
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn too_large_a_command_and_a_full_write_log_are_turned_away() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig { queue_commands: 1, ..StoreConfig::at(dir.path()) }).unwrap();
    let attempts = (0..200).map(|at| {
        let store = store.clone();
        async move { store.submit(learn(&format!("finding {at}"))).await }
    });
    let results = futures_join(attempts.collect()).await;
    let refused = results.iter().filter(|result| matches!(result, Err(SubmitError::Overloaded { .. }))).count();
    let taken = results.iter().filter(|result| result.is_ok()).count();
    assert!(refused > 0 && taken > 0 && refused + taken == 200, "{taken} taken, {refused} refused");
    assert_eq!(store.stats().concepts, taken as u64, "what was turned away is not stored, what was taken is");
}

/// Drives all futures at once on this task, so that they are all submitted before any is answered.
async fn futures_join<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().filter(|(_, output)| output.is_none()) {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *output = Some(value);
            }
        }
        if futures.iter().all(|(_, output)| output.is_some()) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

/// Stores are shared between threads.
#[test]
fn a_store_and_its_views_are_send_and_sync() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Store>();
    check::<View>();
    check::<Arc<View>>();
}
