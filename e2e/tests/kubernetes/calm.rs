//! A settled cluster costs nothing. The longest test; its name is among the first, so that the others run beside it.

use std::collections::BTreeMap;
use std::io::{Write as _, stderr};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use sutra_e2e::audit::Audit;
use sutra_e2e::case::scenario;
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::environment::Environment;
use sutra_e2e::grid::WARFARIN;
use sutra_e2e::operator::{Operator, Settings};
use sutra_e2e::wait::{LONG, until};
use tokio::time::{Instant, sleep};

/// How many clusters an operator has to be able to look after on next to nothing.
const CLUSTERS: usize = 20;
/// Longer than any number in a status is left as it is.
const WATCHED: Duration = Duration::from_secs(130);
/// Issue B: operator memory < 64 MiB.
const MEMORY: u64 = 64 << 20;

#[test]
fn an_operator_with_twenty_settled_clusters_writes_nothing_and_stays_small() -> Result<()> {
    scenario(async |case| {
        let home = case.new_namespace("operator").await?;
        let settings = Settings { poll: "15s", lease: 15, ..Settings::of_namespace(case, &case.namespace) };
        let operator = Operator::install(case, &home, &settings).await?;
        let mut clusters = Vec::new();
        for number in 1..=CLUSTERS {
            clusters.push(Cluster::create(case, &Manifest::minimal(&format!("ward-{number}")).own()).await?);
        }
        for cluster in &clusters {
            cluster.ready().await?;
        }
        // One that is asleep and one that is paused have to be quiet as well.
        clusters[0].change(&json!({"hibernated": true})).await?;
        clusters[0].condition("Ready", "False", Some("Hibernated")).await?;
        clusters[1].change(&json!({"paused": true})).await?;
        clusters[1].condition("Reconciling", "False", Some("Paused")).await?;
        clusters[2].grid().await?.teach(WARFARIN).await?;
        until("what was learned is counted", LONG, async || {
            let concepts = clusters[2].get().await?.status.and_then(|status| status.concepts);
            ensure!(concepts.is_some_and(|concepts| concepts > 0), "{concepts:?} concepts");
            Ok(())
        })
        .await?;
        settled(&case.world().environment, &operator.user()).await?;

        let leader = operator.leader().await?;
        let process = operator.process(&leader).await?;
        let audit = Audit::from_now(&case.world().environment)?;
        let (began, computed) = (Instant::now(), process.cpu_time()?);
        sleep(WATCHED).await;
        let writes = audit.writes_by(&operator.user())?;
        let share = (process.cpu_time()? - computed).as_secs_f64() / began.elapsed().as_secs_f64();
        let memory = process.resident_bytes()?;
        // CPU depends on what else the machine does: it is told, and no test fails of it.
        let mebibytes = memory as f64 / 1_048_576.0;
        // Not println!, which is shown only for tests that fail.
        let _ = writeln!(stderr(), "an operator with {CLUSTERS} clusters: {mebibytes:.1} MiB, {:.2} % of a core", 100.0 * share);

        ensure!(
            writes.iter().any(|write| write.is_lease()),
            "the audit log shows no renewal of the lease: it is not the right one"
        );
        let mut others: BTreeMap<String, usize> = BTreeMap::new();
        for write in writes.iter().filter(|write| !write.is_lease()) {
            *others.entry(format!("{} {} {}", write.verb, write.resource, write.object)).or_default() += 1;
        }
        ensure!(others.is_empty(), "within {WATCHED:?} it wrote {others:#?}");
        ensure!(memory < MEMORY, "it takes {memory} bytes");
        Ok(())
    })
}

/// Waits until nothing was written for a while.
async fn settled(environment: &Environment, user: &str) -> Result<()> {
    until("nothing is written any more", LONG, async || {
        let audit = Audit::from_now(environment)?;
        sleep(Duration::from_secs(10)).await;
        let writes: Vec<_> = audit.writes_by(user)?.into_iter().filter(|write| !write.is_lease()).collect();
        ensure!(writes.is_empty(), "{} writes within ten seconds, the last {:?}", writes.len(), writes.last());
        Ok(())
    })
    .await
}
