//! `SutraCluster`.
//!
//! | module | responsibility |
//! |---|---|
//! | `spec` | what is wanted, and the rules between fields |
//! | `storage` | volumes |
//! | `node_config` | keys of a node's configuration, and those that the operator sets itself |
//! | `pod_template` | what a user may add to pods |
//! | `features` | embedding, rebalancing, security, licence, monitoring |
//! | `status` | what was observed |

mod features;
mod node_config;
mod pod_template;
mod spec;
mod status;
mod storage;

pub use features::{
    Embedding, EmbeddingProvider, Licence, Monitoring, PodMonitoring, Rebalancing, Security, SecurityMode, UpgradePolicy,
};
pub use node_config::{NodeConfig, OWNED_BY_OPERATOR};
pub use pod_template::{PodTemplate, PodTemplateMetadata, PodTemplateSpec};
pub use spec::{SutraCluster, SutraClusterSpec};
pub use status::{PlannedStep, SutraClusterStatus};
pub use storage::{PersistentVolumeClaimRetentionPolicy, Storage, WhenDeleted};
