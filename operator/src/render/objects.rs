//! Objects of a few lines.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;
use sutra_crds::{SutraCluster, SutraShard, SutraShardSpec, names};

use super::config_file::config_file;
use super::metadata::{metadata, selector};
use super::setting::Setting;

/// As whom nodes run: somebody without any right, who cannot even ask.
#[must_use]
pub fn service_account(cluster: &SutraCluster) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(cluster, cluster.name_any()),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// The nodes' settings.
#[must_use]
pub fn config_map(cluster: &SutraCluster, setting: &Setting) -> ConfigMap {
    ConfigMap {
        metadata: metadata(cluster, names::config_map(&cluster.name_any())),
        data: Some([("config.toml".to_owned(), config_file(cluster, setting))].into()),
        ..ConfigMap::default()
    }
}

/// Where in its secret, and in the pods' directory of it.
pub(crate) const PEER_SECRET_KEY: &str = "peer-secret";

/// With which nodes recognise each other. Made once: another secret would divide the grid.
#[must_use]
pub fn peer_secret(cluster: &SutraCluster, secret: &str) -> Secret {
    Secret {
        metadata: metadata(cluster, names::peer_secret(&cluster.name_any())),
        type_: Some("Opaque".to_owned()),
        immutable: Some(true),
        data: Some([(PEER_SECRET_KEY.to_owned(), ByteString(secret.as_bytes().to_vec()))].into()),
        string_data: None,
    }
}

/// How many nodes may be taken away at once. A node that does not serve may always be: to keep it helps nobody.
#[must_use]
pub fn disruption_budget(cluster: &SutraCluster, max_unavailable: u32) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: metadata(cluster, cluster.name_any()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(i32::try_from(max_unavailable).unwrap_or(i32::MAX))),
            selector: Some(selector(cluster)),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    }
}

/// A shard's projection, without what is known of it.
#[must_use]
pub fn shard(cluster: &SutraCluster, id: u64) -> SutraShard {
    let name = cluster.name_any();
    SutraShard {
        metadata: metadata(cluster, names::shard(&name, id)),
        spec: SutraShardSpec { cluster_ref: name, shard_id: i64::try_from(id).unwrap_or(i64::MAX) },
        status: None,
    }
}
