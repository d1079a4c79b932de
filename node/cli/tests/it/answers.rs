//! What is asked, and how answers and refusals come out.

use serde_json::{Value, json};

use crate::node::{self, Node};
use crate::program::{ended, run};

const POODLE: &str = "11111111111111111111111111111111";
const ANIMAL: &str = "22222222222222222222222222222222";

fn answered() -> Value {
    let statement = "poodle: a dog with a curly coat, kept as a companion animal";
    json!({
        "id": "ans-1", "known": true, "answer": "Yes: a poodle is an animal.",
        "answers": [{"content": "yes", "confidence": 0.9, "paths": [0]}], "confidence": 0.9, "intent": "is_a",
        "asked": {"entities": [{"name": "poodle", "id": POODLE, "content": "poodle"}], "filters": []},
        "consensus": {"paths": 1, "supporting": 1}, "alternatives": [], "against": [],
        "paths": [{"concepts": [{"id": POODLE, "content": statement}, {"id": ANIMAL, "content": "animal: a living organism\u{1b}[2J"}],
            "hops": [{"source": POODLE, "target": ANIMAL, "type": "hierarchical", "label": "hypernym", "confidence": 0.9,
                "reversed": false, "evidence": [{"statement": POODLE, "content": statement,
                    "source": {"uri": "wordnet:data.noun", "title": "WordNet 3.0", "offset": 2_113_335}, "confidence": 0.9}]}],
            "confidence": 0.9}],
        "gate": {"name": "default", "passed": true, "threshold": 0.5, "confidence": 0.9},
        "sources": [], "elapsed_ms": 1.25, "partial": false, "of_a_newer_server": 1
    })
}

fn refused() -> Value {
    let mut reply = answered();
    reply["known"] = false.into();
    reply["answer"] = Value::Null;
    reply["paths"] = json!([]);
    reply["because"] = json!({"code": "ambiguous_entity", "message": "“bank” may stand for 2 concepts", "candidates": [
        {"name": "bank", "id": POODLE, "content": "bank: sloping land", "key": "wn:1"},
        {"name": "bank", "id": ANIMAL, "content": "bank: a financial institution", "key": "wn:2"}]});
    reply
}

#[test]
fn an_answer_comes_with_its_chain_and_status_0() {
    let node = Node::saying(node::json("200 OK", &answered()));
    let words = ["ask", "Is a poodle an animal?", "--gate", "strict", "--paths", "5", "--known-at", "2026-03-01T12:00:00Z"];
    let (stdout, stderr) = ended(&run(&node.url, &words), 0);
    let expected = "Yes: a poodle is an animal.
confidence 0.90 · gate default: at least 0.50 · 1 of 1 paths agree · 1.2 ms

Because:
  poodle —hypernym (hierarchical, 0.90)→ animal
      “poodle: a dog with a curly coat, kept as a companion animal”
        — WordNet 3.0, offset 2113335, wordnet:data.noun (0.90)
";
    assert_eq!((stdout.as_str(), stderr.as_str()), (expected, ""));
    let request = node.request();
    assert_eq!(request.line, "POST /v1/reason");
    let sent: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        sent,
        json!({"query": "Is a poodle an animal?", "gate": "strict", "paths": 5, "known_at": "2026-03-01T12:00:00Z"})
    );
}

#[test]
fn a_refusal_says_how_to_go_on_and_has_status_3() {
    let node = Node::saying(node::json("200 OK", &refused()));
    let (stdout, _) = ended(&run(&node.url, &["-n", "words", "ask", "What is a bank?"]), 3);
    assert!(stdout.starts_with("I don't know: “bank” may stand for 2 concepts\nambiguous_entity · "), "{stdout}");
    assert!(stdout.contains(&format!("\n  sutra -n words ask 'What is a bank?' --bind bank={ANIMAL}\n")), "{stdout}");
    let sent: Value = serde_json::from_slice(&node.request().body).unwrap();
    assert_eq!(sent["namespace"], "words");
}

