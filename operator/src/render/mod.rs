//! Kubernetes objects of a `SutraCluster`.
//!
//! ```text
//!  SutraCluster + Setting ──▶ render ──▶ objects ──▶ drift::stamped ──▶ apply
//! ```
//!
//! Nothing here can fail or ask anybody: an object follows from the cluster and the [`Setting`] alone. Whatever a spec asks for
//! that this release cannot do is noticed before. A cluster that comes from the API server has a name, a namespace and a uid;
//! one that has none is rendered with empty ones, and without an owner.
//!
//! | module | responsibility |
//! |---|---|
//! | `setting` | what cannot be known from the cluster alone; renderer revisions |
//! | `metadata` | names, labels, owner |
//! | `ports` | where a node listens |
//! | `config_file` | `config.toml` of `sutra-node serve` |
//! | `objects` | service account, settings, peer secret, disruption budget, shard |
//! | `services` | names of the nodes, and where clients connect |
//! | `network_policy` | who may connect |
//! | `pod_monitor` | where Prometheus finds metrics |
//! | `pod` | the pod template of renderer revision 1 |
//! | `stateful_set` | the pods and their volumes; the hash by which a pod is known to be outdated |

mod config_file;
#[cfg(test)]
pub(crate) mod fixture;
mod metadata;
mod network_policy;
mod objects;
mod pod;
mod pod_monitor;
mod ports;
mod services;
mod setting;
mod stateful_set;
#[cfg(test)]
mod tests;

pub use network_policy::network_policy;
pub(crate) use objects::PEER_SECRET_KEY;
pub use objects::{config_map, disruption_budget, peer_secret, service_account, shard};
pub(crate) use pod::node_host;
pub use pod_monitor::{pod_monitor, pod_monitor_api};
pub(crate) use ports::peer_address;
pub use services::{client_service, nodes_service};
pub use setting::{Claim, Recorded, Renderer, Setting};
pub use stateful_set::{revision, stateful_set};
