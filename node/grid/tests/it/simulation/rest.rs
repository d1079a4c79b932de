//! The grid at rest: nobody asks, and nothing is on its way.

use std::time::Duration;

use sutra_grid::{HostedShard, Router};
use sutra_protocol::command::LogIndex;
use sutra_protocol::{AsOf, Association, Concept};
use tokio::time::{Instant, sleep};

use super::nodes::Nodes;
use crate::cluster::LIMIT;

/// Most that there can be of anything.
const MOST: usize = 100_000;
/// Nothing that was sent is on its way for so long.
const AWHILE: Duration = Duration::from_millis(300);

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
            let statuses: Vec<_> = nodes
                .all_running()
                .flat_map(|(node, running)| {
                    let shards = running.grid.shards();
                    shards.iter().map(|shard| format!("node {node}: {:?}\n", shard.group().status())).collect::<Vec<_>>()
                })
                .collect();
            return Err(format!("the grid does not come to rest: {before:?}\n{}", statuses.concat()));
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
    let mut running = nodes.all_running();
    let (first, one) = running.next().expect("a node runs");
    for (node, other) in running {
        for (mine, theirs) in one.grid.shards().iter().zip(other.grid.shards().iter()) {
            assert_eq!(mine.id(), theirs.id());
            let (mine, theirs) = (known(mine), known(theirs));
            assert!(mine == theirs, "on nodes {first} and {node}:\n{mine:#?}\nand\n{theirs:#?}");
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
            for grid in &grids {
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
