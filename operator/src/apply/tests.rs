//! What is sent, and what is made of the answers.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use sutra_crds::{SutraClusterStatus, SutraShardStatus};

use super::*;
use crate::render::fixture;

/// A request as the API server sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    content_type: String,
    body: Value,
}

/// A client whose every request is answered alike.
pub(crate) fn client(status: u16, answer: Value) -> (Client, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (log, answer) = (Arc::clone(&log), answer.clone());
        async move {
            let line = format!("{} {}", request.method(), request.uri());
            let content_type = request.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
            let body = request.into_body().collect_bytes().await?;
            let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
            log.lock().unwrap().push(Seen { line, content_type: content_type.unwrap_or_default(), body });
            let response = Response::builder().status(status).body(Body::from(answer.to_string().into_bytes()));
            Ok::<_, tower::BoxError>(response.unwrap())
        }
    });
    (Client::new(service, "default"), seen)
}

pub(crate) fn refusal(code: u16, reason: &str) -> Value {
    let message = "as the server says";
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code})
}

fn only(seen: &Mutex<Vec<Seen>>) -> Seen {
    let mut seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1, "one function, one write");
    seen.remove(0)
}

const FORCED: &str = "force=true&fieldManager=sutra-operator";

#[tokio::test]
async fn every_rendered_object_is_applied_at_its_own_address() {
    let addresses = [
        "/api/v1/namespaces/knowledge/serviceaccounts/demo",
        "/api/v1/namespaces/knowledge/configmaps/demo-config",
        "/api/v1/namespaces/knowledge/secrets/demo-peer",
        "/api/v1/namespaces/knowledge/services/demo-nodes",
        "/api/v1/namespaces/knowledge/services/demo",
        "/apis/networking.k8s.io/v1/namespaces/knowledge/networkpolicies/demo",
        "/apis/policy/v1/namespaces/knowledge/poddisruptionbudgets/demo",
        "/apis/monitoring.coreos.com/v1/namespaces/knowledge/podmonitors/demo",
        "/apis/apps/v1/namespaces/knowledge/statefulsets/demo",
        "/apis/sutra.dev/v1alpha1/namespaces/knowledge/sutrashards/demo-shard-1",
    ];
    let objects = fixture::objects(&fixture::full());
    assert_eq!(objects.len(), addresses.len());
    for (object, address) in objects.iter().zip(addresses) {
        let (client, seen) = client(200, object.clone());
        assert_eq!(apply(&client, object).await.unwrap(), Outcome::Done);
        let seen = only(&seen);
        assert_eq!(seen.line, format!("PATCH {address}?&{FORCED}"));
        assert_eq!(seen.content_type, "application/apply-patch+yaml");
        assert_eq!(&seen.body, object);
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words() {
    let object = fixture::objects(&fixture::minimal()).remove(0);
    let (client, _) = client(403, refusal(403, "Forbidden"));
    assert_eq!(apply(&client, &object).await.unwrap(), Outcome::Refused("as the server says".to_owned()));
}

#[tokio::test]
async fn a_conflict_is_tried_again_later() {
    let object = fixture::objects(&fixture::minimal()).remove(0);
    let (client, _) = client(409, refusal(409, "Conflict"));
    assert!(apply(&client, &object).await.is_err());
}

#[tokio::test]
async fn what_is_no_object_is_refused_without_a_request() {
    let (client, seen) = client(200, Value::Null);
    assert!(matches!(apply(&client, &Value::Null).await.unwrap(), Outcome::Refused(_)));
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_peer_secret_is_only_ever_created() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "demo-peer"}});
    let (first, seen) = client(201, secret);
    assert_eq!(create_peer_secret(&first, &fixture::minimal()).await.unwrap(), Outcome::Done);
    let seen = only(&seen);
    assert_eq!(seen.line, "POST /api/v1/namespaces/knowledge/secrets?&fieldManager=sutra-operator");
    assert_eq!(seen.body["immutable"], true);
    // 64 digits in base64.
    assert_eq!(seen.body["data"]["peer-secret"].as_str().map(str::len), Some(88));

    let (there, _) = client(409, refusal(409, "AlreadyExists"));
    assert_eq!(create_peer_secret(&there, &fixture::minimal()).await.unwrap(), Outcome::Done);
}

#[tokio::test]
async fn only_what_was_observed_is_deleted() {
    for (kind, address, policy) in [
        (Kind::DisruptionBudget, "/apis/policy/v1/namespaces/ns/poddisruptionbudgets/demo", "Background"),
        (Kind::PodMonitor, "/apis/monitoring.coreos.com/v1/namespaces/ns/podmonitors/demo", "Background"),
        (Kind::OrphanedStatefulSet, "/apis/apps/v1/namespaces/ns/statefulsets/demo", "Orphan"),
        (Kind::Shard, "/apis/sutra.dev/v1alpha1/namespaces/ns/sutrashards/demo", "Background"),
    ] {
        let (client, seen) = client(200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}));
        assert_eq!(delete(&client, kind, "ns", "demo", "u-1").await.unwrap(), Outcome::Done);
        let seen = only(&seen);
        assert_eq!(seen.line, format!("DELETE {address}?"));
        assert_eq!(seen.body, json!({"propagationPolicy": policy, "preconditions": {"uid": "u-1"}}), "{}", kind.name());
    }
}

