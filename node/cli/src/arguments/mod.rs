//! What is typed on the command line.

mod attribute;
mod filter;
mod link;
mod peer;
mod server;
mod value;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum};
use sutra_protocol::{Namespace, Timestamp};

use crate::commands::Command;
use crate::exit;

pub(crate) use attribute::Attribute;
pub(crate) use filter::filter;
pub(crate) use link::{Link, concept_ref};
pub(crate) use peer::PeerAddress;
pub(crate) use server::Server;
pub(crate) use value::{association_type, concept_id, duration, semantic_type, unit_interval};

/// Teach a Sutra grid, ask it, and see the evidence.
#[derive(Debug, Parser)]
#[command(name = "sutra", version, after_help = exit::HELP, propagate_version = true, max_term_width = 120)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The words that repeat this run; the first is the program as its user calls it.
    #[arg(skip)]
    pub(crate) invocation: Vec<String>,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The node to talk to: any node of a grid serves every request
    #[arg(long, global = true, value_name = "URL", env = "SUTRA_SERVER", default_value = "http://127.0.0.1:8000")]
    pub(crate) server: Server,
    /// The namespace [default: default]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<Namespace>,
    /// How to print: table for people, json and yaml as the server replies
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) output: Format,
    /// How long the server may take, such as 500ms, 30s, 5m; for import and export, how long nothing may move; for cluster init,
    /// how long until the grid is healthy [default: 10s; import, export, cluster init: 60s]
    #[arg(long, global = true, value_name = "TIME", value_parser = value::duration)]
    pub(crate) timeout: Option<Duration>,
}

/// How an answer is printed: for people, or as the server's reply. The variants explain themselves, so that help lists them in
/// a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Table,
    Json,
    Yaml,
}

/// The two times of a read.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct AsOf {
    /// What held in the world at this time [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) valid_at: Option<Timestamp>,
    /// What had been recorded by this time [default: everything]
    #[arg(long, value_name = "TIME")]
    pub(crate) known_at: Option<Timestamp>,
}

impl AsOf {
    /// As query parameters.
    pub(crate) fn query(self) -> impl Iterator<Item = (&'static str, String)> {
        let given = [("valid_at", self.valid_at), ("known_at", self.known_at)];
        given.into_iter().filter_map(|(name, time)| Some((name, time?.to_string())))
    }
}

/// Reads the command line; help speaks of the program as it was called.
pub(crate) fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let argv: Vec<OsString> = argv.into_iter().collect();
    let program = program(argv.first());
    let matches = command(&program).try_get_matches_from(&argv)?;
    let mut arguments = Arguments::from_arg_matches(&matches)?;
    arguments.invocation = vec![program];
    arguments.invocation.extend(argv.iter().skip(1).map(|word| word.to_string_lossy().into_owned()));
    Ok(arguments)
}

/// The grammar of the command line, for a program called `program`.
pub(crate) fn command(program: &str) -> clap::Command {
    Arguments::command().bin_name(program)
}

/// What the user types to call this program: kubectl runs `kubectl-sutra` as `kubectl sutra`.
fn program(argv0: Option<&OsString>) -> String {
    let stem = argv0.and_then(|path| Path::new(path).file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    match stem.as_deref() {
        None | Some("") => "sutra".into(),
        Some("kubectl-sutra") => "kubectl sutra".into(),
        Some(other) => other.into(),
    }
}

#[cfg(test)]
mod tests;
