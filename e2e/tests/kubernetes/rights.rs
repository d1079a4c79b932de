//! Service accounts, namespaces, Pod Security.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sutra_e2e::case::{Case, scenario, suffix};
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::WARFARIN;
use sutra_e2e::operator::{self, OWN_LABEL, Operator, Settings, Watch};
use sutra_e2e::wait::throughout;

/// Whether the operator's account may do something.
async fn may(case: &Case, operator: &Operator<'_>, namespace: &str, verb: &str, resource: &str) -> Result<bool> {
    let user = operator.user();
    // What stands behind a slash would be an object's name.
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let arguments = ["auth", "can-i", verb, resource, "--subresource", subresource, "--as", &user, "--namespace", namespace];
    Ok(case.world().environment.try_kubectl(arguments).await?.success)
}

async fn has_rights(
    case: &Case,
    operator: &Operator<'_>,
    namespace: &str,
    expected: bool,
    rights: &[(&str, &str)],
) -> Result<()> {
    for (verb, resource) in rights {
        let found = may(case, operator, namespace, verb, resource).await?;
        let word = if expected { "may not" } else { "may" };
        ensure!(found == expected, "{} {word} {verb} {resource} in {namespace}", operator.user());
    }
    Ok(())
}

const NEEDED: [(&str, &str); 5] = [
    ("watch", "sutraclusters.sutra.dev"),
    ("patch", "sutraclusters.sutra.dev/status"),
    ("patch", "statefulsets.apps"),
    ("delete", "pods"),
    ("create", "secrets"),
];
/// What an operator that was taken over could do harm with.
const NEVER: [(&str, &str); 10] = [
    ("list", "secrets"),
    ("watch", "secrets"),
    ("patch", "secrets"),
    ("deletecollection", "persistentvolumeclaims"),
    ("list", "nodes"),
    ("patch", "nodes"),
    ("create", "pods"),
    ("create", "pods/exec"),
    ("delete", "sutraclusters.sutra.dev"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
];

#[test]
fn an_operator_of_one_namespace_works_there_and_nowhere_else() -> Result<()> {
    scenario(async |case| {
        let elsewhere = case.new_namespace("elsewhere").await?;
        let home = case.new_namespace("operator").await?;
        let operator = Operator::install(case, &home, &Settings::of_namespace(case, &case.namespace)).await?;
        let ignored = Cluster::create_in(case, &elsewhere, &Manifest::minimal("leaflets").own()).await?;
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets").own()).await?;
        cluster.grid().await?.teach(WARFARIN).await?;

        has_rights(case, &operator, &case.namespace, true, &NEEDED).await?;
        has_rights(case, &operator, &case.namespace, false, &NEVER).await?;
        for namespace in [&elsewhere, &home] {
            has_rights(case, &operator, namespace, false, &NEVER).await?;
            has_rights(case, &operator, namespace, false, &[("list", "pods"), ("get", "secrets"), ("patch", "services")]).await?;
        }
        throughout("a cluster of another namespace is ignored", Duration::from_secs(5), async || {
            ensure!(ignored.get().await?.status.is_none(), "it has a status");
            ensure!(ignored.pods().await?.is_empty(), "it has pods");
            Ok(())
        })
        .await
    })
}

#[test]
fn an_operator_of_all_namespaces_cares_for_the_clusters_that_its_selector_chooses() -> Result<()> {
    scenario(async |case| {
        let home = case.new_namespace("operator").await?;
        let team = format!("team-{}", suffix());
        let settings = Settings { watch: Watch::Everywhere(team.clone()), ..Settings::of_namespace(case, "") };
        let operator = Operator::install(case, &home, &settings).await?;
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets").labelled(OWN_LABEL, &team)).await?;
        cluster.grid().await?.teach(WARFARIN).await?;
        has_rights(case, &operator, &case.namespace, true, &NEEDED).await?;
        has_rights(case, &operator, &case.namespace, false, &NEVER).await?;
        // Who leads is known in its own namespace only.
        has_rights(case, &operator, &home, true, &[("create", "leases.coordination.k8s.io")]).await?;
        has_rights(case, &operator, &case.namespace, false, &[("create", "leases.coordination.k8s.io")]).await?;

        let others = Cluster::create(case, &Manifest::minimal("nobodys").labelled(OWN_LABEL, "nobody")).await?;
        throughout("a cluster that nobody's selector chooses is ignored", Duration::from_secs(5), async || {
            ensure!(others.get().await?.status.is_none(), "it has a status");
            Ok(())
        })
        .await
    })
}

#[test]
fn pods_of_nodes_and_of_the_operator_keep_to_the_restricted_standard_without_a_warning() -> Result<()> {
    scenario(async |case| {
        Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        // Kubernetes checks all pods of a namespace when its label is written.
        for namespace in [case.namespace.as_str(), operator::NAMESPACE] {
            let label = "pod-security.kubernetes.io/enforce=restricted";
            let arguments = ["label", "--overwrite", "--dry-run=server", "namespace", namespace, label, "sutra.dev/checked=now"];
            let said = case.world().environment.try_kubectl(arguments).await?;
            ensure!(said.success && !said.error.contains("Warning"), "{namespace}: {}", said.error);
            let labels = case.world().environment.kubectl(["get", "namespace", namespace, "--show-labels"]).await?;
            ensure!(labels.contains(label), "{namespace} is not restricted: {labels}");
        }
        let pod = Cluster::named(case, &case.namespace, "leaflets").pod().await?;
        let spec = serde_json::to_value(pod.spec.context("a pod without a spec")?)?;
        let container = &spec["containers"][0]["securityContext"];
        ensure!(container["readOnlyRootFilesystem"] == true, "the container may write: {container}");
        ensure!(spec["automountServiceAccountToken"] == false, "the node has a token for the API server");
        Ok(())
    })
}
