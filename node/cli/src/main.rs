//! `sutra`: the client of Sutra Grid for people and scripts. It teaches, asks, inspects and moves knowledge over a node's HTTP
//! interface, and never touches a data directory. Only a new grid is asked for at a peer port: before there is one, nodes have nothing
//! else to ask.
//!
//! ```text
//!   argv ─→ arguments ─→ commands ─→ client ─→ node
//!                           │   └──→ transfer ─→ node     (import, export: streams)
//!                           └──→ output ─→ stdout
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`arguments`] | what is typed: global flags, and the values that are more than text |
//! | [`commands`] | one file a command: its flags, its request, its rendering |
//! | [`client`] | one exchange with a node, and the sentence for each way it fails |
//! | [`transfer`] | files in and out: decompression, progress, whole files only |
//! | [`output`] | tables, JSON, YAML; text that is safe on a terminal |
//! | [`exit`] | what a run comes to as an exit code |

mod arguments;
mod client;
mod commands;
mod exit;
mod output;
mod transfer;

fn main() -> std::process::ExitCode {
    let arguments = match arguments::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        // clap's own text and status: 0 for help and version, 2 for a usage error.
        Err(error) => error.exit(),
    };
    exit::report(commands::run(arguments))
}
