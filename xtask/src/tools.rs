//! What the machine has, and what to install where something is missing.

use std::env;

use crate::failure::{Failure, Result};

/// A program and how to get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    /// One of these is enough.
    pub(crate) commands: &'static [&'static str],
    pub(crate) what: &'static str,
    pub(crate) install: &'static str,
}

pub(crate) const CARGO: Tool = Tool { commands: &["cargo"], what: "cargo, Rust's build tool", install: "see https://rustup.rs" };
pub(crate) const LINKER: Tool = Tool { commands: &["cc"], what: "a C compiler, which links", install: "apt-get install gcc" };
pub(crate) const CPP: Tool = Tool { commands: &["g++", "c++"], what: "a C++ compiler", install: "apt-get install g++" };
pub(crate) const MAKE: Tool =
    Tool { commands: &["make"], what: "make, which builds the allocator", install: "apt-get install make" };
pub(crate) const RUSTFMT: Tool = Tool { commands: &["cargo-fmt"], what: "cargo fmt", install: "rustup component add rustfmt" };
pub(crate) const CLIPPY: Tool =
    Tool { commands: &["cargo-clippy"], what: "cargo clippy", install: "rustup component add clippy" };
pub(crate) const PYTHON: Tool =
    Tool { commands: &["python3"], what: "Python 3", install: "apt-get install python3 python3-venv" };
pub(crate) const ZSTD: Tool = Tool { commands: &["zstd"], what: "the zstd compressor", install: "apt-get install zstd" };
pub(crate) const APT: Tool = Tool {
    commands: &["apt-get"],
    what: "apt-get, which fetches WordNet",
    install: "use a Debian or Ubuntu machine, or put data.noun, data.verb, data.adj and data.adv of WordNet 3.0 into the cache's wordnet-3.0/dict",
};
pub(crate) const DPKG: Tool =
    Tool { commands: &["dpkg-deb"], what: "dpkg-deb, which unpacks WordNet", install: "apt-get install dpkg" };
pub(crate) const DPKG_QUERY: Tool = Tool {
    commands: &["dpkg-query"],
    what: "Debian's list of packages",
    install: "use a Debian or Ubuntu machine, or the Dockerfile",
};
pub(crate) const LDD: Tool =
    Tool { commands: &["ldd"], what: "ldd, which names a program's libraries", install: "apt-get install libc-bin" };

/// Fails with every missing tool and the way to install it.
pub(crate) fn require(tools: &[Tool]) -> Result<()> {
    let missing: Vec<String> = tools
        .iter()
        .filter(|tool| !tool.commands.iter().any(|command| on_path(command)))
        .map(|tool| format!("  {} ({}): {}", tool.commands.join(" or "), tool.what, tool.install))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("this machine lacks\n{}", missing.join("\n"))))
}

fn on_path(command: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|directory| directory.join(command).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_tool_is_named_with_its_remedy() {
        let absent = Tool { commands: &["no-such-tool"], what: "a test", install: "apt-get install nothing" };
        let failure = require(&[CARGO, absent]).unwrap_err().to_string();
        assert_eq!(failure, "this machine lacks\n  no-such-tool (a test): apt-get install nothing");
    }
}
