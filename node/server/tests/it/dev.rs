//! The embedded grid.

use std::io::BufRead as _;

use serde_json::json;

use crate::node::{Node, command, data, run};

const PORTS: [&str; 5] = ["dev", "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"];

#[test]
fn it_prints_where_it_serves_and_removes_its_directory() {
    let mut node = Node::start(&mut command(PORTS));
    node.client().learn("x");
    let mut stdout = node.stdout.take().unwrap();
    let mut line = String::new();
    while !line.starts_with("  data  ") {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "the greeting has no line about data");
    }
    let dir = line.trim_start_matches("  data  ").split(',').next().unwrap().to_owned();
    assert!(std::path::Path::new(&dir).is_dir(), "{dir}");
    let rest: String = std::iter::from_fn(|| {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        (!line.starts_with("Ctrl-C")).then_some(line)
    })
    .collect();
    assert!(rest.contains(&format!("curl -s http://{}/v1/learn", node.http)), "{rest}");
    node.stop();
    assert!(!std::path::Path::new(&dir).exists(), "{dir}");
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
}

#[test]
fn it_has_one_node_and_stays_on_loopback() {
    for (flag, value) in [("--nodes", "3"), ("--shards", "4"), ("--replicas", "0")] {
        let (status, sentence) = run(&mut command(["dev", flag, value]));
        assert_eq!(status, Some(2));
        assert!(sentence.contains(&format!("{flag} {value}: this version")), "{sentence}");
    }
    let (status, sentence) = run(&mut command(["dev", "--http", "0.0.0.0:0"]));
    assert_eq!(status, Some(2), "{sentence}");
}
