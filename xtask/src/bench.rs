//! `cargo xtask bench`: builds what is measured and what measures, and runs it.

use std::env;
use std::process::Command;

use crate::arguments::Arguments;
use crate::cache;
use crate::console;
use crate::failure::{Failure, Result};
use crate::tools;
use crate::wordnet::download;
use crate::workspace;

pub(crate) const HELP: &str = "\
Measures the storage engine, or a grid of several nodes, against the goals of their design and writes
that part of benches/RESULTS.md.

Usage: cargo xtask bench [storage|grid] [--only NAME]… [--scale small|full] [--write] [--seed N]
       cargo xtask bench [storage|grid] --list
       cargo xtask bench [storage|grid] --table [--write]

  storage       the storage engine and a node alone, about an hour; what is measured if none is named
  grid          three and five nodes on this machine, about three quarters of an hour; of that,
                --only kubernetes runs a test of `cargo xtask test kubernetes`, which needs root
  --only NAME   measure only this; may be given several times
  --scale small a tenth of the concepts and few repetitions: shows that everything runs, in
                minutes; the goals are those of the full scale
  --write       write the table even if this run was small or not of everything; what was not
                measured now is taken from the run before
  --list        name the measurements
  --table       measure nothing; print, or with --write write, what was measured before
  --seed N      what the generated store and the questions are drawn from

A full run needs 10 GiB of disk and 8 GiB of memory, and a machine that does nothing else.
Progress goes to standard error; raw samples to target/bench/storage/NAME-SCALE.json, target/bench/grid/….
WordNet and FalkorDB are fetched once into ~/.cache/sutra. benches/README.md says how to read the table.";

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let suite = match arguments.word().as_deref() {
        None | Some("storage") => "storage",
        Some("grid") => "grid",
        Some(other) => return Err(Failure::usage(format!("{other:?} cannot be measured; storage and grid can"))),
    };
    let chosen = Chosen::take(&mut arguments)?;
    arguments.finish()?;
    tools::require(&[tools::CARGO, tools::LINKER, tools::CPP, tools::MAKE])?;
    let directory = workspace::target_directory()?;
    let programs = directory.join("release");
    build()?;
    let mut bench = Command::new(programs.join("sutra-bench"));
    bench.current_dir(workspace::root()).arg(suite).args(&chosen.passed_on);
    bench.arg("--source").arg(workspace::root().join("benches"));
    bench.arg("--records").arg(directory.join("bench"));
    if chosen.measures {
        bench.arg("--node").arg(programs.join("sutra-node"));
        let ourselves = env::current_exe().map_err(|error| Failure::new(format!("cannot find our own program: {error}")))?;
        bench.arg("--xtask").arg(ourselves);
        bench.arg("--wordnet").arg(download::full_corpus()?);
        bench.arg("--cache").arg(cache::directory("peers")?);
        // Not the system's directory for temporary files, which is often memory.
        bench.arg("--scratch").arg(directory.join("bench/scratch"));
    }
    let status = bench.status().map_err(|error| Failure::new(format!("cannot run {}: {error}", programs.display())))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("sutra-bench ended with {status}; what it says is above"))) }
}

/// What of the command line `sutra-bench` takes; it checks names and numbers itself.
#[derive(Debug, PartialEq, Eq)]
struct Chosen {
    passed_on: Vec<String>,
    /// Whether something is to be measured.
    measures: bool,
}

impl Chosen {
    fn take(arguments: &mut Arguments) -> Result<Self> {
        let (mut passed_on, mut measures) = (Vec::new(), true);
        for name in ["--only", "--scale", "--seed"] {
            while let Some(value) = arguments.value(name)? {
                passed_on.push(format!("{name}={value}"));
            }
        }
        for name in ["--list", "--table", "--write"] {
            if arguments.flag(name) {
                passed_on.push(name.to_owned());
                measures &= name == "--write";
            }
        }
        Ok(Self { passed_on, measures })
    }
}

/// As users run it: optimised, and with the workspace's release profile.
fn build() -> Result<()> {
    let phase = console::phase("building sutra-node and sutra-bench (the first time takes minutes)");
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release", "--locked", "--package", "sutra-server", "--package", "sutra-benches"]);
    // A frame pointer or a sanitiser of somebody's experiment would be measured too.
    if env::var_os("RUSTFLAGS").is_some_and(|flags| !flags.is_empty()) {
        println!("  RUSTFLAGS is set and changes what is measured");
    }
    let status = cargo.status().map_err(|error| Failure::new(format!("cannot run cargo: {error}")))?;
    if !status.success() {
        return Err(Failure::new("the build failed; what cargo says is above"));
    }
    phase.done();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Arguments {
        Arguments::new(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn options_are_passed_on_and_the_rest_is_refused() {
        let mut given = arguments("--only idle --scale=small --only start --write");
        let chosen = Chosen::take(&mut given).unwrap();
        assert_eq!(chosen.passed_on, ["--only=idle", "--only=start", "--scale=small", "--write"]);
        assert!(chosen.measures);
        given.finish().unwrap();
        assert!(run(arguments("operator")).unwrap_err().to_string().contains("operator"));
        assert!(run(arguments("storage --fast")).unwrap_err().to_string().contains("--fast"));
    }

    #[test]
    fn a_list_and_a_table_need_nothing_to_measure_with() {
        for line in ["--list", "--table --write"] {
            assert!(!Chosen::take(&mut arguments(line)).unwrap().measures, "{line}");
        }
    }
}
