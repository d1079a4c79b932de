//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::scale::Scale;

/// Measures Sutra Grid. `cargo xtask bench` builds everything and runs this.
#[derive(Debug, Parser)]
#[command(name = "sutra-bench", version, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure the storage engine and a node alone
    Storage(Box<Run>),
    /// Measure a grid of several nodes
    Grid(Box<Run>),
    /// Send back every frame: what requests over TCP are compared with
    #[command(hide = true)]
    Echo,
    /// Hold a store open and obey orders on standard input
    #[command(hide = true)]
    Engine {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        seed: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Measure only this; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// How much is measured
    #[arg(long, value_enum, default_value_t)]
    pub(crate) scale: Scale,
    /// Name the measurements and do nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// Write the table even if this run was small or not of everything
    #[arg(long)]
    pub(crate) write: bool,
    /// Measure nothing; make the table of what was measured before
    #[arg(long, conflicts_with_all = ["only", "list"])]
    pub(crate) table: bool,
    /// What the generated store and the questions are drawn from
    #[arg(long, default_value_t = 20_260_301)]
    pub(crate) seed: u64,
    /// The program `sutra-node`, of the same build
    #[arg(long, value_name = "FILE")]
    pub(crate) node: Option<PathBuf>,
    /// WordNet as an import file: `cargo xtask corpus --full --out FILE`
    #[arg(long, value_name = "FILE")]
    pub(crate) wordnet: Option<PathBuf>,
    /// The program `xtask`, which makes a Kubernetes
    #[arg(long, value_name = "FILE")]
    pub(crate) xtask: Option<PathBuf>,
    /// The directory `benches` of the source
    #[arg(long, value_name = "DIR", default_value = "benches")]
    pub(crate) source: PathBuf,
    /// Where stores are made; it must be on the disk that is to be measured
    #[arg(long, value_name = "DIR", default_value = "target/bench/scratch")]
    pub(crate) scratch: PathBuf,
    /// Where raw samples are kept, as JSON, in a folder for each suite
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub(crate) records: PathBuf,
    /// What is fetched once and kept
    #[arg(long, value_name = "DIR", env = "SUTRA_CACHE", default_value = "target/bench/cache")]
    pub(crate) cache: PathBuf,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        super::Arguments::command().debug_assert();
    }
}
