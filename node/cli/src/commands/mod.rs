//! What `sutra` can do: one file a command, with its flags, its request and its rendering.

mod ask;
mod associate;
mod cluster;
mod completion;
mod count;
mod erase;
mod export;
mod get;
mod import;
mod learn;
mod neighbors;
mod path;
mod query;
mod retract;
mod search;
mod stats;

use clap::Subcommand;
use sutra_protocol::Namespace;

use crate::arguments::Arguments;
use crate::client::Client;
use crate::exit::Outcome;
use crate::output::Screen;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Teach a concept, with associations if you like; prints its id
    Learn(Box<learn::Learn>),
    /// Ask a question; prints the answer with its chain of evidence, or why there is none
    Ask(ask::Ask),
    /// Find concepts by words, or by a vector
    Search(search::Search),
    /// List the concepts that pass a filter, page by page
    Query(query::Query),
    /// Count the concepts that pass a filter
    Count(count::Count),
    /// Find the paths between two concepts
    Path(path::Path),
    /// Show concepts
    Get(get::Get),
    /// Teach an association between two concepts that exist
    Associate(associate::Associate),
    /// Retract a concept: it and what rests on it alone are no longer known; history stays
    Retract(retract::Retract),
    /// Erase a concept: remove it, and all that it ever said, for ever
    Erase(erase::Erase),
    /// List the concepts around a concept
    Neighbors(neighbors::Neighbors),
    /// Teach every line of a file
    Import(import::Import),
    /// Save everything a namespace knows, as a file that import takes back
    Export(export::Export),
    /// Show the numbers of a node
    Stats,
    /// Found a grid, and see how it is
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    /// Print a script that completes these commands in your shell
    Completion(completion::Completion),
}

/// What a command runs with.
pub(crate) struct Session {
    client: Client,
    screen: Screen,
    namespace: Option<Namespace>,
    invocation: Vec<String>,
}

impl Session {
    /// The namespace as a query parameter, if one was given.
    fn namespace_query(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.namespace.iter().map(|namespace| ("namespace", namespace.to_string()))
    }
}

/// Runs what was typed.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Outcome> {
    let Arguments { global, command, invocation } = arguments;
    let screen = Screen::new(global.output);
    if let Command::Completion(completion) = &command {
        return completion.run(&screen, &invocation);
    }
    let session =
        Session { client: Client::new(global.server, global.timeout)?, screen, namespace: global.namespace, invocation };
    // One thread is enough: the only work beside the network, decompression, has a thread of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(dispatch(command, &session))
}

async fn dispatch(command: Command, session: &Session) -> anyhow::Result<Outcome> {
    match command {
        Command::Learn(learn) => learn.run(session).await,
        Command::Ask(ask) => ask.run(session).await,
        Command::Search(search) => search.run(session).await,
        Command::Query(query) => query.run(session).await,
        Command::Count(count) => count.run(session).await,
        Command::Path(path) => path.run(session).await,
        Command::Get(get) => get.run(session).await,
        Command::Associate(associate) => associate.run(session).await,
        Command::Retract(retract) => retract.run(session).await,
        Command::Erase(erase) => erase.run(session).await,
        Command::Neighbors(neighbors) => neighbors.run(session).await,
        Command::Import(import) => import.run(session).await,
        Command::Export(export) => export.run(session).await,
        Command::Stats => stats::run(session).await,
        Command::Cluster(cluster) => cluster.run(session).await,
        Command::Completion(completion) => completion.run(&session.screen, &session.invocation),
    }
}
