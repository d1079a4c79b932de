//! `/v1/concepts/get`, `/v1/concepts/query`, `/v1/concepts/count`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ConceptView;
use crate::filter::Filter;
use crate::id::ConceptId;
use crate::limits::{self, Violation};
use crate::namespace::Namespace;
use crate::query::{Cursor, Order};
use crate::time::Timestamp;

/// Several concepts by their ids.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct GetConceptsRequest {
    /// The ids: 1 to 1000.
    #[serde(deserialize_with = "super::bounded::strict::<{ limits::BATCH_ITEMS }, _, _>")]
    #[schema(required, min_items = 1, max_items = 1000)]
    pub ids: Vec<ConceptId>,
    /// Default: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// What held in the world then. Default: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_at: Option<Timestamp>,
    /// What was recorded by then. Default: everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<Timestamp>,
}

/// Those of them that exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GetConceptsResponse {
    /// In the order of the request's ids.
    pub concepts: Vec<ConceptView>,
    /// The ids of which there is no concept, in the order of the request.
    pub missing: Vec<ConceptId>,
}

/// Which concepts to list, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct QueryRequest {
    /// Which concepts. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// In which order. Default: `id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Most concepts of a page: 1 to 1000. Default: 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// From the page before, with the same namespace and order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 376)]
    pub cursor: Option<String>,
    /// Default: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// What held in the world then. Default: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_at: Option<Timestamp>,
    /// What was recorded by then. Default: everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<Timestamp>,
}

/// A page of concepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryResponse {
    /// In the order that was asked for.
    pub concepts: Vec<ConceptView>,
    /// Where the next page begins; absent on the last. A concept whose place in the order does not change while the pages are
    /// read is on exactly one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Which concepts to count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CountRequest {
    /// Which concepts. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Default: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// What held in the world then. Default: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_at: Option<Timestamp>,
    /// What was recorded by then. Default: everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<Timestamp>,
}

/// How many concepts pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountResponse {
    /// Exactly.
    pub count: u64,
}

impl GetConceptsRequest {
    /// Checks the number of ids.
    ///
    /// # Errors
    /// A [`Violation`] naming `ids`.
    pub fn validate(&self) -> Result<(), Violation> {
        match self.ids.len() {
            0 => Err(Violation::invalid("ids", "is empty", format!("1 to {} are needed", limits::BATCH_ITEMS))),
            found => limits::at_most("ids", found, limits::BATCH_ITEMS, "entries"),
        }
    }
}

impl QueryRequest {
    /// Checks every field against its bound.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        if let Some(limit) = self.limit {
            limits::in_range("limit", limit.into(), 1, limits::K as u64)?;
        }
        if let Some(cursor) = &self.cursor {
            limits::at_most("cursor", cursor.len(), Cursor::TEXT_BYTES, "bytes")?;
        }
        self.filter.as_ref().map_or(Ok(()), Filter::validate)
    }
}

impl CountRequest {
    /// Checks the filter.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        self.filter.as_ref().map_or(Ok(()), Filter::validate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_one_to_a_thousand() {
        let of = |count: usize| GetConceptsRequest { ids: vec![ConceptId::default(); count], ..GetConceptsRequest::default() };
        assert!(of(1).validate().is_ok() && of(1000).validate().is_ok());
        assert_eq!(of(0).validate().unwrap_err().to_string(), "ids is empty; 1 to 1000 are needed");
        let many = serde_json::to_string(&of(1001)).unwrap();
        assert!(serde_json::from_str::<GetConceptsRequest>(&many).unwrap_err().to_string().contains("more than 1000 entries"));
    }

    #[test]
    fn a_page_has_bounds_and_the_document_knows_the_longest_cursor() {
        let limited = |limit| QueryRequest { limit: Some(limit), ..QueryRequest::default() };
        assert!(limited(1000).validate().is_ok());
        for bad in [0, 1001] {
            assert_eq!(limited(bad).validate().unwrap_err().field, "limit");
        }
        let cursor = QueryRequest { cursor: Some("A".repeat(Cursor::TEXT_BYTES + 1)), ..QueryRequest::default() };
        assert_eq!(cursor.validate().unwrap_err().field, "cursor");
        assert_eq!(Cursor::TEXT_BYTES, 376, "as the schema says");
    }
}
