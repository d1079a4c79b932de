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
//! | [`logging`] | where the log goes |
//! | [`node`] | a running node: start, drain, stop |
//! | [`signals`] | when to stop |
//! | [`dev`] | the embedded grid |

mod arguments;
mod config;
mod dev;
mod logging;
mod node;
mod signals;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};

/// What can't work is told at once, with this status.
const CANNOT_START: u8 = 2;
/// How long reads that nobody waits for any more may keep the process.
const LEFTOVERS: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done about a stderr that is closed.
            let _ = writeln!(std::io::stderr(), "sutra-node: {error:#}");
            ExitCode::from(CANNOT_START)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = match arguments.command {
        Command::Serve(flags) => config::Config::resolve(*flags).map_err(anyhow::Error::from).and_then(|config| {
            logging::start(config.log)?;
            runtime.block_on(node::serve(config))
        }),
        Command::Dev(flags) => dev::Dev::resolve(*flags).and_then(|dev| {
            logging::start(dev.config.log)?;
            runtime.block_on(dev.serve())
        }),
    };
    runtime.shutdown_timeout(LEFTOVERS);
    done
}
