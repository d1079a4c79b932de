//! A grid as a whole: asked for, looked at, judged.

use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use crate::node::{self, Node};
use crate::process::{self, Process};
use crate::program::{ended, run, sutra};

const NOBODY: &str = "http://127.0.0.1:1";

fn grid(healthy: bool, problems: &[&str]) -> Value {
    json!({"grid_id": "g-1", "epoch": 0, "healthy": healthy, "problems": problems,
        "nodes": [{"name": "node-1", "http": "127.0.0.1:8000", "tcp": "127.0.0.1:50051", "reachable": true, "version": "0.1.0"}],
        "shards": [{"shard": 1, "range_start": "0".repeat(32), "leader": "node-1",
            "replicas": [{"replica": 1, "node": "node-1", "role": "leader", "applied": 7, "lag": 0}]}]})
}

/// An address at which nobody listens.
fn deserted() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn the_status_is_shown_or_printed_as_it_came() {
    let node = Node::saying(node::json("200 OK", &grid(true, &[])));
    let (stdout, stderr) = ended(&run(&node.url, &["cluster", "status"]), 0);
    let expected = "grid g-1: healthy

NAME    REACHABLE  VERSION  HTTP            PEER  ZONE
node-1  yes        0.1.0    127.0.0.1:8000  -     -

SHARD  RANGE  LEADER  REPLICA  NODE    ROLE    APPLIED  LAG
1      all    node-1  1        node-1  leader  7        0
";
    assert_eq!((stdout.as_str(), stderr.as_str()), (expected, ""));
    assert_eq!(node.request().line, "GET /v1/grid");

    let node = Node::saying(node::json("200 OK", &grid(false, &["shard 1 has no leader"])));
    let (stdout, _) = ended(&run(&node.url, &["cluster", "status", "-o", "json"]), 0);
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), grid(false, &["shard 1 has no leader"]));
}

#[test]
fn health_is_a_status() {
    let node = Node::saying(node::json("200 OK", &grid(true, &[])));
    assert_eq!(ended(&run(&node.url, &["cluster", "health-check"]), 0).0, "healthy\n");
    let node = Node::saying(node::json("200 OK", &grid(false, &["shard 1 has no leader"])));
    assert_eq!(ended(&run(&node.url, &["cluster", "health-check"]), 3).0, "shard 1 has no leader\n");
    let node = Node::saying(node::json("200 OK", &json!({"hello": "world"})));
    let (_, stderr) = ended(&run(&node.url, &["cluster", "health-check"]), 1);
    assert!(stderr.contains("does not say whether the grid is healthy"), "{stderr}");
}

#[test]
fn a_wait_for_health_tells_what_it_waits_for_and_ends() {
    let url = format!("http://{}", deserted());
    let (stdout, stderr) = ended(&run(&url, &["cluster", "health-check", "--wait", "700ms"]), 1);
    assert_eq!(stdout, "");
    let sentence = format!("can't reach {url}: connection refused; is sutra-node running? (set --server or SUTRA_SERVER)\n");
    assert_eq!(stderr, format!("{sentence}sutra: {sentence}"));
}

#[test]
fn a_grid_that_can_not_be_is_wrong_usage() {
    let [a, b, c] = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"].map(|address| ["--node", address]);
    for (words, bound) in [
        (&[a, b][..], "a grid of 2 nodes was asked for; this version makes grids of 1, 3 or 5"),
        (&[a, b, c, ["--shards", "201"]], "201 shards were asked for; a grid has 1 to 200 when it is founded"),
        (&[a, ["--shards", "4"]], "4 shards were asked for on one node; a node alone keeps one"),
        (
            &[a, b, c, ["--replicas", "2"]],
            "2 replicas of each shard were asked for on 3 nodes; a shard has 1, 3 or 5, at most one on each node",
        ),
        (&[a, b, a], "two of the nodes have the peer address 127.0.0.1:1"),
    ] {
        let words = [&["cluster", "init"], words.as_flattened()].concat();
        let (stdout, stderr) = ended(&run(NOBODY, &words), 2);
        assert_eq!((stdout, stderr), (String::new(), format!("sutra: {bound}\n")));
    }
    for words in [&["--node", "http://127.0.0.1:1"][..], &["--node", "node-1"], &[], &["--node", "a:1", "--shards", "one"]] {
        ended(&run(NOBODY, &[&["cluster", "init"], words].concat()), 2);
    }
}

#[test]
fn nobody_at_the_first_address_is_told_with_the_address() {
    let address = deserted();
    let (stdout, stderr) = ended(&run(NOBODY, &["cluster", "init", "--node", &address]), 1);
    assert_eq!(stdout, "");
    assert!(
        stderr.starts_with(&format!("asking {address} to found a grid of 1 node\nsutra: {address} is unreachable: connect: ")),
        "{stderr}"
    );
    assert!(stderr.ends_with("(sutra-node serve --wait-for-grid), and is this its peer port?\n"), "{stderr}");
}

