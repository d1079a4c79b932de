//! Two operators, paused ones, killed ones.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use sutra_e2e::audit::Audit;
use sutra_e2e::case::scenario;
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::{METFORMIN, WARFARIN};
use sutra_e2e::operator::{Operator, Settings};
use sutra_e2e::wait::{LONG, SOON, until};
use uuid::Uuid;

/// Restarts of a pod's only container.
async fn restarts(operator: &Operator<'_>, name: &str) -> Result<i32> {
    let pods = operator.pods().await?;
    let pod = pods.into_iter().find(|pod| pod.metadata.name.as_deref() == Some(name)).context("the pod is gone")?;
    let statuses = pod.status.and_then(|status| status.container_statuses).unwrap_or_default();
    Ok(statuses.first().map(|status| status.restart_count).unwrap_or_default())
}

#[test]
fn a_leader_that_was_paused_past_its_lease_writes_nothing_when_it_goes_on() -> Result<()> {
    scenario(async |case| {
        let home = case.new_namespace("operator").await?;
        let settings = Settings::of_namespace(case, &case.namespace).replicas(2);
        let operator = Operator::install(case, &home, &settings).await?;
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets").own()).await?;
        cluster.grid().await?.teach(WARFARIN).await?;
        let first = operator.leader().await?;
        let before = cluster.life().await?;
        let audit = Audit::from_now(&case.world().environment)?;
        // Kubernetes ends one that does not answer, if it is paused for long: that counts as well.
        let restarted = restarts(&operator, &first).await?;

        // In the middle of work: what it planned before the pause is wrong afterwards.
        operator.signal(&first, "STOP").await?;
        cluster.change(&json!({"resources": {"requests": {"memory": "72Mi"}}})).await?;
        let second = until("another pod leads", SOON, async || {
            let holder = operator.holder().await?;
            ensure!(holder != first, "{first} still holds the lease");
            Ok(holder)
        })
        .await?;
        cluster.renewed(&before).await?;
        let writes = audit.writes_by(&operator.user())?;
        let by = |pod: &str| writes.iter().filter(|write| write.pod.as_deref() == Some(pod) && !write.is_lease()).count();
        ensure!(by(&second) > 0, "the log does not tell pods apart: {writes:#?}");

        let resumed = Audit::from_now(&case.world().environment)?;
        operator.signal(&first, "CONT").await?;
        // It ends by itself, as it can't know what it missed; Kubernetes starts it again as one that waits.
        until("the paused operator has ended", SOON, async || {
            ensure!(restarts(&operator, &first).await? > restarted, "it runs on");
            Ok(())
        })
        .await?;
        let late: Vec<_> = resumed
            .writes_by(&operator.user())?
            .into_iter()
            .filter(|write| write.pod.as_deref() == Some(first.as_str()))
            .filter(|write| !write.is_lease() || write.succeeded())
            .collect();
        ensure!(late.is_empty(), "it wrote all the same: {late:#?}");
        ensure!(operator.holder().await? == second, "the lease moved");
        cluster.ready().await?;
        cluster.grid().await?.remembers(WARFARIN).await
    })
}

#[test]
fn an_operator_that_stops_hands_the_lease_over_at_once() -> Result<()> {
    scenario(async |case| {
        let home = case.new_namespace("operator").await?;
        let settings = Settings { lease: 40, ..Settings::of_namespace(case, &case.namespace).replicas(2) };
        let operator = Operator::install(case, &home, &settings).await?;
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets").own()).await?;
        let first = operator.leader().await?;
        let pods: Api<Pod> = Api::namespaced(case.world().client.clone(), &home);
        pods.delete(&first, &DeleteParams::default()).await?;
        // Half of the lease: only one that was given back is free by then.
        until("another pod leads", Duration::from_secs(20), async || {
            let holder = operator.holder().await?;
            ensure!(holder != first, "{first} still holds the lease");
            Ok(())
        })
        .await?;
        cluster.carry_out(&json!({"resources": {"requests": {"memory": "72Mi"}}})).await
    })
}

/// A moment within a change, another one each time.
fn some_moment() -> Duration {
    let [byte, ..] = Uuid::new_v4().into_bytes();
    Duration::from_millis(u64::from(byte) * 8)
}

#[test]
fn an_operator_that_is_killed_in_the_middle_of_changes_ends_where_it_should() -> Result<()> {
    scenario(async |case| {
        let home = case.new_namespace("operator").await?;
        let operator = Operator::install(case, &home, &Settings::of_namespace(case, &case.namespace)).await?;
        let pods: Api<Pod> = Api::namespaced(case.world().client.clone(), &home);
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets").own()).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let volume = cluster.claim().await?.metadata.uid;
        let mut moments = Vec::new();
        for round in 1..=5 {
            let size = format!("{}Mi", 1024 + 128 * round);
            let memory = format!("{}Mi", 64 + 8 * round);
            cluster.change(&json!({"storage": {"size": size}, "resources": {"requests": {"memory": memory}}})).await?;
            let leader = operator.leader().await?;
            let moment = some_moment();
            moments.push(moment);
            tokio::time::sleep(moment).await;
            operator.signal(&leader, "KILL").await?;
            // A new pod, as Kubernetes waits longer and longer before it starts the same one again.
            pods.delete(&leader, &DeleteParams::default().grace_period(0)).await?;
            until("there is a new operator", LONG, async || {
                let now = operator.pods().await?;
                ensure!(now.iter().any(|pod| pod.metadata.name.as_deref() != Some(&leader)), "only {leader} is there");
                Ok(())
            })
            .await?;
        }
        cluster.ready().await.with_context(|| format!("killed after {moments:?}"))?;
        let claim = cluster.claim().await?;
        ensure!(claim.metadata.uid == volume, "the claim is another one");
        let capacity = serde_json::to_value(&claim)?["status"]["capacity"]["storage"].clone();
        ensure!(capacity == "1664Mi", "the volume has {capacity}");
        let pod = serde_json::to_value(cluster.pod().await?)?;
        let memory = &pod["spec"]["containers"][0]["resources"]["requests"]["memory"];
        ensure!(memory == "104Mi", "the pod asks for {memory}");
        ensure!(cluster.pods().await?.len() == 1, "there are more pods than nodes");
        grid.remembers(WARFARIN).await?;
        grid.teach(METFORMIN).await
    })
}
