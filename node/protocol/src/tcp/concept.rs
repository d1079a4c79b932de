//! `QueryConcept`, `DeleteConcept`, `GetNeighbors`, `ListRecent`, `GetAllConceptIds`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::association::AssocType;
use crate::concept::{Attributes, Concept};
use crate::error::ApiError;
use crate::http::{ConceptRef, ConceptView, NeighborView};
use crate::id::ConceptId;
use crate::vocabulary::{Direction, SemanticType};

/// How a request names a concept: an id if it is 32 lowercase hexadecimal digits, else the caller's key. It is never hashed into
/// another id.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Named(pub String);

/// Fields of `QueryConcept` and `DeleteConcept`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct OneConcept {
    /// The concept.
    pub concept_id: Option<Named>,
    /// The same, by another name.
    pub id: Option<Named>,
}

/// Fields of `QueryConceptOk`. Without such a concept, `found` is false, `concept_id` is as asked and the rest is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct QueryConceptOk {
    /// Whether it is there.
    pub found: bool,
    /// Its id.
    pub concept_id: String,
    /// The text.
    pub content: String,
    /// 0 to 1.
    pub strength: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// Typed properties.
    pub attributes: Attributes,
    /// Its type.
    pub semantic_type: Option<SemanticType>,
}

/// Fields of `DeleteConceptOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeleteConceptOk {
    /// The concept.
    pub id: ConceptId,
    /// How many associations went with it.
    pub retracted: u64,
}

/// Fields of `GetNeighbors`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct GetNeighbors {
    /// The concept.
    pub concept_id: Option<Named>,
    /// Default: both.
    pub direction: Option<Direction>,
    /// Association types, by number or name; none: all.
    pub types: Vec<AssocType>,
    /// 1 to 3. Default: 1.
    pub hops: Option<u32>,
    /// 1 to 1000. Default: 100.
    pub limit: Option<u32>,
    /// Of the page before.
    pub cursor: Option<String>,
}

/// Fields of `GetNeighborsOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GetNeighborsOk {
    /// Every neighbour once, in the order of `neighbors`.
    pub neighbor_ids: Vec<ConceptId>,
    /// Each with the association that leads to it.
    pub neighbors: Vec<NeighborView>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Fields of `ListRecent`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ListRecent {
    /// 1 to 1000. Default: 10.
    pub limit: Option<u32>,
}

/// Fields of `ListRecentOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListRecentOk {
    /// Newest first.
    pub items: Vec<ConceptView>,
}

/// Fields of `GetAllConceptIds`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct GetAllConceptIds {
    /// Of the page before.
    pub cursor: Option<String>,
    /// 1 to 1000. Default: 1000.
    pub limit: Option<u32>,
}

/// Fields of `GetAllConceptIdsOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GetAllConceptIdsOk {
    /// In their order.
    pub concept_ids: Vec<ConceptId>,
    /// Where the next page begins; `nil` on the last.
    pub cursor: Option<String>,
}

impl Named {
    /// The name, if it is given.
    ///
    /// # Errors
    /// `invalid_argument`, naming the field, otherwise.
    pub fn required(named: Option<Self>, field: &str) -> Result<Self, ApiError> {
        named.ok_or_else(|| ApiError::invalid(field, format!("{field} is missing; give a concept's id or key")))
    }
}

impl From<Named> for ConceptRef {
    fn from(Named(text): Named) -> Self {
        text.parse().map_or_else(|_| Self::Key { key: text }, Self::Id)
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl OneConcept {
    /// The concept.
    ///
    /// # Errors
    /// `invalid_argument` if neither field is given.
    pub fn named(self) -> Result<Named, ApiError> {
        Named::required(self.concept_id.or(self.id), "concept_id")
    }
}

impl From<&Concept> for QueryConceptOk {
    fn from(concept: &Concept) -> Self {
        Self {
            found: true,
            concept_id: concept.id.to_string(),
            content: concept.content.to_string(),
            strength: concept.strength,
            confidence: concept.confidence,
            attributes: concept.attributes.clone(),
            semantic_type: Some(concept.semantic_type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_thirty_two_lowercase_digits_are_an_id() {
        let id = ConceptId::from_u128(7);
        assert_eq!(ConceptRef::from(Named(id.to_string())), ConceptRef::Id(id));
        let shouted = "A".repeat(32);
        assert_eq!(ConceptRef::from(Named(shouted.clone())), ConceptRef::Key { key: shouted });
    }
}
