//! `LearnAssociation`, `GetAssociation`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::concept::Named;
use crate::error::ApiError;
use crate::http::{AssociateRequest, ConceptRef};
use crate::id::ConceptId;
use crate::vocabulary::AssociationType;

/// Fields of `LearnAssociation`. The ends are ids or keys.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LearnAssociation {
    /// Where it starts.
    pub source_id: Option<Named>,
    /// Where it ends.
    pub target_id: Option<Named>,
    /// Default: semantic.
    pub assoc_type: Option<AssocType>,
    /// 0 to 1. Default: 1.
    pub confidence: Option<f64>,
    /// Its name. Default: empty.
    pub label: Option<String>,
    /// 0 to 1. Default: 1.
    pub strength: Option<f64>,
    /// When it begins to hold in the world.
    pub valid_from: Option<crate::Timestamp>,
    /// When it ceases to hold.
    pub valid_to: Option<crate::Timestamp>,
    /// The statements it rests on.
    pub evidence: Vec<ConceptId>,
    /// Default: `default`.
    pub namespace: Option<crate::Namespace>,
}

/// Fields of `GetAssociation`: the first living association from source to target, by type and label.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct GetAssociation {
    /// Where it starts.
    pub source_id: Option<Named>,
    /// Where it ends.
    pub target_id: Option<Named>,
}

/// Fields of `GetAssociationOk`. Without an association, `found` is false, the ends are as asked and the rest is empty.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GetAssociationOk {
    /// Whether there is one.
    pub found: bool,
    /// Where it starts.
    pub source_id: String,
    /// Where it ends.
    pub target_id: String,
    /// Its type.
    pub assoc_type: AssocType,
    /// 0 to 1.
    pub confidence: f64,
    /// Its name.
    pub label: String,
}

/// An association's type: a number, 0 semantic, 1 causal, 2 temporal, 3 hierarchical, 4 compositional; its name is also read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AssocType(pub AssociationType);

impl Serialize for AssocType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0.number())
    }
}

impl<'de> Deserialize<'de> for AssocType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = AssocType;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an association type: 0 semantic, 1 causal, 2 temporal, 3 hierarchical, 4 compositional")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<AssocType, E> {
                let kind = AssociationType::from_number(number);
                kind.map(AssocType).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<AssocType, E> {
                let kind = AssociationType::ALL.into_iter().find(|kind| kind.as_str() == name);
                kind.map(AssocType).ok_or_else(|| E::invalid_value(de::Unexpected::Str(name), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl LearnAssociation {
    /// The same request as `/v1/associate` has it.
    ///
    /// # Errors
    /// `invalid_argument` if an end is missing.
    pub fn into_http(self) -> Result<AssociateRequest, ApiError> {
        Ok(AssociateRequest {
            source: Named::required(self.source_id, "source_id")?.into(),
            target: Named::required(self.target_id, "target_id")?.into(),
            kind: self.assoc_type.map(|kind| kind.0),
            label: self.label,
            confidence: self.confidence,
            strength: self.strength,
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            evidence: self.evidence.into_iter().map(ConceptRef::Id).collect(),
            namespace: self.namespace,
        })
    }
}
