//! The configuration of an operator: flags, each also in the environment, checked before anything is started.

mod check;
mod flags;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

pub use flags::{Flags, LogFormat};

/// How an operator runs, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The only namespace whose clusters it cares for; none: every namespace.
    pub namespace: Option<String>,
    /// Label selector of the clusters that it cares for; none: all.
    pub cluster_selector: Option<String>,
    /// Image of the nodes of clusters that name none.
    pub node_image: String,
    /// Namespace that the operator runs in: that of its lease, and whose operator may reach the nodes.
    pub lease_namespace: String,
    /// The lease that makes it the only one that writes.
    pub lease: LeaseConfig,
    /// Domain under which services have names.
    pub cluster_domain: String,
    /// Where `/metrics`, `/livez` and `/readyz` are.
    pub listen: SocketAddr,
    /// How often each node is asked.
    pub poll: Duration,
    /// Form of the log.
    pub log: LogFormat,
}

/// The lease that makes an operator the only one that writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseConfig {
    /// Its name.
    pub name: String,
    /// What the operator calls itself in it.
    pub identity: String,
    /// How long the others wait for a holder that has gone silent. Whole seconds.
    pub duration: Duration,
    /// How often the holder says that it is there. At most a third of `duration`, so that one failed renewal loses nothing.
    pub renew: Duration,
}

/// Why a configuration cannot work: a whole sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{flag} {value}: {reason}")]
pub struct ConfigError {
    flag: &'static str,
    value: String,
    reason: String,
}

impl ConfigError {
    fn new(flag: &'static str, value: impl ToString, reason: impl Into<String>) -> Self {
        Self { flag, value: value.to_string(), reason: reason.into() }
    }
}

impl Config {
    /// Checks the flags and fills in what depends on the machine.
    ///
    /// # Errors
    /// If a value cannot work.
    pub fn resolve(flags: Flags) -> Result<Self, ConfigError> {
        let namespace = given(flags.namespace);
        if let Some(namespace) = &namespace {
            check::label("namespace", namespace)?;
        }
        let cluster_selector = given(flags.cluster_selector);
        if let Some(selector) = &cluster_selector {
            check::selector("cluster-selector", selector)?;
        }
        check::label("lease-namespace", &flags.lease_namespace)?;
        check::image("node-image", &flags.node_image)?;
        check::subdomain("cluster-domain", &flags.cluster_domain)?;
        Ok(Self {
            namespace,
            cluster_selector,
            node_image: flags.node_image,
            lease_namespace: flags.lease_namespace,
            lease: LeaseConfig {
                name: flags.lease_name,
                identity: given(flags.identity).unwrap_or_else(host_name),
                duration: check::span("lease-duration", &flags.lease_duration, Duration::from_secs(3), Duration::from_secs(600))?,
                renew: check::span("lease-renew", &flags.lease_renew, Duration::from_secs(1), Duration::from_secs(200))?,
            }
            .checked()?,
            cluster_domain: flags.cluster_domain,
            listen: flags.listen,
            poll: check::span("poll", &flags.poll, Duration::from_secs(1), Duration::from_secs(3600))?,
            log: flags.log,
        })
    }
}

impl LeaseConfig {
    fn checked(self) -> Result<Self, ConfigError> {
        check::subdomain("lease-name", &self.name)?;
        check::identity("identity", &self.identity)?;
        if self.duration.subsec_nanos() != 0 {
            return Err(ConfigError::new("lease-duration", format!("{:?}", self.duration), "a lease counts whole seconds"));
        }
        if self.renew * 3 > self.duration {
            return Err(ConfigError::new(
                "lease-renew",
                format!("{:?}", self.renew),
                format!(
                    "it is more than a third of --lease-duration {:?}, so that one renewal that fails could lose the lease",
                    self.duration
                ),
            ));
        }
        Ok(self)
    }
}

/// A chart sets the environment whether there is a value or not: an empty one is none.
fn given(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

fn host_name() -> String {
    gethostname::gethostname().into_string().ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "sutra-operator".into())
}
