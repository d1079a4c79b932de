//! `cargo xtask soak`: the long versions of the tests.

use crate::arguments::Arguments;
use crate::console;
use crate::failure::{Failure, Result};
use crate::workspace;

pub(crate) const HELP: &str = "\
Runs the integration tests in their long versions, optimised: SUTRA_SOAK=1, PROPTEST_CASES=10000.

Usage: cargo xtask soak [storage|grid] [WHAT…]

  storage  only the storage engine's crates
  grid     only the crates of a grid: peer connections, replication, the simulated grid, and the server's processes
  WHAT     only tests whose names contain it; none: all of them

Both variables can be set to other values in the environment. There is no time limit.";

/// The crates of the storage engine.
const STORAGE: [&str; 6] = ["sutra-disk", "sutra-wal", "sutra-segment", "sutra-vector", "sutra-keyword", "sutra-storage"];

/// The crates of a grid that have integration tests.
const GRID: [&str; 4] = ["sutra-peer", "sutra-replication", "sutra-grid", "sutra-server"];

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let mut what = arguments.words();
    arguments.finish()?;
    let packages: &[&str] = match what.first().map(String::as_str) {
        Some("storage") => &STORAGE,
        Some("grid") => &GRID,
        _ => &[],
    };
    if !packages.is_empty() {
        what.remove(0);
    }
    let phase = console::phase("the long tests");
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--release", "--locked", "--test", "it", "--no-fail-fast"]);
    if packages.is_empty() {
        cargo.arg("--workspace");
    } else {
        cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    }
    cargo.arg("--").args(what);
    for (name, value) in [("SUTRA_SOAK", "1"), ("PROPTEST_CASES", "10000")] {
        if std::env::var_os(name).is_none() {
            cargo.env(name, value);
        }
    }
    let status = cargo.status().map_err(|error| Failure::new(format!("cannot run cargo: {error}")))?;
    if !status.success() {
        return Err(Failure::new("a long test failed; its output is above"));
    }
    phase.done();
    Ok(())
}
