//! What every measurement is given.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::scale::Scale;

/// The scale, the seed, and where things are.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) scale: Scale,
    pub(crate) seed: u64,
    /// The program `sutra-node`, of the same build.
    node: Option<PathBuf>,
    /// WordNet as an import file.
    wordnet: Option<PathBuf>,
    /// The program `xtask`, which makes a Kubernetes.
    xtask: Option<PathBuf>,
    /// Where stores are made; emptied at the end.
    scratch: PathBuf,
    /// What is kept between runs.
    pub(crate) cache: PathBuf,
}

impl Setting {
    pub(crate) fn new(
        scale: Scale,
        seed: u64,
        [node, wordnet, xtask]: [Option<PathBuf>; 3],
        scratch: PathBuf,
        cache: PathBuf,
    ) -> Self {
        Self { scale, seed, node, wordnet, xtask, scratch, cache }
    }

    /// The program `sutra-node`.
    ///
    /// # Errors
    /// If it was not given.
    pub(crate) fn node(&self) -> anyhow::Result<&Path> {
        self.node.as_deref().context("--node names no sutra-node; `cargo xtask bench` builds and names it")
    }

    /// WordNet as an import file.
    ///
    /// # Errors
    /// If it was not given.
    pub(crate) fn wordnet(&self) -> anyhow::Result<&Path> {
        self.wordnet.as_deref().context("--wordnet names no corpus; `cargo xtask bench` makes and names it")
    }

    /// The program `xtask`.
    ///
    /// # Errors
    /// If it was not given.
    pub(crate) fn xtask(&self) -> anyhow::Result<&Path> {
        self.xtask.as_deref().context("--xtask names no xtask; `cargo xtask bench` names itself")
    }

    /// The directory for stores.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// A directory that is removed when it is dropped.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn directory(&self, name: &str) -> anyhow::Result<TempDir> {
        tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(&self.scratch)
            .with_context(|| format!("make a directory in {}", self.scratch.display()))
    }
}
