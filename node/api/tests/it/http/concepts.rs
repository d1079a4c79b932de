use reqwest::Method;
use serde_json::json;

use crate::grid::{Answer, Node};

#[tokio::test]
async fn a_concept_is_patched_on_the_version_that_was_seen() {
    let node = Node::start().await;
    let id = node.learn(json!({"content": "aspirin", "attributes": {"old": 1, "kept": "x"}})).await;
    let path = format!("/v1/concept/{id}");
    let seen = node.get(&path).await.header("etag").to_owned();
    let patch = |tag: &str, body| Answer::of(node.ask(Method::PATCH, &path).header("If-Match", tag).json(&body));

    let body = json!({"attributes": {"old": null, "new": true}, "aliases": ["ASA"], "confidence": 0.5, "valid_to": "2030-01-01T00:00:00Z"});
    let changed = patch(&seen, body).await;
    assert_eq!(changed.ok()["attributes"], json!({"kept": "x", "new": true}));
    assert_ne!(changed.header("etag"), seen);
    patch(&seen, json!({"confidence": 0.1})).await.refused("precondition_failed");
    patch("\"never\"", json!({"confidence": 0.1})).await.refused("precondition_failed");
    patch("17", json!({"confidence": 0.1})).await.blames("If-Match");
    assert_eq!(patch("*", json!({"valid_to": null})).await.ok().get("valid_to"), None);
    node.patch(&path, json!({"content": "x"})).await.blames("content");
    node.patch(&path, json!({"confidence": 1.5})).await.blames("confidence");
    node.patch(&format!("/v1/concept/{}", "0".repeat(32)), json!({})).await.refused("not_found");
}

#[tokio::test]
async fn a_version_that_the_caller_has_is_not_sent_again() {
    let node = Node::start().await;
    let id = node.learn(json!({"content": "aspirin"})).await;
    let path = format!("/v1/concept/{id}");
    let tag = node.get(&path).await.header("etag").to_owned();
    let ask = |tag: &str| Answer::of(node.ask(Method::GET, &path).header("If-None-Match", tag));
    let same = ask(&tag).await;
    assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", tag.as_str()));
    assert!(!same.header("x-request-id").is_empty());
    ask("\"1\"").await.ok();
    ask("1").await.blames("If-None-Match");
}

#[tokio::test]
async fn a_retraction_hides_and_known_at_looks_back() {
    let node = Node::start().await;
    let statement =
        node.learn(json!({"content": "aspirin relieves headache", "associations": [{"target_content": "headache"}]})).await;
    let path = format!("/v1/concept/{statement}");
    let before = node.get(&path).await.ok()["updated_at"].as_str().unwrap().to_owned();
    let answer = node.delete(&path).await;
    let gone = answer.ok();
    assert_eq!((&gone["deleted"], &gone["retracted"]), (&json!(true), &json!(1)));
    assert!(!answer.header("sutra-token").is_empty());
    node.get(&path).await.refused("not_found");
    node.delete(&path).await.refused("not_found");

    let past = node.get(&format!("{path}?known_at={before}")).await.ok();
    assert_eq!(past["retracted_at"], gone["recorded_at"]);
    let neighbors = node.get(&format!("{path}/neighbors?known_at={before}")).await.ok();
    assert_eq!(neighbors["neighbors"][0]["content"], "headache");
}

#[tokio::test]
async fn valid_time_is_asked_for() {
    let node = Node::start().await;
    let id = node.learn(json!({"content": "the old rule", "valid_to": "2020-01-01T00:00:00Z"})).await;
    node.get(&format!("/v1/concept/{id}?valid_at=2019-06-01T00:00:00Z")).await.ok();
    node.get(&format!("/v1/concept/{id}?valid_at=yesterday")).await.blames("valid_at");
    node.get(&format!("/v1/concept/{id}?known_at=2019")).await.blames("known_at");
}

#[tokio::test]
async fn what_becomes_of_a_concept_is_chosen_and_a_body_is_not_ignored() {
    let node = Node::start().await;
    let id = node.learn(json!({"content": "aspirin"})).await;
    let path = format!("/v1/concept/{id}");
    node.delete(&format!("{path}?mode=shred")).await.blames("mode");
    Answer::of(node.ask(Method::DELETE, &path).json(&json!({"mode": "erase"}))).await.blames("body");
    node.get(&path).await.ok();
    node.delete(&format!("{path}?mode=retract")).await.ok();
}

#[tokio::test]
async fn an_erasure_takes_what_rested_on_the_concept_and_hands_out_a_token() {
    let node = Node::start().await;
    let taught = json!({"content": "the patient declined the transfusion", "associations": [{"target_content": "transfusion"}]});
    let path = format!("/v1/concept/{}", node.learn(taught).await);
    let answer = node.delete(&format!("{path}?mode=erase")).await;
    assert_eq!((&answer.ok()["deleted"], &answer.ok()["retracted"]), (&json!(true), &json!(1)));
    assert!(!answer.header("sutra-token").is_empty());
    node.get(&path).await.refused("not_found");
    assert_eq!(node.post("/v1/search", json!({"query": "declined"})).await.ok()["results"], json!([]));
    node.delete(&format!("/v1/concept/{}?mode=erase", "0".repeat(32))).await.refused("not_found");
    node.delete(&format!("{path}?mode=erase")).await.refused("not_found");
    node.delete(&format!("{path}?mode=erase&namespace=_grid")).await.refused("permission_denied");
}

#[tokio::test]
async fn a_bad_id_in_the_path_is_named() {
    let node = Node::start().await;
    for id in ["abc", "0123456789ABCDEF0123456789ABCDEF", "%ff"] {
        node.get(&format!("/v1/concept/{id}")).await.blames("id");
        node.delete(&format!("/concept/{id}")).await.blames("id");
        node.get(&format!("/v1/concept/{id}/neighbors")).await.blames("id");
    }
    node.get(&format!("/v1/concept/{}", "0".repeat(32))).await.refused("not_found");
    node.get(&format!("/v1/concept/{}/neighbors", "0".repeat(32))).await.refused("not_found");
}

#[tokio::test]
async fn what_was_retracted_can_be_erased_and_no_time_shows_it_then() {
    let node = Node::start().await;
    let path = format!("/v1/concept/{}", node.learn(json!({"content": "the patient is HIV positive"})).await);
    let then = node.get(&path).await.ok()["updated_at"].as_str().unwrap().to_owned();
    node.delete(&path).await.ok();
    node.get(&format!("{path}?known_at={then}")).await.ok();
    assert_eq!(node.delete(&format!("{path}?mode=erase")).await.ok()["retracted"], 0);
    node.get(&format!("{path}?known_at={then}")).await.refused("not_found");
    let counted = node.post("/v1/concepts/count", json!({"known_at": then})).await.ok();
    assert_eq!(counted["count"], 0);
    let stats = node.get("/stats").await.ok();
    assert_eq!(stats["scrubs_pending"], 0, "the reply came when the files were clean");
}
