//! The filter grammar: `{all: […]}`, `{any: […]}`, `{not: …}` over leaves such as `{field: "attributes.year", gte: 2020}`.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::concept::{AttributeValue, Concept};
use crate::limits::{self, Violation};
use crate::query::Number;
use crate::time::Timestamp;

mod parts;

/// Which concepts pass. A whole filter holds at most 1000 comparisons, nested at most 16 deep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, deny_unknown_fields, try_from = "parts::Parts")]
#[schema(no_recursion)]
pub enum Filter {
    /// Those that pass each.
    All {
        /// The filters.
        all: Vec<Filter>,
    },
    /// Those that pass one.
    Any {
        /// The filters.
        any: Vec<Filter>,
    },
    /// Those that do not pass.
    Not {
        /// The filter.
        not: Box<Filter>,
    },
    /// Those whose field compares.
    Leaf(Leaf),
}

/// A comparison of one field. A concept without the field passes only `ne` and `exists: false`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// `type`, `confidence`, `created_at`, `key` or `attributes.NAME`.
    pub field: String,
    /// Equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eq: Option<AttributeValue>,
    /// Not equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ne: Option<AttributeValue>,
    /// Equal to one of these: at most 1000.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<AttributeValue>>)]
    pub one_of: Option<Vec<AttributeValue>>,
    /// Less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lt: Option<AttributeValue>,
    /// Less or equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lte: Option<AttributeValue>,
    /// Greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<AttributeValue>,
    /// Greater or equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gte: Option<AttributeValue>,
    /// Whether there is such a field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// Begins with this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

impl Filter {
    /// Checks fields, operators, sizes and depth.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        self.validate_at(1)
    }

    fn validate_at(&self, depth: usize) -> Result<(), Violation> {
        limits::at_most("filter", depth, limits::FILTER_DEPTH, "levels")?;
        match self {
            Self::All { all: filters } | Self::Any { any: filters } => {
                limits::at_most("filter", self.size(), limits::FILTER_ITEMS, "entries")?;
                filters.iter().try_for_each(|filter| filter.validate_at(depth + 1))
            }
            Self::Not { not } => not.validate_at(depth + 1),
            Self::Leaf(leaf) => leaf.validate(),
        }
    }

    /// How many comparisons it holds; one that holds none counts as one too.
    fn size(&self) -> usize {
        match self {
            Self::All { all: filters } | Self::Any { any: filters } => filters.iter().map(Self::size).sum::<usize>().max(1),
            Self::Not { not } => not.size(),
            Self::Leaf(_) => 1,
        }
    }

    /// Whether `concept` passes.
    pub fn passes(&self, concept: &Concept) -> bool {
        match self {
            Self::All { all } => all.iter().all(|filter| filter.passes(concept)),
            Self::Any { any } => any.iter().any(|filter| filter.passes(concept)),
            Self::Not { not } => !not.passes(concept),
            Self::Leaf(leaf) => leaf.passes(concept),
        }
    }
}

impl Leaf {
    fn validate(&self) -> Result<(), Violation> {
        let attribute = self.field.strip_prefix("attributes.").is_some_and(|name| !name.is_empty());
        if !attribute && !matches!(self.field.as_str(), "type" | "confidence" | "created_at" | "key") {
            let found = format!("is {}", limits::excerpt(&self.field));
            return Err(Violation::invalid(
                "filter.field",
                found,
                "it must be type, confidence, created_at, key or attributes.NAME",
            ));
        }
        let ordered = [&self.lt, &self.lte, &self.gt, &self.gte];
        let operators = ordered.iter().filter(|value| value.is_some()).count()
            + [self.eq.is_some(), self.ne.is_some(), self.one_of.is_some(), self.exists.is_some(), self.prefix.is_some()]
                .iter()
                .filter(|given| **given)
                .count();
        if operators != 1 {
            let found = format!("has {operators} operators on {}", limits::excerpt(&self.field));
            return Err(Violation::invalid(
                "filter",
                found,
                "exactly one of eq, ne, in, lt, lte, gt, gte, exists and prefix is needed",
            ));
        }
        limits::at_most("filter.in", self.one_of.as_ref().map_or(0, Vec::len), limits::FILTER_ITEMS, "entries")?;
        if self.field == "created_at" {
            let given = ordered.into_iter().chain([&self.eq, &self.ne]).flatten().chain(self.one_of.iter().flatten());
            for value in given {
                if !matches!(value, AttributeValue::Text(text) if text.parse::<Timestamp>().is_ok()) {
                    return Err(Violation::invalid(
                        "filter.created_at",
                        "is compared with something else",
                        "a time in RFC 3339 is needed",
                    ));
                }
            }
        }
        Ok(())
    }

