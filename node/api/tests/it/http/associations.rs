use reqwest::Method;
use serde_json::json;

use crate::grid::{Answer, Node};

#[tokio::test]
async fn an_association_is_taught_strengthened_and_retracted() {
    let node = Node::start().await;
    let aspirin = node.learn(json!({"content": "aspirin", "key": "a"})).await;
    node.learn(json!({"content": "headache"})).await;
    let body = json!({"source": {"key": "a"}, "target": {"content": "headache"}, "type": "causal", "label": "relieves", "confidence": 0.5});
    let answer = node.post("/v1/associate", body.clone()).await;
    let taught = answer.ok();
    assert_eq!((&taught["created"], &taught["shard"]), (&json!(true), &json!(1)));
    assert!(!answer.header("sutra-token").is_empty());
    let neighbors = node.get(&format!("/v1/concept/{aspirin}/neighbors?direction=out&type=causal&label=relieves")).await.ok();
    assert_eq!(neighbors["neighbors"][0]["content"], "headache");
    assert_eq!(neighbors["neighbors"][0]["evidence"][0]["asserted_by"], "anonymous");

    let key = json!({"source": aspirin, "target": {"content": "headache"}, "type": "causal", "label": "relieves"});
    let gone = Answer::of(node.ask(Method::DELETE, "/v1/associate").json(&key)).await.ok();
    assert_eq!(gone["deleted"], true);
    let gone = Answer::of(node.ask(Method::DELETE, "/associate").json(&key)).await.ok();
    assert_eq!(gone["deleted"], false);
    assert_eq!(node.get(&format!("/v1/concept/{aspirin}/neighbors")).await.ok()["neighbors"], json!([]));
}

#[tokio::test]
async fn ends_that_do_not_exist_or_are_ambiguous_are_named() {
    let node = Node::start().await;
    node.learn(json!({"content": "bank: a slope", "key": "1"})).await;
    node.learn(json!({"content": "bank: a house of money", "key": "2"})).await;
    let missing = node.post("/v1/associate", json!({"source": {"key": "1"}, "target": {"key": "9"}})).await.refused("not_found");
    assert!(missing["message"].as_str().unwrap().contains('9'), "{missing}");
    let error =
        node.post("/v1/associate", json!({"source": {"key": "1"}, "target": {"content": "bank"}})).await.refused("conflict");
    assert_eq!(error["details"]["candidates"].as_array().unwrap().len(), 2, "{error}");
    let odd = node.post("/v1/associate", json!({"source": {"key": "1", "content": "bank"}, "target": {"key": "2"}})).await;
    assert!(odd.blames("source").contains("one name"));
}

#[tokio::test]
async fn items_of_an_associate_batch_fail_alone() {
    let node = Node::start().await;
    node.learn(json!({"content": "a", "key": "a"})).await;
    node.learn(json!({"content": "b", "key": "b"})).await;
    let items = json!([
        {"source": {"key": "a"}, "target": {"key": "b"}},
        {"source": {"key": "a"}, "target": {"key": "c"}},
        {"source": {"key": "a"}, "target": {"key": "b"}, "confidence": 2},
    ]);
    let results = node.post("/v1/associate/batch", json!({"items": items})).await.ok()["results"].clone();
    assert_eq!(results[0]["created"], true);
    assert_eq!(results[1]["error"]["code"], "not_found");
    assert_eq!(results[2]["error"]["code"], "invalid_argument");
}

#[tokio::test]
async fn neighbours_come_in_pages_and_hops() {
    let node = Node::start().await;
    let hub = node
        .learn(json!({"content": "hub", "associations": [
        {"target_content": "a"}, {"target_content": "b"}, {"target_content": "c"}]}))
        .await;
    node.learn(json!({"content": "a", "associations": [{"target_content": "far"}]})).await;
    let base = format!("/v1/concept/{hub}/neighbors");
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = node.get(&format!("{base}?hops=2&limit=2{cursor}")).await.ok();
        seen.extend(page["neighbors"].as_array().unwrap().iter().map(|found| found["content"].as_str().unwrap().to_owned()));
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    seen.sort();
    assert_eq!(seen, ["a", "b", "c", "far"]);
    node.get(&format!("{base}?hops=4")).await.blames("hops");
    node.get(&format!("{base}?limit=1001")).await.blames("limit");
    node.get(&format!("{base}?direction=sideways")).await.blames("direction");
    node.get(&format!("{base}?type=odd")).await.blames("type");
    node.get(&format!("{base}?cursor=%21")).await.blames("cursor");
}
