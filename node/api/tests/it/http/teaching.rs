use reqwest::Method;
use serde_json::json;

use crate::grid::{Answer, Node};

#[tokio::test]
async fn what_is_learned_is_read_back() {
    let node = Node::start().await;
    let answer = node
        .post(
            "/v1/learn",
            json!({
                "content": " aspirin ", "key": "RXCUI:1191", "aliases": ["ASA"], "type": "entity", "confidence": 0.9,
                "attributes": {"dose_mg": 500, "otc": true}, "source": {"uri": "doi:10/x", "page": 3},
                "associations": [{"target_content": "headache", "type": "causal", "label": "relieves"}],
            }),
        )
        .await;
    let learned = answer.ok();
    assert_eq!((&learned["created"], &learned["shard"], &learned["type"]), (&json!(true), &json!(1), &json!("entity")));
    assert_eq!(learned["associations"][0]["target_content"], "headache");
    assert!(!answer.header("sutra-token").is_empty());

    let concept = node.get(&format!("/v1/concept/{}", learned["id"].as_str().unwrap())).await.ok();
    assert_eq!(concept["content"], "aspirin");
    assert_eq!(concept["attributes"], json!({"dose_mg": 500, "otc": true}));
    assert_eq!(concept["degree"], json!({"out": 1, "in": 0}));
    assert_eq!(concept["asserted_by"], "anonymous");
    assert_eq!(concept["source"]["page"], 3);
}

#[tokio::test]
async fn the_path_without_v1_is_the_same_operation() {
    let node = Node::start().await;
    let first = node.post("/v1/learn", json!({"content": "aspirin"})).await.ok();
    let second = node.post("/learn", json!({"content": "aspirin"})).await.ok();
    assert_eq!((&first["id"], &second["created"]), (&second["id"], &json!(false)));
    node.get(&format!("/concept/{}", first["id"].as_str().unwrap())).await.ok();
    node.get("/v1/stats").await.ok();
}

#[tokio::test]
async fn a_namespace_may_stand_in_query_or_body_but_not_differ() {
    let node = Node::start().await;
    let id = node.post("/v1/learn?namespace=ward", json!({"content": "a"})).await.ok()["id"].clone();
    assert_eq!(node.post("/v1/learn", json!({"content": "a", "namespace": "ward"})).await.ok()["id"], id);
    assert_eq!(node.post("/v1/learn?namespace=ward", json!({"content": "a", "namespace": "ward"})).await.ok()["id"], id);
    node.post("/v1/learn?namespace=ward", json!({"content": "a", "namespace": "other"})).await.blames("namespace");
}

#[tokio::test]
async fn a_key_with_other_content_is_a_conflict_unless_told() {
    let node = Node::start().await;
    let id = node.learn(json!({"content": "aspirin", "key": "k"})).await;
    let error = node.post("/v1/learn", json!({"content": "ibuprofen", "key": "k"})).await.refused("conflict");
    assert!(error.to_string().contains(&id), "{error}");
    node.post("/v1/learn", json!({"content": "ibuprofen", "key": "k", "on_conflict": "replace"})).await.ok();
    node.get(&format!("/v1/concept/{id}")).await.refused("not_found");
}

#[tokio::test]
async fn items_of_a_batch_fail_alone() {
    let node = Node::start().await;
    let answer = node.post("/v1/learn/batch", json!({"items": [{"content": "a"}, {"content": ""}, {"content": "b"}]})).await;
    let results = answer.ok()["results"].clone();
    assert_eq!(results[0]["created"], true);
    assert_eq!(results[1]["error"]["code"], "invalid_argument");
    assert_eq!(results[1]["error"]["param"], "content");
    assert_eq!(results[2]["created"], true);
    node.post("/v1/learn/batch", json!({"items": [{"content": "a", "colour": 1}]})).await.blames("items[0].colour");
}

#[tokio::test]
async fn a_repeated_write_gets_its_first_answer() {
    let node = Node::start().await;
    let send = |path: &'static str, body: serde_json::Value| {
        Answer::of(node.ask(Method::POST, path).header("Idempotency-Key", "k-1").json(&body))
    };
    let first = send("/v1/learn", json!({"content": "aspirin"})).await.ok();
    let again = send("/learn?timeout_ms=500", json!({"content": "aspirin"})).await.ok();
    assert_eq!(first, again);
    send("/v1/learn", json!({"content": "ibuprofen"})).await.refused("conflict");
    let key = "k".repeat(256);
    let long = node.ask(Method::POST, "/v1/learn").header("Idempotency-Key", key).json(&json!({"content": "a"}));
    Answer::of(long).await.blames("Idempotency-Key");
}

#[tokio::test]
async fn a_read_with_the_token_of_a_write_sees_it() {
    let node = Node::start().await;
    let written = node.post("/v1/learn", json!({"content": "aspirin"})).await;
    let id = written.ok()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/concept/{id}");
    let with = |token: &str, path: &str| Answer::of(node.ask(Method::GET, path).header("Sutra-Token", token));
    let read = with(written.header("sutra-token"), &path).await;
    read.ok();
    // And has one of its own, which names at least as much.
    assert_eq!(read.header("sutra-token"), written.header("sutra-token"));
    assert!(!node.get(&path).await.header("sutra-token").is_empty());
    with("nonsense", &path).await.blames("Sutra-Token");
    with(&"a".repeat(2049), &path).await.blames("Sutra-Token");
    let ahead = sutra_api::service::Token::at(sutra_storage::SHARD, sutra_protocol::command::LogIndex(1 << 40)).to_string();
    with(&ahead, &format!("{path}?timeout_ms=50")).await.refused("deadline_exceeded");
}

#[tokio::test]
async fn stages_that_this_node_lacks_are_refused_by_name() {
    let node = Node::start().await;
    for stage in ["embed", "classify", "extract"] {
        let error = node.post("/v1/learn", json!({"content": "a", "options": {stage: true}})).await.refused("invalid_argument");
        assert!(error["message"].as_str().unwrap().contains(stage), "{error}");
        node.post("/v1/learn", json!({"content": "a", "options": {stage: false}})).await.ok();
    }
}
