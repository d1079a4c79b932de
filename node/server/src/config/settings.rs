//! One layer of the configuration.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::ConfigError;
use super::size::Size;
use super::span::Span;

/// What one layer says; the keys of the file are the names of the flags.
#[derive(Clone, Debug, Default, PartialEq, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Settings {
    /// File of settings, in TOML
    #[arg(long, value_name = "FILE", env = "SUTRA_CONFIG")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
    /// Where everything is kept [default: sutra-data]
    #[arg(long, value_name = "DIR", env = "SUTRA_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address for HTTP; port 0 takes a free one [default: 127.0.0.1:8000]
    #[arg(long, value_name = "HOST:PORT", env = "SUTRA_HTTP")]
    pub(crate) http: Option<String>,
    /// Address for MessagePack over TCP; port 0 takes a free one [default: 127.0.0.1:50051]
    #[arg(long, value_name = "HOST:PORT", env = "SUTRA_TCP")]
    pub(crate) tcp: Option<String>,
    /// Address for the grid's other nodes; it opens where the node belongs to a grid of several, or waits for one; port 0 takes a free
    /// one [default: 127.0.0.1:7001]
    #[arg(long, value_name = "HOST:PORT", env = "SUTRA_PEER")]
    pub(crate) peer: Option<String>,
    /// Name of the node [default: the host name]
    #[arg(long, value_name = "NAME", env = "SUTRA_NODE_NAME")]
    pub(crate) node_name: Option<String>,
    /// Host under which other nodes find this one [default: that of --peer]
    #[arg(long, value_name = "HOST", env = "SUTRA_ADVERTISE")]
    pub(crate) advertise: Option<String>,
    /// Shards of a new grid; this version has one [default: 1]
    #[arg(long, value_name = "N", env = "SUTRA_SHARDS")]
    pub(crate) shards: Option<u32>,
    /// Wait until `sutra cluster init` makes a grid of this node and others, instead of being one alone; where it belongs to one
    /// already, it takes its place there
    #[arg(long, value_name = "BOOL", env = "SUTRA_WAIT_FOR_GRID", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub(crate) wait_for_grid: Option<bool>,
    /// File with the secret by which the nodes of a grid know each other; whoever makes a grid of this node has to know it [default:
    /// the grid makes one, and keeps it in the data directory]
    #[arg(long, value_name = "FILE", env = "SUTRA_PEER_SECRET_FILE")]
    pub(crate) peer_secret_file: Option<PathBuf>,
    /// What embeds content: none in this version [default: none]
    #[arg(long, value_name = "EMBEDDER", env = "SUTRA_EMBEDDER")]
    pub(crate) embedder: Option<String>,
    /// Edition whose limits apply: none in this version [default: none]
    #[arg(long, value_name = "EDITION", env = "SUTRA_EDITION")]
    pub(crate) edition: Option<String>,
    /// What an acknowledged write stands for [default: fsync]
    #[arg(long, value_enum, env = "SUTRA_DURABILITY")]
    pub(crate) durability: Option<DurabilitySetting>,
    /// Memory that what is in no segment yet may take before it is written into one, at least 1MiB; while that is done, twice as
    /// much again [default: 48MiB]
    #[arg(long, value_name = "SIZE", env = "SUTRA_DELTA_BUDGET")]
    pub(crate) delta_budget: Option<Size>,
    /// How often the replicas of each shard are compared with each other; 0s for never [default: 24h]
    #[arg(long, value_name = "TIME", env = "SUTRA_CHECK_INTERVAL")]
    pub(crate) check_interval: Option<Span>,
    /// Form of the log, which goes to stderr; RUST_LOG sets its level [default: text]
    #[arg(long, value_enum, env = "SUTRA_LOG")]
    pub(crate) log: Option<LogFormat>,
    /// Accounts and TLS; not in this version
    #[arg(long, value_name = "BOOL", env = "SUTRA_SECURE", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub(crate) secure: Option<bool>,
    /// Listen on other addresses than loopback although everybody who reaches them may read and write
    #[arg(long, value_name = "BOOL", env = "SUTRA_INSECURE_LISTEN", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub(crate) insecure_listen: Option<bool>,
    /// How long to keep accepting after SIGTERM [default: 5s; 0s without other nodes]
    #[arg(long, value_name = "TIME", env = "SUTRA_DRAIN_DELAY")]
    pub(crate) drain_delay: Option<Span>,
    /// How long what is in flight may take after that [default: 60s]
    #[arg(long, value_name = "TIME", env = "SUTRA_SHUTDOWN_TIMEOUT")]
    pub(crate) shutdown_timeout: Option<Span>,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// An object a line
    Json,
}

/// What an acknowledged write stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DurabilitySetting {
    /// It is on the disk: nothing acknowledged is lost
    #[default]
    Fsync,
    /// It is with the operating system: a loss of power loses what was acknowledged last. For loads that can be repeated
    Buffered,
}

impl Settings {
    /// This layer, with what it leaves open from the one below.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            config: self.config,
            data_dir: self.data_dir.or(below.data_dir),
            http: self.http.or(below.http),
            tcp: self.tcp.or(below.tcp),
            peer: self.peer.or(below.peer),
            node_name: self.node_name.or(below.node_name),
            advertise: self.advertise.or(below.advertise),
            shards: self.shards.or(below.shards),
            wait_for_grid: self.wait_for_grid.or(below.wait_for_grid),
            peer_secret_file: self.peer_secret_file.or(below.peer_secret_file),
            embedder: self.embedder.or(below.embedder),
            edition: self.edition.or(below.edition),
            durability: self.durability.or(below.durability),
            delta_budget: self.delta_budget.or(below.delta_budget),
            check_interval: self.check_interval.or(below.check_interval),
            log: self.log.or(below.log),
            secure: self.secure.or(below.secure),
            insecure_listen: self.insecure_listen.or(below.insecure_listen),
            drain_delay: self.drain_delay.or(below.drain_delay),
            shutdown_timeout: self.shutdown_timeout.or(below.shutdown_timeout),
        }
    }

    /// What the interface has and this version does not is refused, never ignored.
    pub(super) fn refuse_what_cannot_work(&self) -> Result<(), ConfigError> {
        if let Some(shards) = self.shards.filter(|shards| *shards != 1) {
            return Err(ConfigError::value(
                "shards",
                shards,
                "a node alone keeps one shard; the shards of a grid are told to `sutra cluster init`",
            ));
        }
        if let Some(embedder) = self.embedder.as_deref().filter(|embedder| *embedder != "none") {
            return Err(ConfigError::value("embedder", embedder, "this version has no embedders; only none can be given"));
        }
        if let Some(edition) = self.edition.as_deref().filter(|edition| *edition != "none") {
            return Err(ConfigError::value("edition", edition, "this version has no editions; only none can be given"));
        }
        if self.secure == Some(true) {
            return Err(ConfigError::value("secure", true, "this version has no accounts and no TLS"));
        }
        Ok(())
    }
}
