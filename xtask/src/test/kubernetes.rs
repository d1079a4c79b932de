//! The operator on a real Kubernetes, made for the tests and taken down after them.

use std::env;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::run::Run;
use crate::cache;
use crate::failure::{Failure, Result};
use crate::images::Recipe;
use crate::kubernetes::{Instance, Lab};
use crate::tools;
use crate::workspace;

/// Ours, beside the one of `cargo xtask up`.
const INSTANCE: &str = "e2e";
/// What stands for an earlier release: the same programs with other digests.
const PREDECESSOR: &str = "0.0.9";
/// Tests wait most of the time, for pods to start and stop.
const THREADS: u8 = 8;
/// With it, the cluster is left up to look at, and used again.
const KEEP: &str = "SUTRA_E2E_KEEP";
/// With it, only tests run whose names contain it.
const ONLY: &str = "SUTRA_E2E_ONLY";

pub(crate) fn check(run: &mut Run) -> Result<()> {
    tools::require(&[tools::CARGO, tools::LINKER, tools::CPP, tools::MAKE])?;
    let keep = env::var_os(KEEP).is_some_and(|value| !value.is_empty());
    let _lock = lock()?;
    let archives = cache::directory("images")?;
    build(run, &archives, "e2e", None)?;
    build(run, &archives, PREDECESSOR, Some(PREDECESSOR))?;
    let lab = Lab::prepare()?;
    if !keep {
        // What a run that was killed has left.
        lab.down(INSTANCE)?;
    }
    let ended = lab.up(INSTANCE).and_then(|instance| tests(run, &lab, &instance, &archives));
    if keep {
        return ended;
    }
    // Evidence of failures is kept by the tests themselves.
    ended.and(lab.down(INSTANCE))
}

/// A second run would take the cluster of the first one down.
fn lock() -> Result<File> {
    let path = cache::directory("kubernetes")?.join(format!("{INSTANCE}.lock"));
    let cannot = |error: &dyn std::fmt::Display| Failure::new(format!("cannot lock {}: {error}", path.display()));
    let file = File::create(&path).map_err(|error| cannot(&error))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Failure::new("another `cargo xtask test kubernetes` runs on this machine; wait for its end"),
        TryLockError::Error(error) => cannot(&error),
    })?;
    Ok(file)
}

/// Builds both images, in a process of its own whose output goes to the log.
fn build(run: &mut Run, to: &Path, tag: &str, version: Option<&str>) -> Result<()> {
    let ourselves = env::current_exe().map_err(|error| Failure::new(format!("cannot find our own program: {error}")))?;
    let mut arguments: Vec<OsString> = ["images", "--tag", tag, "--output"].map(OsString::from).into();
    arguments.push(to.as_os_str().to_owned());
    if let Some(version) = version {
        arguments.extend(["--version", version].map(OsString::from));
    }
    run.run(ourselves, arguments, &[])
}

fn tests(run: &mut Run, lab: &Lab, instance: &Instance, archives: &Path) -> Result<()> {
    let directory = lab.directory(INSTANCE);
    let evidence = cache::directory("e2e-failures")?;
    let path = |path: PathBuf| OsString::from(path);
    let image = |recipe: Recipe, tag: &str| push(instance, archives, recipe, tag).map(OsString::from);
    let environment = [
        ("SUTRA_E2E_KUBECONFIG", path(instance.kubeconfig())),
        ("SUTRA_E2E_KUBECTL", path(lab.kubectl())),
        ("SUTRA_E2E_HELM", path(lab.helm())),
        ("SUTRA_E2E_LAB", path(lab.program())),
        ("SUTRA_E2E_AUDIT_LOG", path(directory.join("audit/audit.log"))),
        ("SUTRA_E2E_INSTANCE", path(directory)),
        ("SUTRA_E2E_EVIDENCE", path(evidence)),
        ("SUTRA_E2E_OPERATOR_IMAGE", image(Recipe::Operator, "e2e")?),
        ("SUTRA_E2E_NODE_IMAGE", image(Recipe::Node, "e2e")?),
        ("SUTRA_E2E_PREDECESSOR_OPERATOR_IMAGE", image(Recipe::Operator, PREDECESSOR)?),
        ("SUTRA_E2E_PREDECESSOR_NODE_IMAGE", image(Recipe::Node, PREDECESSOR)?),
        // An error says which steps led to it; where they stand in the code is known.
        ("RUST_LIB_BACKTRACE", "0".into()),
    ];
    let threads = format!("--test-threads={THREADS}");
    let mut arguments = vec!["test", "--workspace", "--test", "kubernetes", "--locked", "--no-fail-fast", "--", threads.as_str()];
    let only = env::var(ONLY).unwrap_or_default();
    arguments.extend((!only.is_empty()).then_some(only.as_str()));
    run.tests(workspace::cargo_path(), arguments, &environment)
}

/// Puts an image into the cluster's registry under a name that says what is in it: no node takes an older one for it.
fn push(instance: &Instance, archives: &Path, recipe: Recipe, tag: &str) -> Result<String> {
    let archive = archives.join(format!("{}-{tag}.tar", recipe.name()));
    let repository = format!("ghcr.io/sutra-grid/{}", recipe.name());
    let digest = instance.push(&archive, &format!("{repository}:{tag}"))?;
    let reference = format!("{repository}:{tag}-{}", cache::fingerprint(&digest));
    instance.push(&archive, &reference)?;
    Ok(reference)
}
