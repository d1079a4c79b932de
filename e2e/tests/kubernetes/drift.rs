//! What others change or delete comes back as it was.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sutra_e2e::case::{Case, scenario};
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::WARFARIN;
use sutra_e2e::wait::{LONG, SOON, until};

async fn get(case: &Case, object: &str) -> Result<Value> {
    Ok(serde_json::from_str(&case.kubectl(&["get", object, "-o", "json"]).await?)?)
}

/// A field of an object, a wrong value for it, and how to write that.
struct Edit {
    object: &'static str,
    field: &'static str,
    patch: Value,
}

fn edits() -> Vec<Edit> {
    let edit = |object, field, patch| Edit { object, field, patch };
    vec![
        edit("service/leaflets", "/spec/selector", json!({"spec": {"selector": {"app.kubernetes.io/instance": "other"}}})),
        edit("service/leaflets-nodes", "/spec/publishNotReadyAddresses", json!({"spec": {"publishNotReadyAddresses": false}})),
        edit(
            "statefulset/leaflets",
            "/spec/template/spec/terminationGracePeriodSeconds",
            json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}}}),
        ),
        edit("configmap/leaflets-config", "/data/config.toml", json!({"data": {"config.toml": "log = \"text\"\n"}})),
        edit("networkpolicy/leaflets", "/spec/ingress", json!({"spec": {"ingress": []}})),
        edit(
            "serviceaccount/leaflets",
            "/metadata/labels/app.kubernetes.io~1part-of",
            json!({"metadata": {"labels": {"app.kubernetes.io/part-of": "other"}}}),
        ),
    ]
}

#[test]
fn an_owned_field_that_somebody_changed_is_changed_back_and_foreign_labels_stay() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let before = cluster.life().await?;
        for Edit { object, field, patch } in edits() {
            let right = get(case, object).await?.pointer(field).cloned().with_context(|| format!("{object} has no {field}"))?;
            case.kubectl(&["label", object, "team=pharmacy"]).await?;
            case.kubectl(&["annotate", object, "example.org/contact=pharmacy@clinic.example"]).await?;
            case.kubectl(&["patch", object, "--type=merge", "-p", &patch.to_string()]).await?;
            until(&format!("{object} is as it was"), SOON, async || {
                let live = get(case, object).await?;
                ensure!(live.pointer(field) == Some(&right), "{field} is {:?}", live.pointer(field));
                Ok(())
            })
            .await?;
            let live = get(case, object).await?;
            ensure!(live["metadata"]["labels"]["team"] == "pharmacy", "{object} has lost its foreign label");
            let contact = &live["metadata"]["annotations"]["example.org/contact"];
            ensure!(contact == "pharmacy@clinic.example", "{object} has lost its foreign annotation");
        }
        cluster.ready().await?;
        ensure!(cluster.life().await? == before, "the pod was replaced although its template is what it was");
        Ok(())
    })
}

#[test]
fn an_object_that_somebody_deleted_is_made_again() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        cluster.grid().await?.teach(WARFARIN).await?;
        let before = cluster.life().await?;
        for object in [
            "service/leaflets",
            "service/leaflets-nodes",
            "configmap/leaflets-config",
            "networkpolicy/leaflets",
            "serviceaccount/leaflets",
        ] {
            let uid = get(case, object).await?["metadata"]["uid"].clone();
            case.kubectl(&["delete", object, "--wait=false"]).await?;
            until(&format!("there is another {object}"), SOON, async || {
                ensure!(get(case, object).await?["metadata"]["uid"] != uid, "it is still the old one");
                Ok(())
            })
            .await?;
        }
        cluster.ready().await?;
        ensure!(cluster.life().await? == before, "the pod was replaced");
        // With another address.
        cluster.grid().await?.remembers(WARFARIN).await
    })
}

#[test]
fn a_stateful_set_that_somebody_deleted_is_made_again_with_its_pod_and_data() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        cluster.grid().await?.teach(WARFARIN).await?;
        let before = cluster.life().await?;
        case.kubectl(&["delete", "statefulset/leaflets"]).await?;
        cluster.renewed(&before).await?;
        cluster.grid().await?.remembers(WARFARIN).await
    })
}

#[test]
fn statuses_that_were_deleted_are_told_again_from_what_is_seen() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let before = cluster.life().await?;
        let told = cluster.get().await?.status.context("no status")?;
        until("there is a SutraShard that says what it is", SOON, async || shard_serves(case).await).await?;
        let remove = r#"[{"op": "remove", "path": "/status"}]"#;
        for object in ["sutracluster/leaflets", "sutrashard/leaflets-shard-1"] {
            case.kubectl(&["patch", object, "--subresource=status", "--type=json", "-p", remove]).await?;
        }
        cluster.ready().await?;
        let again = cluster.get().await?.status.context("no status")?;
        ensure!(
            (&again.grid_id, &again.image, again.renderer_revision, again.shards, &again.selector, again.nodes)
                == (&told.grid_id, &told.image, told.renderer_revision, told.shards, &told.selector, told.nodes),
            "it was {told:?}, it is {again:?}"
        );
        until("the SutraShard says again what it is", LONG, async || shard_serves(case).await).await?;
        ensure!(cluster.life().await? == before, "the pod was replaced");
        Ok(())
    })
}

async fn shard_serves(case: &Case) -> Result<()> {
    let status = get(case, "sutrashard/leaflets-shard-1").await?["status"].clone();
    ensure!(status["phase"] == "Serving" && status["leader"] == "leaflets-0", "its status is {status}");
    Ok(())
}

#[test]
fn a_sutra_shard_that_somebody_edits_or_deletes_is_undone_and_no_data_changes() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let before = cluster.life().await?;
        until("there is a SutraShard", SOON, async || shard_serves(case).await).await?;

        let shard = "sutrashard/leaflets-shard-1";
        case.kubectl(&["patch", shard, "--type=merge", "-p", r#"{"spec": {"shardId": 7}}"#]).await?;
        until("the edit is undone", SOON, async || {
            let spec = get(case, shard).await?["spec"].clone();
            ensure!(spec == json!({"clusterRef": "leaflets", "shardId": 1}), "the spec is {spec}");
            Ok(())
        })
        .await?;

        let wrong = r#"{"status": {"phase": "Lost", "leader": "nobody"}}"#;
        case.kubectl(&["patch", shard, "--subresource=status", "--type=merge", "-p", wrong]).await?;
        until("the status is right again", LONG, async || shard_serves(case).await).await?;

        let uid = get(case, shard).await?["metadata"]["uid"].clone();
        case.kubectl(&["delete", shard, "--wait=false"]).await?;
        until("there is another SutraShard", SOON, async || {
            ensure!(get(case, shard).await?["metadata"]["uid"] != uid, "it is still the old one");
            shard_serves(case).await
        })
        .await?;
        ensure!(cluster.life().await? == before, "the pod was replaced");
        grid.remembers(WARFARIN).await
    })
}
