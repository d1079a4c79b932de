//! helm installs, upgrades and uninstalls.

use anyhow::{Result, ensure};
use serde_json::json;
use sutra_e2e::case::scenario;
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::{METFORMIN, WARFARIN};
use sutra_e2e::operator::{Operator, Settings};

#[test]
fn a_release_that_is_uninstalled_leaves_definitions_clusters_and_data() -> Result<()> {
    scenario(async |case| {
        let environment = &case.world().environment;
        let home = case.new_namespace("operator").await?;
        let settings = Settings { definitions: true, ..Settings::of_namespace(case, &case.namespace) };
        let operator = Operator::install(case, &home, &settings).await?;
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets").own()).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let life = cluster.life().await?;

        // An upgrade that changes the operator's own settings.
        operator.upgrade(&environment.chart(), &Settings { poll: "5s", ..settings.clone() }.replicas(2)).await?;
        operator.comes_to(2).await?;
        cluster.ready().await?;

        operator.uninstall().await?;
        operator.comes_to(0).await?;
        let left = environment
            .kubectl(["get", "deployments,roles,rolebindings,serviceaccounts,services", "-n", &home, "-o", "name"])
            .await?;
        ensure!(!left.contains("sutra"), "the release left {left}");
        for definition in ["sutraclusters.sutra.dev", "sutrashards.sutra.dev"] {
            environment.kubectl(["get", "customresourcedefinition", definition]).await?;
        }
        ensure!(cluster.life().await? == life, "the pod was replaced");
        grid.knows(WARFARIN).await?;
        grid.teach(METFORMIN).await?;

        let again = Operator::install(case, &home, &settings).await?;
        again.leader().await?;
        cluster.carry_out(&json!({"config": {"log": "json"}})).await?;
        grid.remembers(METFORMIN).await
    })
}

#[test]
fn the_install_file_is_taken() -> Result<()> {
    scenario(async |case| {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/install.yaml");
        let arguments = ["apply", "--dry-run=server", "--validate=strict", "--server-side", "--force-conflicts", "-f", file];
        let applied = case.world().environment.kubectl(arguments).await?;
        for object in ["deployment.apps/sutra-operator", "customresourcedefinition.apiextensions.k8s.io/sutraclusters.sutra.dev"]
        {
            ensure!(applied.contains(object), "there is no {object} in\n{applied}");
        }
        Ok(())
    })
}
