//! A cluster of our own that is up.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Lab;
use crate::console;
use crate::failure::{Failure, Result};

/// A cluster of three nodes on this machine.
#[derive(Debug)]
pub(crate) struct Instance {
    lab: Lab,
    directory: PathBuf,
}

impl Instance {
    pub(super) fn up(lab: &Lab, name: &str) -> Result<Self> {
        let directory = lab.directory(name);
        let phase = console::phase(format!("starting Kubernetes {name:?}, three nodes"));
        run(Command::new(lab.program()).args(["up", "--name", name, "--nodes", "3", "--dir"]).arg(&directory))?;
        phase.done();
        Ok(Self { lab: lab.clone(), directory })
    }

    pub(super) fn down(lab: &Lab, name: &str) -> Result<()> {
        let phase = console::phase(format!("taking Kubernetes {name:?} down"));
        run(Command::new(lab.program()).args(["down", "--name", name, "--dir"]).arg(lab.directory(name)))?;
        phase.done();
        Ok(())
    }

    /// How to speak to it as its administrator.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        super::kubeconfig(&self.directory)
    }

    /// Puts an image where its nodes find it under `reference`, whatever host that names. Yields its digest.
    pub(crate) fn push(&self, archive: &Path, reference: &str) -> Result<String> {
        run(Command::new(self.lab.program()).args(["push", "--dir"]).arg(&self.directory).arg(archive).arg(reference))
    }
}

/// What the lab prints; its complaint is ours.
fn run(command: &mut Command) -> Result<String> {
    let cannot = |error: std::io::Error| Failure::new(format!("cannot run the lab: {error}"));
    let ended = command.output().map_err(cannot)?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        let said = said.trim();
        return Err(Failure::new(said.strip_prefix("error: ").unwrap_or(said)));
    }
    Ok(String::from_utf8_lossy(&ended.stdout).trim().to_owned())
}
