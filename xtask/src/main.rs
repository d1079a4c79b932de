//! `cargo xtask`: the project's own commands. It depends on few and small crates, so that it builds in seconds.
//!
//! | module | responsibility |
//! |---|---|
//! | `demo` | `cargo xtask demo`: a grid, the corpus, questions and answers, a node's death |
//! | `test` | `cargo xtask test`: every check, in stages |
//! | `up`, `down` | `cargo xtask up` and `down`: the operator and a small grid on Kubernetes |
//! | [`kubernetes`] | a Kubernetes of our own |
//! | `soak` | `cargo xtask soak`: the long versions of the tests |
//! | `bench` | `cargo xtask bench`: the storage engine against its goals |
//! | `corpus`, [`wordnet`] | `cargo xtask corpus`: WordNet as an import file |
//! | `images` | `cargo xtask images`: the container images |
//! | `manifests` | `cargo xtask crdgen` and `manifests`: files made from the types and from the chart |
//! | `release` | the released programs, the same bytes on every machine |
//! | `node` | a `sutra-node` process of our own, of one node or of several |
//! | `group` | a child process that never outlives us |
//! | `workspace`, [`cache`], [`tools`], [`console`], [`arguments`], [`failure`] | cargo, kept files, what the machine has, the terminal, the command line, errors |
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

use std::process::ExitCode;

use arguments::Arguments;
use failure::{Failure, Result};

mod arguments;
mod bench;
mod cache;
mod console;
mod corpus;
mod demo;
mod down;
mod failure;
mod group;
mod images;
mod kubernetes;
mod manifests;
mod node;
mod release;
mod soak;
mod test;
mod tools;
mod up;
mod wordnet;
mod workspace;

const HELP: &str = "\
The project's own commands.

Usage: cargo xtask COMMAND [OPTIONS]

  demo       start a grid, teach it part of WordNet, ask, lose a node, retract, look back
  up         bring the operator and a small grid up on Kubernetes
  down       take away what up made
  test       every check: format, lints, licences, tests, documents, the demo
  soak       the long versions of the tests
  bench      the storage engine, measured against its goals
  images     build the container images
  crdgen     write the custom resource definitions
  manifests  crdgen, then render the chart to manifests/install.yaml
  corpus     make an import file from WordNet's data files
  help       this text, or `cargo xtask help COMMAND`

Fetched tools and data are kept in ~/.cache/sutra; SUTRA_CACHE names another directory.";

fn main() -> ExitCode {
    let mut arguments = Arguments::new(std::env::args().skip(1));
    match run(&mut arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{} {failure}", console::red("error:"));
            if failure.is_usage() {
                eprintln!("`cargo xtask help` lists the commands; `cargo xtask help COMMAND` its options.");
            }
            failure.exit_code()
        }
    }
}

fn run(arguments: &mut Arguments) -> Result<()> {
    let command = arguments.word();
    let asks_for_help = arguments.flag("--help") || arguments.flag("-h");
    match command.as_deref() {
        Some("help") => help(arguments.word().as_deref()),
        _ if asks_for_help => help(command.as_deref()),
        None => {
            Err(Failure::usage("name a command: demo, up, down, test, soak, bench, images, crdgen, manifests, corpus or help"))
        }
        Some("demo") => demo::run(std::mem::take(arguments)),
        Some("up") => up::run(std::mem::take(arguments)),
        Some("down") => down::run(std::mem::take(arguments)),
        Some("test") => test::run(std::mem::take(arguments)),
        Some("soak") => soak::run(std::mem::take(arguments)),
        Some("bench") => bench::run(std::mem::take(arguments)),
        Some("crdgen") => manifests::crdgen(std::mem::take(arguments)),
        Some("manifests") => manifests::run(std::mem::take(arguments)),
        Some("images") => images::run(std::mem::take(arguments)),
        Some("corpus") => corpus::run(std::mem::take(arguments)),
        Some(other) => Err(unknown(other)),
    }
}

fn help(command: Option<&str>) -> Result<()> {
    let text = match command {
        None | Some("help") => HELP,
        Some("demo") => demo::HELP,
        Some("up") => up::HELP,
        Some("down") => down::HELP,
        Some("test") => test::HELP,
        Some("soak") => soak::HELP,
        Some("bench") => bench::HELP,
        Some("crdgen") => manifests::CRDGEN_HELP,
        Some("manifests") => manifests::HELP,
        Some("images") => images::HELP,
        Some("corpus") => corpus::HELP,
        Some(other) => return Err(unknown(other)),
    };
    println!("{text}");
    Ok(())
}

fn unknown(command: &str) -> Failure {
    Failure::usage(format!("there is no command {command:?}"))
}
