//! Every rendered object of every fixture, with every leaf changed and taken away.

use k8s_openapi::api::apps::v1::StatefulSet;
use serde_json::{Value, json};

use super::lists::{self, List};
use super::subset::SELECTORS;
use super::{in_sync, stamped};
use crate::render::{self, fixture};

fn objects() -> Vec<Value> {
    [fixture::minimal(), fixture::full()].iter().flat_map(fixture::objects).collect()
}

#[test]
fn what_was_sent_is_in_sync() {
    for object in objects() {
        assert!(in_sync(&object, &object), "{object}");
    }
}

#[test]
fn what_others_add_is_not_ours_to_judge() {
    for object in objects() {
        let mut live = object.clone();
        add_everywhere("", &mut live);
        assert_ne!(object, live);
        assert!(in_sync(&object, &live), "{live}");
    }
}

/// A field in every object, a foreign item in every keyed list; lists with one owner stay.
fn add_everywhere(field: &str, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.iter_mut().for_each(|(name, value)| add_everywhere(name, value));
            if !SELECTORS.contains(&field) {
                fields.insert("foreign".to_owned(), Value::from("x"));
            }
            fields.insert("empty".to_owned(), Value::Null);
        }
        Value::Array(items) => match lists::kind(field, items) {
            List::Keyed(keys) => {
                items.iter_mut().for_each(|item| add_everywhere("", item));
                items.insert(0, Value::Object(keys.iter().map(|key| ((*key).to_owned(), Value::from("foreign"))).collect()));
            }
            List::Completed => items.iter_mut().for_each(|item| add_everywhere("", item)),
            List::Atomic => {}
        },
        _ => {}
    }
}

#[test]
fn another_label_in_a_selector_is_a_change() {
    let service = objects().into_iter().find(|object| object.pointer("/spec/selector").is_some()).unwrap();
    let mut live = service.clone();
    live["spec"]["selector"]["version"] = Value::from("blue");
    assert!(!in_sync(&service, &live));
}

#[test]
fn every_rendered_leaf_counts() {
    for object in objects() {
        let mut paths = Vec::new();
        leaves("", &object, &mut paths);
        assert!(paths.len() > 10, "{object}");
        for path in paths {
            let (parent, name) = path.rsplit_once('/').unwrap();
            let mut changed = object.clone();
            *changed.pointer_mut(&path).unwrap() = other(object.pointer(&path).unwrap());
            assert!(!in_sync(&object, &changed), "{path} was changed");

            let mut without = object.clone();
            match without.pointer_mut(parent).unwrap() {
                Value::Object(fields) => drop(fields.remove(&name.replace("~1", "/"))),
                Value::Array(items) => drop(items.remove(name.parse().unwrap())),
                _ => unreachable!(),
            }
            let false_is_left_out = path == "/spec/publishNotReadyAddresses" && object["spec"]["clusterIP"] != "None";
            assert_eq!(in_sync(&object, &without), false_is_left_out, "{path} was taken away");
        }
    }
}

/// Paths of all that is no object and no list, but for the type, which objects in caches may lack.
fn leaves(path: &str, value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if !(path.is_empty() && (name == "apiVersion" || name == "kind")) {
                    leaves(&format!("{path}/{}", name.replace('/', "~1")), value, paths);
                }
            }
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| leaves(&format!("{path}/{at}"), value, paths)),
        _ => paths.push(path.to_owned()),
    }
}

fn other(value: &Value) -> Value {
    match value {
        Value::Bool(yes) => Value::from(!yes),
        Value::Number(number) => Value::from(number.as_i64().unwrap() + 1),
        Value::String(text) => Value::from(format!("{text}x")),
        _ => Value::from("x"),
    }
}

#[test]
fn an_item_more_in_a_list_with_one_owner_is_drift() {
    for (kind, path, item) in [
        ("StatefulSet", "/spec/template/spec/tolerations", json!({"operator": "Exists"})),
        ("StatefulSet", "/spec/template/spec/containers/0/args", json!("--secure")),
        ("StatefulSet", "/spec/volumeClaimTemplates", json!({"metadata": {"name": "more"}})),
        ("NetworkPolicy", "/spec/ingress", json!({})),
        ("NetworkPolicy", "/spec/ingress/0/from", json!({"namespaceSelector": {}})),
        ("PodMonitor", "/spec/podMetricsEndpoints", json!({"port": "other"})),
    ] {
        let object = fixture::objects(&fixture::full()).into_iter().find(|object| object["kind"] == kind).unwrap();
        let mut live = object.clone();
        live.pointer_mut(path).unwrap().as_array_mut().unwrap().push(item);
        assert!(!in_sync(&object, &live), "{path}");
    }
}

#[test]
fn a_wider_selector_is_drift() {
    let object = fixture::objects(&fixture::minimal()).into_iter().find(|object| object["kind"] == "NetworkPolicy").unwrap();
    let peer = "/spec/ingress/1/from/0";
    assert_eq!(object.pointer(peer).unwrap(), &json!({"podSelector": {}}));
    for wider in [json!({"namespaceSelector": {}}), json!({"podSelector": {}, "namespaceSelector": {}}), json!({})] {
        let mut live = object.clone();
        *live.pointer_mut(peer).unwrap() = wider;
        assert!(!in_sync(&object, &live), "{live}");
    }
}

