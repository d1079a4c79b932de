//! `cargo xtask soak`: the long versions of the tests.

use crate::arguments::Arguments;
use crate::console;
use crate::failure::{Failure, Result};
use crate::workspace;

pub(crate) const HELP: &str = "\
Runs the integration tests in their long versions, optimised: SUTRA_SOAK=1, PROPTEST_CASES=10000.

Usage: cargo xtask soak [WHAT…]

  WHAT  only tests whose names contain it; none: all of them

Both variables can be set to other values in the environment. There is no time limit.";

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let what = arguments.words();
    arguments.finish()?;
    let phase = console::phase("the long tests");
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--release", "--workspace", "--test", "it", "--no-fail-fast", "--"]).args(what);
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
