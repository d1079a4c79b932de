//! SIGTERM: what is in flight is answered, and the process ends with status 0.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::json;

use crate::node::{Node, data, fresh};

#[test]
fn a_node_without_work_ends_at_once_although_clients_stay_connected() {
    let (_dir, node) = fresh();
    let mut idle = node.client();
    idle.call("HealthCheck", json!({}));
    let mut half = node.client();
    half.stream.write_all(&[0, 0, 1]).unwrap();
    node.stop();
    assert!(idle.is_closed());
}

#[test]
fn what_was_acknowledged_around_sigterm_is_there_afterwards() {
    let (dir, node) = fresh();
    let mut client = node.client();
    for number in 0..100 {
        client.send(&json!({"LearnConceptV2": {"content": format!("c{number}")}, "id": number})).unwrap();
    }
    let mut learned = vec![client.receive().unwrap()];
    node.signal(Signal::TERM);
    learned.extend(std::iter::from_fn(|| client.receive().ok()));
    assert!(node.wait().0.success());

    let node = Node::serve(&data(&dir));
    let mut client = node.client();
    for reply in learned {
        let id = &reply["LearnConceptV2Ok"]["concept_id"];
        assert_eq!(client.call("QueryConcept", json!({"concept_id": id}))["found"], json!(true), "{reply}");
    }
    node.stop();
}

#[test]
fn a_request_half_received_over_http_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::serve_with(&data(&dir), &["--drain-delay", "2s"]);
    let lines: String = (0..100).map(|number| format!("{}\n", json!({"content": format!("line {number}")}))).collect();
    let (first, second) = lines.split_at(lines.len() / 2);
    let mut importing = TcpStream::connect(node.http).unwrap();
    write!(
        importing,
        "POST /v1/import HTTP/1.1\r\nHost: node\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{first}",
        lines.len()
    )
    .unwrap();
    // Made before, as that takes a while on a busy machine.
    let asking = reqwest::blocking::Client::new();
    node.signal(Signal::TERM);
    // While it drains it still answers, and says that nobody new should come.
    while asking.get(node.url("/readyz")).send().unwrap().status() != 503 {}
    importing.write_all(second.as_bytes()).unwrap();
    let mut reply = String::new();
    importing.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("\"concepts\":100"), "{reply}");
    assert!(node.wait().0.success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::serve_with(&data(&dir), &["--drain-delay", "1h"]);
    node.signal(Signal::TERM);
    while reqwest::blocking::get(node.url("/readyz")).unwrap().status() != 503 {}
    node.signal(Signal::INT);
    assert_eq!(node.wait().0.code(), Some(1));
}
