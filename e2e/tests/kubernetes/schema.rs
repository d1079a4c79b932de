//! What the API server refuses, defaults, the scale subresource.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::Status;
use kube::{Api, Error};
use serde::Deserialize as _;
use serde_json::{Value, json};
use sutra_e2e::case::{Case, scenario};
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::WARFARIN;
use sutra_e2e::schema::{Constraint, Refusal, constraints, refusals};

fn api(case: &Case, object: &Value) -> Api<DynamicObject> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let resource = ApiResource {
        group: "sutra.dev".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "sutra.dev/v1alpha1".to_owned(),
        kind: kind.to_owned(),
        plural: format!("{}s", kind.to_lowercase()),
    };
    Api::namespaced_with(case.world().client.clone(), &case.namespace, &resource)
}

/// Nothing is stored: the API server only says what it thinks of it.
fn dry() -> PostParams {
    PostParams { dry_run: true, ..PostParams::default() }
}

async fn attempt(case: &Case, refusal: &Refusal) -> Result<Status> {
    let api = api(case, &refusal.object);
    let object: DynamicObject = serde_json::from_value(refusal.object.clone())?;
    let answer = match &refusal.before {
        None => api.create(&dry(), &object).await,
        Some(before) => {
            // To have been there before, it has to be stored; the name is one that no operator cares for.
            let mut before = before.clone();
            let name = format!("ward-{}", sutra_e2e::case::suffix());
            before["metadata"]["name"] = json!(name);
            before["metadata"]["labels"] = json!({"sutra.dev/operator": "none"});
            let stored = api.create(&PostParams::default(), &serde_json::from_value(before)?).await?;
            let changed = DynamicObject { metadata: stored.metadata, ..object };
            let answer = api.replace(&name, &dry(), &changed).await;
            api.delete(&name, &Default::default()).await?;
            answer
        }
    };
    match answer {
        Err(Error::Api(status)) => Ok(*status),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("the API server takes it: {}", refusal.object),
    }
}

fn complains(refusal: &Refusal, constraint: &Constraint, status: &Status) -> Result<()> {
    let sentence = constraint.complaint();
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    let right = causes.iter().any(|cause| {
        // A rule's sentence stands at the end, whole; a bound's is part of Kubernetes' own.
        let told = match constraint.rule {
            sutra_e2e::schema::constraint::Rule::Sentence(_) => cause.message.ends_with(&format!(": {sentence}")),
            _ => cause.message.contains(sentence),
        };
        told && cause.field == refusal.field
    });
    ensure!(right, "{:?} for the field {} is not in {causes:#?}", sentence, refusal.field);
    Ok(())
}

#[test]
fn every_rule_and_bound_is_kept_by_the_api_server_which_says_why() -> Result<()> {
    scenario(async |case| {
        let constraints: BTreeMap<String, Constraint> = constraints()?.into_iter().map(|one| (one.id(), one)).collect();
        let mut wrong = Vec::new();
        for refusal in refusals() {
            let constraint = constraints.get(&refusal.breaks).with_context(|| format!("there is no rule {}", refusal.breaks))?;
            let kept = attempt(case, &refusal).await.and_then(|status| complains(&refusal, constraint, &status));
            if let Err(error) = kept {
                wrong.push(format!("{}: {error:#}", refusal.breaks));
            }
        }
        ensure!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), refusals().len(), wrong.join("\n"));
        Ok(())
    })
}

#[test]
fn what_is_allowed_is_taken() -> Result<()> {
    scenario(async |case| {
        let longest = "w".repeat(40);
        let grows = json!({"storage": {"size": "20Gi"}});
        for (name, before, after) in [
            (longest.as_str(), json!({}), grows.clone()),
            ("w", json!({"storage": {"size": "1Gi"}}), json!({"storage": {"size": "1.5Gi"}})),
            ("a-b", json!({"storage": {"size": "10Gi"}}), json!({"storage": {"size": "10240Mi"}})),
            ("ward-seven", json!({}), json!({"storage": {"storageClassName": "local"}})),
            (
                "ward-eight",
                json!({"nodes": 3, "replicationFactor": 3, "initialShards": 4}),
                json!({"nodes": 5, "replicationFactor": 5}),
            ),
            ("ward-nine", json!({"config": {"drain_delay": "5s"}}), json!({"config": {"log": "json", "drain_delay": null}})),
            ("ward-ten", json!({"embedding": {"provider": "none"}}), json!({"embedding": {"provider": "hash", "model": "64"}})),
        ] {
            let manifest = Manifest::minimal(name).labelled("sutra.dev/operator", "none").spec(&before);
            let cluster = Cluster::create(case, &manifest).await?;
            cluster.change(&after).await?;
        }
        Ok(())
    })
}

