//! Nodes come and go, and shards get more replicas and fewer, under load.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sutra_protocol::founding::ResizeRequest;

use super::fixture::{Grid, Shape, until};
use crate::random::Random;

/// How many write at once.
const CLIENTS: usize = 3;
/// Between two attempts of one.
const PAUSE: Duration = Duration::from_millis(20);

/// Clients that teach, each what no other does, and go on to another node where one does not answer.
struct Load<'a> {
    urls: Vec<String>,
    client: &'a reqwest::blocking::Client,
    is_over: AtomicBool,
}

impl Load<'_> {
    /// What one client was told is stored, and how long it waited at most.
    fn run(&self, client: usize) -> (Vec<String>, Duration) {
        let (mut acknowledged, mut slowest) = (Vec::new(), Duration::ZERO);
        let (mut number, mut node) = (0, client);
        while !self.is_over.load(Ordering::Acquire) {
            let content = format!("drug {client}-{number}");
            let began = Instant::now();
            // The same key until it is answered: whatever an attempt did is done once.
            while !self.is_over.load(Ordering::Acquire) {
                let request = self.client.post(format!("{}/v1/learn", self.urls[node % self.urls.len()]));
                let request = request.header("Idempotency-Key", format!("{client}-{number}")).json(&json!({"content": content}));
                match request.timeout(Duration::from_secs(15)).send() {
                    Ok(reply) if reply.status().is_success() => {
                        acknowledged.push(content.clone());
                        slowest = slowest.max(began.elapsed());
                        break;
                    }
                    Ok(reply) if reply.status().is_client_error() => panic!("{}", reply.text().unwrap()),
                    Ok(_) | Err(_) => {
                        node += 1;
                        std::thread::sleep(PAUSE);
                    }
                }
            }
            number += 1;
        }
        (acknowledged, slowest)
    }
}

/// Runs some clients while something is done to the grid; answers all that was acknowledged.
fn under_load(grid: &mut Grid, act: impl FnOnce(&mut Grid)) -> BTreeSet<String> {
    let client = grid.client().clone();
    let load = Load { urls: grid.urls(), client: &client, is_over: AtomicBool::new(false) };
    let told: Vec<(Vec<String>, Duration)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|at| {
                scope.spawn({
                    let load = &load;
                    move || load.run(at)
                })
            })
            .collect();
        act(grid);
        load.is_over.store(true, Ordering::Release);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let slowest = told.iter().map(|(_, slowest)| *slowest).max().unwrap();
    let all: BTreeSet<String> = told.into_iter().flat_map(|(acknowledged, _)| acknowledged).collect();
    assert!(all.len() > CLIENTS, "nothing was written meanwhile: {all:?}");
    println!("{} writes were acknowledged, the slowest of them after {slowest:?}", all.len());
    all
}

