use reqwest::Method;
use serde_json::json;

use crate::grid::{Answer, Node};

async fn animals() -> Node {
    let node = Node::start().await;
    node.learn(json!({"content": "dog", "associations": [{"target_content": "canine", "type": "hierarchical", "label": "is a kind of"}]})).await;
    node.learn(json!({"content": "canine", "associations": [{"target_content": "mammal", "type": "hierarchical", "label": "is a kind of"}]})).await;
    node
}

#[tokio::test]
async fn words_find_concepts() {
    let node = animals().await;
    let found = node.post("/v1/search", json!({"query": "dog", "k": 5, "mode": "keyword"})).await.ok();
    assert_eq!((&found["results"][0]["content"], &found["partial"]), (&json!("dog"), &json!(false)));
    let filtered = node.post("/search", json!({"query": "dog", "filter": {"field": "type", "eq": "rule"}})).await.ok();
    assert_eq!(filtered["results"], json!([]));
    for mode in ["vector", "hybrid"] {
        node.post("/v1/search", json!({"query": "dog", "mode": mode})).await.blames("mode");
    }
    node.post("/v1/search", json!({"query": "dog", "k": 1001})).await.blames("k");
    node.post("/v1/search", json!({"k": 3})).await.blames("query");
    node.post("/v1/search", json!({"query": "dog", "filter": {"field": "key", "equals": 3}})).await.blames("filter.equals");
    node.post("/v1/search?known_at=2020-01-01T00:00:00Z", json!({"query": "dog", "known_at": "2021-01-01T00:00:00Z"}))
        .await
        .blames("known_at");
}

#[tokio::test]
async fn a_path_is_found_with_its_hops() {
    let node = animals().await;
    let ends = json!({"start": {"content": "dog"}, "end": {"content": "mammal"}});
    let found = node.post("/v1/path", ends.clone()).await.ok();
    assert_eq!(found["found"], true);
    let contents: Vec<_> =
        found["paths"][0]["concepts"].as_array().unwrap().iter().map(|concept| concept["content"].clone()).collect();
    assert_eq!(contents, ["dog", "canine", "mammal"]);
    assert_eq!(found["paths"][0]["hops"][0]["evidence"][0]["content"], "dog");
    let mut short = ends.clone();
    short["max_depth"] = json!(1);
    assert_eq!(node.post("/v1/path", short.clone()).await.ok()["found"], false);
    short["max_depth"] = json!(21);
    node.post("/v1/path", short).await.blames("max_depth");
    node.post("/v1/path", json!({"start": {"content": "dog"}})).await.blames("end");
    node.post("/v1/path", json!({"start": {"content": "dog"}, "end": {"content": "unicorn"}})).await.refused("not_found");
    node.post("/v1/path", json!({"start": "DOG", "end": {"key": "a"}})).await.blames("start");
    for consistency in ["session", "strong", "eventual"] {
        node.post(&format!("/v1/path?consistency={consistency}&partial=true"), ends.clone()).await.ok();
    }
    node.post("/v1/path?consistency=none", ends).await.blames("consistency");
}

#[tokio::test]
async fn a_question_is_answered_or_refused_with_a_reason() {
    let node = animals().await;
    let answer = node.post("/v1/reason", json!({"query": "Is dog a mammal?"})).await.ok();
    assert_eq!((&answer["known"], answer["paths"][0]["hops"].as_array().map(Vec::len)), (&json!(true), Some(2)));
    let refused = node.post("/v1/reason", json!({"query": "Is a unicorn a mammal?"})).await.ok();
    assert_eq!((&refused["known"], &refused["answer"]), (&json!(false), &json!(null)));
    assert_eq!(refused["because"]["code"], "unknown_entity");
    assert!(node.get("/metrics").await.text.contains("sutra_refusals_total{code=\"unknown_entity\"} 1"));

    node.post("/v1/reason", json!({"query": "Is dog a mammal?", "stream": true})).await.blames("stream");
    let events = node.ask(Method::POST, "/v1/reason").header("Accept", "text/event-stream").json(&json!({"query": "x"}));
    Answer::of(events).await.blames("Accept");
    node.post("/v1/reason", json!({"query": ""})).await.blames("query");
    node.post("/v1/reason", json!({"query": "a", "paths": 101})).await.blames("paths");
    node.post("/v1/reason", json!({"query": "a", "gate": "wide"})).await.blames("gate");
}
