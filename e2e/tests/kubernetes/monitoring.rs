//! `PodMonitor`, where that is known.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sutra_e2e::case::{Case, alone};
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::operator::{Operator, Settings};
use sutra_e2e::wait::{LONG, SOON, until};

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

// Alone, as every operator of the cluster sees the new API.
#[test]
fn a_pod_monitor_is_made_where_the_api_is_known_unless_it_is_disabled() -> Result<()> {
    alone(async |case| {
        let environment = &case.world().environment;
        environment.kubectl_with(&definition().to_string(), ["apply", "-f", "-"]).await?;
        let shown = shows(case).await;
        environment.kubectl(["delete", "customresourcedefinition", "podmonitors.monitoring.coreos.com"]).await?;
        shown
    })
}

async fn shows(case: &Case) -> Result<()> {
    let definition = "customresourcedefinition/podmonitors.monitoring.coreos.com";
    case.world().environment.kubectl(["wait", "--for=condition=Established", definition, "--timeout=60s"]).await?;
    let home = case.new_namespace("operator").await?;
    Operator::install(case, &home, &Settings::of_namespace(case, &case.namespace)).await?;
    let cluster = Cluster::running(case, &Manifest::minimal("leaflets").own()).await?;
    until("there is a PodMonitor", SOON, async || {
        let monitor: Value = serde_json::from_str(&case.kubectl(&["get", "podmonitor/leaflets", "-o", "json"]).await?)?;
        let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
        ensure!((&endpoint["port"], &endpoint["path"]) == (&json!("http"), &json!("/metrics")), "it scrapes {endpoint}");
        Ok(())
    })
    .await?;
    cluster.change(&json!({"monitoring": {"podMonitor": "disabled"}})).await?;
    until("there is no PodMonitor", LONG, async || {
        let left = case.kubectl(&["get", "podmonitors", "-o", "name"]).await?;
        ensure!(left.trim().is_empty(), "there is {left}");
        Ok(())
    })
    .await?;
    cluster.ready().await
}