/// As an API server of version 1.34 answers.
#[test]
fn what_the_api_server_writes_otherwise_is_in_sync() {
    let cluster = fixture::full();
    let set = stamped(&render::stateful_set(&cluster, &fixture::setting(), &fixture::claim(&cluster), 1));
    let mut live = set.clone();
    for (path, value) in [
        ("/metadata/creationTimestamp", json!("2026-01-01T00:00:00Z")),
        ("/metadata/generation", json!(1)),
        ("/spec/template/metadata/creationTimestamp", Value::Null),
        ("/spec/template/spec/containers/0/resources/requests/cpu", json!("500m")),
        ("/spec/template/spec/containers/0/resources/requests/memory", json!("1Gi")),
        ("/spec/template/spec/containers/0/terminationMessagePath", json!("/dev/termination-log")),
        ("/spec/template/spec/serviceAccount", json!("graph")),
        ("/spec/template/spec/schedulerName", json!("default-scheduler")),
        ("/spec/template/spec/dnsPolicy", json!("ClusterFirst")),
        ("/spec/template/spec/restartPolicy", json!("Always")),
        ("/spec/volumeClaimTemplates/0/metadata/creationTimestamp", Value::Null),
        ("/spec/volumeClaimTemplates/0/spec/resources/requests/storage", json!("102400Mi")),
        ("/spec/volumeClaimTemplates/0/status", json!({"phase": "Pending"})),
        ("/status", json!({"replicas": 0})),
    ] {
        let (parent, name) = path.rsplit_once('/').unwrap();
        live.pointer_mut(parent).unwrap()[name] = value;
    }
    assert!(in_sync(&set, &live));
}

/// What a user may write in a pod template, and what an API server of version 1.34 makes of it.
#[test]
fn what_users_write_unusually_is_in_sync() {
    for (field, sent, answered) in [
        (
            "tolerations",
            json!([{"key": "a", "operator": "Exists", "value": "", "effect": ""}, {"operator": "Exists"}]),
            json!([{"key": "a", "operator": "Exists"}, {"operator": "Exists"}]),
        ),
        (
            "affinity",
            json!({"nodeAffinity": {}, "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{
                "topologyKey": "k",
                "labelSelector": {"matchLabels": {}, "matchExpressions": []},
                "namespaceSelector": {},
                "namespaces": [],
            }]}}),
            json!({"nodeAffinity": {}, "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{
                "topologyKey": "k",
                "labelSelector": {},
                "namespaceSelector": {},
            }]}}),
        ),
        (
            "topologySpreadConstraints",
            json!([{"topologyKey": "z", "maxSkew": 1, "labelSelector": {}, "matchLabelKeys": []}]),
            json!([{"topologyKey": "z", "maxSkew": 1, "labelSelector": {}}]),
        ),
        ("nodeSelector", json!({"x": ""}), json!({"x": ""})),
        ("nodeSelector", json!({}), Value::Null),
        (
            "resources",
            json!({"requests": {"cpu": "0.1234567", "memory": "1.5Gi"}, "limits": {"cpu": "+2", "memory": "3000M"}}),
            json!({"requests": {"cpu": "124m", "memory": "1536Mi"}, "limits": {"cpu": "2", "memory": "3G"}}),
        ),
    ] {
        let object = |value: &Value| json!({"metadata": {"name": "demo"}, "spec": {field: value}});
        assert!(in_sync(&stamped(&object(&sent)), &stamped_like(&object(&sent), object(&answered))), "{field}");
    }
}

/// The answer to an object, with the stamp that was sent.
fn stamped_like(sent: &Value, mut answered: Value) -> Value {
    answered["metadata"]["annotations"] = stamped(sent)["metadata"]["annotations"].clone();
    answered
}

/// Caches hold typed objects.
#[test]
fn an_object_that_went_through_its_type_is_in_sync() {
    for object in objects().into_iter().filter(|object| object["kind"] == "StatefulSet") {
        let typed: StatefulSet = serde_json::from_value(object.clone()).unwrap();
        assert!(in_sync(&object, &serde_json::to_value(typed).unwrap()));
    }
}

#[test]
fn the_stamp_tells_what_is_no_longer_rendered() {
    let mut cluster = fixture::full();
    let before = stamped(&render::stateful_set(&cluster, &fixture::setting(), &fixture::claim(&cluster), 1));
    cluster.spec.pod_template = None;
    cluster.spec.resources = None;
    let after = stamped(&render::stateful_set(&cluster, &fixture::setting(), &fixture::claim(&cluster), 1));
    assert!(!in_sync(&after, &before));
}

#[test]
fn what_is_no_object_is_never_in_sync() {
    let object = objects().remove(0);
    assert!(!in_sync(&object, &Value::Null));
    assert!(!in_sync(&Value::Null, &object));
    assert!(!in_sync(&object, &json!({})));
    assert!(!in_sync(&Value::Null, &Value::Null));
}
