//! A release of the chart: the operator of the whole cluster, and those of tests that need one of their own.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, ListParams};

use crate::case::Case;
use crate::environment::{Environment, Images};
use crate::process::Process;
use crate::wait::{SOON, until};
use crate::world::World;

/// Where the operator of the whole cluster is.
pub const NAMESPACE: &str = "sutra-system";
/// Its release.
pub const RELEASE: &str = "sutra-operator";
/// A cluster with this label is left to an operator that a test has for itself.
pub const OWN_LABEL: &str = "sutra.dev/operator";
/// The value of [`OWN_LABEL`] of clusters for a test's own operator.
pub const OWN: &str = "own";

/// Which clusters an operator cares for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Those of one namespace, with rights in it only.
    Namespace(String),
    /// Those of all namespaces whose label [`OWN_LABEL`] has this value.
    Everywhere(String),
}

/// How an operator of a test's own is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many pods.
    pub replicas: u32,
    /// Which clusters it cares for.
    pub watch: Watch,
    /// Seconds after which another pod takes over.
    pub lease: u32,
    /// How often nodes are asked.
    pub poll: &'static str,
    /// The release's images.
    pub images: Images,
    /// Whether the release brings the custom resource definitions, which are there already.
    pub definitions: bool,
}

impl Settings {
    /// One pod that cares for the clusters of one namespace which have the label [`OWN_LABEL`].
    #[must_use]
    pub fn of_namespace(case: &Case, namespace: &str) -> Self {
        let images = case.world().environment.release.clone();
        Self { replicas: 1, watch: Watch::Namespace(namespace.to_owned()), lease: 6, poll: "3s", images, definitions: false }
    }

    /// With this many pods.
    #[must_use]
    pub fn replicas(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }

    fn values(&self) -> Result<Vec<String>> {
        let mut values = images(&self.images)?;
        values.extend([
            format!("crds.install={}", self.definitions),
            format!("replicas={}", self.replicas),
            format!("poll={}", self.poll),
            format!("lease.duration={}s", self.lease),
            format!("lease.renew={}s", (self.lease / 3).max(1)),
        ]);
        match &self.watch {
            Watch::Namespace(namespace) => {
                values.push(format!("watch.namespace={namespace}"));
                values.push(format!("watch.clusterSelector={OWN_LABEL}={OWN}"));
            }
            Watch::Everywhere(value) => values.push(format!("watch.clusterSelector={OWN_LABEL}={value}")),
        }
        Ok(values)
    }
}

fn images(images: &Images) -> Result<Vec<String>> {
    let parts = |reference: &'_ str| -> Result<(String, String)> {
        let (repository, tag) = reference.rsplit_once(':').with_context(|| format!("{reference} has no tag"))?;
        Ok((repository.to_owned(), tag.to_owned()))
    };
    let (operator, node) = (parts(&images.operator)?, parts(&images.node)?);
    Ok(vec![
        format!("image.repository={}", operator.0),
        format!("image.tag={}", operator.1),
        format!("node.image.repository={}", node.0),
        format!("node.image.tag={}", node.1),
    ])
}

/// Installs the chart or upgrades to it, and waits until its pods are ready.
async fn install(environment: &Environment, chart: &Path, namespace: &str, release: &str, values: &[String]) -> Result<()> {
    let chart = chart.display().to_string();
    let mut arguments =
        vec!["upgrade", "--install", release, &chart, "--namespace", namespace, "--wait", "--timeout", "4m", "--reset-values"];
    // The definitions belong to the operator of the whole cluster; whoever brings them again takes them over.
    arguments.push("--take-ownership");
    arguments.extend(values.iter().flat_map(|value| ["--set", value.as_str()]));
    environment.helm(arguments).await.with_context(|| format!("install the release {release} in {namespace}"))?;
    Ok(())
}

/// The operator of the whole cluster, for every test that does not need its own.
pub(crate) async fn install_for_everybody(world: &World) -> Result<()> {
    let environment = &world.environment;
    let namespace = format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}, \
         labels: {{pod-security.kubernetes.io/enforce: restricted}}}}}}"
    );
    environment.kubectl_with(&namespace, ["apply", "-f", "-"]).await?;
    let mut values = images(&environment.release)?;
    values.push(format!("watch.clusterSelector=!{OWN_LABEL}"));
    values.push("poll=3s".to_owned());
    install(environment, &environment.chart(), NAMESPACE, RELEASE, &values).await
}

/// An operator of a test's own.
pub struct Operator<'a> {
    case: &'a Case,
    /// Where its pods are.
    pub namespace: String,
    /// The release, whose name all its objects have.
    pub release: String,
}

impl<'a> Operator<'a> {
    /// The one of the whole cluster. What happens to it happens to every test that runs beside this one.
    #[must_use]
    pub fn of_everybody(case: &'a Case) -> Self {
        Self { case, namespace: NAMESPACE.to_owned(), release: RELEASE.to_owned() }
    }

