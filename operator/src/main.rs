//! `sutra-operator`: the operator of Sutra Grid, and its custom resource definitions.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tracing::error;

use sutra_operator::config::{Config, Flags};
use sutra_operator::{client, logging, reconcile, run};

/// Status of a process with a configuration that cannot work.
const MISCONFIGURED: u8 = 2;

/// The operator of Sutra Grid.
#[derive(Parser)]
#[command(name = "sutra-operator", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make what every SutraCluster asks for
    Run(Box<Flags>),
    /// Print the custom resource definitions as YAML
    Crd,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(flags) => operate(*flags),
        Command::Crd => match print_definitions() {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => refuse(ExitCode::FAILURE, &fault),
        },
    }
}

fn operate(flags: Flags) -> ExitCode {
    let config = match Config::resolve(flags).map_err(anyhow::Error::from) {
        Ok(config) => config,
        Err(fault) => return refuse(ExitCode::from(MISCONFIGURED), &fault),
    };
    if let Err(fault) = logging::start(config.log) {
        return refuse(ExitCode::from(MISCONFIGURED), &fault.into());
    }
    client::install_tls();
    // Two threads: whatever one reconciliation does, the lease is renewed and probes are answered.
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => return refuse(ExitCode::FAILURE, &fault.into()),
    };
    let ended = runtime.block_on(run::run(config, reconcile::reconcile));
    runtime.shutdown_timeout(Duration::from_secs(1));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            error!(fault = format!("{:#}", anyhow::Error::from(fault)), "ended");
            ExitCode::FAILURE
        }
    }
}

fn print_definitions() -> anyhow::Result<()> {
    let definitions = sutra_crds::definitions().map_err(|fault| anyhow::anyhow!(fault))?;
    let mut out = std::io::stdout().lock();
    for definition in definitions {
        write!(out, "---\n{}", definition.yaml).context("print the definitions")?;
    }
    out.flush().context("print the definitions")
}

#[allow(clippy::print_stderr, reason = "there is no log yet")]
fn refuse(code: ExitCode, fault: &anyhow::Error) -> ExitCode {
    eprintln!("sutra-operator: {fault:#}");
    code
}
