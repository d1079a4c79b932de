use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::grid::{Answer, Node};

fn import(node: &Node, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    node.ask(Method::POST, path).header("Content-Type", "application/x-ndjson").body(body)
}

const LINES: &str = concat!(
    "{\"source\": {\"key\": \"dog\"}, \"target\": {\"key\": \"canine\"}, \"type\": \"hierarchical\"}\n",
    "{\"content\": \"dog\", \"key\": \"dog\"}\r\n",
    "{\"content\": \"canine\", \"key\": \"canine\"}",
);

#[tokio::test]
async fn lines_are_imported_whatever_their_order() {
    let node = Node::start().await;
    let answer = Answer::of(import(&node, "/v1/import?namespace=zoo", LINES)).await;
    let report = answer.ok();
    assert_eq!(
        (&report["concepts"], &report["associations"], &report["errors_total"]),
        (&json!(2), &json!(1), &json!(0)),
        "{report}"
    );
    assert_eq!((&report["done"], &report["lines"]), (&json!(true), &json!(3)));
    assert!(!answer.header("sutra-token").is_empty());
    assert_eq!(node.get("/v1/namespaces/zoo").await.ok()["concepts"], 2);
    Answer::of(import(&node, "/import?namespace=zoo", LINES)).await.ok();
    assert_eq!(node.get("/stats").await.ok()["concepts"], 2);
}

#[tokio::test]
async fn bad_lines_are_reported_and_the_rest_goes_on() {
    let node = Node::start().await;
    let body =
        b"{\"content\": \"a\"}\nnonsense\n{\"content\": \"b\", \"colour\": 1}\n{\"content\": \"\xff\"}\n{\"content\": \"c\"}\n"
            .to_vec();
    let report = Answer::of(import(&node, "/v1/import", body)).await.ok();
    assert_eq!((&report["concepts"], &report["errors_total"]), (&json!(2), &json!(3)), "{report}");
    let lines: Vec<_> = report["errors"].as_array().unwrap().iter().map(|error| error["line"].clone()).collect();
    assert_eq!(lines, [2, 3, 4]);
    assert!(report["errors"][1]["message"].as_str().unwrap().contains("colour"), "{report}");
}

#[tokio::test]
async fn a_line_over_its_bound_fails_alone() {
    let node = Node::start().await;
    let mut body = vec![b'x'; sutra_protocol::limits::IMPORT_LINE_BYTES + 1];
    body.extend_from_slice(b"\n{\"content\": \"a\"}\n");
    let report = Answer::of(import(&node, "/v1/import", body)).await.ok();
    assert_eq!((&report["concepts"], &report["errors"][0]["code"]), (&json!(1), &json!("too_large")), "{report}");
}

#[tokio::test]
async fn progress_is_streamed_and_ends_with_the_last_report() {
    let node = Node::start().await;
    let request = import(&node, "/v1/import", LINES).header("Accept", "application/x-ndjson");
    let answer = Answer::of(request).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"));
    let last: Value = serde_json::from_str(answer.text.lines().last().unwrap()).unwrap();
    assert_eq!((&last["done"], &last["concepts"]), (&json!(true), &json!(2)));
}

#[tokio::test]
async fn an_export_is_taken_back_by_import() {
    let node = Node::start().await;
    node.learn(json!({"content": "dog", "key": "d", "aliases": ["hound"], "attributes": {"legs": 4},
        "associations": [{"target_content": "canine", "type": "hierarchical", "label": "is a kind of", "confidence": 0.5}]}))
        .await;
    let exported = node.get("/v1/export").await;
    assert_eq!((exported.status, exported.header("content-type")), (200, "application/x-ndjson"));
    let copy = Node::start().await;
    let report = Answer::of(import(&copy, "/v1/import", exported.text.clone())).await.ok();
    assert_eq!(
        (&report["concepts"], &report["associations"], &report["errors_total"]),
        (&json!(2), &json!(1), &json!(0)),
        "{report}"
    );
    let path = json!({"start": {"key": "d"}, "end": {"content": "canine"}});
    assert_eq!(copy.post("/v1/path", path).await.ok()["paths"][0]["confidence"], 0.5);
    assert_eq!(node.get("/export?namespace=empty").await.text, "");
}

#[tokio::test]
async fn what_an_import_or_export_does_not_have_is_refused() {
    let node = Node::start().await;
    Answer::of(import(&node, "/v1/import?async=true", "")).await.blames("async");
    Answer::of(import(&node, "/v1/import?timeout_ms=5", "")).await.blames("timeout_ms");
    Answer::of(import(&node, "/v1/import", "").header("Idempotency-Key", "k")).await.blames("Idempotency-Key");
    Answer::of(import(&node, "/v1/import", "").header("Content-Encoding", "zstd")).await.blames("Content-Encoding");
    Answer::of(node.ask(Method::POST, "/v1/import").header("Content-Type", "image/png").body("")).await.blames("Content-Type");
    node.get("/v1/export?async=true").await.blames("async");
    node.get("/v1/export?format=csv").await.blames("format");
}