    /// Installs the chart of this checkout.
    ///
    /// # Errors
    /// What helm complains of.
    pub async fn install(case: &'a Case, namespace: &str, settings: &Settings) -> Result<Self> {
        let chart = case.world().environment.chart();
        Self::install_chart(case, &chart, namespace, settings).await
    }

    /// Installs a chart.
    ///
    /// # Errors
    /// What helm complains of.
    pub async fn install_chart(case: &'a Case, chart: &Path, namespace: &str, settings: &Settings) -> Result<Self> {
        let release = match settings.watch {
            Watch::Namespace(_) => RELEASE.to_owned(),
            // Its roles are in no namespace: their names must be nobody else's.
            Watch::Everywhere(_) => format!("{RELEASE}-{}", crate::case::suffix()),
        };
        case.uninstall_later(namespace, &release);
        let operator = Self { case, namespace: namespace.to_owned(), release };
        operator.upgrade(chart, settings).await?;
        Ok(operator)
    }

    /// Upgrades to another chart or other settings.
    ///
    /// # Errors
    /// What helm complains of.
    pub async fn upgrade(&self, chart: &Path, settings: &Settings) -> Result<()> {
        install(&self.case.world().environment, chart, &self.namespace, &self.release, &settings.values()?).await
    }

    /// As whom it speaks to the API server.
    #[must_use]
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.release)
    }

    /// Its pods that are not being deleted.
    ///
    /// # Errors
    /// If the API server cannot be asked.
    pub async fn pods(&self) -> Result<Vec<Pod>> {
        let api: Api<Pod> = Api::namespaced(self.case.world().client.clone(), &self.namespace);
        let selector = format!("app.kubernetes.io/name=sutra-operator,app.kubernetes.io/instance={}", self.release);
        let pods = api.list(&ListParams::default().labels(&selector)).await?;
        Ok(pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
    }

    /// Waits until so many pods are there that are not being deleted. Kubernetes adds, replaces and collects them by itself,
    /// which neither an upgrade nor the release's end waits for.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn comes_to(&self, count: usize) -> Result<()> {
        until("the operator has the pods that it shall have", SOON, async || {
            let pods = self.pods().await?.len();
            ensure!(pods == count, "there are {pods} pods of the operator, not {count}");
            Ok(())
        })
        .await
    }

    /// Name of the pod that holds the lease, as the lease says.
    ///
    /// # Errors
    /// If none does.
    pub async fn holder(&self) -> Result<String> {
        let api: Api<Lease> = Api::namespaced(self.case.world().client.clone(), &self.namespace);
        let lease = api.get(&self.release).await.context("find the lease")?;
        let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
        ensure!(!holder.is_empty(), "nobody holds the lease");
        // After the name of the pod comes what tells one process in it from the next.
        Ok(holder.split_once('_').map_or(holder.as_str(), |(pod, _)| pod).to_owned())
    }

    /// Waits until a pod that exists holds the lease, and names it.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn leader(&self) -> Result<String> {
        until("an operator leads", SOON, async || {
            let holder = self.holder().await?;
            let pods: Vec<String> = self.pods().await?.into_iter().filter_map(|pod| pod.metadata.name).collect();
            ensure!(pods.contains(&holder), "the lease says {holder}, the pods are {}", pods.join(", "));
            Ok(holder)
        })
        .await
    }

    /// Sends a pod's container `operator` a signal, as the kernel would.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn signal(&self, pod: &str, signal: &str) -> Result<()> {
        let pod = format!("{}/{pod}", self.namespace);
        let arguments = ["pod", "kill", &pod, "--signal", signal, "--container", "operator"];
        self.case.world().environment.lab(arguments).await.map(drop)
    }

    /// Kills the pod that leads; Kubernetes makes another.
    ///
    /// # Errors
    /// If none leads, or it can't be killed.
    pub async fn kill(&self) -> Result<()> {
        let leader = self.leader().await?;
        self.signal(&leader, "KILL").await?;
        // A new pod, as Kubernetes waits longer and longer before it starts the same one again.
        let pods: Api<Pod> = Api::namespaced(self.case.world().client.clone(), &self.namespace);
        pods.delete(&leader, &DeleteParams::default().grace_period(0)).await?;
        Ok(())
    }

    /// The process of a pod's container `operator`.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn process(&self, pod: &str) -> Result<Process> {
        let pod = format!("{}/{pod}", self.namespace);
        let pids = self.case.world().environment.lab(["pod", "pids", &pod, "--container", "operator"]).await?;
        let pid = pids.lines().next().with_context(|| format!("{pod} has no process"))?;
        Ok(Process(pid.trim().parse().with_context(|| format!("no process id: {pid}"))?))
    }

    /// Takes the release away.
    ///
    /// # Errors
    /// What helm complains of.
    pub async fn uninstall(&self) -> Result<()> {
        let arguments = ["uninstall", &self.release, "--namespace", &self.namespace, "--wait"];
        self.case.world().environment.helm(arguments).await.map(drop)
    }
}
