//! What disturbs everybody: the API server away, a new kind of object. Their names are the first, so that nobody waits for them later.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sutra_e2e::case::{Case, alone};
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::{FACTS, Grid, METFORMIN, WARFARIN};
use sutra_e2e::operator::{self, Operator, Settings};
use sutra_e2e::wait::{LONG, SOON, throughout, until};

const OUTAGE: Duration = Duration::from_secs(60);

// Nobody else could look at anything meanwhile.
#[test]
fn a_grid_serves_on_without_the_api_server_and_all_is_as_before_when_it_is_back() -> Result<()> {
    alone(async |case| {
        let environment = &case.world().environment;
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let by_service = cluster.grid().await?;
        by_service.teach(WARFARIN).await?;
        let by_pod = Grid::at(&case.world().http, &cluster.pod_address().await?);
        let before = cluster.life().await?;
        let shard = cluster.shards().await?;

        environment.lab(["apiserver", "stop"]).await?;
        ensure!(cluster.get().await.is_err(), "the API server answers although it is stopped");
        let mut facts = FACTS.iter().cycle();
        let served = throughout("service without the API server", OUTAGE, async || {
            let fact = *facts.next().context("no facts")?;
            by_service.learn(fact).await?;
            by_pod.knows(fact).await?;
            by_pod.learn(fact).await?;
            by_service.knows(fact).await
        })
        .await;
        environment.lab(["apiserver", "start"]).await?;
        served?;

        // The operators ended when they could not renew their lease; their successors lead now.
        environment
            .kubectl(["rollout", "status", "deployment/sutra-operator", "-n", operator::NAMESPACE, "--timeout=180s"])
            .await?;
        cluster.ready().await?;
        by_service.knows(METFORMIN).await?;
        ensure!(cluster.life().await? == before, "the pod was replaced: {before:?}, now {:?}", cluster.life().await?);
        let uids = |shards: &[sutra_crds::SutraShard]| shards.iter().map(|shard| shard.metadata.uid.clone()).collect::<Vec<_>>();
        ensure!(uids(&cluster.shards().await?) == uids(&shard), "the SutraShards are others");
        // And it works again.
        cluster.change(&json!({"resources": {"requests": {"memory": "72Mi"}}})).await?;
        cluster.renewed(&before).await?;
        by_service.remembers(METFORMIN).await
    })
}

const DEFINITION: &str = "customresourcedefinition/podmonitors.monitoring.coreos.com";

/// As much of the Prometheus operator's definition as an operator that writes one needs.
fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "podmonitors.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": {"kind": "PodMonitor", "listKind": "PodMonitorList", "plural": "podmonitors", "singular": "podmonitor"},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}},
            }],
        },
    })
}

// Every operator of the cluster sees the new API.
#[test]
fn pod_monitors_are_made_where_the_api_is_known_and_nothing_waits_for_them_when_it_goes() -> Result<()> {
    alone(async |case| {
        let home = case.new_namespace("operator").await?;
        Operator::install(case, &home, &Settings::of_namespace(case, &case.namespace)).await?;
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets").own()).await?;
        let environment = &case.world().environment;
        environment.kubectl_with(&definition().to_string(), ["apply", "-f", "-"]).await?;
        let shown = shows(case, &cluster).await;
        // The Prometheus operator is uninstalled.
        environment.kubectl(["delete", DEFINITION]).await?;
        shown?;
        let other = Cluster::create(case, &Manifest::minimal("formulary").own()).await?;
        other.ready().await?;
        cluster.carry_out(&json!({"resources": {"requests": {"memory": "72Mi"}}})).await
    })
}

async fn shows(case: &Case, cluster: &Cluster<'_>) -> Result<()> {
    case.world().environment.kubectl(["wait", "--for=condition=Established", DEFINITION, "--timeout=60s"]).await?;
    // The operator looks for the API now and then.
    until("there is a PodMonitor", LONG, async || {
        let monitor: Value = serde_json::from_str(&case.kubectl(&["get", "podmonitor/leaflets", "-o", "json"]).await?)?;
        let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
        ensure!((&endpoint["port"], &endpoint["path"]) == (&json!("http"), &json!("/metrics")), "it scrapes {endpoint}");
        Ok(())
    })
    .await?;
    cluster.carry_out(&json!({"monitoring": {"podMonitor": "disabled"}})).await?;
    until("there is no PodMonitor", SOON, async || {
        let left = case.kubectl(&["get", "podmonitors", "-o", "name"]).await?;
        ensure!(left.trim().is_empty(), "there is {left}");
        Ok(())
    })
    .await?;
    cluster.carry_out(&json!({"monitoring": {"podMonitor": "auto"}})).await
}
