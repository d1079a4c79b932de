//! Three processes become a grid, whatever happens meanwhile.

use serde_json::{Value, json};

use super::fixture::{Grid, NODES, until};
use super::proxy::Weather;

/// Writes through one node, and reads it through every other with the token and strongly.
fn serves_everywhere(grid: &Grid) {
    for at in 0..NODES {
        let content = format!("taught through {}", grid.name(at));
        let reply = grid.client().post(grid.url(at, "/v1/learn")).json(&json!({ "content": content })).send().unwrap();
        assert_eq!(reply.status(), 200);
        let token = reply.headers()["sutra-token"].clone();
        let id = reply.json::<Value>().unwrap()["id"].as_str().unwrap().to_owned();
        for reader in 0..NODES {
            let url = grid.url(reader, &format!("/v1/concept/{id}"));
            let session = grid.client().get(&url).header("Sutra-Token", &token).send().unwrap();
            let strong = grid.client().get(format!("{url}?consistency=strong")).send().unwrap();
            for read in [session, strong] {
                assert_eq!(read.json::<Value>().unwrap()["content"], json!(content), "{}", grid.name(reader));
            }
        }
    }
}

#[test]
fn three_processes_become_a_grid_once() {
    let mut grid = Grid::waiting(&[]);
    let waiting = grid.client().get(grid.url(0, "/readyz")).send().unwrap();
    assert_eq!(waiting.status(), 503, "{}", waiting.text().unwrap());
    assert_eq!(grid.client().get(grid.url(0, "/livez")).send().unwrap().status(), 200);
    let founded = grid.found().unwrap();
    assert_eq!(founded.nodes.iter().map(|card| card.node.as_str()).collect::<Vec<_>>(), ["node-1", "node-2", "node-3"]);
    (0..NODES).for_each(|at| grid.ready(at));
    grid.healthy();
    serves_everywhere(&grid);
    for at in 0..NODES {
        let refused = grid.found_through(at).unwrap_err().to_string();
        assert!(refused.contains("belongs to a grid"), "{refused}");
        let seen = grid.get(at, "/v1/grid").unwrap();
        assert_eq!((&seen["grid_id"], seen["nodes"].as_array().unwrap().len()), (&json!(founded.grid_id), NODES));
    }
    assert_eq!(grid.exports().len(), NODES);
}

#[test]
fn a_founder_that_dies_before_the_others_have_joined_goes_on_when_it_comes_back() {
    let mut grid = Grid::waiting(&[]);
    // The others say who they are, and can't be invited.
    for other in ["node-2", "node-3"] {
        grid.proxies.set("", other, Weather::Once);
    }
    grid.found().unwrap();
    let founding = grid.dir(0).join("FOUNDING");
    assert!(founding.exists() && !grid.dir(1).join("GRID").exists());
    grid.kill(0);
    grid.proxies.heal();
    grid.spawn(0);
    (0..NODES).for_each(|at| grid.ready(at));
    grid.healthy();
    until("the end of the founding", || (!founding.exists()).then_some(()));
    serves_everywhere(&grid);
}

#[test]
fn a_founder_that_can_reach_nobody_refuses_and_can_be_asked_again() {
    let mut grid = Grid::waiting(&[]);
    grid.kill(2);
    let refused = grid.found().unwrap_err().to_string();
    assert!(refused.contains(&grid.advertised(2).to_string()), "{refused}");
    // A node that dies before anything was begun has nothing of it.
    grid.kill(0);
    grid.start_waiting(0);
    grid.start_waiting(2);
    grid.found().unwrap();
    (0..NODES).for_each(|at| grid.ready(at));
    grid.healthy();
}

#[test]
fn nodes_that_die_after_they_have_joined_are_in_the_grid_when_they_come_back() {
    let mut grid = Grid::waiting(&[]);
    // Node 3 can't be invited for a while: the founding stays in the middle.
    grid.proxies.set("", "node-3", Weather::Once);
    grid.found().unwrap();
    let joined = grid.dir(1).join("GRID");
    until("a node that has joined", || joined.exists().then_some(()));
    grid.kill(1);
    grid.kill(0);
    grid.spawn(1);
    grid.spawn(0);
    grid.kill(1);
    grid.spawn(1);
    assert!(!grid.dir(2).join("GRID").exists());
    grid.proxies.heal();
    (0..NODES).for_each(|at| grid.ready(at));
    grid.healthy();
    serves_everywhere(&grid);
}

#[test]
fn a_node_that_comes_back_with_other_ports_for_its_clients_is_still_the_one_that_is_invited() {
    let mut grid = Grid::waiting(&[]);
    grid.proxies.set("", "node-3", Weather::Once);
    grid.found().unwrap();
    grid.kill(2);
    grid.moves(2);
    grid.spawn(2);
    grid.proxies.heal();
    (0..NODES).for_each(|at| grid.ready(at));
    grid.healthy();
    // The map comes to say where it is now.
    let port = format!(":{}", grid.tcp(2).port());
    until("the new addresses", || {
        let map = grid.get(0, "/v1/grid")?;
        map["nodes"].as_array()?.iter().any(|node| node["tcp"].as_str().is_some_and(|tcp| tcp.ends_with(&port))).then_some(())
    });
    serves_everywhere(&grid);
}
