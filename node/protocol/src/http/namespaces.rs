//! `/v1/namespaces`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::command::{LogIndex, Rejection};
use crate::limits::{self, Violation};
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
    /// How the numbers of its vectors are kept. It can change only while the namespace has no vector. Left out: as it is, and
    /// `f16` at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector_scalar: Option<VectorScalar>,
    /// What makes its vectors: the embedder's identity, or `given` where callers bring their own. It is set by the first vector,
    /// or before it, and can change only while the namespace has no vector. Left out: as it is. 1 to 512 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 512)]
    pub embedder: Option<String>,
}

/// How a number of a vector is kept. Scores are cosine similarities whatever it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VectorScalar {
    /// Four bytes: as given.
    F32,
    /// Two bytes: about three digits.
    #[default]
    F16,
    /// One byte: 1/127 of the vector's greatest number.
    I8,
}

impl VectorScalar {
    /// Every kind, from the largest.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::I8];

    /// The kind's name in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::I8 => "i8",
        }
    }
}

impl NamespaceSettings {
    /// What [`NamespaceSettings::embedder`] is where callers bring their own vectors.
    pub const GIVEN: &'static str = "given";

    /// Checks every field against its bound.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        if let Some(seconds) = self.history_retention_seconds {
            limits::in_range("history_retention_seconds", seconds, 1, limits::RETENTION_SECONDS)?;
        }
        self.embedder.as_ref().map_or(Ok(()), |embedder| limits::text("embedder", embedder, limits::EMBEDDER_BYTES))
    }

    /// These settings where they are to replace `stored`, which has vectors or not: what is left out of the vectors' stays.
    ///
    /// # Errors
    /// [`Rejection::VectorsFixed`] if vectors there would have to change.
    pub fn replacing(&self, stored: &Self, has_vectors: bool) -> Result<Self, Rejection> {
        let fixed = |setting: &'static str, found: &str, stored: &str| {
            if !has_vectors || found == stored {
                return Ok(());
            }
            Err(Rejection::VectorsFixed { setting, found: found.into(), stored: stored.into() })
        };
        if let Some(scalar) = self.vector_scalar {
            fixed("vector_scalar", scalar.as_str(), stored.vector_scalar.unwrap_or_default().as_str())?;
        }
        if let Some(embedder) = &self.embedder {
            fixed("embedder", embedder, stored.embedder.as_deref().unwrap_or(Self::GIVEN))?;
        }
        Ok(Self {
            history_retention_seconds: self.history_retention_seconds,
            vector_scalar: self.vector_scalar.or(stored.vector_scalar),
            embedder: self.embedder.clone().or_else(|| stored.embedder.clone()),
        })
    }
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NamespaceView {
    /// Its name.
    pub name: Namespace,
    /// What its owner set, and what its first vector did.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(scalar: Option<VectorScalar>, embedder: Option<&str>) -> NamespaceSettings {
        NamespaceSettings { vector_scalar: scalar, embedder: embedder.map(Into::into), ..NamespaceSettings::default() }
    }

    #[test]
    fn what_vectors_depend_on_changes_only_while_there_are_none() {
        let stored = settings(None, Some("given"));
        let other = settings(Some(VectorScalar::I8), Some("local:all-MiniLM-L6-v2"));
        assert_eq!(other.replacing(&stored, false), Ok(other.clone()));
        let error = other.replacing(&stored, true).unwrap_err();
        assert_eq!(
            error.to_string(),
            "vector_scalar is i8; the namespace holds vectors with f16, and it can change only while there are none"
        );
        let error = settings(Some(VectorScalar::F16), Some("http:nomic")).replacing(&stored, true).unwrap_err();
        assert!(matches!(error, Rejection::VectorsFixed { setting: "embedder", .. }), "{error}");
    }

    #[test]
    fn what_is_left_out_stays_but_for_the_history() {
        let stored =
            NamespaceSettings { history_retention_seconds: Some(60), ..settings(Some(VectorScalar::F32), Some("given")) };
        let kept = NamespaceSettings::default().replacing(&stored, true).unwrap();
        assert_eq!(kept, settings(Some(VectorScalar::F32), Some("given")));
        assert_eq!(settings(Some(VectorScalar::F32), None).replacing(&stored, true).unwrap(), kept);
    }

    #[test]
    fn names_of_scalars_are_those_of_the_interface() {
        for scalar in VectorScalar::ALL {
            assert_eq!(serde_json::to_value(scalar).unwrap(), scalar.as_str());
        }
        assert!(settings(None, Some("")).validate().is_err());
        assert!(settings(None, Some(&"e".repeat(513))).validate().is_err());
    }
}
