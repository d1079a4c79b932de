//! Exports that nobody reads.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::node::Node;

const CLIENTS: usize = 100;
/// Exports that a node makes at once.
const AT_ONCE: u64 = 8;
/// More than a node takes to bring so many exports to a halt.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn clients_that_never_read_their_export_cost_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::serve(dir.path());
    let value = "x".repeat(64 << 10);
    let attributes: serde_json::Map<_, _> = (0..100).map(|at| (format!("a{at}"), json!(value))).collect();
    let client = reqwest::blocking::Client::new();
    for at in 0..6 {
        let learned =
            client.post(node.url("/v1/learn")).json(&json!({"content": format!("{at}"), "attributes": attributes})).send();
        assert!(learned.unwrap().status().is_success());
    }
    // One whole export first: what making one costs stays with the allocator.
    let whole = client.get(node.url("/v1/export")).send().unwrap().bytes().unwrap();
    assert!(whole.len() > 6 * (6 << 20));
    let before = node.resident();
    let mut silent: Vec<_> = (0..CLIENTS).map(|_| TcpStream::connect(node.http).unwrap()).collect();
    for stream in &mut silent {
        stream.write_all(b"GET /v1/export HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream.set_nonblocking(true).unwrap();
    }
    // The exports that have their turn have begun, and the process does not grow any more.
    let (since, mut last, mut still) = (Instant::now(), 0, 0);
    while still < 10 {
        assert!(since.elapsed() < PATIENCE, "the node goes on growing: {last}");
        let begun = silent.iter_mut().filter(|stream| stream.peek(&mut [0]).is_ok()).count() as u64;
        client.get(node.url("/livez")).send().unwrap();
        let now = node.resident();
        still = if begun >= AT_ONCE && now <= last { still + 1 } else { 0 };
        last = now;
    }
    let grown = last.saturating_sub(before);
    assert!(grown < (AT_ONCE + 8) << 20, "{CLIENTS} silent clients cost {grown} bytes");
    drop(silent);
    let mut again = Vec::new();
    client.get(node.url("/v1/export")).send().unwrap().read_to_end(&mut again).unwrap();
    assert!(again == whole, "an export is whole again once the others are gone");
    node.stop();
}
