//! The command line.

use clap::{Args, Parser, Subcommand};

use crate::config::{LogFormat, Settings};
use crate::offline::Offline;

/// A storage node of Sutra Grid.
#[derive(Debug, Parser)]
#[command(name = "sutra-node", version, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one storage node
    ///
    /// Alone with an empty data directory it makes itself a one-node grid. The line "ready http=... tcp=..." in the log says
    /// that it serves. A value that cannot work ends the program at once with status 2 and a sentence.
    ///
    /// Each flag can also be set in the environment, or in the file that --config names, as a key of the flag's name
    /// (`data-dir = "/var/lib/sutra"`). A flag wins over the environment, the environment over the file.
    ///
    /// SIGTERM or SIGINT: /readyz turns 503, after --drain-delay nothing more is accepted, what is in flight is finished within
    /// --shutdown-timeout, and the program exits with status 0. A second signal ends it at once.
    Serve(Box<Settings>),
    /// Run an embedded grid on loopback, to try things out
    ///
    /// Everything is kept in --data-dir; without one, in a temporary directory that is removed at the end.
    ///
    /// With several nodes, lines on its input stop and start them: "stop node-2" ends a node as its death would, "start node-2" lets
    /// it come back, "status" tells who leads.
    Dev(Box<DevFlags>),
    #[command(flatten)]
    Offline(Offline),
}

#[derive(Debug, Args)]
pub(crate) struct DevFlags {
    /// Nodes of the grid: 1, 3 or 5. Those of several are node-1, node-2, …, with ports that follow one another
    #[arg(long, default_value_t = 1)]
    pub(crate) nodes: u32,
    /// Shards of the grid, among which the knowledge is divided; a node alone has one [default: 1, or as many as a grid that is kept has]
    #[arg(long)]
    pub(crate) shards: Option<u32>,
    /// Replicas of each shard, on as many nodes: 1, 3 or 5 [default: 3 where there are so many nodes, or as many as a grid that is kept has]
    #[arg(long)]
    pub(crate) replicas: Option<u32>,
    /// Where everything is kept [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<std::path::PathBuf>,
    /// Loopback address for HTTP; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8000")]
    pub(crate) http: String,
    /// Loopback address for MessagePack over TCP; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:50051")]
    pub(crate) tcp: String,
    /// Loopback address for the nodes among each other; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7001")]
    pub(crate) peer: String,
    /// Print nothing but the log
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Form of the log, which goes to stderr
    #[arg(long, value_enum, default_value_t)]
    pub(crate) log: LogFormat,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_flag_of_serve_is_in_the_environment_too() {
        use clap::CommandFactory as _;
        let command = Arguments::command();
        let serve = command.find_subcommand("serve").unwrap();
        for argument in serve.get_arguments().filter(|argument| argument.get_id() != "help") {
            let expected = format!("SUTRA_{}", argument.get_long().unwrap().replace('-', "_").to_uppercase());
            assert_eq!(argument.get_env().unwrap().to_str(), Some(expected.as_str()));
        }
    }
}