    fn passes(&self, concept: &Concept) -> bool {
        let found = self.value(concept);
        if let Some(exists) = self.exists {
            return found.is_some() == exists;
        }
        if let Some(other) = &self.ne {
            return found.is_none_or(|found| compare(&found, other) != Some(Ordering::Equal));
        }
        let Some(found) = found else { return false };
        let is = |other: &Option<AttributeValue>, wanted: &[Ordering]| {
            other.as_ref().is_some_and(|other| compare(&found, other).is_some_and(|order| wanted.contains(&order)))
        };
        is(&self.eq, &[Ordering::Equal])
            || is(&self.lt, &[Ordering::Less])
            || is(&self.lte, &[Ordering::Less, Ordering::Equal])
            || is(&self.gt, &[Ordering::Greater])
            || is(&self.gte, &[Ordering::Greater, Ordering::Equal])
            || self.one_of.iter().flatten().any(|other| compare(&found, other) == Some(Ordering::Equal))
            || matches!((&self.prefix, &found), (Some(prefix), AttributeValue::Text(text)) if text.starts_with(prefix.as_str()))
    }

    fn value(&self, concept: &Concept) -> Option<AttributeValue> {
        match self.field.as_str() {
            "type" => Some(AttributeValue::Text(concept.semantic_type.as_str().into())),
            "confidence" => Some(AttributeValue::Float(concept.confidence)),
            "created_at" => Some(AttributeValue::Text(concept.created_at.to_string())),
            "key" => concept.key.as_ref().map(|key| AttributeValue::Text(key.to_string())),
            other => other.strip_prefix("attributes.").and_then(|name| concept.attributes.get(name)).cloned(),
        }
    }
}

