//! Where the log goes: stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// What is logged unless `RUST_LOG` says otherwise. The client and the watcher of the library say the same at every attempt; the
/// operator says it once per change, in words.
const DEFAULT: &str = "info,kube_client::client=off,kube_runtime::watcher=error";

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// `RUST_LOG` is malformed.
    #[error("RUST_LOG is malformed")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
}

/// Sends the log to stderr; `RUST_LOG` chooses what is logged, by default everything from `info` on.
///
/// # Errors
/// If `RUST_LOG` is malformed.
pub fn start(format: LogFormat) -> Result<(), LoggingError> {
    let directives = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let filter = EnvFilter::builder().parse(directives.as_deref().unwrap_or(DEFAULT))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}
