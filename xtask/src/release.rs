//! The released programs, built so that they know nothing of the machine that built them: the same sources and toolchain give the
//! same bytes, wherever the checkout, cargo's home and the target directory are.
//!
//! They are built for a named target, which has a directory of its own (`target/TRIPLE/release`) and whose flags do not reach
//! build scripts and macros: neither `cargo build` nor `cargo build --release` compiles anything again because of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::workspace;

/// Packages that are built together. Which ones decides the features of the crates they share, and so the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// `sutra-node` and its client `sutra`.
    Node,
    /// `sutra-operator`.
    Operator,
}

impl Release {
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["sutra-server", "sutra-cli"],
            Self::Operator => &["sutra-operator"],
        }
    }

    /// The programs that come out.
    pub(crate) fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["sutra-node", "sutra"],
            Self::Operator => &["sutra-operator"],
        }
    }

    /// Builds them; cargo shows its own progress. Yields the directory where they are.
    pub(crate) fn build(self) -> Result<PathBuf> {
        let compiler = Compiler::ask()?;
        let sources = Sources::ask(&compiler.host)?;
        let mut cargo = workspace::cargo();
        cargo.args(["build", "--release", "--locked", "--bins", "--target", &compiler.host]);
        for package in self.packages() {
            cargo.args(["--package", package]);
        }
        // Takes precedence over RUSTFLAGS and every configuration file, which would change the bytes.
        cargo.env("CARGO_ENCODED_RUSTFLAGS", remappings(&compiler, &sources, workspace::root()).join("\x1f"));
        let status = cargo.status().map_err(|error| Failure::new(format!("cannot run cargo: {error}")))?;
        if !status.success() {
            return Err(Failure::new("the build failed; what cargo says is above"));
        }
        Ok(sources.target.join(&compiler.host).join("release"))
    }
}

/// Paths of this machine and what the programs (their panic messages) say instead. Of two that match, rustc takes the last.
fn remappings(compiler: &Compiler, sources: &Sources, root: &Path) -> Vec<String> {
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags = vec![remap(root, "/sutra"), remap(&sources.target, "/target")];
    flags.extend(sources.registries.iter().map(|registry| remap(registry, "/crates")));
    // Only where the rust-src component is installed does the standard library have such a path.
    flags.push(remap(&compiler.sysroot.join("lib/rustlib/src/rust"), &format!("/rustc/{}", compiler.commit)));
    flags
}

/// What rustc says of itself.
struct Compiler {
    host: String,
    commit: String,
    sysroot: PathBuf,
}

impl Compiler {
    fn ask() -> Result<Self> {
        let version = output(Command::new("rustc").arg("-vV"))?;
        let field = |name: &str| {
            let found = version.lines().find_map(|line| line.strip_prefix(name));
            found.map(|value| value.trim().to_owned()).ok_or_else(|| Failure::new(format!("rustc -vV says no {name}")))
        };
        let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
        Ok(Self { host: field("host:")?, commit: field("commit-hash:")?, sysroot: sysroot.trim().into() })
    }
}

/// Where cargo has what it compiles, and where it puts it.
struct Sources {
    /// Directories of the crates that are not ours; their names hold a hash of the registry's address.
    registries: BTreeSet<PathBuf>,
    target: PathBuf,
}

impl Sources {
    fn ask(host: &str) -> Result<Self> {
        let mut cargo = Command::new(workspace::cargo_path());
        cargo.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", host]);
        let text = output(&mut cargo)?;
        let metadata =
            serde_json::from_str(&text).map_err(|error| Failure::new(format!("cargo metadata is no JSON: {error}")))?;
        Self::read(&metadata).ok_or_else(|| Failure::new("cargo metadata names no packages or no target directory"))
    }

    fn read(metadata: &Value) -> Option<Self> {
        let foreign = metadata["packages"].as_array()?.iter().filter(|package| !package["source"].is_null());
        let registry = |package: &Value| Some(Path::new(package["manifest_path"].as_str()?).parent()?.parent()?.to_owned());
        Some(Self {
            registries: foreign.map(registry).collect::<Option<_>>()?,
            target: metadata["target_directory"].as_str()?.into(),
        })
    }
}

/// What a program prints, run in the workspace's root.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let ended = command.current_dir(workspace::root()).output();
    let ended = ended.map_err(|error| Failure::new(format!("cannot run {name}: {error}")))?;
    if !ended.status.success() {
        return Err(Failure::new(format!("{name}: {}\n{}", ended.status, String::from_utf8_lossy(&ended.stderr).trim())));
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_that_sources_come_from_is_remapped() {
        let metadata = json!({
            "packages": [
                {"source": null, "manifest_path": "/src/node/server/Cargo.toml"},
                {"source": "registry+…", "manifest_path": "/home/ann/.cargo/registry/src/mirror-1/tokio-1.0.0/Cargo.toml"},
                {"source": "registry+…", "manifest_path": "/home/ann/.cargo/registry/src/mirror-1/bytes-1.0.0/Cargo.toml"},
            ],
            "target_directory": "/fast/target",
        });
        let compiler = Compiler { host: "x".into(), commit: "abc".into(), sysroot: "/rust".into() };
        let flags = remappings(&compiler, &Sources::read(&metadata).unwrap(), Path::new("/src"));
        let expected = [
            "--remap-path-prefix=/src=/sutra",
            "--remap-path-prefix=/fast/target=/target",
            "--remap-path-prefix=/home/ann/.cargo/registry/src/mirror-1=/crates",
            "--remap-path-prefix=/rust/lib/rustlib/src/rust=/rustc/abc",
        ];
        assert_eq!(flags, expected);
    }
}
