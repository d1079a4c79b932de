//! For each rule, an object that breaks it and what the API server has to say.

use serde_json::{Map, Value, json};
use sutra_crds::cluster::OWNED_BY_OPERATOR;

use crate::cluster::{Manifest, merge};

/// An object that is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The rule, by its name.
    pub breaks: String,
    /// The object as it is at first; none: it is refused at once.
    pub before: Option<Value>,
    /// The object that is refused.
    pub object: Value,
    /// The field that the API server blames.
    pub field: &'static str,
}

/// A cluster that is refused as new.
fn new(breaks: &'static str, field: &'static str, spec: Value) -> Refusal {
    let object = cluster().spec(&spec).0;
    Refusal { breaks: breaks.into(), before: None, object, field }
}

/// A cluster that is there and may not become so.
fn change(breaks: &'static str, field: &'static str, before: Value, after: Value) -> Refusal {
    let before = cluster().spec(&before).0;
    let mut object = before.clone();
    merge(&mut object["spec"], &after);
    Refusal { breaks: breaks.into(), before: Some(before), object, field }
}

fn cluster() -> Manifest {
    Manifest::minimal("ward-seven")
}

fn named(name: &str) -> Refusal {
    let breaks = "SutraCluster : metadata.name must be at most 40 characters: a lowercase letter, then letters, digits and \
                  hyphens, the last no hyphen";
    let object = Manifest::minimal(name).0;
    Refusal { breaks: breaks.into(), before: None, object, field: "<nil>" }
}

fn without(breaks: &'static str, field: &'static str, kind: &str, spec: Option<Value>) -> Refusal {
    let mut object = json!({"apiVersion": "sutra.dev/v1alpha1", "kind": kind, "metadata": {"name": "ward-seven"}});
    if let Some(spec) = spec {
        object["spec"] = spec;
    }
    Refusal { breaks: breaks.into(), before: None, object, field }
}

fn many(count: usize) -> Value {
    Value::Object((0..count).map(|number| (format!("key-{number}"), json!("value"))).collect::<Map<_, _>>())
}

/// All of them.
#[must_use]
pub fn refusals() -> Vec<Refusal> {
    [names(), nodes(), storage(), config(), pods(), features(), shards()].concat()
}

fn names() -> Vec<Refusal> {
    vec![named("7th-ward"), named("ward.seven"), named(&"w".repeat(41))]
}

fn nodes() -> Vec<Refusal> {
    vec![
        without("SutraCluster  requires spec", "spec", "SutraCluster", None),
        without(
            "SutraCluster spec requires nodes",
            "spec.nodes",
            "SutraCluster",
            Some(json!({"security": {"mode": "development"}})),
        ),
        without("SutraCluster spec requires security", "spec.security", "SutraCluster", Some(json!({"nodes": 1}))),
        new("SutraCluster spec.nodes minimum", "spec.nodes", json!({"nodes": 0})),
        new("SutraCluster spec.nodes maximum", "spec.nodes", json!({"nodes": 101})),
        change("SutraCluster spec.nodes minimum", "spec.nodes", json!({}), json!({"nodes": -3})),
        new("SutraCluster spec.initialShards minimum", "spec.initialShards", json!({"initialShards": 0})),
        new("SutraCluster spec.initialShards maximum", "spec.initialShards", json!({"initialShards": 4097})),
        change(INITIAL_SHARDS, "spec", json!({"initialShards": 4}), json!({"initialShards": 8})),
        change(INITIAL_SHARDS, "spec", json!({"initialShards": 4}), json!({"initialShards": null})),
        change(INITIAL_SHARDS, "spec", json!({}), json!({"initialShards": 4})),
        new(REPLICATION, "spec.replicationFactor", json!({"nodes": 5, "replicationFactor": 2})),
        new(REPLICATION, "spec.replicationFactor", json!({"nodes": 9, "replicationFactor": 7})),
        new(
            "SutraCluster spec.replicationFactor minimum",
            "spec.replicationFactor",
            json!({"replicationFactor": i64::from(i32::MIN) - 1}),
        ),
        new(
            "SutraCluster spec.replicationFactor maximum",
            "spec.replicationFactor",
            json!({"replicationFactor": i64::from(i32::MAX) + 1}),
        ),
        new(AT_MOST_NODES, "spec.replicationFactor", json!({"replicationFactor": 3})),
        change(AT_MOST_NODES, "spec.replicationFactor", json!({"nodes": 3, "replicationFactor": 3}), json!({"nodes": 1})),
        new("SutraCluster spec.image minLength", "spec.image", json!({"image": ""})),
        new("SutraCluster spec.image maxLength", "spec.image", json!({"image": "i".repeat(501)})),
        new("SutraCluster spec.upgradePolicy enum", "spec.upgradePolicy", json!({"upgradePolicy": "Always"})),
    ]
}

