//! A real Kubernetes on this machine: built from `e2e/cluster`, a Go module, and run by its program `lab`.
//!
//! ```text
//! source ──fingerprint──> build (once) ──> ~/.cache/sutra/kubernetes/HASH/bin/{kube,kubectl,lab,helm,pause}
//!   go                                          │
//! packages ── what Debian has ──> instance: up, push, down ── ~/.cache/sutra/kubernetes/instances/NAME
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `source` | what is built, and from which versions |
//! | `go` | Go itself |
//! | `build` | from sources to programs, once |
//! | `sweep` | programs of former sources |
//! | `packages` | what the machine needs to run nodes |
//! | `instance` | a cluster that is up |
//! | `module` | the Go module, to be checked |

use std::path::{Path, PathBuf};

use crate::cache;
use crate::failure::Result;

mod build;
mod go;
mod instance;
mod module;
mod packages;
mod source;
mod sweep;

pub(crate) use instance::Instance;
pub(crate) use module::Module;

/// The programs that make clusters and speak to them.
#[derive(Clone, Debug)]
pub(crate) struct Lab {
    programs: PathBuf,
    instances: PathBuf,
}

impl Lab {
    /// Builds the programs, if they are not there: minutes the first time.
    pub(crate) fn prepare() -> Result<Self> {
        let cache = cache::directory("kubernetes")?;
        let instances = cache.join("instances");
        cache::make(&instances)?;
        Ok(Self { programs: build::programs(&cache)?, instances })
    }

    /// Makes the cluster of this name, or mends it; one that is up is left alone.
    pub(crate) fn up(&self, name: &str) -> Result<Instance> {
        packages::ensure()?;
        Instance::up(self, name)
    }

    /// Takes the cluster of this name away with its volumes, if there is one.
    pub(crate) fn down(&self, name: &str) -> Result<()> {
        Instance::down(self, name)
    }

    /// Kubernetes' command line.
    pub(crate) fn kubectl(&self) -> PathBuf {
        self.programs.join("kubectl")
    }

    /// Helm.
    pub(crate) fn helm(&self) -> PathBuf {
        self.programs.join("helm")
    }

    /// What makes and breaks clusters.
    pub(crate) fn program(&self) -> PathBuf {
        self.programs.join("lab")
    }

    /// Where the instance of this name has its files.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        directory_in(&self.instances, name)
    }
}

/// Where the instance of this name has its files; nothing is built to know it.
pub(crate) fn directory(name: &str) -> Result<PathBuf> {
    Ok(directory_in(&cache::directory("kubernetes")?.join("instances"), name))
}

fn directory_in(instances: &Path, name: &str) -> PathBuf {
    instances.join(name)
}

/// The file by which one speaks to the instance whose directory this is, as its administrator.
pub(crate) fn kubeconfig(directory: &Path) -> PathBuf {
    directory.join("admin.conf")
}