#[test]
fn every_sample_is_taken() -> Result<()> {
    scenario(async |case| {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/samples");
        let mut taken = 0;
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            let text = std::fs::read_to_string(&path)?;
            for document in serde_norway::Deserializer::from_str(&text) {
                let mut object = Value::deserialize(document).with_context(|| format!("read {}", path.display()))?;
                if object["kind"] != "SutraCluster" {
                    continue;
                }
                object["metadata"]["namespace"] = json!(case.namespace);
                let arguments = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
                let created = case.world().environment.kubectl_with(&object.to_string(), arguments).await;
                created.with_context(|| path.display().to_string())?;
                taken += 1;
            }
        }
        ensure!(taken >= 3, "there are only {taken} samples");
        Ok(())
    })
}

#[test]
fn what_is_left_out_is_filled_in() -> Result<()> {
    scenario(async |case| {
        let text = "{apiVersion: sutra.dev/v1alpha1, kind: SutraCluster, metadata: {name: ward, labels: {sutra.dev/operator: none}}, \
                    spec: {nodes: 1, security: {mode: development}}}";
        let environment = &case.world().environment;
        environment.kubectl_with(text, ["create", "--namespace", &case.namespace, "-f", "-"]).await?;
        let stored: Value = serde_json::from_str(&case.kubectl(&["get", "sutracluster/ward", "-o", "json"]).await?)?;
        let expected = json!({
            "nodes": 1,
            "security": {"mode": "development"},
            "storage": {"size": "10Gi", "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain"}},
            "monitoring": {"podMonitor": "auto"},
            "upgradePolicy": "Manual",
            "paused": false,
            "hibernated": false,
        });
        ensure!(stored["spec"] == expected, "the spec is {}", stored["spec"]);
        // A status of which only a part is written has the rest, and was observed for no generation yet.
        let part = r#"{"status": {"phase": "Pending"}}"#;
        case.kubectl(&["patch", "sutracluster/ward", "--subresource=status", "--type=merge", "-p", part]).await?;
        let stored: Value = serde_json::from_str(&case.kubectl(&["get", "sutracluster/ward", "-o", "json"]).await?)?;
        ensure!(stored["status"]["observedGeneration"] == -1, "the status is {}", stored["status"]);
        Ok(())
    })
}

#[test]
fn an_unknown_field_is_told_by_kubectl() -> Result<()> {
    scenario(async |case| {
        let manifest = Manifest::minimal("ward").spec(&json!({"replicas": 3})).0.to_string();
        let environment = &case.world().environment;
        let refused = environment.kubectl_with(&manifest, ["create", "--namespace", &case.namespace, "-f", "-"]).await;
        let complaint = format!("{:#}", refused.err().context("kubectl takes spec.replicas")?);
        ensure!(complaint.contains("unknown field \"spec.replicas\""), "{complaint}");
        Ok(())
    })
}

#[test]
fn scaling_beyond_what_this_release_can_do_is_told_and_changes_nothing() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let before = cluster.life().await?;
        case.kubectl(&["scale", "sutracluster/leaflets", "--replicas=3"]).await?;
        let stalled = cluster.condition("Stalled", "True", Some("ScalingUnavailable")).await?;
        ensure!(stalled.message.contains("nodes"), "the message is: {}", stalled.message);
        cluster.condition("Ready", "False", Some("ScalingUnavailable")).await?;
        let scale =
            ["get", "--raw", &format!("/apis/sutra.dev/v1alpha1/namespaces/{}/sutraclusters/leaflets/scale", case.namespace)];
        let scale: Value = serde_json::from_str(&case.kubectl(&scale).await?)?;
        ensure!((&scale["spec"]["replicas"], &scale["status"]["replicas"]) == (&json!(3), &json!(1)), "the scale is {scale}");
        let selector = scale["status"]["selector"].as_str().unwrap_or_default();
        ensure!(selector.contains("app.kubernetes.io/instance=leaflets"), "the selector is {selector}");
        ensure!(cluster.pods().await?.len() == 1 && cluster.life().await? == before, "the pods changed");
        grid.knows(WARFARIN).await?;
        case.kubectl(&["scale", "sutracluster/leaflets", "--replicas=1"]).await?;
        cluster.ready().await?;
        ensure!(cluster.life().await? == before, "the pod was replaced");
        Ok(())
    })
}
