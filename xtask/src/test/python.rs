//! A real node driven from Python: the example client over TCP, and schemathesis over every path of the OpenAPI document.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::run::{self, Run};
use crate::cache;
use crate::failure::{Failure, Result};
use crate::node::Node;
use crate::tools;
use crate::workspace;

const REQUIREMENTS: &str = include_str!("../../python/requirements.txt");
const CLIENT: &str = "node/protocol/examples/client.py";
const SCHEMATHESIS: &str = "node/api/tests/schemathesis.sh";

/// Both clients, each against a node of its own with an empty directory.
pub(crate) fn check(run: &mut Run) -> Result<()> {
    tools::require(&[tools::PYTHON, tools::LINKER, tools::CPP, tools::MAKE])?;
    let python = environment(run)?;
    // The features of the workspace, as in the other stages: of one package's, all that it shares with them would be built again.
    run.run(workspace::cargo_path(), ["test", "--workspace", "--test", "it", "--locked", "--no-run"], &[])?;
    let program = run::target_directory()?.join("debug/sutra-node");
    let client = against_a_node(&program, |node| {
        run.check(python.join("bin/python"), [OsString::from(CLIENT), node.tcp.clone().into()], &[])
    });
    let documented = against_a_node(&program, |node| {
        run.check(
            workspace::root().join(SCHEMATHESIS),
            [format!("http://{}", node.http)],
            // The stage has a time box of its own; the script's is for hasty people.
            &[("SCHEMATHESIS", python.join("bin/schemathesis").into()), ("MAX_SECONDS", "1200".into())],
        )
    });
    client.and(documented)
}

/// What `work` finds counts before how the node ends, and no node is left behind.
fn against_a_node(program: &Path, work: impl FnOnce(&Node) -> Result<()>) -> Result<()> {
    let node = Node::start(program, ["dev"], 0, 0)?;
    let done = work(&node).map_err(|failure| Failure::new(format!("{failure}; the node said:\n{}", node.said())));
    let stopped = node.stop();
    done.and(stopped)
}

/// A virtual environment with exactly the pinned requirements, made once.
fn environment(run: &mut Run) -> Result<PathBuf> {
    let home = cache::directory(&format!("python-{}", cache::fingerprint(REQUIREMENTS)))?;
    let complete = home.join("complete");
    if complete.is_file() {
        return Ok(home);
    }
    let has_venv = Command::new("python3").args(["-c", "import venv, ensurepip"]).stderr(Stdio::null()).status();
    if !has_venv.is_ok_and(|status| status.success()) {
        return Err(Failure::new("this machine's Python has no venv: apt-get install python3-venv"));
    }
    let requirements = workspace::root().join("xtask/python/requirements.txt");
    run.run("python3", ["-m".into(), "venv".into(), "--clear".into(), home.clone().into_os_string()], &[])?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"].map(OsString::from);
    run.run(home.join("bin/python"), install.into_iter().chain([requirements.into()]), &[])?;
    fs::write(&complete, "").map_err(|error| Failure::new(format!("cannot write {}: {error}", complete.display())))?;
    Ok(home)
}
