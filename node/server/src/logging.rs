//! Where the log goes: stderr.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::LogFormat;

/// What is logged unless `RUST_LOG` says otherwise. The consensus tells every message that a dead node does not answer as an error,
/// several times a second; what an operator must know of it is told by the replicas themselves.
const DEFAULT: &str = "info,openraft=off";

/// Sends the log to stderr; `RUST_LOG` chooses what is logged, by default everything from `info` on.
pub(crate) fn start(format: LogFormat) -> anyhow::Result<()> {
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(told) if !told.is_empty() => EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse(told),
        _ => EnvFilter::builder().parse(DEFAULT),
    };
    let filter = filter.context("RUST_LOG is malformed")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}
