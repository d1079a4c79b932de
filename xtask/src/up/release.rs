//! The operator, as a release of its chart, and the sample grid.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::source::Names;
use crate::console;
use crate::failure::{Failure, Result};
use crate::group::{self, Group, Reach};
use crate::manifests::helm::CHART;

const RELEASE: &str = "sutra-operator";
const NAMESPACE: &str = "sutra-system";
const SAMPLE: &str = "manifests/samples/minimal.yaml";
/// The sample's cluster, in the namespace `default`.
pub(super) const DEMO: &str = "sutracluster/demo";
/// How long the operator and the sample may each take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Installs the operator, or brings it up to date.
pub(crate) fn install(cluster: &Cluster, images: &Names) -> Result<()> {
    let phase = console::phase(format!("helm upgrade --install {RELEASE} {CHART} --namespace {NAMESPACE}"));
    clear_interrupted(cluster)?;
    let mut arguments: Vec<String> = ["upgrade", "--install", RELEASE, CHART, "--namespace", NAMESPACE, "--create-namespace"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    arguments.extend(["--wait".to_owned(), format!("--timeout={}s", PATIENCE.as_secs())]);
    for value in values(images) {
        arguments.extend(["--set-string".to_owned(), value]);
    }
    cluster.helm(&arguments).map_err(|failure| Failure::new(format!("{failure}\n{}", look(cluster, NAMESPACE))))?;
    phase.done();
    Ok(())
}

/// An installation that was interrupted looks to Helm for ever like one that goes on. Grids run on without their operator.
fn clear_interrupted(cluster: &Cluster) -> Result<()> {
    if cluster.helm(["list", "--namespace", NAMESPACE, "--pending", "--short"])?.lines().any(|name| name == RELEASE) {
        cluster.helm(["uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout=2m"])?;
    }
    Ok(())
}

fn values(images: &Names) -> [String; 4] {
    [
        format!("image.repository={}", images.repository("sutra-operator")),
        format!("image.tag={}", images.tag),
        format!("node.image.repository={}", images.repository("sutra-node")),
        format!("node.image.tag={}", images.tag),
    ]
}

/// Makes the sample grid and waits until it serves.
pub(crate) fn start_sample(cluster: &Cluster) -> Result<()> {
    let phase = console::phase(format!("kubectl apply -f {SAMPLE}, until {DEMO} is ready"));
    cluster.kubectl(["apply", "--namespace", "default", "-f", SAMPLE])?;
    let mut command = group::command(Reach::Everyone, cluster.kubectl_program());
    command
        .args(["wait", "--namespace", "default", "--for=condition=Ready", DEMO])
        .arg(format!("--timeout={}s", PATIENCE.as_secs()))
        .env("KUBECONFIG", cluster.kubeconfig())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let cannot = |error: std::io::Error| Failure::new(format!("cannot run kubectl: {error}"));
    let (mut wait, _) = Group::spawn(&mut command).map_err(cannot)?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = wait.wait(Duration::from_secs(1)).map_err(cannot)? {
            break status;
        }
        console::status(&format!("  {}, {}", said(cluster), console::seconds(started.elapsed())));
    };
    console::status("");
    if !status.success() {
        return Err(Failure::new(format!("{DEMO} is not ready: {}\n{}", said(cluster), look(cluster, "default"))));
    }
    phase.done();
    Ok(())
}

/// What the operator says of the sample.
fn said(cluster: &Cluster) -> String {
    let path = r#"jsonpath={.status.phase} {.status.conditions[?(@.type=="Ready")].message}"#;
    let said = cluster.kubectl(["get", "--namespace", "default", DEMO, "--output", path]).unwrap_or_default();
    if said.trim().is_empty() { "the operator says nothing yet".into() } else { said }
}

/// What a person would look at first when something does not come up.
fn look(cluster: &Cluster, namespace: &str) -> String {
    let show = |arguments: &[&str]| {
        cluster.kubectl(arguments.iter().chain(&["--namespace", namespace])).unwrap_or_else(|failure| failure.to_string())
    };
    let pods = show(&["get", "pods", "--output", "wide"]);
    let events = show(&["get", "events", "--sort-by=.lastTimestamp"]);
    let events: Vec<&str> = events.lines().rev().take(12).collect();
    let logs = show(&["logs", "--selector", "app.kubernetes.io/name in (sutra-operator, sutra-node)", "--tail=10", "--prefix"]);
    format!(
        "pods in {namespace}:\n{pods}\nlast events:\n{}\nlogs:\n{logs}",
        events.into_iter().rev().collect::<Vec<_>>().join("\n")
    )
}

/// Removes the sample and the operator. Volumes and the custom resource definitions stay.
pub(crate) fn uninstall(cluster: &Cluster) -> Result<()> {
    let phase = console::phase(format!("removing {DEMO} and the release {RELEASE}"));
    // First the grid: the operator takes it apart in order.
    if cluster.kubectl(["get", "crd", "sutraclusters.sutra.dev"]).is_ok() {
        cluster.kubectl(["delete", "--namespace", "default", DEMO, "--ignore-not-found", "--timeout=2m"])?;
    }
    cluster.helm(["uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", "--wait", "--timeout=2m"])?;
    phase.done();
    let left = cluster.kubectl([
        "get",
        "pvc",
        "--namespace",
        "default",
        "--selector",
        "app.kubernetes.io/instance=demo",
        "--output",
        "name",
    ])?;
    if !left.is_empty() {
        println!(
            "  its volumes stay: kubectl delete --namespace default {}",
            left.split_whitespace().collect::<Vec<_>>().join(" ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_is_told_both_images() {
        let names = Names { prefix: Some("r.example/a".into()), tag: "dev-1".into() };
        assert_eq!(
            values(&names),
            [
                "image.repository=r.example/a/sutra-operator",
                "image.tag=dev-1",
                "node.image.repository=r.example/a/sutra-node",
                "node.image.tag=dev-1"
            ]
        );
    }
}