#[test]
fn json_and_yaml_are_the_servers_reply_field_by_field() {
    for (format, code, reply) in [("json", 0, answered()), ("json", 3, refused()), ("yaml", 0, answered())] {
        let node = Node::saying(node::json("200 OK", &reply));
        let (stdout, _) = ended(&run(&node.url, &["ask", "Is a poodle an animal?", "-o", format]), code);
        let read: Value =
            if format == "json" { serde_json::from_str(&stdout).unwrap() } else { serde_norway::from_str(&stdout).unwrap() };
        assert_eq!(read, reply);
        assert!(!stdout.contains('\u{1b}'), "{stdout}");
    }
}

#[test]
fn evidence_is_named_as_ends_are() {
    let reply = json!({"shard": 1, "index": 1, "recorded_at": "2026-03-01T12:00:00Z", "created": true, "confidence": 0.9});
    let node = Node::saying(node::json("200 OK", &reply));
    let words = ["associate", "key:a", POODLE, "--evidence", "key:S:1", "--evidence", ANIMAL, "--evidence", "A trial."];
    assert_eq!(ended(&run(&node.url, &words), 0).0, "associated; confidence 0.90\n");
    let sent: Value = serde_json::from_slice(&node.request().body).unwrap();
    assert_eq!(sent["evidence"], json!([{"key": "S:1"}, ANIMAL, {"content": "A trial."}]));
}

#[test]
fn what_is_taught_is_typed_and_only_the_id_is_printed() {
    let reply = json!({"id": POODLE, "created": true, "shard": 0, "index": 1, "recorded_at": "2026-03-01T12:00:00Z", "type": "causal",
        "associations": []});
    let node = Node::saying(node::json("200 OK", &reply));
    let words = [
        "learn",
        "Aspirin relieves headache.",
        "--key",
        "S:1",
        "--alias",
        "ASA",
        "--type",
        "causal",
        "--confidence",
        "0.9",
        "--attribute",
        "dose=500",
        "--attribute",
        "zip=\"01234\"",
        "--source",
        "label.pdf",
        "--source-page",
        "2",
        "--associate",
        "causal:treats=headache",
        "--on-conflict",
        "merge",
        "--timeout",
        "2s",
    ];
    let (stdout, _) = ended(&run(&node.url, &words), 0);
    assert_eq!(stdout, format!("{POODLE}\n"));
    let request = node.request();
    assert_eq!(request.line, "POST /v1/learn?timeout_ms=2000");
    let expected = json!({"content": "Aspirin relieves headache.", "key": "S:1", "aliases": ["ASA"], "type": "causal", "confidence": 0.9,
        "attributes": {"dose": 500, "zip": "01234"}, "source": {"uri": "label.pdf", "page": 2},
        "associations": [{"target_content": "headache", "type": "causal", "label": "treats"}], "on_conflict": "merge"});
    assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap(), expected);
}

#[test]
fn reads_carry_namespace_and_times_in_their_address() {
    let node = Node::saying(node::json("200 OK", &json!({"neighbors": []})));
    let words =
        ["neighbors", POODLE, "--type", "causal", "--hops", "2", "-n", "ward-7", "--valid-at", "2026-03-01T12:00:00+01:00"];
    assert_eq!(ended(&run(&node.url, &words), 0).0, "no neighbors\n");
    let expected =
        format!("GET /v1/concept/{POODLE}/neighbors?type=causal&hops=2&namespace=ward-7&valid_at=2026-03-01T11%3A00%3A00Z");
    assert_eq!(node.request().line, expected);
}

#[test]
fn no_path_has_status_3() {
    let reply = json!({"found": false, "paths": [], "shards_accessed": 1, "elapsed_ms": 0.2, "partial": false});
    let node = Node::saying(node::json("200 OK", &reply));
    let (stdout, _) = ended(&run(&node.url, &["path", "key:a", POODLE]), 3);
    assert!(stdout.starts_with("no path"), "{stdout}");
    let sent: Value = serde_json::from_slice(&node.request().body).unwrap();
    assert_eq!(sent, json!({"start": {"key": "a"}, "end": POODLE}));
}
