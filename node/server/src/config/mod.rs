//! The configuration of a node.
//!
//! Settings come in three layers of one shape: the command line, where clap has already filled in the environment; the file; the
//! defaults. [`Config::resolve`] is the one place where they meet.

mod address;
mod file;
mod settings;
mod size;
mod span;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use settings::{DurabilitySetting, LogFormat, Settings};
pub(crate) use size::Size;

/// Memory for what is in no segment yet, of a node that was told nothing.
const DELTA_BUDGET: Size = Size::mib(48);
/// Below this, segments would be too small to be worth their files.
const LEAST_DELTA_BUDGET: Size = Size::mib(1);

/// How a node runs, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// Where everything is kept; made if it is not there.
    pub(crate) data_dir: PathBuf,
    /// Loopback unless `insecure_listen`.
    pub(crate) http: SocketAddr,
    /// Loopback unless `insecure_listen`.
    pub(crate) tcp: SocketAddr,
    /// For the grid's other nodes; opened only where there are some, or may be. Loopback unless `insecure_listen`.
    pub(crate) peer: SocketAddr,
    /// What the node calls itself.
    pub(crate) node_name: String,
    /// The host under which other nodes find this one.
    pub(crate) advertise: Option<String>,
    /// Whether to wait for a grid instead of being one alone.
    pub(crate) wait_for_grid: bool,
    /// What whoever makes a grid of this node has to know.
    pub(crate) peer_secret_file: Option<PathBuf>,
    /// Whether it may listen on other addresses than loopback without accounts and TLS.
    pub(crate) insecure_listen: bool,
    /// What an acknowledged write stands for.
    pub(crate) durability: DurabilitySetting,
    /// Memory that what is in no segment yet may take.
    pub(crate) delta_budget: Size,
    /// How often the replicas of each shard are compared; never, if that is nothing.
    pub(crate) check_interval: Duration,
    /// Form of the log.
    pub(crate) log: LogFormat,
    /// How long it keeps accepting after it was told to stop, if that was said.
    pub(crate) drain_delay: Option<Duration>,
    /// How long what is in flight may take after that.
    pub(crate) shutdown_timeout: Duration,
}

/// How often the replicas of a shard are compared where nothing is said.
const CHECK_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a configuration can't work: a whole sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file can't be read.
    #[error("read the configuration {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file says something that it can't.
    #[error("{path}: {reason}")]
    File { path: PathBuf, reason: String },
    /// A value is malformed or can't work.
    #[error("--{name} {value}: {reason}")]
    Value { name: &'static str, value: String, reason: String },
}

impl ConfigError {
    fn value(name: &'static str, value: impl ToString, reason: impl Into<String>) -> Self {
        Self::Value { name, value: value.to_string(), reason: reason.into() }
    }
}

impl Config {
    /// Lays the layers over one another and checks the result.
    pub(crate) fn resolve(flags: Settings) -> Result<Self, ConfigError> {
        let file = flags.config.as_deref().map(file::read).transpose()?.unwrap_or_default();
        Self::from_settings(flags.over(file))
    }

    /// Fills in the defaults.
    pub(crate) fn from_settings(settings: Settings) -> Result<Self, ConfigError> {
        settings.refuse_what_cannot_work()?;
        let config = Self {
            data_dir: settings.data_dir.unwrap_or_else(|| "sutra-data".into()),
            http: address::resolve("http", settings.http.as_deref().unwrap_or("127.0.0.1:8000"))?,
            tcp: address::resolve("tcp", settings.tcp.as_deref().unwrap_or("127.0.0.1:50051"))?,
            peer: address::resolve("peer", settings.peer.as_deref().unwrap_or("127.0.0.1:7001"))?,
            node_name: settings.node_name.unwrap_or_else(host_name),
            advertise: settings.advertise,
            wait_for_grid: settings.wait_for_grid.unwrap_or_default(),
            peer_secret_file: settings.peer_secret_file,
            insecure_listen: settings.insecure_listen.unwrap_or_default(),
            durability: settings.durability.unwrap_or_default(),
            delta_budget: settings.delta_budget.unwrap_or(DELTA_BUDGET),
            check_interval: settings.check_interval.map_or(CHECK_INTERVAL, Duration::from),
            log: settings.log.unwrap_or_default(),
            drain_delay: settings.drain_delay.map(Duration::from),
            shutdown_timeout: settings.shutdown_timeout.map_or(Duration::from_secs(60), Duration::from),
        };
        address::check_host("node-name", &config.node_name)?;
        if let Some(host) = &config.advertise {
            address::check_host("advertise", host)?;
        }
        if config.delta_budget.bytes() < LEAST_DELTA_BUDGET.bytes() {
            let reason = format!("at least {LEAST_DELTA_BUDGET} is needed: every segment that is written costs several syncs");
            return Err(ConfigError::value("delta-budget", config.delta_budget, reason));
        }
        config.check_exposure()?;
        Ok(config)
    }

    /// Addresses that others than this machine can reach.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        [("http", self.http), ("tcp", self.tcp)].into_iter().filter(|(_, address)| !address.ip().is_loopback())
    }

    fn check_exposure(&self) -> Result<(), ConfigError> {
        match self.exposed().next() {
            Some((name, address)) if !self.insecure_listen => Err(ConfigError::value(
                name,
                address,
                "it is not a loopback address, and there are no accounts and no TLS; give --insecure-listen too if everybody who \
                 reaches it may read and write",
            )),
            _ => Ok(()),
        }
    }
}

fn host_name() -> String {
    gethostname::gethostname().into_string().ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "sutra-node".into())
}
