use reqwest::Method;
use serde_json::{Value, json};

use crate::grid::{Answer, Node};

#[tokio::test]
async fn a_namespace_is_set_read_listed_and_dropped() {
    let node = Node::start().await;
    let put = |path: &str, body: Value| Answer::of(node.ask(Method::PUT, path).json(&body));
    let set = put("/v1/namespaces/ward-7", json!({"history_retention_seconds": 3600})).await;
    assert_eq!(set.ok()["settings"]["history_retention_seconds"], 3600);
    assert!(!set.header("sutra-token").is_empty());
    node.post("/v1/learn?namespace=ward-7", json!({"content": "a"})).await.ok();
    assert_eq!(node.get("/v1/namespaces/ward-7").await.ok()["concepts"], 1);
    let listed = node.get("/namespaces").await.ok();
    assert!(listed["namespaces"].as_array().unwrap().iter().any(|found| found["name"] == "ward-7"), "{listed}");

    let gone = node.delete("/v1/namespaces/ward-7").await.ok();
    assert_eq!((&gone["deleted"], &gone["concepts"]), (&json!(true), &json!(1)));
    node.get("/v1/namespaces/ward-7").await.refused("not_found");
    node.delete("/v1/namespaces/ward-7").await.refused("not_found");
}

#[tokio::test]
async fn bad_names_and_settings_are_named() {
    let node = Node::start().await;
    for name in ["Ward", "-a", "a.b", &"n".repeat(64)] {
        node.get(&format!("/v1/namespaces/{name}")).await.blames("ns");
        node.get(&format!("/v1/concept/{}?namespace={name}", "0".repeat(32))).await.blames("namespace");
    }
    let put = |body: Value| Answer::of(node.ask(Method::PUT, "/v1/namespaces/a").json(&body));
    put(json!({"history_retention_seconds": 0})).await.blames("history_retention_seconds");
    put(json!({"history_retention_seconds": -1})).await.blames("history_retention_seconds");
    put(json!({"retention": 1})).await.blames("retention");
    Answer::of(node.ask(Method::PUT, "/v1/namespaces/a")).await.ok();
}