#[test]
fn a_port_that_is_no_nodes_is_told_with_the_address() {
    let node = Node::saying("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let address = node.url.trim_start_matches("http://");
    let (_, stderr) = ended(&run(NOBODY, &["cluster", "init", "--node", address, "--timeout", "5s"]), 1);
    assert!(stderr.contains(&format!("sutra: {address} is unreachable: ")), "{stderr}");
}

#[test]
fn a_secret_that_can_not_be_read_is_named_before_anybody_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    let file = file.to_str().unwrap();
    let words = ["cluster", "init", "--node", "127.0.0.1:1", "--peer-secret-file", file];
    let (_, stderr) = ended(&run(NOBODY, &words), 1);
    assert!(stderr.starts_with(&format!("sutra: can't use --peer-secret-file: read the peer secret {file}: ")), "{stderr}");
    std::fs::write(file, "\n").unwrap();
    let (_, stderr) = ended(&run(NOBODY, &words), 1);
    assert!(stderr.contains("has 0 bytes; it must have 1 to 4096"), "{stderr}");
}

#[test]
fn help_and_completion_know_the_commands() {
    let (help, _) = ended(&sutra(&["cluster", "init", "--help"]).output().unwrap(), 0);
    assert!(help.contains("safe to interrupt it at any time") && help.contains("--peer-secret-file <FILE>"), "{help}");
    for shell in ["bash", "zsh", "fish"] {
        let (script, _) = ended(&sutra(&["completion", shell]).output().unwrap(), 0);
        assert!(script.contains("health-check") && script.contains("peer-secret-file"), "{shell}");
    }
}

#[test]
fn a_node_alone_is_a_healthy_grid_of_one() {
    let Some(program) = process::program() else { return };
    let dir = tempfile::tempdir().unwrap();
    let node = Process::start(&program, &dir.path().join("data"), &["--node-name", "node-1"]);
    let url = node.ready();
    let (stdout, _) = ended(&run(&url, &["cluster", "status"]), 0);
    assert!(stdout.contains(": healthy\n") && stdout.contains("\n1      all    node-1  1        node-1  leader "), "{stdout}");
    assert_eq!(ended(&run(&url, &["cluster", "health-check", "--wait", "1m"]), 0).0, "healthy\n");
}

