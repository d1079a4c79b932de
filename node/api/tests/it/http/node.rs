use serde_json::json;

use crate::grid::Node;

#[tokio::test]
async fn the_node_tells_about_itself() {
    let node = Node::start().await;
    node.learn(json!({"content": "a", "associations": [{"target_content": "b"}]})).await;
    let stats = node.get("/stats").await.ok();
    assert_eq!((&stats["concepts"], &stats["edges"], &stats["dropped"]), (&json!(2), &json!(1), &json!(0)));
    assert_eq!((&stats["durability"], &stats["log_files"], &stats["checkpoints"]), (&json!("fsync"), &json!(1), &json!(0)));
    assert!(
        stats["delta_bytes"].as_u64() > Some(0) && stats["delta_budget_bytes"].as_u64() > stats["delta_bytes"].as_u64(),
        "{stats}"
    );
    let log = &stats["write_log"];
    assert!((0.0..=1.0).contains(&log["health_score"].as_f64().unwrap()) && log["recommendation"].is_string(), "{stats}");
    let info = node.get("/info").await.ok();
    assert_eq!((&info["node"], &info["peer"], info.get("advertise")), (&json!("test"), &json!("127.0.0.1:7001"), None));
    assert_eq!(node.get("/health").await.ok()["status"], "serving");
    let health = node.get("/health/detailed").await.ok();
    let shard = &health["shards"][0];
    assert_eq!((&health["node"], &health["grid_id"]), (&info["node"], &info["grid_id"]));
    assert_eq!((&shard["role"], &shard["caught_up"], &shard["concepts"]), (&json!("leader"), &json!(true), &json!(2)));
    assert_eq!((&shard["range_start"], shard.get("range_end")), (&json!("00000000000000000000000000000000"), None));
    assert_eq!(shard["bytes"], node.get("/stats").await.ok()["wal_bytes"]);
    assert_eq!(node.get("/livez").await.text, "ok\n");
    assert_eq!(node.get("/readyz").await.ok()["status"], "serving");
}

#[tokio::test]
async fn a_flush_is_a_checkpoint_that_the_numbers_show() {
    let node = Node::start().await;
    node.learn(json!({"content": "aspirin relieves pain", "attributes": {"approved": 1899}})).await;
    let caller = sutra_api::service::Caller::anonymous(std::time::Duration::from_secs(30));
    node.service.flush(&caller).await.unwrap();
    let stats = node.get("/stats").await.ok();
    assert_eq!((&stats["checkpoints"], &stats["segments"]), (&json!(1), &json!(1)));
    assert!(stats["segment_bytes"].as_u64() > Some(0) && stats["last_checkpoint_seconds"].as_f64() > Some(0.0), "{stats}");
    let metrics = node.get("/metrics").await.text;
    for line in ["sutra_segments 1", "sutra_checkpoints_total 1", "sutra_checkpoint_seconds_count 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line} is missing in\n{metrics}");
    }
    // What is in a segment is found as what is not.
    assert_eq!(node.post("/v1/search", json!({"query": "pain"})).await.ok()["results"].as_array().unwrap().len(), 1);
    let filter = json!({"field": "attributes.approved", "lt": 1900});
    assert_eq!(node.post("/v1/concepts/count", json!({"filter": filter})).await.ok()["count"], 1);
}

#[tokio::test]
async fn a_draining_node_is_alive_but_not_ready() {
    let node = Node::start().await;
    node.service.set_draining();
    let ready = node.get("/readyz").await;
    let body: serde_json::Value = serde_json::from_str(&ready.text).unwrap();
    assert_eq!((ready.status, &body["status"]), (503, &json!("draining")));
    assert!(body["reason"].is_string());
    assert_eq!(node.get("/livez").await.status, 200);
    node.post("/v1/learn", json!({"content": "still served"})).await.ok();
}

#[tokio::test]
async fn prometheus_reads_the_numbers() {
    let node = Node::start().await;
    node.learn(json!({"content": "a"})).await;
    node.post("/v1/learn", json!({})).await.refused("invalid_argument");
    node.get("/no/such/path").await.refused("not_found");
    let metrics = node.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "sutra_concepts_total 1",
        "sutra_commands_total 1",
        "sutra_requests_total{code=\"ok\",operation=\"learn\"} 1",
        "sutra_requests_total{code=\"invalid_argument\",operation=\"learn\"} 1",
        "sutra_requests_total{code=\"not_found\",operation=\"unknown\"} 1",
        "sutra_request_seconds_count{operation=\"learn\"} 2",
        "sutra_http_connections 1",
    ] {
        assert!(metrics.text.lines().any(|found| found == line), "{line} is missing in\n{}", metrics.text);
    }
    for name in ["sutra_associations_total", "sutra_wal_size_bytes", "sutra_wal_sync_seconds_sum", "sutra_write_log_pending"] {
        assert!(metrics.text.contains(&format!("\n{name} ")), "{name}");
    }
}

#[tokio::test]
async fn the_document_and_its_page_are_served() {
    let node = Node::start().await;
    let document = node.get("/openapi.json").await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["paths"]["/v1/learn"]["post"]["operationId"], "learn");
    let page = node.get("/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(!page.text.contains("https://") && !page.text.contains("http://"), "the page asks nobody else");
}
