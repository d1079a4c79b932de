//! cargo-deny at its pinned version.

use std::fs;

use super::run::Run;
use crate::cache;
use crate::failure::Result;
use crate::tools;
use crate::workspace;

const VERSION: &str = "0.20.2";

/// Licences, bans and sources. The advisory database is left out: not every machine reaches it (see deny.toml).
pub(crate) fn check(run: &mut Run) -> Result<()> {
    tools::require(&[tools::LINKER, tools::CPP])?;
    let root = cache::directory("tools")?.join(format!("cargo-deny-{VERSION}"));
    let program = root.join("bin/cargo-deny");
    if !program.is_file() {
        let build = root.join("build");
        let install = ["install", "--locked", "--quiet", "--version", VERSION, "--root"].map(Into::into);
        let arguments = install.into_iter().chain([root.clone().into(), "cargo-deny".into()]);
        run.run(
            workspace::cargo_path(),
            arguments.collect::<Vec<std::ffi::OsString>>(),
            &[("CARGO_TARGET_DIR", build.clone().into())],
        )?;
        // A gigabyte that nobody needs again; if it cannot be removed, nothing is wrong.
        let _ = fs::remove_dir_all(build);
    }
    run.check(program, ["--all-features", "check", "licenses", "bans", "sources"], &[])
}
