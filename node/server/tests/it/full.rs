//! A log that can't grow any more: writes are refused with the reason, reads go on, and nothing acknowledged is lost.

use std::path::Path;

use serde_json::json;

use crate::node::{Node, data, program};

/// Blocks of 512 bytes that a file of the limited node may have: what a full disk does, without filling one. The log leaves 64 KiB
/// of them to what frees space.
const BLOCKS: &str = "192";

/// A node whose files can't grow beyond [`BLOCKS`]; a write beyond them fails (`EFBIG`) instead of ending the process.
fn limited(dir: &Path) -> Node {
    let limit = ["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", BLOCKS, env!("CARGO_BIN_EXE_sutra-node")];
    let serve = ["serve", "--data-dir", dir.to_str().unwrap(), "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"];
    Node::start(&mut program("/bin/sh", limit.into_iter().chain(serve)))
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let node = limited(&data(&dir));
    let mut client = node.client();
    let statement = |number: usize| format!("statement {number}: {}", "metformin lowers blood glucose; ".repeat(240));
    let mut ids = Vec::new();
    let refusal = loop {
        match client.try_call("LearnConceptV2", json!({"content": statement(ids.len())})).unwrap() {
            Ok(learned) => ids.push(learned["concept_id"].clone()),
            Err(error) => break error,
        }
        assert!(ids.len() < 100, "the limit was never met");
    };
    assert!(!ids.is_empty(), "{refusal}");
    assert_eq!(refusal["code"], "unavailable", "{refusal}");
    assert!(refusal["message"].as_str().unwrap().contains("log"), "{refusal}");

    let found = |client: &mut crate::client::Client| {
        ids.iter().filter(|id| client.call("QueryConcept", json!({"concept_id": id}))["found"] == json!(true)).count()
    };
    assert_eq!(found(&mut client), ids.len(), "reads go on");
    // What is small enough still fits: the refused write left nothing behind that would be in its way.
    client.learn("insulin lowers blood glucose");
    node.kill();

    let node = Node::serve(&data(&dir));
    let mut client = node.client();
    assert_eq!(found(&mut client), ids.len(), "all that was acknowledged is there");
    let refused = client.call("TextSearch", json!({"query": format!("statement {}", ids.len()), "limit": 100}));
    let refused = refused["results"].as_array().unwrap();
    assert!(refused.iter().all(|hit| hit["content"] != json!(statement(ids.len()))), "what was refused is not");
    assert_eq!(client.call("TextSearch", json!({"query": "insulin"}))["results"].as_array().unwrap().len(), 1);
    client.learn("with space again, writes go on");
    node.stop();
}