/// Numbers compare as numbers, exactly; times as times, other text by its bytes; different kinds do not compare.
fn compare(left: &AttributeValue, right: &AttributeValue) -> Option<Ordering> {
    use AttributeValue::{Bool, Float, Integer, Text};
    match (left, right) {
        (Bool(left), Bool(right)) => Some(left.cmp(right)),
        (Integer(left), Integer(right)) => Some(left.cmp(right)),
        (Integer(left), Float(right)) => Some(Number::whole(*left).cmp(&Number::float(*right))),
        (Float(left), Integer(right)) => Some(Number::float(*left).cmp(&Number::whole(*right))),
        (Float(left), Float(right)) => left.partial_cmp(right),
        (Text(left), Text(right)) => match (left.parse::<Timestamp>(), right.parse::<Timestamp>()) {
            (Ok(left), Ok(right)) => Some(left.cmp(&right)),
            (Err(_), Err(_)) => Some(left.cmp(right)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Attributes, ConceptId, Namespace, SemanticType, Validity};

    fn ibuprofen() -> Concept {
        let at = "2026-03-01T12:00:00Z".parse().unwrap();
        Concept {
            id: ConceptId::derive(&Namespace::default(), "ibuprofen", None),
            namespace: Namespace::default(),
            incarnation: 1,
            key: Some("RXCUI:5640".into()),
            content: "ibuprofen".into(),
            aliases: Vec::new(),
            semantic_type: SemanticType::Entity,
            confidence: 0.9,
            strength: 1.0,
            attributes: Attributes::from([
                ("approved".into(), AttributeValue::Integer(1974)),
                ("route".into(), AttributeValue::Text("oral".into())),
            ]),
            vector: None,
            source: None,
            validity: Validity::ALWAYS,
            asserted_by: Arc::from("anonymous"),
            created_at: at,
            updated_at: at,
        }
    }

    fn passes(json: &str) -> bool {
        let filter: Filter = serde_json::from_str(json).unwrap();
        filter.validate().unwrap();
        filter.passes(&ibuprofen())
    }

    #[test]
    fn leaves_compare_numbers_times_and_text() {
        assert!(passes(r#"{"field":"attributes.approved","gte":1974}"#));
        assert!(passes(r#"{"field":"attributes.approved","lt":1974.5}"#));
        assert!(!passes(r#"{"field":"attributes.approved","eq":"1974"}"#));
        assert!(passes(r#"{"field":"attributes.route","gt":"inhaled"}"#));
        assert!(
            !passes(r#"{"field":"attributes.route","gt":"2026-03-01T12:00:00Z"}"#),
            "text is neither before nor after a time"
        );
        assert!(passes(r#"{"field":"created_at","lt":"2026-03-01T14:00:00+01:00"}"#));
        assert!(passes(r#"{"field":"key","prefix":"RXCUI:"}"#));
        assert!(passes(r#"{"field":"type","in":["rule","entity"]}"#));
        assert!(!passes(r#"{"field":"attributes.dose","gt":0}"#));
        assert!(passes(r#"{"field":"attributes.dose","exists":false}"#));
        assert!(passes(r#"{"field":"attributes.dose","ne":200}"#));
    }

    #[test]
    fn a_filter_is_bounded_while_it_is_read() {
        let leaf = r#"{"field":"key","exists":true}"#;
        let all = |count: usize| format!("{{\"all\":[{}]}}", vec![leaf; count].join(","));
        assert!(serde_json::from_str::<Filter>(&all(1000)).unwrap().validate().is_ok());
        let values = format!(r#"{{"field":"key","in":[{}]}}"#, vec!["1"; 1001].join(","));
        let nested = format!("{{\"any\":[{},{}]}}", all(500), all(501));
        for bad in [all(1001), values, nested, "{\"any\":[".repeat(200)] {
            let error = serde_json::from_str::<Filter>(&bad).unwrap_err().to_string();
            assert!(error.contains("more than 1000 entries") || error.contains("recursion limit"), "{error}");
        }
    }

    #[test]
    fn a_mistyped_operator_is_not_taken_for_none() {
        for bad in [r#"{"field":"key","exists":true,"equals":1}"#, r#"{"all":[],"any":[]}"#] {
            assert!(serde_json::from_str::<Filter>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn filters_combine() {
        assert!(passes(r#"{"all":[{"field":"confidence","gt":0.5},{"not":{"any":[{"field":"key","exists":false}]}}]}"#));
    }

    #[test]
    fn a_leaf_needs_a_known_field_and_one_operator() {
        for bad in [
            r#"{"field":"colour","eq":1}"#,
            r#"{"field":"key"}"#,
            r#"{"field":"key","eq":"a","ne":"b"}"#,
            r#"{"field":"created_at","gt":"last week"}"#,
        ] {
            let filter: Filter = serde_json::from_str(bad).unwrap();
            assert!(filter.validate().is_err(), "{bad}");
        }
        let deep = format!("{}{}{}", r#"{"not":"#.repeat(16), r#"{"field":"key","eq":"a"}"#, "}".repeat(16));
        assert!(serde_json::from_str::<Filter>(&deep).unwrap().validate().unwrap_err().to_string().contains("17 levels"));
    }
}
