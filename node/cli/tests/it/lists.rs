//! Several concepts at once: read, listed, counted; and erased.

use serde_json::{Value, json};

use crate::node::{self, Node};
use crate::program::{ended, run};

const WARFARIN: &str = "11111111111111111111111111111111";
const ASPIRIN: &str = "22222222222222222222222222222222";

fn concept(id: &str, content: &str) -> Value {
    json!({"id": id, "content": content, "namespace": "default", "type": "entity", "aliases": [], "confidence": 1.0,
        "strength": 1.0, "attributes": {"approved": 1954}, "created_at": "2026-03-01T12:00:00Z",
        "updated_at": "2026-03-01T12:00:00Z", "asserted_by": "anonymous", "degree": {"out": 0, "in": 0}})
}

fn sent(node: Node) -> (String, Value) {
    let request = node.request();
    (request.line, serde_json::from_slice(&request.body).unwrap())
}

#[test]
fn several_ids_are_one_request_and_a_missing_one_is_status_1() {
    let reply = json!({"concepts": [concept(WARFARIN, "warfarin")], "missing": [ASPIRIN]});
    let node = Node::saying(node::json("200 OK", &reply));
    let (stdout, _) = ended(&run(&node.url, &["get", WARFARIN, ASPIRIN]), 1);
    assert!(stdout.starts_with("warfarin\n\nid "), "{stdout}");
    assert!(stdout.ends_with(&format!("\nconcept {ASPIRIN} does not exist\n")), "{stdout}");
    assert_eq!(sent(node), ("POST /v1/concepts/get".into(), json!({"ids": [WARFARIN, ASPIRIN]})));

    let node = Node::saying(node::json("200 OK", &concept(WARFARIN, "warfarin")));
    ended(&run(&node.url, &["get", WARFARIN]), 0);
    assert_eq!(node.request().line, format!("GET /v1/concept/{WARFARIN}"));
}

#[test]
fn a_page_is_asked_for_and_shown_with_its_cursor() {
    let reply = json!({"concepts": [concept(WARFARIN, "warfarin")], "cursor": "AQ-_"});
    let node = Node::saying(node::json("200 OK", &reply));
    let filter = r#"{"field": "type", "eq": "entity"}"#;
    let words = ["query", "--filter", filter, "--order", "-attributes.approved", "-l", "1", "--cursor", "-AQ", "-n", "ward-7"];
    let (stdout, _) = ended(&run(&node.url, &words), 0);
    assert!(stdout.contains("approved") && stdout.contains("1954") && stdout.ends_with("--cursor AQ-_\n"), "{stdout}");
    let expected = json!({"filter": {"field": "type", "eq": "entity"}, "order": "-attributes.approved", "limit": 1,
        "cursor": "-AQ", "namespace": "ward-7"});
    assert_eq!(sent(node), ("POST /v1/concepts/query".into(), expected));
    for bad in [["query", "--order", "content"], ["query", "--limit", "0"], ["query", "--filter", "type=rule"]] {
        ended(&run("http://127.0.0.1:1", &bad), 2);
    }
}

#[test]
fn a_count_is_bare_digits() {
    let node = Node::saying(node::json("200 OK", &json!({"count": 1_234_567})));
    let (stdout, _) = ended(&run(&node.url, &["count", "--known-at", "2026-03-01T12:00:00Z"]), 0);
    assert_eq!(stdout, "1234567\n");
    assert_eq!(sent(node), ("POST /v1/concepts/count".into(), json!({"known_at": "2026-03-01T12:00:00Z"})));
}

#[test]
fn a_vector_takes_the_place_of_words() {
    let node = Node::saying(node::json("200 OK", &json!({"results": [], "partial": false})));
    ended(&run(&node.url, &["search", "--vector", "[-0.5, 1]", "-k", "3"]), 0);
    assert_eq!(sent(node), ("POST /v1/search".into(), json!({"vector": [-0.5, 1.0], "k": 3})));
    for bad in [&["search", "--vector", "0.5"][..], &["search", "--vector", "[1]", "aspirin"], &["search"]] {
        ended(&run("http://127.0.0.1:1", bad), 2);
    }
}

#[test]
fn nothing_is_erased_without_a_yes() {
    let (_, stderr) = ended(&run("http://127.0.0.1:1", &["erase", WARFARIN]), 2);
    assert!(stderr.contains("--yes") && stderr.contains("sutra retract"), "{stderr}");
    let reply = json!({"deleted": true, "index": 9, "recorded_at": "2026-03-01T12:00:00Z", "retracted": 2});
    let node = Node::saying(node::json("200 OK", &reply));
    let (stdout, _) = ended(&run(&node.url, &["erase", WARFARIN, "--yes", "-n", "ward-7"]), 0);
    assert_eq!(stdout, "erased for ever, with 2 associations\n");
    assert_eq!(node.request().line, format!("DELETE /v1/concept/{WARFARIN}?namespace=ward-7&mode=erase"));
}
