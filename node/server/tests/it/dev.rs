//! The embedded grid.

use std::io::BufRead as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use serde_json::{Value, json};

use crate::address::Addresses;
use crate::node::{Node, command, data, run};

const PORTS: [&str; 5] = ["dev", "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"];
const THREE: [&str; 4] = ["--nodes", "3", "--peer", "127.0.0.1:0"];
/// More than a grid takes to elect a leader on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The next line of its output that begins so: the rest of it.
fn line(node: &mut Node, begin: &str) -> String {
    let stdout = node.stdout.as_mut().unwrap();
    loop {
        let mut line = String::new();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "its output has no line that begins with {begin:?}");
        if let Some(rest) = line.strip_prefix(begin) {
            return rest.trim_end().to_owned();
        }
    }
}

/// A grid of three that reads its input, and where each of them serves HTTP.
fn three(arguments: &[&str]) -> (Node, Vec<String>) {
    let mut node = Node::start(command(arguments).stdin(Stdio::piped()));
    line(&mut node, "A grid of 3 nodes serves");
    let mut urls: Vec<String> = (0..2).map(|_| line(&mut node, "        ")).collect();
    let first = line(&mut node, "  HTTP  ");
    urls.insert(0, first.split_whitespace().next().unwrap().to_owned());
    (node, urls)
}

/// Teaches through this node, and goes on trying while nobody leads; its id.
fn learn(url: &str, content: &str) -> String {
    let since = Instant::now();
    loop {
        let reply = Client::new().post(format!("{url}/v1/learn")).json(&json!({ "content": content })).send().unwrap();
        if reply.status() == 200 {
            return reply.json::<Value>().unwrap()["id"].as_str().unwrap().to_owned();
        }
        assert!(reply.status() == 503 && since.elapsed() < PATIENCE, "{}", reply.text().unwrap());
    }
}

fn knows(url: &str, id: &str) -> bool {
    let reply = reqwest::blocking::get(format!("{url}/v1/concept/{id}?consistency=strong")).unwrap();
    reply.status().is_success()
}

#[test]
fn it_prints_where_it_serves_and_removes_its_directory() {
    let mut node = Node::start(&mut command(PORTS));
    node.client().learn("x");
    let dir = line(&mut node, "  data  ").split(',').next().unwrap().to_owned();
    assert!(Path::new(&dir).is_dir(), "{dir}");
    let curl = line(&mut node, "  curl -s ");
    assert!(curl.starts_with(&format!("http://{}/v1/learn", node.http)), "{curl}");
    line(&mut node, "Ctrl-C");
    node.stop();
    assert!(!Path::new(&dir).exists(), "{dir}");
}

#[test]
fn a_directory_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = data(&dir);
    let arguments = [&PORTS[..], &["--quiet", "--data-dir", path.to_str().unwrap()]].concat();
    let node = Node::start(&mut command(&arguments));
    let id = node.client().learn("kept");
    node.stop();
    let node = Node::start(&mut command(&arguments));
    assert_eq!(node.client().call("QueryConcept", json!({"concept_id": id}))["found"], json!(true));
    node.stop();
    let three = [&arguments[..], &["--nodes", "3", "--peer", "127.0.0.1:7301"]].concat();
    let (status, sentence) = run(&mut command(&three));
    assert!(status != Some(0) && sentence.contains("--nodes 3: a grid of one node is kept in"), "{status:?}: {sentence}");
}

