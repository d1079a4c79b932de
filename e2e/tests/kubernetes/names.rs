//! What belongs to others is left alone.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use sutra_e2e::case::scenario;
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::WARFARIN;

#[test]
fn a_service_of_somebody_else_with_the_clusters_name_is_not_touched() -> Result<()> {
    scenario(async |case| {
        let theirs: Service = serde_json::from_value(json!({
            "metadata": {"name": "leaflets", "labels": {"team": "web"}},
            "spec": {"selector": {"app": "website"}, "ports": [{"name": "http", "port": 80}]},
        }))?;
        let services = case.api::<Service>();
        let before = services.create(&PostParams::default(), &theirs).await?;
        let cluster = Cluster::create(case, &Manifest::minimal("leaflets")).await?;
        let stalled = cluster.condition("Stalled", "True", Some("NameTaken")).await?;
        ensure!(stalled.message.contains("Service"), "the message is: {}", stalled.message);
        let after = services.get("leaflets").await?;
        ensure!(after.metadata.resource_version == before.metadata.resource_version, "it was written: {after:?}");

        services.delete("leaflets", &DeleteParams::default()).await?;
        cluster.ready().await?;
        cluster.grid().await?.teach(WARFARIN).await
    })
}
