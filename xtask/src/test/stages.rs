//! Which stages there are.

use std::ffi::OsString;
use std::time::Duration;

use super::run::Run;
use super::{chart, deny, images, kubernetes, lab, links, python};
use crate::failure::{Failure, Result};
use crate::tools;
use crate::workspace;

/// A part of the checks.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// With a cold cache on two cores it needs less than half of this.
    pub(crate) limit: Duration,
    pub(crate) work: fn(&mut Run) -> Result<()>,
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

pub(crate) const STAGES: &[Stage] = &[
    Stage { name: "format", about: "cargo fmt --check", limit: minutes(2), work: format },
    Stage { name: "clippy", about: "lints, on every target, warnings refused", limit: minutes(20), work: clippy },
    Stage { name: "deny", about: "licences, bans and sources of the dependencies", limit: minutes(30), work: deny::check },
    Stage { name: "unit", about: "the tests beside the code", limit: minutes(30), work: unit },
    Stage { name: "integration", about: "the tests of whole crates and processes", limit: minutes(30), work: integration },
    Stage {
        name: "python",
        about: "a node driven from Python: the example client, schemathesis",
        limit: minutes(30),
        work: python::check,
    },
    Stage { name: "docs", about: "rustdoc without warnings, its examples, links in Markdown", limit: minutes(20), work: docs },
    Stage {
        name: "lab",
        about: "the Go programs that make a Kubernetes for the tests: gofmt, tests",
        limit: minutes(45),
        work: lab::check,
    },
    Stage {
        name: "chart",
        about: "what the chart renders and refuses; manifests/install.yaml is fresh",
        limit: minutes(30),
        work: chart::check,
    },
    Stage { name: "demo", about: "cargo xtask demo --once", limit: minutes(30), work: demo },
    Stage {
        name: "images",
        about: "the container images: alike each time, no trace of this machine, enough to run",
        limit: minutes(30),
        work: images::check,
    },
    Stage {
        name: "kubernetes",
        about: "the operator on a real Kubernetes of three nodes, made for it; needs root",
        limit: minutes(60),
        work: kubernetes::check,
    },
];

fn format(run: &mut Run) -> Result<()> {
    tools::require(&[tools::RUSTFMT])?;
    run.check(workspace::cargo_path(), ["fmt", "--all", "--check", "--", "--color", "never"], &[])
}

fn clippy(run: &mut Run) -> Result<()> {
    tools::require(&[tools::CLIPPY, tools::LINKER, tools::CPP, tools::MAKE])?;
    run.check(workspace::cargo_path(), ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], &[])
}

fn unit(run: &mut Run) -> Result<()> {
    tools::require(&[tools::LINKER, tools::CPP, tools::MAKE])?;
    run.tests(workspace::cargo_path(), ["test", "--workspace", "--lib", "--bins", "--locked", "--no-fail-fast"], &[])
}

fn integration(run: &mut Run) -> Result<()> {
    tools::require(&[tools::LINKER, tools::CPP, tools::MAKE])?;
    run.tests(
        workspace::cargo_path(),
        ["test", "--workspace", "--test", "it", "--test", "handoff", "--locked", "--no-fail-fast"],
        &[],
    )
}

fn docs(run: &mut Run) -> Result<()> {
    tools::require(&[tools::LINKER, tools::CPP, tools::MAKE])?;
    let links = markdown(run);
    let refuse_warnings = [("RUSTDOCFLAGS", OsString::from("-D warnings"))];
    let private = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    let rustdoc = run.check(workspace::cargo_path(), private, &refuse_warnings);
    let examples = run.tests(workspace::cargo_path(), ["test", "--workspace", "--doc", "--locked"], &[]);
    links.and(rustdoc).and(examples)
}

fn markdown(run: &mut Run) -> Result<()> {
    let broken = links::broken(workspace::root())?;
    run.count(broken.is_empty());
    match broken.len() {
        0 => Ok(()),
        some => Err(Failure::new(format!("{some} links lead nowhere:\n  {}", broken.join("\n  ")))),
    }
}

fn demo(run: &mut Run) -> Result<()> {
    let ourselves = std::env::current_exe().map_err(|error| Failure::new(format!("cannot find our own program: {error}")))?;
    run.check(ourselves, ["demo", "--once"], &[])
}
