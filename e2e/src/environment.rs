//! What the stage hands over: the cluster, programs, images.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// Where everything is. Made by `cargo xtask test kubernetes`.
#[derive(Clone, Debug)]
pub struct Environment {
    /// For a user who may do everything.
    pub kubeconfig: PathBuf,
    /// The program `kubectl`.
    pub kubectl: PathBuf,
    /// The program `helm`.
    pub helm: PathBuf,
    /// The program that makes and breaks the cluster.
    pub lab: PathBuf,
    /// The directory of the cluster's instance.
    pub instance: PathBuf,
    /// The API server's log of everything that was written.
    pub audit_log: PathBuf,
    /// The images under test.
    pub release: Images,
    /// The same programs as images of a release before, with other digests.
    pub predecessor: Images,
    /// Where evidence of failures goes.
    pub evidence: PathBuf,
}

/// References of a release's images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// `REPOSITORY:TAG` of the operator.
    pub operator: String,
    /// `REPOSITORY:TAG` of the node.
    pub node: String,
}

impl Environment {
    /// From the variables that the stage sets.
    ///
    /// # Errors
    /// If one is missing: somebody runs the tests without the stage.
    pub fn read() -> Result<Self> {
        Ok(Self {
            kubeconfig: path("SUTRA_E2E_KUBECONFIG")?,
            kubectl: path("SUTRA_E2E_KUBECTL")?,
            helm: path("SUTRA_E2E_HELM")?,
            lab: path("SUTRA_E2E_LAB")?,
            instance: path("SUTRA_E2E_INSTANCE")?,
            audit_log: path("SUTRA_E2E_AUDIT_LOG")?,
            release: Images { operator: text("SUTRA_E2E_OPERATOR_IMAGE")?, node: text("SUTRA_E2E_NODE_IMAGE")? },
            predecessor: Images {
                operator: text("SUTRA_E2E_PREDECESSOR_OPERATOR_IMAGE")?,
                node: text("SUTRA_E2E_PREDECESSOR_NODE_IMAGE")?,
            },
            evidence: path("SUTRA_E2E_EVIDENCE")?,
        })
    }

    /// The chart in this checkout.
    #[must_use]
    pub fn chart(&self) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/sutra-operator"))
    }
}

fn path(name: &str) -> Result<PathBuf> {
    text(name).map(PathBuf::from)
}

fn text(name: &str) -> Result<String> {
    env::var(name).ok().filter(|value| !value.is_empty()).with_context(|| {
        format!("{name} is not set: these tests need a Kubernetes of their own, which `cargo xtask test kubernetes` makes")
    })
}