#[test]
fn one_of_three_nodes_is_stopped_and_started_by_lines_of_its_input() {
    let (mut grid, urls) = three(&[&PORTS[..], &THREE].concat());
    let dir = line(&mut grid, "  data  ").split(',').next().unwrap().to_owned();
    line(&mut grid, "Ctrl-C");
    let before = learn(&urls[0], "before");
    grid.tell("stop node-1");
    line(&mut grid, "node-1 is stopped");
    grid.tell("stop node-1");
    line(&mut grid, "node-1 is stopped already");
    assert!(reqwest::blocking::get(format!("{}/livez", urls[0])).is_err());
    let meanwhile = learn(&urls[2], "meanwhile");
    assert!(knows(&urls[1], &before) && knows(&urls[1], &meanwhile));
    grid.tell("status");
    assert!(line(&mut grid, "node-1").contains("stopped"));
    assert!([line(&mut grid, "node-2"), line(&mut grid, "node-3")].iter().any(|told| told.contains("leads 1 of its 1 shards")));

    grid.tell("start node-1");
    line(&mut grid, "node-1 runs");
    assert!(knows(&urls[0], &before) && knows(&urls[0], &meanwhile), "at the address that it had");
    for (said, answer) in [
        ("start node-1", "node-1 runs already"),
        ("stop node-4", "there is no node node-4"),
        ("dance", "dance: say \"stop NODE\", \"start NODE\" or \"status\""),
    ] {
        grid.tell(said);
        line(&mut grid, answer);
    }
    // Each can be the one that is missing.
    for (stopped, asked) in [("node-2", 2), ("node-3", 0)] {
        grid.tell(&format!("stop {stopped}"));
        line(&mut grid, &format!("{stopped} is stopped"));
        let id = learn(&urls[asked], stopped);
        grid.tell(&format!("start {stopped}"));
        line(&mut grid, &format!("{stopped} runs"));
        assert!(urls.iter().all(|url| knows(url, &id)));
    }
    grid.stop();
    assert!(!Path::new(&dir).exists(), "{dir}");
}

#[test]
fn a_grid_of_three_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = data(&dir);
    let address = Addresses::fresh().host(1);
    let [http, tcp, peer] = [8000, 50051, 7001].map(|port| format!("{address}:{port}"));
    let arguments =
        ["dev", "--nodes", "3", "--http", &http, "--tcp", &tcp, "--peer", &peer, "--data-dir", path.to_str().unwrap()];
    let (grid, urls) = three(&arguments);
    assert_eq!(urls, [8000, 8001, 8002].map(|port| format!("http://{address}:{port}")));
    let id = learn(&urls[1], "kept");
    grid.stop();
    let (grid, urls) = three(&arguments);
    assert!(urls.iter().all(|url| knows(url, &id)));
    // Killed all at once, too.
    grid.kill();
    let (grid, urls) = three(&arguments);
    assert!(urls.iter().all(|url| knows(url, &id)));
    grid.stop();
    // What is kept stays what it is.
    for (flags, words) in [
        (&["--nodes", "5"][..], "--nodes 5: a grid of 3 nodes is kept in"),
        (&["--nodes", "1"], "--nodes 1: a grid of 3 nodes is kept in"),
        (&["--nodes", "3", "--shards", "4"], "--shards 4: the grid that is kept here has 1"),
        (&["--nodes", "3", "--replicas", "1"], "--replicas 1: the grid that is kept here has 3"),
    ] {
        let base = ["dev", "--http", &http, "--tcp", &tcp, "--peer", &peer, "--data-dir", path.to_str().unwrap()];
        let (status, sentence) = run(&mut command([&base[..], flags].concat()));
        assert!(status != Some(0) && sentence.contains(words), "{status:?}: {sentence}");
    }
    let (grid, urls) = three(&arguments);
    assert!(urls.iter().all(|url| knows(url, &id)));
    grid.stop();
}

#[test]
fn what_can_not_be_is_refused_and_it_stays_on_loopback() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    for (flags, words) in [
        (&["--nodes", "2"][..], "--nodes 2 --shards 1: a grid of 2 nodes was asked for; this version makes grids of 1, 3 or 5"),
        (&["--nodes", "1", "--shards", "4"], "--nodes 1 --shards 4: 4 shards were asked for on one node; a node alone keeps one"),
        (
            &["--nodes", "3", "--replicas", "2"],
            "--nodes 3 --shards 1 --replicas 2: 2 replicas of each shard were asked for on 3 nodes; a shard has 1, 3 or 5, at most one on each node",
        ),
        (&["--replicas", "0"], "--replicas 0: 0 replicas"),
        (&["--http", "0.0.0.0:0"], "loopback addresses only"),
        (&["--nodes", "3", "--peer", "0.0.0.0:0"], "loopback addresses only"),
        (&["--nodes", "3", "--peer", "127.0.0.1:0", "--data-dir", dir], "a grid that is kept needs ports that stay the same"),
        (&["--nodes", "3", "--http", "127.0.0.1:65534"], "there are not so many ports above it"),
    ] {
        let (status, sentence) = run(&mut command([&["dev"][..], flags].concat()));
        assert_eq!(status, Some(2), "{sentence}");
        assert!(sentence.starts_with("sutra-node: ") && sentence.contains(words), "{sentence}");
    }
}
