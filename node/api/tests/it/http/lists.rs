use serde_json::{Value, json};

use crate::grid::Node;

/// Ten drugs with the year of their approval; two of one year, and two without one.
async fn pharmacy() -> Node {
    let node = Node::start().await;
    for (name, approved) in [
        ("aspirin", json!(1899)),
        ("warfarin", json!(1954)),
        ("ibuprofen", json!(1974)),
        ("naproxen", json!(1976)),
        ("cimetidine", json!(1976.5)),
        ("omeprazole", json!("1988-01-01T00:00:00Z")),
        ("ranitidine", json!("withdrawn")),
        ("atorvastatin", json!(1996)),
        ("willow bark", Value::Null),
        ("foxglove", Value::Null),
    ] {
        let attributes = if approved.is_null() { json!({}) } else { json!({ "approved": approved }) };
        let kind = if approved.is_null() { "event" } else { "entity" };
        node.learn(json!({"content": name, "type": kind, "attributes": attributes})).await;
    }
    node
}

fn names(answer: &Value) -> Vec<String> {
    let concepts = answer["concepts"].as_array().unwrap();
    concepts.iter().map(|concept| concept["content"].as_str().unwrap().to_owned()).collect()
}

/// Every page of a list, each of which but the last is full.
async fn pages(node: &Node, order: &str, limit: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let mut body = json!({"order": order, "limit": limit});
        if !cursor.is_null() {
            body["cursor"] = cursor;
        }
        let page = node.post("/v1/concepts/query", body).await.ok();
        let found = names(&page);
        all.extend(found.clone());
        match page.get("cursor") {
            Some(next) => {
                assert_eq!(found.len(), limit);
                cursor = next.clone();
            }
            None => return all,
        }
    }
}

#[tokio::test]
async fn several_concepts_are_read_at_once() {
    let node = pharmacy().await;
    let aspirin = node.learn(json!({"content": "aspirin"})).await;
    let warfarin =
        node.learn(json!({"content": "warfarin", "associations": [{"target": aspirin, "label": "interacts with"}]})).await;
    let nobody = "0".repeat(32);
    let body = json!({"ids": [warfarin, nobody, aspirin, warfarin]});
    let answer = node.post("/v1/concepts/get", body.clone()).await.ok();
    assert_eq!(names(&answer), ["warfarin", "aspirin", "warfarin"]);
    assert_eq!(answer["missing"], json!([nobody]));
    assert_eq!(answer["concepts"][1]["degree"], json!({"in": 1, "out": 0}));
    assert_eq!(answer["concepts"][0], node.get(&format!("/v1/concept/{warfarin}")).await.ok());

    node.post("/v1/concepts/get", json!({"ids": []})).await.blames("ids");
    node.post("/v1/concepts/get", json!({"ids": vec![&aspirin; 1001]})).await.blames("ids");
    node.post("/v1/concepts/get", json!({"ids": ["ASPIRIN"]})).await.blames("ids[0]");
    assert_eq!(node.post("/concepts/get?namespace=ward-7", body).await.ok()["concepts"], json!([]));
}

#[tokio::test]
async fn pages_follow_the_order_and_hold_everything_once() {
    let node = pharmacy().await;
    let ascending = ["aspirin", "warfarin", "ibuprofen", "naproxen", "cimetidine", "atorvastatin", "omeprazole", "ranitidine"];
    for limit in [1, 3, 10, 1000] {
        let found = pages(&node, "attributes.approved", limit).await;
        assert_eq!(found[..8], ascending, "pages of {limit}");
        let mut without = found[8..].to_vec();
        without.sort();
        assert_eq!(without, ["foxglove", "willow bark"]);
        let descending = pages(&node, "-attributes.approved", limit).await;
        assert!(descending[..8].iter().eq(ascending.iter().rev()), "{descending:?}");
        assert_eq!(descending[8..], found[8..], "those without a value come last, by id, whichever way");
    }
    assert_eq!(pages(&node, "created_at", 4).await[..2], ["aspirin", "warfarin"]);
    assert_eq!(pages(&node, "-created_at", 4).await[..2], ["foxglove", "willow bark"]);
    let by_id = node.post("/v1/concepts/query", json!({})).await.ok();
    let ids: Vec<_> = by_id["concepts"].as_array().unwrap().iter().map(|concept| concept["id"].as_str().unwrap()).collect();
    assert!(ids.len() == 10 && ids.is_sorted());
}

