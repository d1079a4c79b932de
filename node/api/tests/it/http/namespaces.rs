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

#[tokio::test]
async fn what_the_grid_keeps_for_itself_is_read_only() {
    let node = Node::start().await;
    let id = "0".repeat(32);
    let ends = json!({"source": {"key": "a"}, "target": {"key": "b"}});
    for name in ["_grid", "_users"] {
        let ask = |method, path: &str| node.ask(method, &format!("{path}?namespace={name}"));
        let learn = || json!({"content": "a"});
        for request in [
            ask(Method::POST, "/v1/learn").json(&learn()),
            node.ask(Method::POST, "/v1/learn").json(&json!({"content": "a", "namespace": name})),
            ask(Method::POST, "/v1/associate").json(&ends),
            ask(Method::DELETE, "/v1/associate").json(&ends),
            ask(Method::PATCH, &format!("/v1/concept/{id}")).json(&json!({"confidence": 0.5})),
            ask(Method::DELETE, &format!("/v1/concept/{id}")),
            ask(Method::POST, "/v1/import").body("{\"content\": \"a\"}"),
            node.ask(Method::PUT, &format!("/v1/namespaces/{name}")).json(&json!({})),
            node.ask(Method::DELETE, &format!("/v1/namespaces/{name}")),
        ] {
            let error = Answer::of(request).await.refused("permission_denied");
            assert!(error["param"] == "namespace" && error["message"].as_str().unwrap().contains(name), "{error}");
        }
        let items = json!({"items": [{"content": "a", "namespace": name}, {"content": "b", "namespace": "zoo"}]});
        for key in ["", "k"] {
            let mut request = node.ask(Method::POST, "/v1/learn/batch").json(&items);
            if !key.is_empty() {
                request = request.header("Idempotency-Key", key);
            }
            let results = Answer::of(request).await.ok();
            assert_eq!(results["results"][0]["error"]["code"], "permission_denied", "{results}");
            assert!(results["results"][1]["id"].is_string(), "{results}");
        }
        node.delete("/v1/namespaces/zoo").await.ok();
        node.get(&format!("/v1/export?namespace={name}")).await;
        node.get(&format!("/v1/namespaces/{name}")).await.refused("not_found");
    }
}
