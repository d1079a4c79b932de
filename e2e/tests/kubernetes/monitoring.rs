//! The operator's own numbers.

use anyhow::{Context as _, Result, ensure};
use sutra_e2e::case::{Case, scenario};
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::operator::{Operator, Settings};
use sutra_e2e::wait::{SOON, until};

#[test]
fn operators_tell_their_health_and_their_numbers() -> Result<()> {
    scenario(async |case| {
        let home = case.new_namespace("operator").await?;
        let settings = Settings::of_namespace(case, &case.namespace).replicas(2);
        let operator = Operator::install(case, &home, &settings).await?;
        Cluster::running(case, &Manifest::minimal("leaflets").own()).await?;
        until("one operator leads and tells its numbers", SOON, async || told(case, &operator).await).await
    })
}

const NUMBERS: [&str; 6] = [
    "sutra_operator_reconciles_total{",
    "sutra_operator_reconcile_seconds_bucket{",
    "sutra_operator_writes_total{",
    "sutra_operator_clusters{",
    "sutra_operator_steps_total{",
    "sutra_operator_node_polls_total{",
];

async fn told(case: &Case, operator: &Operator<'_>) -> Result<()> {
    let http = &case.world().http;
    let mut leaders = 0;
    for pod in operator.pods().await? {
        let address = pod.status.and_then(|status| status.pod_ip).context("an operator without an address")?;
        // One that waits for the lease is as well as the one that has it.
        for path in ["livez", "readyz"] {
            let status = http.get(format!("http://{address}:8080/{path}")).send().await?.status();
            ensure!(status.is_success(), "/{path} answers {status}");
        }
        let metrics = http.get(format!("http://{address}:8080/metrics")).send().await?.text().await?;
        if metrics.lines().any(|line| line == "sutra_operator_leader 1") {
            leaders += 1;
            let missing = NUMBERS.into_iter().find(|name| !metrics.lines().any(|line| line.starts_with(name)));
            ensure!(missing.is_none(), "there is no {missing:?} in\n{metrics}");
        }
    }
    ensure!(leaders == 1, "{leaders} operators say that they lead");
    Ok(())
}