#[test]
fn three_waiting_nodes_become_a_grid_that_knows_the_same_everywhere() {
    let Some(program) = process::program() else { return };
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "swordfish\n").unwrap();
    let secret = secret.to_str().unwrap();
    let waiting = ["node-1", "node-2", "node-3"].map(|name| wait(&program, &dir.path().join(name), name, secret));
    let peers = waiting.each_ref().map(Process::waiting);
    let init = |secret: &[&str]| {
        let nodes = peers.iter().flat_map(|peer| ["--node", peer]);
        let words: Vec<&str> = ["cluster", "init"].into_iter().chain(nodes).chain(secret.iter().copied()).collect();
        run(NOBODY, &[&words, &["-o", "json", "--timeout", "2m"][..]].concat())
    };
    let with_secret = ["--peer-secret-file", secret];

    // Whoever does not know the secret founds nothing.
    let (_, stderr) = ended(&init(&[]), 1);
    assert!(stderr.contains(&format!("{} refuses to found a grid: ", peers[0])) && stderr.contains("secret"), "{stderr}");

    let (stdout, _) = ended(&init(&with_secret), 0);
    let made: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&made["healthy"], &made["problems"]), (&json!(true), &json!([])), "{made}");
    let nodes = made["nodes"].as_array().unwrap();
    let told: Vec<_> = nodes.iter().map(|node| (node["name"].as_str().unwrap(), node["peer"].as_str().unwrap())).collect();
    assert_eq!(told, [("node-1", &*peers[0]), ("node-2", &*peers[1]), ("node-3", &*peers[2])]);

    // Nodes of a grid don't become another, and say so.
    let (_, stderr) = ended(&init(&with_secret), 1);
    assert!(stderr.contains(&format!("{} refuses to found a grid: ", peers[0])), "{stderr}");
    assert!(stderr.contains("this node belongs to a grid"), "{stderr}");

    let urls = waiting.each_ref().map(Process::ready);
    for url in &urls {
        assert_eq!(ended(&run(url, &["cluster", "health-check", "--wait", "1m"]), 0).0, "healthy\n");
    }
    let (stdout, _) = ended(&run(&urls[1], &["cluster", "status"]), 0);
    assert!(stdout.starts_with(&format!("grid {}: healthy\n", made["grid_id"].as_str().unwrap())), "{stdout}");
    for words in ["node-3  yes ", "\nmeta   -      node-", "\n1      all    node-", " leader ", " follower "] {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }

    let (id, _) = ended(&run(&urls[0], &["learn", "aspirin: a drug that relieves pain", "--alias", "aspirin"]), 0);
    let (known, _) = ended(&run(&urls[2], &["get", id.trim()]), 0);
    assert!(known.starts_with("aspirin: a drug that relieves pain\n"), "{known}");
    let (answer, _) = ended(&run(&urls[2], &["ask", "What is aspirin?"]), 0);
    assert!(answer.contains("relieves pain"), "{answer}");

    // A node that answers is not replaced.
    let replace = |by: &str, secret: &str| {
        run(&urls[0], &["cluster", "replace-node", "node-3", "--node", by, "--peer-secret-file", secret])
    };
    let (_, stderr) = ended(&replace(&peers[2], secret), 1);
    assert!(stderr.contains("node node-3 answers at"), "{stderr}");

    // It is lost with its disk; one with an empty directory takes its place, and has what was taught meanwhile.
    let [_one, _two, three] = waiting;
    drop(three);
    let (meanwhile, _) = ended(&run(&urls[1], &["learn", "ibuprofen: a drug against inflammation", "--timeout", "30s"]), 0);
    let new = wait(&program, &dir.path().join("node-3-new"), "node-3", secret);
    let peer = new.waiting();
    let other = dir.path().join("another-secret");
    std::fs::write(&other, "sardine").unwrap();
    ended(&replace(&peer, other.to_str().unwrap()), 1);
    ended(&replace(&peer, secret), 0);
    let url = new.ready();
    assert_eq!(ended(&run(&url, &["cluster", "health-check", "--wait", "1m"]), 0).0, "healthy\n");
    let (known, _) = ended(&run(&url, &["get", meanwhile.trim()]), 0);
    assert!(known.starts_with("ibuprofen: a drug against inflammation\n"), "{known}");

    // A fourth node comes, and one of the first three leaves; what it kept is kept by the fourth.
    let fourth = wait(&program, &dir.path().join("node-4"), "node-4", secret);
    let by = fourth.waiting();
    let (told, _) =
        ended(&run(&url, &["cluster", "add-node", "--node", &by, "--zone", "rack-b", "--peer-secret-file", secret]), 0);
    assert_eq!(told, format!("{by} becomes node node-4 of the grid, and is given replicas\n"));
    fourth.ready();
    assert_eq!(ended(&run(&url, &["cluster", "health-check", "--wait", "1m"]), 0).0, "healthy\n");
    let remove = |name: &str, more: &[&str]| {
        run(&url, &[&["cluster", "remove-node", name, "--peer-secret-file", secret, "--timeout", "2m"], more].concat())
    };
    let (_, stderr) = ended(&remove("node-9", &[]), 1);
    assert!(stderr.contains("the grid has no node node-9"), "{stderr}");
    let (_, stderr) = ended(&remove("node-2", &["--cancel"]), 1);
    assert!(stderr.contains("node node-2 is not being removed"), "{stderr}");
    let set = |count: &str| run(&url, &["cluster", "set-replicas", count, "--peer-secret-file", secret]);
    let (_, stderr) = ended(&set("5"), 1);
    assert!(stderr.contains("4 of the grid's nodes would stay, and each shard should have 5 replicas"), "{stderr}");
    ended(&set("3"), 0);
    let zone = |words: &[&str]| run(&url, &[&["cluster", "set-zone", "--peer-secret-file", secret], words].concat());
    let (_, stderr) = ended(&zone(&["node-2"]), 2);
    assert!(stderr.contains("<ZONE>"), "{stderr}");
    let (_, stderr) = ended(&zone(&["node-2", &"z".repeat(64)]), 1);
    assert!(stderr.contains("the zone of node node-2 was given with 64 bytes; a zone has a name of 1 to 63 bytes"), "{stderr}");
    ended(&zone(&["node-1", "rack-a"]), 0);
    for _ in 0..2 {
        assert_eq!(ended(&zone(&["node-2", "rack-a"]), 0).0, "node node-2 is in zone rack-a\n");
    }
    assert_eq!(ended(&zone(&["node-1", "--unknown"]), 0).0, "nobody knows in which zone node node-1 is\n");
    let (told, stderr) = ended(&remove("node-1", &[]), 0);
    assert_eq!(told, "node node-1 has left the grid; its data directory is of no use any more\n");
    assert!(stderr.contains("node node-1 is being removed: it keeps "), "{stderr}");
    assert_eq!(ended(&run(&url, &["cluster", "health-check", "--wait", "1m"]), 0).0, "healthy\n");
    let (stdout, _) = ended(&run(&url, &["cluster", "status"]), 0);
    assert!(stdout.contains("node-4") && !stdout.contains("node-1"), "{stdout}");
    let zone_of = |node: &str| stdout.lines().find(|line| line.starts_with(node)).and_then(|line| line.split_whitespace().last());
    assert_eq!(["node-2", "node-3", "node-4"].map(zone_of), [Some("rack-a"), Some("-"), Some("rack-b")], "{stdout}");

    // The old directory counts no more, and its node says so and ends.
    let old = wait_at(&program, &dir.path().join("node-3"), "node-3", secret, &peers[2]);
    let told = old.fatal();
    assert!(told.contains("another node has taken the place of node-3"), "{told}");
}

fn wait(program: &Path, data: &Path, name: &str, secret: &str) -> Process {
    wait_at(program, data, name, secret, "127.0.0.1:0")
}

fn wait_at(program: &Path, data: &Path, name: &str, secret: &str, peer: &str) -> Process {
    let peer = ["--peer", peer, "--node-name", name, "--wait-for-grid", "--peer-secret-file", secret];
    Process::start(program, data, &peer)
}
