//! `/v1/namespaces`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::command::LogIndex;
use crate::namespace::Namespace;
use crate::time::Timestamp;

/// What an owner may set for a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct NamespaceSettings {
    /// For how many seconds what was retracted or changed can still be seen with `known_at`. Default: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub history_retention_seconds: Option<u64>,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NamespaceView {
    /// Its name.
    pub name: Namespace,
    /// What its owner set.
    pub settings: NamespaceSettings,
    /// Living concepts.
    pub concepts: u64,
    /// Living associations.
    pub associations: u64,
    /// Dimension of its vectors; absent until the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<u32>,
}

/// Every namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NamespacesResponse {
    /// In the order of their names.
    pub namespaces: Vec<NamespaceView>,
}

/// What became of a removed namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NamespaceDropped {
    /// Always true: one that does not exist is `not_found`.
    pub deleted: bool,
    /// How many living concepts it held.
    pub concepts: u64,
    /// The position of the write in the shard's log.
    #[schema(value_type = u64)]
    pub index: LogIndex,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}
