//! Nodes that come back.

use std::fs;

use serde_json::json;

use super::fixture::{Grid, until};
use crate::node::{Node, run};

/// Bytes of a concept that fills memory.
const FILLING_BYTES: usize = 60 << 10;
/// Checkpoints after which the log that an absent node needs is surely gone.
const CHECKPOINTS: u64 = 4;

fn checkpoints(grid: &Grid, at: usize) -> u64 {
    grid.get(at, "/stats").and_then(|stats| stats["checkpoints"].as_u64()).unwrap_or_default()
}

#[test]
fn a_node_that_was_away_for_several_checkpoints_comes_back_by_a_snapshot() {
    let mut grid = Grid::start(&["--delta-budget", "1MiB"]);
    let leader = grid.leader();
    let away = grid.other(leader);
    let learn = |grid: &Grid, number: u64| {
        let filling = json!({"content": format!("filling {number}"), "attributes": {"text": "x".repeat(FILLING_BYTES)}});
        let reply = grid.client().post(grid.url(leader, "/v1/learn")).json(&filling).send().unwrap();
        assert_eq!(reply.status(), 200, "{}", reply.text().unwrap());
    };
    learn(&grid, 0);
    grid.kill(away);
    let (before, mut number) = (checkpoints(&grid, leader), 0);
    while checkpoints(&grid, leader) < before + CHECKPOINTS {
        number += 1;
        learn(&grid, number);
    }
    grid.restart(away);
    grid.healthy();
    let mut log = grid.node(away).early.clone();
    until("a snapshot in the place of what it had", || {
        log.extend(grid.node(away).logged());
        log.iter().find(|line| line.contains("a snapshot has taken the place of what this replica had")).map(drop)
    });
    assert_eq!(grid.exports().len() as u64, number + 1);
    // It is a whole member again: with it, the grid survives the loss of another.
    grid.kill(leader);
    until("a write without the old leader", || {
        let learned = grid.client().post(grid.url(away, "/v1/learn")).json(&json!({"content": "later"})).send().unwrap();
        learned.status().is_success().then_some(())
    });
}

#[test]
fn a_node_that_would_be_looked_for_in_vain_says_so() {
    let mut grid = Grid::start(&[]);
    grid.stop(1);
    let other = grid.another_port(1);
    let (status, sentence) = run(&mut grid.command(1, &["--peer", &other.to_string()]));
    assert_eq!(status, Some(2), "{sentence}");
    let known = grid.advertised(1);
    let found = format!("its peer port is {}:{} now", known.ip(), other.port());
    assert!(sentence.contains(&format!("the grid knows node node-2 at {known}")) && sentence.contains(&found), "{sentence}");
    // With its own port it takes its place, whether it is told to wait or not, and whatever it is told to be called.
    grid.restart(1);
    grid.stop(1);
    let mut renamed = grid.command(1, &["--wait-for-grid", "--node-name", "node-9"]);
    let node = Node::start(&mut renamed);
    assert!(node.early.iter().any(|line| line.contains("the name that it was founded with")), "{:?}", node.early);
    node.stop();
    grid.restart(1);
    grid.healthy();
}

#[test]
fn a_directory_of_another_grid_is_refused() {
    let (mut grid, mut other) = (Grid::start(&[]), Grid::start(&[]));
    grid.stop(2);
    other.stop(2);
    // It has the map of one grid, and the log and the segments of another.
    for name in ["GRID", "peer-secret"] {
        fs::copy(other.dir(2).join(name), grid.dir(2).join(name)).unwrap();
    }
    fs::remove_dir_all(other.dir(2)).unwrap();
    fs::rename(grid.dir(2), other.dir(2)).unwrap();
    let (status, sentence) = run(&mut other.command(2, &[]));
    assert_eq!(status, Some(2), "{sentence}");
    assert!(sentence.contains("grid") && sentence.contains(other.dir(2).to_str().unwrap()), "{sentence}");
    // The others go on without it.
    for of in [&grid, &other] {
        let learned = of.client().post(of.url(0, "/v1/learn")).json(&json!({"content": "without it"})).send().unwrap();
        assert_eq!(learned.status(), 200);
    }
}
