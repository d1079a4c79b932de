//! `cargo xtask crdgen` and `cargo xtask manifests`: what is made from the types of the crate sutra-crds and from the chart.
//!
//! ```text
//! crds/src ──crdgen──> crds/generated, charts/sutra-operator/files/crds ──helm──> manifests/install.yaml
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `helm` | the chart, rendered |
//! | `install` | one file for those who have no Helm |

use std::fs;
use std::path::PathBuf;

use crate::arguments::Arguments;
use crate::console;
use crate::failure::{Failure, Result};
use crate::workspace;
use helm::Helm;

pub(crate) mod helm;
pub(crate) mod install;

pub(crate) const CRDGEN_HELP: &str = "\
Writes the custom resource definitions, made from the types in crds/, to crds/generated and to the chart.

Usage: cargo xtask crdgen";

pub(crate) const HELP: &str = "\
Writes what is made from other files: the custom resource definitions, as `cargo xtask crdgen`, and
manifests/install.yaml, which is the chart rendered for the namespace sutra-system.

Usage: cargo xtask manifests

It takes Helm from the programs of `cargo xtask up`, which are built first if they are not there.";

/// What crdgen writes to, the first for readers, the second for Helm.
pub(crate) const DEFINITIONS: [&str; 2] = ["crds/generated", "charts/sutra-operator/files/crds"];

pub(crate) fn crdgen(arguments: Arguments) -> Result<()> {
    arguments.finish()?;
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--locked", "--package", "sutra-crds", "--bin", "crdgen", "--"]).args(DEFINITIONS);
    match cargo.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::new("the definitions were not written; why is above")),
        Err(error) => Err(Failure::new(format!("cannot run cargo: {error}"))),
    }
}

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    crdgen(arguments)?;
    let phase = console::phase("rendering the chart");
    let text = install::render(&Helm::prepare()?)?;
    let path = path();
    fs::write(&path, text).map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    phase.done();
    println!("{}", install::PATH);
    Ok(())
}

/// Of `manifests/install.yaml`.
pub(crate) fn path() -> PathBuf {
    workspace::root().join(install::PATH)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_chart_has_the_definitions_as_they_are_generated() {
        let [generated, packed] = DEFINITIONS.map(|directory| {
            let entries = fs::read_dir(workspace::root().join(directory)).unwrap().map(std::result::Result::unwrap);
            entries.map(|entry| (entry.file_name(), fs::read_to_string(entry.path()).unwrap())).collect::<BTreeMap<_, _>>()
        });
        assert!(generated == packed, "the chart's definitions are stale: cargo xtask manifests");
    }

    #[test]
    fn the_chart_has_the_version_of_the_workspace() {
        let chart = fs::read_to_string(workspace::root().join(helm::CHART).join("Chart.yaml")).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        assert!(chart.contains(&format!("\nversion: {version}\n")), "{chart}");
        assert!(chart.contains(&format!("\nappVersion: \"{version}\"\n")), "{chart}");
    }
}
