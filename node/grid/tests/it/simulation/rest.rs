//! The grid at rest: nobody asks, and nothing is on its way.

use std::collections::BTreeSet;
use std::time::Duration;

use sutra_grid::{HostedShard, Router, under_way};
use sutra_protocol::command::LogIndex;
use sutra_protocol::{AsOf, Association, Concept};
use tokio::time::{Instant, sleep};

use super::nodes::{Nodes, Running, name};
use crate::cluster::LIMIT;

/// Most that there can be of anything.
const MOST: usize = 100_000;
/// Nothing that was sent is on its way for so long.
const AWHILE: Duration = Duration::from_millis(300);

/// What is still to be done until every replica is where it shall be, and no others are.
fn to_be_done(nodes: &Nodes) -> Vec<String> {
    let map = nodes.newest_map();
    let statuses: Vec<_> = nodes.all_running().map(|(_, running)| running.grid.status()).collect();
    let mut told = under_way(&map, &statuses.iter().map(|status| (status.node.as_str(), status)).collect());
    let replicas = nodes.replicas();
    for shard in &map.shards {
        let wanted: BTreeSet<&str> = shard.replicas.iter().map(|one| one.node.as_str()).collect();
        let kept: BTreeSet<String> = replicas.get(&shard.shard).into_iter().flatten().map(|(node, _)| name(*node)).collect();
        if !kept.iter().map(String::as_str).eq(wanted.iter().copied()) {
            told.push(format!("shard {} shall be on {wanted:?}, and is on {kept:?}", shard.shard));
        }
    }
    told
}

/// What each replica says of its group, for whoever looks for a failure.
fn statuses(nodes: &Nodes) -> String {
    let told = |(node, running): (u64, &Running)| {
        let shards = running.grid.shards();
        shards.iter().map(|shard| format!("node {node}: {:?}\n", shard.group().status())).collect::<String>()
    };
    nodes.all_running().map(told).collect()
}

/// Waits until every replica is where it shall be, and no others are; all nodes run. Answers what is still to be done if that takes too long.
pub(super) async fn come_to_place(nodes: &Nodes, limit: Duration) -> Result<(), String> {
    let end = Instant::now() + limit;
    loop {
        let left = to_be_done(nodes);
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() >= end {
            let map = nodes.newest_map();
            return Err(format!("replicas are not where they shall be: {left:#?}\n{map:?}\n{}", statuses(nodes)));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// How far a replica has come.
type Place = (u64, u64, LogIndex, u64);

fn places(nodes: &Nodes) -> Vec<Place> {
    let of =
        |node: u64, shard: &HostedShard| (shard.id().0, node, shard.store().applied(), shard.store().stats().effects_pending);
    let mut all: Vec<Place> = nodes
        .all_running()
        .flat_map(|(node, running)| running.grid.shards().iter().map(move |shard| of(node, shard)).collect::<Vec<_>>())
        .collect();
    all.sort_unstable();
    all
}

fn is_rest(places: &[Place]) -> bool {
    let is_same = |pair: &[Place]| pair[0].0 != pair[1].0 || pair[0].2 == pair[1].2;
    places.windows(2).all(is_same) && places.iter().all(|(.., pending)| *pending == 0)
}

/// Waits until every shard has a leader, all replicas of it are at one point, and no effects wait to be taken; answers how they are if they
/// do not come to that in time.
pub(super) async fn come_to_rest(nodes: &Nodes, limit: Duration) -> Result<(), String> {
    let end = Instant::now() + limit;
    loop {
        let mut is_led = true;
        let routers: Vec<Router> = nodes.all_running().map(|(_, running)| running.router.clone()).collect();
        for router in routers {
            is_led &= router.catch_up(Instant::now() + LIMIT / 10).await.len() == router.stores().len();
        }
        let before = places(nodes);
        if is_led && is_rest(&before) {
            sleep(AWHILE).await;
            if places(nodes) == before {
                return Ok(());
            }
        }
        if Instant::now() >= end {
            return Err(format!("the grid does not come to rest: {before:?}\n{}", statuses(nodes)));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// All that a replica knows of what it keeps, to the microsecond.
fn known(shard: &HostedShard) -> Vec<(String, Vec<Concept>, Vec<Association>)> {
    let names = shard.store().namespaces().into_iter().map(|namespace| namespace.name);
    let known = names.map(|name| {
        let view = shard.store().view(&name, AsOf { valid_at: None, known_at: None }).unwrap();
        let concepts = view.concepts(None, MOST).iter().map(|concept| Concept::clone(concept)).collect();
        (name.to_string(), concepts, view.associations(None, MOST))
    });
    known.collect()
}

/// That all replicas of a shard know the same.
pub(super) fn assert_equal(nodes: &Nodes) {
    for (shard, replicas) in nodes.replicas() {
        let mut known = replicas.iter().map(|(node, replica)| (node, known(replica)));
        let (first, mine) = known.next().expect("a shard is somewhere");
        for (node, theirs) in known {
            assert!(mine == theirs, "shard {shard} on nodes {first} and {node}:\n{mine:#?}\nand\n{theirs:#?}");
        }
    }
}

/// That all replicas of a shard have one digest, by the check that a grid makes of itself.
pub(super) async fn assert_one_digest(nodes: &Nodes) {
    let end = Instant::now() + LIMIT / 2;
    let grids: Vec<_> = nodes.all_running().map(|(_, running)| running.grid.clone()).collect();
    let shards: Vec<_> = grids[0].map().borrow().shards.iter().map(|record| record.shard).collect();
    for shard in shards {
        loop {
            let mut why = String::from("nobody leads it");
            for grid in grids.iter().filter(|grid| grid.shard(shard).is_some()) {
                match grid.check(shard).await {
                    Ok(report) => {
                        let differs = ["diverged", "undecided"].contains(&report.outcome.as_str());
                        assert!(!differs, "shard {shard} at rest: {report:#?}");
                        why = format!("{report:?}");
                    }
                    Err(reason) if reason.contains("is not led here") => {}
                    Err(reason) => why = reason,
                }
            }
            if why.contains("\"equal\"") {
                break;
            }
            assert!(Instant::now() < end, "shard {shard} is not compared at rest: {why}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}