const INITIAL_SHARDS: &str = "SutraCluster spec: initialShards is immutable: it says among how many shards the knowledge is divided from the first one on; status.shards counts them";
const REPLICATION: &str = "SutraCluster spec.replicationFactor: replicationFactor must be 1, 3 or 5: an even number of copies \
                           survives no more than one less";
const AT_MOST_NODES: &str = "SutraCluster spec: replicationFactor must be at most nodes: two copies on one node are one copy";

const SHRINK: &str = "SutraCluster spec.storage: storage.size can't shrink: a volume only grows";
const CLASS: &str = "SutraCluster spec.storage: storage.storageClassName is immutable once set: a volume keeps its class";
const SIZE: &str = "SutraCluster spec.storage.size: storage.size must be a quantity from 1Gi to 1Pi, such as 10Gi";

fn storage() -> Vec<Refusal> {
    let size = |size: &str| json!({"storage": {"size": size}});
    let class = |class: Value| json!({"storage": {"storageClassName": class}});
    vec![
        change(SHRINK, "spec.storage.size", size("10Gi"), size("9Gi")),
        // 10 G are less than 10 Gi.
        change(SHRINK, "spec.storage.size", size("10Gi"), size("10G")),
        change(CLASS, "spec.storage", class(json!("local")), class(json!("network"))),
        change(CLASS, "spec.storage", class(json!("local")), class(Value::Null)),
        new(SIZE, "spec.storage.size", size("ten gigabytes")),
        new(SIZE, "spec.storage.size", size("1023Mi")),
        new(SIZE, "spec.storage.size", size("-5Gi")),
        new(SIZE, "spec.storage.size", size("2Pi")),
        new(SIZE, "spec.storage.size", size("1e12")),
        new("SutraCluster spec.storage.size minLength", "spec.storage.size", size("")),
        new("SutraCluster spec.storage.size maxLength", "spec.storage.size", size(&"1".repeat(33))),
        new("SutraCluster spec.storage.storageClassName minLength", "spec.storage.storageClassName", class(json!(""))),
        new(
            "SutraCluster spec.storage.storageClassName maxLength",
            "spec.storage.storageClassName",
            class(json!("c".repeat(254))),
        ),
        new("SutraCluster spec.storage.adopt minLength", "spec.storage.adopt", json!({"storage": {"adopt": ""}})),
        new("SutraCluster spec.storage.adopt maxLength", "spec.storage.adopt", json!({"storage": {"adopt": "a".repeat(65)}})),
        new(
            "SutraCluster spec.storage.persistentVolumeClaimRetentionPolicy.whenDeleted enum",
            "spec.storage.persistentVolumeClaimRetentionPolicy.whenDeleted",
            json!({"storage": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Keep"}}}),
        ),
    ]
}

fn config() -> Vec<Refusal> {
    let config = |config: Value| json!({"config": config});
    let owned = |key: &str, name: &str| {
        let breaks = format!("SutraCluster spec.config: config.{name} is set by the operator from the rest of the spec");
        Refusal { breaks, ..new("", "spec.config", config(json!({key: "x"}))) }
    };
    let mut all: Vec<Refusal> = OWNED_BY_OPERATOR.iter().map(|key| owned(key, key)).collect();
    // The node takes every spelling.
    let spelled = OWNED_BY_OPERATOR.iter().filter(|key| key.contains('-'));
    all.extend(spelled.clone().map(|key| owned(&key.replace('-', "_"), key)));
    all.extend(spelled.map(|key| owned(&key.replacen('-', "_", 1), key)));
    all.push(Refusal {
        breaks: owned("http", "http").breaks,
        ..change("", "spec.config", config(json!({"log": "json"})), config(json!({"http": "0.0.0.0:80"})))
    });
    for (breaks, value) in [("minimum", i64::from(i32::MIN) - 1), ("maximum", i64::from(i32::MAX) + 1)] {
        let breaks = format!("SutraCluster spec.config.* {breaks}");
        all.push(Refusal { breaks, ..new("", "spec.config.backlog", config(json!({"backlog": value}))) });
    }
    all.push(new("SutraCluster spec.config maxProperties", "spec.config", config(many(65))));
    all
}

const LABELS: &str = "SutraCluster spec.podTemplate.metadata: podTemplate.metadata.labels under app.kubernetes.io/ and sutra.dev/ \
                      are set by the operator";
const ANNOTATIONS: &str =
    "SutraCluster spec.podTemplate.metadata: podTemplate.metadata.annotations under sutra.dev/ are set by the operator";

fn pods() -> Vec<Refusal> {
    let metadata = |metadata: Value| json!({"podTemplate": {"metadata": metadata}});
    let field = "spec.podTemplate.metadata";
    vec![
        new(LABELS, field, metadata(json!({"labels": {"app.kubernetes.io/name": "other"}}))),
        new(LABELS, field, metadata(json!({"labels": {"sutra.dev/revision": "1"}}))),
        new(ANNOTATIONS, field, metadata(json!({"annotations": {"sutra.dev/revision": "1"}}))),
        new(
            "SutraCluster spec.podTemplate.metadata.labels maxProperties",
            "spec.podTemplate.metadata.labels",
            metadata(json!({"labels": many(65)})),
        ),
        new(
            "SutraCluster spec.podTemplate.metadata.annotations maxProperties",
            "spec.podTemplate.metadata.annotations",
            metadata(json!({"annotations": many(65)})),
        ),
    ]
}

const MODEL: &str = "SutraCluster spec.embedding: embedding.model must name the model of the provider";
const SPLIT: &str = "SutraCluster spec.rebalancing.splitAtSize: must be a positive quantity, such as 8Gi";
const MERGE: &str = "SutraCluster spec.rebalancing.mergeBelowSize: must be a positive quantity, such as 8Gi";

fn features() -> Vec<Refusal> {
    let embedding = |embedding: Value| json!({"embedding": embedding});
    let rebalancing = |key: &str, value: Value| json!({"rebalancing": {key: value}});
    let number = |name: &'static str, value: i64| {
        let (_, field) = name.split_once(' ').unwrap_or_default();
        let (field, _) = field.split_once(' ').unwrap_or_default();
        let key = field.rsplit('.').next().unwrap_or_default();
        new(name, field, rebalancing(key, json!(value)))
    };
    let (split, merge) = ("spec.rebalancing.splitAtSize", "spec.rebalancing.mergeBelowSize");
    vec![
        new(MODEL, "spec.embedding", embedding(json!({"provider": "local"}))),
        new(
            "SutraCluster spec.embedding requires provider",
            "spec.embedding.provider",
            embedding(json!({"model": "all-MiniLM-L6-v2"})),
        ),
        new(
            "SutraCluster spec.embedding.provider enum",
            "spec.embedding.provider",
            embedding(json!({"provider": "cloud", "model": "x"})),
        ),
        new(
            "SutraCluster spec.embedding.model minLength",
            "spec.embedding.model",
            embedding(json!({"provider": "local", "model": ""})),
        ),
        new(
            "SutraCluster spec.embedding.model maxLength",
            "spec.embedding.model",
            embedding(json!({"provider": "http", "model": "m".repeat(2049)})),
        ),
        new(SPLIT, split, rebalancing("splitAtSize", json!("0"))),
        new(SPLIT, split, rebalancing("splitAtSize", json!("much"))),
        new("SutraCluster spec.rebalancing.splitAtSize minLength", split, rebalancing("splitAtSize", json!(""))),
        new("SutraCluster spec.rebalancing.splitAtSize maxLength", split, rebalancing("splitAtSize", json!("1".repeat(33)))),
        new(MERGE, merge, rebalancing("mergeBelowSize", json!("-1Gi"))),
        new("SutraCluster spec.rebalancing.mergeBelowSize minLength", merge, rebalancing("mergeBelowSize", json!(""))),
        new(
            "SutraCluster spec.rebalancing.mergeBelowSize maxLength",
            merge,
            rebalancing("mergeBelowSize", json!("1".repeat(33))),
        ),
        number("SutraCluster spec.rebalancing.splitAtQueriesPerSecond minimum", 0),
        number("SutraCluster spec.rebalancing.splitAtQueriesPerSecond maximum", 10_000_001),
        number("SutraCluster spec.rebalancing.maxConcurrentMoves minimum", 0),
        number("SutraCluster spec.rebalancing.maxConcurrentMoves maximum", 17),
        new("SutraCluster spec.security requires mode", "spec.security.mode", json!({"security": {"mode": null}})),
        new("SutraCluster spec.security.mode enum", "spec.security.mode", json!({"security": {"mode": "none"}})),
        change("SutraCluster spec.security.mode enum", "spec.security.mode", json!({}), json!({"security": {"mode": "open"}})),
        new("SutraCluster spec.licence requires secretName", "spec.licence.secretName", json!({"licence": {}})),
        new("SutraCluster spec.licence.secretName minLength", "spec.licence.secretName", json!({"licence": {"secretName": ""}})),
        new(
            "SutraCluster spec.licence.secretName maxLength",
            "spec.licence.secretName",
            json!({"licence": {"secretName": "s".repeat(254)}}),
        ),
        new(
            "SutraCluster spec.monitoring.podMonitor enum",
            "spec.monitoring.podMonitor",
            json!({"monitoring": {"podMonitor": "always"}}),
        ),
    ]
}

fn shards() -> Vec<Refusal> {
    let kind = "SutraShard";
    vec![
        without("SutraShard  requires spec", "spec", kind, None),
        without("SutraShard spec requires clusterRef", "spec.clusterRef", kind, Some(json!({"shardId": 1}))),
        without("SutraShard spec requires shardId", "spec.shardId", kind, Some(json!({"clusterRef": "ward-seven"}))),
    ]
}
