//! One test: its namespaces, its end, who else may run.

use std::any::type_name;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use futures_util::FutureExt as _;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Resource};
use serde_json::json;
use tokio::sync::RwLock;
use tokio::time::timeout;
use uuid::Uuid;

use crate::evidence;
use crate::wishes;
use crate::world::{World, runtime, world};

/// No single test takes longer, unless it is wished that it does more.
const LIMIT: Duration = Duration::from_secs(420);

/// Held by all that run beside each other, or by one that disturbs everybody.
static PRESENCE: RwLock<()> = RwLock::const_new(());

/// A test while it runs.
pub struct Case {
    /// The test's name, `MODULE::TEST`.
    pub name: String,
    /// Its first namespace.
    pub namespace: String,
    world: &'static World,
    /// All its namespaces.
    namespaces: Mutex<Vec<String>>,
    /// Releases of the chart that left something outside of its namespaces: namespace and name.
    releases: Mutex<Vec<(String, String)>>,
}

/// Runs a test beside others.
///
/// # Errors
/// The test's own, with where the evidence is.
pub fn scenario<F: AsyncFnOnce(&Case) -> Result<()>>(test: F) -> Result<()> {
    runtime()?.block_on(async {
        let world = world().await?;
        let _beside = PRESENCE.read().await;
        run(world, test).await
    })
}

/// Runs a test that disturbs everybody, alone.
///
/// # Errors
/// The test's own, with where the evidence is.
pub fn alone<F: AsyncFnOnce(&Case) -> Result<()>>(test: F) -> Result<()> {
    runtime()?.block_on(async {
        // Before the world is there, for which all others wait: so they need not end first what they have begun.
        let _alone = PRESENCE.write().await;
        run(world().await?, test).await
    })
}

async fn run<F: AsyncFnOnce(&Case) -> Result<()>>(world: &'static World, test: F) -> Result<()> {
    let case = Case::begin(world, &test_name::<F>()).await?;
    let limit = LIMIT + wishes::more_time();
    let ended = timeout(limit, AssertUnwindSafe(test(&case)).catch_unwind()).await;
    let result = match ended {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(anyhow!("it panicked: {}", panic_text(panic.as_ref()))),
        Err(_) => Err(anyhow!("it did not end within {limit:?}")),
    };
    let result = match result {
        Ok(()) => Ok(()),
        Err(error) => {
            let kept = evidence::keep(&case, &error).await;
            Err(error.context(format!("{}: evidence is in {}", case.name, kept.display())))
        }
    };
    // Whatever is left, is left: the failure above says more than one of cleaning up.
    let _ = case.end().await;
    result
}

/// The path of the test function that the closure stands in, without the crate.
fn test_name<F>() -> String {
    let path = type_name::<F>();
    let path = path.split_once("::").map_or(path, |(_, rest)| rest);
    path.trim_end_matches("::{{closure}}").to_owned()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text")
}

/// Six digits that no other run has.
#[must_use]
pub fn suffix() -> String {
    Uuid::new_v4().simple().to_string().chars().take(6).collect()
}

impl Case {
    async fn begin(world: &'static World, name: &str) -> Result<Self> {
        let mut case = Self {
            name: name.to_owned(),
            namespace: String::new(),
            world,
            namespaces: Mutex::default(),
            releases: Mutex::default(),
        };
        let words = name.rsplit("::").next().unwrap_or(name).replace('_', "-");
        let words: String = words.chars().take(40).collect();
        case.namespace = case.new_namespace(words.trim_end_matches('-')).await?;
        Ok(case)
    }

    /// What all tests share.
    #[must_use]
    pub fn world(&self) -> &'static World {
        self.world
    }

    /// All its namespaces.
    #[must_use]
    pub fn namespaces(&self) -> Vec<String> {
        self.namespaces.lock().map(|names| names.clone()).unwrap_or_default()
    }

    /// One more namespace, in which pods have to keep to the restricted Pod Security standard.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub async fn new_namespace(&self, words: &str) -> Result<String> {
        let name = format!("{words}-{}", suffix());
        let namespace: Namespace = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                "sutra.dev/test": "true",
            }},
        }))?;
        let api: Api<Namespace> = Api::all(self.world.client.clone());
        api.create(&PostParams::default(), &namespace).await.with_context(|| format!("make the namespace {name}"))?;
        if let Ok(mut names) = self.namespaces.lock() {
            names.push(name.clone());
        }
        Ok(name)
    }

    /// Objects of the first namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.world.client.clone(), &self.namespace)
    }

    /// Runs kubectl in the first namespace, and yields what it prints.
    ///
    /// # Errors
    /// If it fails: what it complains of.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.world.environment.kubectl(["--namespace", &self.namespace].iter().chain(arguments)).await
    }

    /// To be uninstalled at the end, as its namespace does not hold all of it.
    pub(crate) fn uninstall_later(&self, namespace: &str, release: &str) {
        if let Ok(mut releases) = self.releases.lock() {
            releases.push((namespace.to_owned(), release.to_owned()));
        }
    }

    async fn end(&self) -> Result<()> {
        let releases = self.releases.lock().map(|releases| releases.clone()).unwrap_or_default();
        for (namespace, release) in releases {
            let arguments = ["uninstall", &release, "--namespace", &namespace, "--ignore-not-found", "--wait"];
            self.world.environment.helm(arguments).await?;
        }
        let api: Api<Namespace> = Api::all(self.world.client.clone());
        for name in self.namespaces() {
            api.delete(&name, &DeleteParams::background()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of<F: AsyncFnOnce(&Case) -> Result<()>>(_: F) -> String {
        test_name::<F>()
    }

    #[test]
    fn a_test_is_known_by_its_function() {
        let name = name_of(async |_| Ok(()));
        assert_eq!(name, "case::tests::a_test_is_known_by_its_function");
    }
}
