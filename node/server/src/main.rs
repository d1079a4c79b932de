//! `sutra-node`: one storage node in a process.
//!
//! ```text
//!   flags, environment, file ─→ config ─→ node ─→ http + tcp ─→ Service ─→ Store
//!                                          ↑
//!                                       signals
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`arguments`] | the command line |
//! | [`config`] | the layers of the configuration, resolved and checked |
//! | [`listeners`] | the ports of a node |
//! | [`logging`] | where the log goes |
//! | [`node`] | a running node: start, drain, stop |
//! | [`place`] | what a node is: alone, or one of a grid |
//! | [`signals`] | when to stop |
//! | [`dev`] | the embedded grid |
//! | [`offline`] | tools for a data directory that no node serves |

mod arguments;
mod config;
mod dev;
mod listeners;
mod logging;
mod node;
mod offline;
mod place;
mod signals;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};
use crate::offline::{Damage, Verdict};

/// Gives memory back to the system soon after it is free, which the C library's does not: a delta that has become a segment leaves tens
/// of MiB behind. `.cargo/config.toml` has its settings.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What can't work, or can't be looked at, is told at once, with this status.
const CANNOT_START: u8 = 2;
/// How long reads that nobody waits for any more may keep the process.
const LEFTOVERS: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    // A segment that can't be read ends the process in any case; this way it says which one.
    if let Err(error) = sutra_disk::name_bus_errors() {
        let _ = writeln!(std::io::stderr(), "sutra-node: a file that can't be read would not be named: {error}");
    }
    match run(Arguments::parse()) {
        Ok(status) => status,
        Err(error) => {
            // Nothing can be done about a stderr that is closed.
            let _ = writeln!(std::io::stderr(), "sutra-node: {error:#}");
            if error.is::<Damage>() { Verdict::Damaged.into() } else { ExitCode::from(CANNOT_START) }
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Serve(flags) => {
            let config = config::Config::resolve(*flags)?;
            logging::start(config.log)?;
            serve(node::serve(config))
        }
        Command::Dev(flags) => {
            let dev = dev::Dev::resolve(*flags)?;
            logging::start(dev.log())?;
            serve(dev.serve())
        }
        Command::Offline(tool) => offline::run(tool, &mut std::io::stdout().lock()).map(ExitCode::from),
    }
}

fn serve(node: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(node);
    runtime.shutdown_timeout(LEFTOVERS);
    done.map(|()| ExitCode::SUCCESS)
}