/// Waits until a node says this of the grid, and that nothing is under way.
fn is_seen(grid: &Grid, by: usize, what: &str, is_so: impl Fn(&Value) -> bool) {
    let mut last = Value::Null;
    let mut seen = || {
        let seen = grid.get(by, "/v1/grid")?;
        let is_quiet = seen["healthy"] == true && seen["under_way"] == json!([]);
        let is_so = is_quiet && is_so(&seen);
        last = seen;
        is_so.then_some(())
    };
    let since = Instant::now();
    while seen().is_none() {
        if since.elapsed() > super::fixture::PATIENCE {
            panic!("{what} does not come to be: {last:#}");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn nodes(grid: &Value) -> usize {
    grid["nodes"].as_array().unwrap().len()
}

fn replicas(grid: &Value) -> usize {
    grid["shards"][0]["replicas"].as_array().unwrap().len()
}

fn voters_on_the_map(grid: &Value) -> usize {
    grid["meta"]["replicas"].as_array().unwrap().len()
}

fn name(at: usize) -> String {
    format!("node-{}", at + 1)
}

fn assert_known(exports: &[String], acknowledged: &BTreeSet<String>) {
    let all = exports.join("\n");
    let lost: Vec<&String> = acknowledged.iter().filter(|content| !all.contains(&format!("\"{content}\""))).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged writes are lost: {lost:?}", lost.len(), acknowledged.len());
}

/// Reads what was taught before on every node in turn; answers how often it was there, and how often a node could not say. It is never gone.
fn read_on(client: &reqwest::blocking::Client, urls: &[String], ids: &[String], is_over: &AtomicBool) -> (u64, u64) {
    let (mut there, mut unsaid) = (0, 0);
    for (at, id) in ids.iter().cycle().enumerate() {
        if is_over.load(Ordering::Acquire) {
            break;
        }
        let read = client.get(format!("{}/v1/concept/{id}", urls[at % urls.len()])).timeout(Duration::from_secs(15));
        match read.send() {
            Ok(reply) if reply.status().is_success() => there += 1,
            Ok(reply) => {
                assert!(reply.status().is_server_error(), "{id} is there: {}", reply.text().unwrap());
                unsaid += 1;
            }
            Err(_) => unsaid += 1,
        }
    }
    (there, unsaid)
}

#[test]
fn the_only_replicas_of_shards_move_while_every_node_reads_and_writes_them() {
    let mut grid = Grid::shaped(Shape { nodes: 3, shards: 4, replicas: 1 }, &[]);
    let teach = |number: usize| {
        let body = json!({"content": format!("remedy {number}: {}", "as it was written down ".repeat(2_000))});
        let reply = grid.client().post(grid.url(number % 3, "/v1/learn")).json(&body).send().unwrap();
        reply.json::<Value>().unwrap()["id"].as_str().unwrap().to_owned()
    };
    let ids: Vec<String> = (0..60).map(teach).collect();
    let at = grid.another();
    let is_over = AtomicBool::new(false);
    let acknowledged = under_load(&mut grid, |grid| {
        grid.resize(0, &grid.adding(at)).unwrap();
        grid.ready(at);
        let (client, urls) = (grid.client().clone(), grid.urls());
        let (there, unsaid) = std::thread::scope(|scope| {
            let reads = scope.spawn(|| read_on(&client, &urls, &ids, &is_over));
            let is_even = |seen: &Value| {
                let led = |shard: &Value| shard["replicas"].as_array().unwrap().iter().any(|one| one["node"] == name(at));
                nodes(seen) == 4 && seen["shards"].as_array().unwrap().iter().any(led)
            };
            is_seen(grid, 1, "a replica on the new node", is_even);
            is_over.store(true, Ordering::Release);
            reads.join().unwrap()
        });
        println!("{there} reads were answered, and {unsaid} were not");
        assert!(there > 10 * unsaid, "a shard was mostly away while it moved");
    });
    assert_known(&grid.exports(), &acknowledged);
}

#[test]
fn a_grid_grows_to_five_nodes_and_shrinks_to_three_and_nothing_acknowledged_is_lost() {
    let mut grid = Grid::start(&[]);
    let acknowledged = under_load(&mut grid, |grid| {
        for _ in 0..2 {
            let at = grid.another();
            grid.resize(0, &grid.adding(at)).unwrap();
            grid.ready(at);
        }
        is_seen(grid, 1, "a grid of five", |seen| nodes(seen) == 5 && voters_on_the_map(seen) == 5);
        grid.resize(1, &ResizeRequest::SetReplicas { count: 5 }).unwrap();
        is_seen(grid, 4, "five replicas", |seen| replicas(seen) == 5);
    });
    assert_known(&grid.exports(), &acknowledged);

    let later = under_load(&mut grid, |grid| {
        let refused = grid.resize(2, &ResizeRequest::RemoveNode { name: name(3) }).unwrap_err().to_string();
        assert!(refused.contains("4 of the grid's nodes would stay, and each shard should have 5 replicas"), "{refused}");
        grid.resize(2, &ResizeRequest::SetReplicas { count: 3 }).unwrap();
        is_seen(grid, 0, "three replicas", |seen| replicas(seen) == 3);
        for at in [3, 4] {
            grid.resize(0, &ResizeRequest::RemoveNode { name: name(at) }).unwrap();
        }
        for at in [3, 4] {
            grid.gone(at);
        }
        is_seen(grid, 0, "a grid of three", |seen| nodes(seen) == 3 && voters_on_the_map(seen) == 3);
    });
    let exports = grid.exports();
    assert_known(&exports, &acknowledged);
    assert_known(&exports, &later);
    // With a replica of everything on each again, any of them can be lost.
    let leader = grid.leader();
    grid.kill(leader);
    until("a write without the old leader", || {
        let other = grid.url(grid.other(leader), "/v1/learn");
        let learned = grid.client().post(other).json(&json!({"content": "later"})).send().ok()?;
        learned.status().is_success().then_some(())
    });
}

#[test]
fn who_joins_and_who_leads_the_map_may_be_killed_in_the_middle_of_it() {
    let mut grid = Grid::start(&[]);
    let acknowledged = under_load(&mut grid, |grid| {
        let places = [grid.another(), grid.another()];
        grid.resize(0, &grid.adding(places[0])).unwrap();
        // Before it has come, or while it comes.
        grid.kill(places[0]);
        let leader = until("a leader of the map", || {
            let seen = grid.get(1, "/v1/grid")?;
            let leader = seen["meta"]["leader"].as_str()?.to_owned();
            (0..3).find(|at| name(*at) == leader)
        });
        grid.kill(leader);
        grid.spawn(places[0]);
        grid.ready(places[0]);
        grid.restart(leader);
        let asked = (leader + 1) % 3;
        let request = grid.adding(places[1]);
        until("the other is added", || grid.resize(asked, &request).ok());
        grid.ready(places[1]);
        is_seen(grid, 0, "a grid of five", |seen| nodes(seen) == 5 && voters_on_the_map(seen) == 5);
        grid.resize(asked, &ResizeRequest::SetReplicas { count: 5 }).unwrap();
        // While it is given a replica.
        std::thread::sleep(Duration::from_millis(1_200));
        grid.kill(places[0]);
        grid.restart(places[0]);
        is_seen(grid, 0, "five replicas", |seen| replicas(seen) == 5);
    });
    assert_known(&grid.exports(), &acknowledged);
}

#[test]
fn a_removal_is_taken_back_before_it_is_over_and_what_can_not_be_is_refused() {
    let mut grid = Grid::start(&[]);
    let at = grid.another();
    let adding = grid.adding(at);
    grid.resize(0, &adding).unwrap();
    grid.ready(at);
    is_seen(&grid, 0, "a grid of four", |seen| nodes(seen) == 4);
    // Whoever did not hear that it was done asks again.
    grid.resize(0, &adding).unwrap();
    is_seen(&grid, 0, "a grid of four still", |seen| nodes(seen) == 4);
    let nobody = ResizeRequest::AddNode { address: "127.0.0.1:9".into(), zone: None };
    let refusals = [
        (nobody, "does not wait for a grid that has this one's secret"),
        (ResizeRequest::RemoveNode { name: "node-9".into() }, "the grid has no node node-9"),
        (ResizeRequest::KeepNode { name: name(0) }, "node node-1 is not being removed"),
        (ResizeRequest::SetReplicas { count: 5 }, "4 of the grid's nodes would stay, and each shard should have 5 replicas"),
        (ResizeRequest::SetReplicas { count: 4 }, "a shard has 1, 3 or 5"),
    ];
    for (request, expected) in refusals {
        let refused = grid.resize(0, &request).unwrap_err().to_string();
        assert!(refused.contains(expected), "{request:?}: {refused}");
    }
    let acknowledged = under_load(&mut grid, |grid| {
        grid.resize(0, &ResizeRequest::RemoveNode { name: name(1) }).unwrap();
        until("a node that leaves", || {
            let seen = grid.get(0, "/v1/grid")?;
            (seen["nodes"][1]["state"] == "leaving").then_some(())
        });
        grid.resize(0, &ResizeRequest::KeepNode { name: name(1) }).unwrap();
        is_seen(grid, 0, "a grid of four as before", |seen| {
            nodes(seen) == 4 && replicas(seen) == 3 && seen["nodes"][1]["state"] == "member"
        });
    });
    let keeper = until("a node that keeps the shard", || {
        let seen = grid.get(0, "/v1/grid")?;
        let leader = seen["shards"][0]["leader"].as_str()?.to_owned();
        grid.members().find(|at| name(*at) == leader)
    });
    assert_known(&grid.export(keeper), &acknowledged);
}

#[test]
fn replicas_come_and_go_while_nodes_are_killed() {
    let (seed, mut random) = Random::seeded();
    println!("seed {seed}");
    let mut grid = Grid::start(&[]);
    let acknowledged = under_load(&mut grid, |grid| {
        for count in [1, 3, 1, 3] {
            until("it is decided", || grid.resize(random.place(3), &ResizeRequest::SetReplicas { count }).ok());
            for _ in 0..2 {
                // Anywhere on the way: before a replica is opened, while it catches up, or is given up.
                std::thread::sleep(Duration::from_millis(random.below(2_000)));
                let victim = random.place(3);
                grid.kill(victim);
                std::thread::sleep(Duration::from_millis(random.below(500)));
                grid.restart(victim);
            }
            is_seen(grid, random.place(3), "what was asked for", |seen| replicas(seen) == count as usize);
        }
    });
    assert_known(&grid.exports(), &acknowledged);
}
