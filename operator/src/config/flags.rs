//! The flags as they are given.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

/// Flags of `sutra-operator run`.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The only namespace whose clusters it cares for; without it: every namespace
    #[arg(long, value_name = "NAMESPACE", env = "SUTRA_OPERATOR_NAMESPACE")]
    pub namespace: Option<String>,
    /// Label selector of the clusters that it cares for; without it: all
    #[arg(long, value_name = "SELECTOR", env = "SUTRA_OPERATOR_CLUSTER_SELECTOR")]
    pub cluster_selector: Option<String>,
    /// Image of the nodes of clusters that name none
    #[arg(long, value_name = "IMAGE", env = "SUTRA_OPERATOR_NODE_IMAGE")]
    pub node_image: String,
    /// Namespace of the lease: the one that the operator runs in. Operators with leases in different namespaces do not know of each other
    #[arg(long, value_name = "NAMESPACE", env = "SUTRA_OPERATOR_LEASE_NAMESPACE")]
    pub lease_namespace: String,
    /// Name of the lease
    #[arg(long, value_name = "NAME", env = "SUTRA_OPERATOR_LEASE_NAME", default_value = "sutra-operator")]
    pub lease_name: String,
    /// What the operator calls itself in the lease; without it: the host's name
    #[arg(long, value_name = "NAME", env = "SUTRA_OPERATOR_IDENTITY")]
    pub identity: Option<String>,
    /// How long the others wait for a holder of the lease that has gone silent
    #[arg(long, value_name = "TIME", env = "SUTRA_OPERATOR_LEASE_DURATION", default_value = "15s")]
    pub lease_duration: String,
    /// How often the holder of the lease renews it
    #[arg(long, value_name = "TIME", env = "SUTRA_OPERATOR_LEASE_RENEW", default_value = "5s")]
    pub lease_renew: String,
    /// Domain under which services have names
    #[arg(long, value_name = "DOMAIN", env = "SUTRA_OPERATOR_CLUSTER_DOMAIN", default_value = "cluster.local")]
    pub cluster_domain: String,
    /// Address for /metrics, /livez and /readyz; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", env = "SUTRA_OPERATOR_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// How often each node is asked
    #[arg(long, value_name = "TIME", env = "SUTRA_OPERATOR_POLL", default_value = "15s")]
    pub poll: String,
    /// Form of the log, which goes to stderr
    #[arg(long, value_enum, env = "SUTRA_OPERATOR_LOG", default_value_t)]
    pub log: LogFormat,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}
