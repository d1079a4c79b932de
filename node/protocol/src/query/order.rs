//! The orders in which concepts can be listed.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::SortKey;
use crate::concept::Concept;
use crate::id::ConceptId;
use crate::limits;

/// An order of concepts, total: no two have one place. Written as `id`, `created_at`, `-created_at`, `attributes.NAME` or
/// `-attributes.NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// By id, which says nothing but is the same on every replica.
    #[default]
    Id,
    /// By the time when they were first recorded, then by id.
    CreatedAt(Sorting),
    /// By the value of an attribute as a [`SortKey`], then by id. Those without it come last, by id.
    Attribute {
        /// Its name: 1 to 512 bytes.
        name: String,
        /// Which values come first.
        sorting: Sorting,
    },
}

/// Which values come first. The descending order of those that have a value is the ascending one read backwards, ids too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sorting {
    /// The least.
    #[default]
    Ascending,
    /// The greatest (`-` before the name).
    Descending,
}

/// Why a text is not an [`Order`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "order is one of id, created_at, -created_at, attributes.NAME and -attributes.NAME, with a NAME of at most 512 bytes; not {found}"
)]
pub struct InvalidOrder {
    found: String,
}

/// Where a concept stands in an order. Compared by [`Order::compare`] of the order that it is a place in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// What it is ordered by; `None`: it lacks that, or the order is that of the ids.
    pub key: Option<SortKey>,
    /// Its id, which decides between equals.
    pub id: ConceptId,
}

impl Order {
    /// The place of `concept`.
    pub fn place(&self, concept: &Concept) -> Place {
        let key = match self {
            Self::Id => None,
            Self::CreatedAt(_) => Some(SortKey::time(concept.created_at)),
            Self::Attribute { name, .. } => concept.attributes.get(name).map(SortKey::of),
        };
        Place { key, id: concept.id }
    }

    /// Which of two places of this order comes first.
    pub fn compare(&self, left: &Place, right: &Place) -> Ordering {
        match (&left.key, &right.key) {
            (None, None) => left.id.cmp(&right.id),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => {
                let ascending = a.cmp(b).then(left.id.cmp(&right.id));
                if self.sorting() == Sorting::Descending { ascending.reverse() } else { ascending }
            }
        }
    }

    /// Which values come first.
    pub fn sorting(&self) -> Sorting {
        match self {
            Self::Id => Sorting::Ascending,
            Self::CreatedAt(sorting) | Self::Attribute { sorting, .. } => *sorting,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sorting() == Sorting::Descending {
            f.write_str("-")?;
        }
        match self {
            Self::Id => f.write_str("id"),
            Self::CreatedAt(_) => f.write_str("created_at"),
            Self::Attribute { name, .. } => write!(f, "attributes.{name}"),
        }
    }
}

impl FromStr for Order {
    type Err = InvalidOrder;

    fn from_str(text: &str) -> Result<Self, InvalidOrder> {
        let (sorting, field) = match text.strip_prefix('-') {
            Some(field) => (Sorting::Descending, field),
            None => (Sorting::Ascending, text),
        };
        match (field, field.strip_prefix("attributes.")) {
            ("id", _) if sorting == Sorting::Ascending => Ok(Self::Id),
            ("created_at", _) => Ok(Self::CreatedAt(sorting)),
            (_, Some(name)) if !name.is_empty() && name.len() <= limits::ATTRIBUTE_NAME_BYTES => {
                Ok(Self::Attribute { name: name.into(), sorting })
            }
            _ => Err(InvalidOrder { found: limits::excerpt(text) }),
        }
    }
}

impl Serialize for Order {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for Order {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(r"^(id|-?created_at|-?attributes\.[\s\S]+)$"))
            .description(Some(
                "`id`, `created_at` or `attributes.NAME`; with `-` before the last two, the greatest come first. Values of one \
                 attribute are ordered as booleans, numbers, times, then other text by the first 256 bytes of its UTF-8; equals \
                 by id. Concepts without the attribute come last, by id.",
            ))
            .into()
    }
}

impl utoipa::ToSchema for Order {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concept::AttributeValue;

    fn place(value: Option<i64>, id: u128) -> Place {
        Place { key: value.map(|value| SortKey::of(&AttributeValue::Integer(value))), id: ConceptId::from_u128(id) }
    }

    fn sorted(order: &str) -> Vec<u128> {
        let order: Order = order.parse().unwrap();
        let mut places = [place(None, 1), place(Some(1974), 5), place(Some(1899), 9), place(None, 0), place(Some(1974), 2)];
        places.sort_by(|a, b| order.compare(a, b));
        places.iter().map(|place| place.id.as_u128()).collect()
    }

    #[test]
    fn those_without_a_value_come_last_whichever_way() {
        assert_eq!(sorted("attributes.approved"), [9, 2, 5, 0, 1]);
        assert_eq!(sorted("-attributes.approved"), [5, 2, 9, 0, 1]);
    }

    #[test]
    fn an_order_survives_its_text_and_nothing_else_is_one() {
        for good in ["id", "created_at", "-created_at", "attributes.dose.mg", "-attributes.-x", "attributes.created_at"] {
            let order: Order = good.parse().unwrap();
            assert_eq!(order.to_string(), good);
            assert_eq!(serde_json::from_value::<Order>(good.into()).unwrap(), order);
        }
        for bad in
            ["", "-id", "-", "attributes.", "attributes", "--created_at", "content", &format!("attributes.{}", "n".repeat(513))]
        {
            let error = bad.parse::<Order>().unwrap_err().to_string();
            assert!(error.contains("attributes.NAME"), "{error}");
        }
    }
}
