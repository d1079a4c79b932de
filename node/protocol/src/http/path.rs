//! `POST /v1/path`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ConceptRef, EvidenceView};
use crate::id::ConceptId;
use crate::limits::{self, Violation};
use crate::namespace::Namespace;
use crate::time::Timestamp;
use crate::vocabulary::AssociationType;

/// A question for the paths between two concepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PathRequest {
    /// Where paths begin: an id, `{"key": …}` or `{"content": …}`.
    pub start: ConceptRef,
    /// Where paths end.
    pub end: ConceptRef,
    /// Most hops: 1 to 20. Default: 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 20)]
    pub max_depth: Option<u32>,
    /// Most paths: 1 to 100. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub max_paths: Option<u32>,
    /// Whether associations are followed only from source to target. Default: `both`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<PathDirection>,
    /// The types that may be followed. Default: all.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::bounded::optional::<{ limits::FILTER_ITEMS }, _, _>"
    )]
    pub types: Option<Vec<AssociationType>>,
    /// The labels that may be followed. Default: all.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::bounded::optional::<{ limits::FILTER_ITEMS }, _, _>"
    )]
    pub labels: Option<Vec<String>>,
    /// Least confidence of each association, 0 to 1. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub min_confidence: Option<f64>,
    /// Default: `shortest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<PathStrategy>,
    /// Default: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// What held in the world then. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_at: Option<Timestamp>,
    /// What was recorded by then. Default: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_at: Option<Timestamp>,
}

/// Which way a path may follow associations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PathDirection {
    /// From source to target.
    Out,
    /// Either way.
    #[default]
    Both,
}

/// Which paths come first. Paths never visit a concept twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PathStrategy {
    /// By length, then confidence (highest first), then ids.
    #[default]
    Shortest,
    /// By confidence (highest first), then length, then ids.
    Best,
}

/// The paths between two concepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PathResponse {
    /// Whether there is one.
    pub found: bool,
    /// In the order of the strategy.
    pub paths: Vec<PathView>,
    /// How many shards were asked.
    pub shards_accessed: u32,
    /// How long it took.
    pub elapsed_ms: f64,
    /// Whether a shard, or the time, was missing.
    pub partial: bool,
    /// Which shards could not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_shards: Vec<u64>,
}

/// A path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PathView {
    /// From start to end; one more than there are hops.
    pub concepts: Vec<PathConcept>,
    /// Between them.
    pub hops: Vec<HopView>,
    /// The product of the hops' confidences; of a path without hops, the concept's.
    pub confidence: f64,
}

/// A concept on a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PathConcept {
    /// Its id.
    pub id: ConceptId,
    /// Its content.
    pub content: String,
}

/// A hop of a path: an association, and which way it is followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HopView {
    /// Where the association starts.
    pub source: ConceptId,
    /// Where it ends.
    pub target: ConceptId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: AssociationType,
    /// Its name.
    pub label: String,
    /// Its confidence.
    pub confidence: f64,
    /// Whether the path follows it from target to source.
    pub reversed: bool,
    /// What it rests on, quoted.
    pub evidence: Vec<EvidenceView>,
}

impl PathRequest {
    /// Checks every field against its bound.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        self.start.validate("start")?;
        self.end.validate("end")?;
        if let Some(depth) = self.max_depth {
            limits::in_range("max_depth", depth.into(), 1, limits::DEPTH as u64)?;
        }
        if let Some(paths) = self.max_paths {
            limits::in_range("max_paths", paths.into(), 1, limits::PATHS as u64)?;
        }
        limits::at_most("types", self.types.as_ref().map_or(0, Vec::len), limits::FILTER_ITEMS, "entries")?;
        let labels = self.labels.as_deref().unwrap_or_default();
        limits::at_most("labels", labels.len(), limits::FILTER_ITEMS, "entries")?;
        for (at, label) in labels.iter().enumerate() {
            limits::at_most(&format!("labels[{at}]"), label.len(), limits::LABEL_BYTES, "bytes")?;
        }
        self.min_confidence.map_or(Ok(()), |least| limits::unit_interval("min_confidence", least))
    }
}