#[tokio::test]
async fn what_is_taught_and_retracted_between_two_pages_moves_nothing_else() {
    let node = pharmacy().await;
    let query = |cursor: Option<&Value>| {
        let mut body = json!({"order": "attributes.approved", "limit": 3});
        if let Some(cursor) = cursor {
            body["cursor"] = cursor.clone();
        }
        body
    };
    let first = node.post("/v1/concepts/query", query(None)).await.ok();
    assert_eq!(names(&first), ["aspirin", "warfarin", "ibuprofen"]);
    // The last of the page goes, one comes before it, and one behind it.
    let last = first["concepts"][2]["id"].as_str().unwrap();
    node.delete(&format!("/v1/concept/{last}")).await.ok();
    node.learn(json!({"content": "morphine", "attributes": {"approved": 1827}})).await;
    node.learn(json!({"content": "metformin", "attributes": {"approved": 1975}})).await;
    let second = node.post("/v1/concepts/query", query(Some(&first["cursor"]))).await.ok();
    assert_eq!(names(&second), ["metformin", "naproxen", "cimetidine"]);
}

#[tokio::test]
async fn a_filter_narrows_lists_and_counts_alike() {
    let node = pharmacy().await;
    for (filter, expected) in [
        (json!({"field": "type", "eq": "event"}), 2),
        (json!({"field": "attributes.approved", "gte": 1974}), 4),
        (json!({"field": "attributes.approved", "exists": false}), 2),
        (json!({"any": [{"field": "attributes.approved", "lt": 1900}, {"field": "attributes.approved", "eq": "withdrawn"}]}), 2),
        (json!({"field": "created_at", "lt": "2000-01-01T00:00:00Z"}), 0),
    ] {
        let count = node.post("/v1/concepts/count", json!({"filter": filter})).await.ok();
        assert_eq!(count, json!({"count": expected}), "{filter}");
        let listed = node.post("/v1/concepts/query", json!({"filter": filter, "order": "-created_at"})).await.ok();
        assert_eq!(names(&listed).len(), expected, "{filter}");
    }
    assert_eq!(node.post("/v1/concepts/count", json!({})).await.ok(), json!({"count": 10}));
    assert_eq!(node.post("/v1/concepts/count", json!({"namespace": "ward-7"})).await.ok(), json!({"count": 0}));
    node.post("/v1/concepts/count", json!({"filter": {"field": "colour", "eq": 1}})).await.blames("filter.field");
}

#[tokio::test]
async fn a_list_is_that_of_the_time_that_is_asked_about() {
    let node = pharmacy().await;
    let newest = node.post("/v1/concepts/query", json!({"order": "-created_at", "limit": 1})).await.ok();
    let before = newest["concepts"][0]["created_at"].as_str().unwrap().to_owned();
    node.learn(json!({"content": "dabigatran"})).await;
    assert_eq!(node.post("/v1/concepts/count", json!({"known_at": before})).await.ok()["count"], 10);
    let then = node.post("/v1/concepts/query", json!({"known_at": before, "order": "-created_at", "limit": 1})).await.ok();
    assert_eq!(names(&then), ["foxglove"]);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let node = pharmacy().await;
    let page = node.post("/v1/concepts/query", json!({"order": "attributes.approved", "limit": 1})).await.ok();
    let cursor = &page["cursor"];
    for body in [
        json!({"order": "-attributes.approved", "cursor": cursor}),
        json!({"cursor": cursor}),
        json!({"order": "attributes.approved", "cursor": cursor, "namespace": "ward-7"}),
    ] {
        assert!(node.post("/v1/concepts/query", body).await.blames("cursor").contains("another list"));
    }
    for (field, body) in [
        ("cursor", json!({"cursor": "ibuprofen"})),
        ("cursor", json!({"cursor": "A".repeat(377)})),
        ("order", json!({"order": "content"})),
        ("limit", json!({"limit": 0})),
        ("limit", json!({"limit": 1001})),
    ] {
        node.post("/v1/concepts/query", body).await.blames(field);
    }
}
