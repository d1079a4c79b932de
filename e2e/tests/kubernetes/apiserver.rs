//! Nodes serve on while the API server is away.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sutra_e2e::case::alone;
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::{FACTS, Grid, METFORMIN, WARFARIN};
use sutra_e2e::operator;
use sutra_e2e::wait::throughout;

const OUTAGE: Duration = Duration::from_secs(60);

// Alone, as nobody else could look at anything meanwhile.
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
