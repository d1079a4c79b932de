use serde_json::{Value, json};

use crate::grid::Node;

/// Findings with made-up directions: the first two are near each other, the third is across.
async fn findings() -> Node {
    let node = Node::start().await;
    for (content, vector, kind) in [
        ("chest pain on exertion", json!([0.9, 0.1, 0.0]), "entity"),
        ("angina", json!([0.8, 0.2, 0.0]), "entity"),
        ("fracture of the wrist", json!([0.0, 0.1, 0.9]), "event"),
    ] {
        node.learn(json!({"content": content, "vector": vector, "type": kind})).await;
    }
    node.learn(json!({"content": "a statement without a vector"})).await;
    node
}

fn contents(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().unwrap().iter().map(|hit| hit["content"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_vector_finds_its_neighbours_without_an_embedder() {
    let node = findings().await;
    let found = node.post("/v1/search", json!({"vector": [9, 1, 0], "k": 2})).await.ok();
    assert_eq!(contents(&found), ["chest pain on exertion", "angina"]);
    let score = found["results"][0]["score"].as_f64().unwrap();
    assert!((0.999..=1.0).contains(&score), "{score}");
    let found = node.post("/v1/search", json!({"vector": [9, 1, 0], "mode": "vector", "min_score": 0.5})).await.ok();
    assert_eq!(contents(&found).len(), 2);
    let filter = json!({"field": "type", "eq": "event"});
    let found = node.post("/v1/search", json!({"vector": [9, 1, 0], "filter": filter})).await.ok();
    assert_eq!(contents(&found), ["fracture of the wrist"]);
}

#[tokio::test]
async fn what_was_just_taught_or_retracted_is_seen() {
    let node = findings().await;
    let id = node.learn(json!({"content": "unstable angina", "vector": [1, 0, 0]})).await;
    let search = json!({"vector": [1, 0, 0], "k": 1});
    assert_eq!(contents(&node.post("/v1/search", search.clone()).await.ok()), ["unstable angina"]);
    node.delete(&format!("/v1/concept/{id}")).await.ok();
    assert_eq!(contents(&node.post("/v1/search", search).await.ok()), ["chest pain on exertion"]);
}

#[tokio::test]
async fn a_vector_that_cannot_be_compared_is_refused() {
    let node = findings().await;
    let message = node.post("/v1/search", json!({"vector": [1, 2]})).await.blames("vector");
    assert_eq!(message, "vector has 2 dimensions; namespace holds vectors of 3");
    node.post("/v1/search", json!({"vector": [0, 0, 0]})).await.blames("vector");
    node.post("/v1/search", json!({"vector": []})).await.blames("vector");
    node.post("/v1/search", json!({"vector": vec![1; 4097]})).await.blames("vector");
    node.post("/v1/search", json!({"vector": [1, 0, 0], "query": "angina"})).await.blames("query");
    node.post("/v1/search", json!({"vector": [1, 0, 0], "mode": "hybrid"})).await.blames("mode");
    let message = node.post("/v1/search", json!({"query": "angina", "mode": "vector"})).await.blames("mode");
    assert!(message.contains("embedder"), "{message}");
    // Nothing of a concept with another dimension is stored.
    node.post("/v1/learn", json!({"content": "sprain", "vector": [1, 2]})).await.blames("vector");
    assert_eq!(node.post("/v1/concepts/count", json!({})).await.ok()["count"], 4);
}

#[tokio::test]
async fn what_vectors_depend_on_is_set_with_the_namespace() {
    let node = Node::start().await;
    let put = |body: Value| {
        let request = node.ask(reqwest::Method::PUT, "/v1/namespaces/ward-7").json(&body);
        crate::grid::Answer::of(request)
    };
    let set = put(json!({"vector_scalar": "i8", "embedder": "local:all-MiniLM-L6-v2"})).await.ok();
    assert_eq!(set["settings"], json!({"vector_scalar": "i8", "embedder": "local:all-MiniLM-L6-v2"}));
    assert_eq!(node.get("/v1/namespaces/ward-7").await.ok()["settings"], set["settings"]);
    put(json!({"vector_scalar": "f64"})).await.blames("vector_scalar");
    put(json!({"embedder": ""})).await.blames("embedder");

    node.learn(json!({"content": "angina", "namespace": "ward-7", "vector": [1, 0]})).await;
    assert_eq!(put(json!({"vector_scalar": "f32"})).await.refused("conflict")["param"], "vector_scalar");
    assert_eq!(put(json!({"embedder": "given"})).await.refused("conflict")["param"], "embedder");
    let kept = put(json!({"history_retention_seconds": 60})).await.ok();
    assert_eq!(kept["settings"]["vector_scalar"], "i8");
    node.learn(json!({"content": "gout", "vector": [1, 0, 0]})).await;
    let given = node.get("/v1/namespaces/default").await.ok();
    assert_eq!((&given["settings"]["embedder"], &given["dimension"]), (&json!("given"), &json!(3)));
}