#[tokio::test]
async fn a_pod_is_deleted_only_if_it_is_the_one_that_was_seen() {
    let (there, seen) = client(200, json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "demo-0"}}));
    assert_eq!(delete_pod(&there, "ns", "demo-0", "u-1").await.unwrap(), Outcome::Done);
    let seen = only(&seen);
    assert_eq!(seen.line, "DELETE /api/v1/namespaces/ns/pods/demo-0?");
    assert_eq!(seen.body, json!({"preconditions": {"uid": "u-1"}}));

    let (gone, _) = client(404, refusal(404, "NotFound"));
    assert_eq!(delete_pod(&gone, "ns", "demo-0", "u-1").await.unwrap(), Outcome::Done);
    let (replaced, _) = client(409, refusal(409, "Conflict"));
    assert!(delete_pod(&replaced, "ns", "demo-0", "u-1").await.is_err());
}

#[tokio::test]
async fn a_volume_grows_or_is_refused() {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-demo-0"}});
    let (grows, seen) = client(200, claim);
    assert_eq!(grow_volume(&grows, "ns", "data-demo-0", "20Gi").await.unwrap(), Outcome::Done);
    let seen = only(&seen);
    assert_eq!(seen.line, "PATCH /api/v1/namespaces/ns/persistentvolumeclaims/data-demo-0?&fieldManager=sutra-operator");
    assert_eq!(seen.content_type, "application/merge-patch+json");
    assert_eq!(seen.body, json!({"spec": {"resources": {"requests": {"storage": "20Gi"}}}}));

    let (fixed, _) = client(403, refusal(403, "Forbidden"));
    assert!(matches!(grow_volume(&fixed, "ns", "data-demo-0", "20Gi").await.unwrap(), Outcome::Refused(_)));
    let (gone, _) = client(404, refusal(404, "NotFound"));
    assert!(grow_volume(&gone, "ns", "data-demo-0", "20Gi").await.is_err());
}

#[tokio::test]
async fn a_volume_is_marked_with_all_that_is_said_of_it_and_never_made() {
    let cluster = fixture::minimal();
    let uid = cluster.metadata.uid.clone().unwrap();
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-demo-0", "uid": "v-1"}});
    for (mark, annotations, owners) in [
        (Mark::default(), Value::Null, Value::Null),
        (Mark { grid: Some("g-1".to_owned()), ..Mark::default() }, json!({"sutra.dev/grid-id": "g-1"}), Value::Null),
        (Mark { nodes: Some(3), ..Mark::default() }, json!({"sutra.dev/grid-nodes": "3"}), Value::Null),
        (
            Mark { goes_with_cluster: true, ..Mark::default() },
            Value::Null,
            json!([{"apiVersion": "sutra.dev/v1alpha1", "kind": "SutraCluster", "name": "demo", "uid": uid}]),
        ),
    ] {
        let (client, seen) = client(200, claim.clone());
        assert_eq!(mark_volume(&client, &cluster, "data-demo-0", &mark).await.unwrap(), Outcome::Done);
        let seen = seen.lock().unwrap();
        let [looked, wrote] = seen.as_slice() else { panic!("{seen:?}") };
        assert!(looked.line.starts_with("GET "), "{}", looked.line);
        let address = "/api/v1/namespaces/knowledge/persistentvolumeclaims/data-demo-0";
        assert_eq!(wrote.line, format!("PATCH {address}?&force=true&fieldManager=sutra-operator-volumes"));
        assert_eq!(wrote.body["metadata"]["uid"], "v-1");
        assert_eq!(wrote.body["metadata"]["labels"], json!({"sutra.dev/cluster-uid": uid}));
        assert_eq!(wrote.body["metadata"]["annotations"], annotations);
        assert_eq!(wrote.body["metadata"]["ownerReferences"], owners);
        assert!(wrote.body.get("spec").is_none());
    }
    let (gone, seen) = client(404, refusal(404, "NotFound"));
    assert!(mark_volume(&gone, &cluster, "data-demo-0", &Mark::default()).await.is_err());
    assert_eq!(only(&seen).line.split(' ').next(), Some("GET"));
}

#[tokio::test]
async fn a_status_is_applied_whole() {
    let cluster = fixture::minimal();
    let (client, seen) = client(200, serde_json::to_value(&cluster).unwrap());
    let status =
        SutraClusterStatus { observed_generation: 1, phase: Some("Running".to_owned()), ..SutraClusterStatus::default() };
    assert_eq!(cluster_status(&client, &cluster, &status).await.unwrap(), Outcome::Done);
    let seen = only(&seen);
    assert_eq!(seen.line, format!("PATCH /apis/sutra.dev/v1alpha1/namespaces/knowledge/sutraclusters/demo/status?&{FORCED}"));
    assert_eq!(seen.content_type, "application/apply-patch+yaml");
    assert_eq!(seen.body["metadata"], json!({"name": "demo", "namespace": "knowledge"}));
    assert_eq!(seen.body["status"], json!({"observedGeneration": 1, "phase": "Running", "nodes": 0, "readyNodes": 0}));
}

#[tokio::test]
async fn a_shard_that_is_gone_needs_no_status() {
    let (client, seen) = client(404, refusal(404, "NotFound"));
    let status = SutraShardStatus { phase: Some("Serving".to_owned()), ..SutraShardStatus::default() };
    assert_eq!(shard_status(&client, "ns", "demo-shard-1", &status).await.unwrap(), Outcome::Done);
    let seen = only(&seen);
    assert_eq!(seen.line, format!("PATCH /apis/sutra.dev/v1alpha1/namespaces/ns/sutrashards/demo-shard-1/status?&{FORCED}"));
    assert_eq!(seen.body["status"], json!({"phase": "Serving"}));
}
