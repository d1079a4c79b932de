//! Entries and manifests that are as large as can be.

use sutra_protocol::command::{Amend, Command, Edit, Learn, NewConcept, Operation, RequestKey};
use sutra_protocol::concept::AttributeValue;
use sutra_protocol::effects::{Delivery, Effect};
use sutra_protocol::{Knowledge as _, Namespace, Source};
use sutra_storage::{REPLICA_COMMAND_BYTES, SubmitError};

use crate::cluster::{Cluster, Setup, command, id, until, view};
use crate::snapshots::leave_one_behind;

/// What a command has beside its contents is less.
const ROOM: usize = 4 << 10;
/// The largest command that brings effects of another shard.
const DELIVERY_BYTES: usize = 16 << 20;

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// A command of exactly so many bytes, made of one of about as many.
fn of(bytes: usize, make: impl Fn(usize) -> Command) -> Command {
    let about = bytes - ROOM;
    let encoded = rmp_serde::to_vec_named(&make(about)).unwrap().len();
    let exact = make(about + bytes - encoded);
    assert_eq!(rmp_serde::to_vec_named(&exact).unwrap().len(), bytes);
    exact
}

/// A concept that is large by what is searched for no words.
fn long(name: &str, bytes: usize) -> NewConcept {
    let source = Some(Source { uri: "notes".into(), title: Some(text(bytes)), page: None, offset: None });
    NewConcept { source, ..NewConcept::bare(&Namespace::default(), name, None) }
}

fn item(concept: NewConcept) -> Operation {
    Operation::Learn(Box::new(Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() }))
}

/// Two items of a batch.
fn two(bytes: usize) -> Command {
    command([item(long("first", bytes / 2)), item(long("second", bytes - bytes / 2))])
}

/// What another shard has this one teach.
fn delivery(bytes: usize) -> Command {
    let concept = Box::new(long("elsewhere", bytes));
    command([Operation::Take(Box::new(Delivery {
        origin: 2,
        number: 1,
        after: 0,
        recorded_at: Default::default(),
        era: Default::default(),
        ahead: false,
        effects: vec![Effect::Ensure { concept, incarnation: 1 }],
    }))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_commands_come_to_all_replicas_and_larger_ones_are_refused_before_they_stop_the_shard() {
    let cluster = Setup::of(3).start().await;
    let leader = cluster.leader().await;
    for (largest, make) in [(REPLICA_COMMAND_BYTES, two as fn(usize) -> Command), (DELIVERY_BYTES, delivery)] {
        let refused = cluster.store(leader).submit(of(largest + 1, make)).await;
        assert_eq!(refused, Err(SubmitError::TooLarge { bytes: largest + 1, bound: largest }));
        let patiently = cluster.store(leader).submit_patiently(of(largest + 1, make)).await;
        assert_eq!(patiently, refused);
        let (_, applied) = cluster.write_among(&cluster.up(), &of(largest, make)).await;
        for node in cluster.up() {
            cluster.applied(node, applied.index).await;
        }
    }
    // As many as come together.
    let notes = (0..4).map(|at| command([item(long(&format!("note {at}"), 5 << 20))])).collect::<Vec<_>>();
    let (all, up) = (cluster.up(), &cluster);
    futures_util::future::join_all(notes.iter().map(|note| up.write_among(&all, note))).await;
    let (_, index) = cluster.learn("and the shard goes on").await;
    for node in cluster.up() {
        cluster.applied(node, index).await;
        assert!((0..4).all(|at| view(cluster.store(node)).concept(id(&format!("note {at}"))).is_some()));
    }
    cluster.close().await;
}

/// A request that is remembered with all of a concept.
fn amend(content: &str, at: usize) -> Command {
    let amend = Amend {
        id: id(content),
        expected: None,
        aliases: None,
        attributes: [("read".into(), Some(AttributeValue::Integer(at as i64)))].into(),
        confidence: None,
        valid_from: Edit::Keep,
        valid_to: Edit::Keep,
    };
    let request = Some(RequestKey { key: format!("order-{at}"), digest: 7 });
    Command { request, ..command([Operation::Amend(Box::new(amend))]) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_was_away_gets_what_is_remembered_however_much_it_is() {
    /// More than what a message holds.
    const REQUESTS: usize = 18;
    let mut cluster = Setup::of(3).start().await;
    let long = text(1 << 20);
    cluster.learn(&long).await;
    for at in 0..REQUESTS {
        cluster.write_among(&cluster.up(), &amend(&long, at)).await;
    }
    let (away, contents) = leave_one_behind(&mut cluster).await;
    let leader = cluster.leader().await;
    let manifest = cluster.store(leader).newest_checkpoint().await.unwrap().unwrap().manifest.len();
    assert!(manifest > sutra_peer::FRAME_BYTES, "nothing would be shown: {manifest}");
    cluster.start(away).await;
    until("it does not get the snapshot", || {
        // What has come is seen a moment before it is counted.
        cluster.knows(away, contents.last().unwrap()) && cluster.store(away).stats().installs == 1
    })
    .await;
    assert_remembers(&cluster, away, REQUESTS);
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
    cluster.close().await;
}

fn assert_remembers(cluster: &Cluster, node: u64, requests: usize) {
    for at in 0..requests {
        let request = RequestKey { key: format!("order-{at}"), digest: 7 };
        let remembered = cluster.store(node).remembered(&Namespace::default(), &request);
        assert!(matches!(remembered, Some(Ok(applied)) if applied.repeated), "request {at}");
    }
}
