//! How a filter is read: field by field, without keeping what does not belong to one.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::{Filter, Leaf};
use crate::concept::AttributeValue;
use crate::http::bounded;
use crate::limits;

const SHAPE: &str = "a filter is {all: […]}, {any: […]}, {not: …}, or {field: NAME} with exactly one of eq, ne, in, lt, lte, gt, \
                     gte, exists and prefix";

/// The fields of every kind of filter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts {
    all: Option<List>,
    any: Option<List>,
    not: Option<Box<Filter>>,
    field: Option<String>,
    eq: Option<AttributeValue>,
    ne: Option<AttributeValue>,
    #[serde(rename = "in", default, deserialize_with = "bounded::optional::<{ limits::FILTER_ITEMS }, _, _>")]
    one_of: Option<Vec<AttributeValue>>,
    lt: Option<AttributeValue>,
    lte: Option<AttributeValue>,
    gt: Option<AttributeValue>,
    gte: Option<AttributeValue>,
    exists: Option<bool>,
    prefix: Option<String>,
}

/// Filters that hold at most [`limits::FILTER_ITEMS`] comparisons together.
struct List(Vec<Filter>);

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Filters;

        impl<'de> Visitor<'de> for Filters {
            type Value = List;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of filters")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<List, A::Error> {
                let (mut list, mut size) = (Vec::new(), 0);
                while let Some(filter) = entries.next_element::<Filter>()? {
                    size += filter.size();
                    if size > limits::FILTER_ITEMS {
                        return Err(bounded::too_many(limits::FILTER_ITEMS));
                    }
                    list.push(filter);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_seq(Filters)
    }
}

impl TryFrom<Parts> for Filter {
    type Error = &'static str;

    fn try_from(parts: Parts) -> Result<Self, &'static str> {
        let Parts { all, any, not, field, eq, ne, one_of, lt, lte, gt, gte, exists, prefix } = parts;
        let leaf = Leaf { field: String::new(), eq, ne, one_of, lt, lte, gt, gte, exists, prefix };
        let bare = leaf == Leaf::default();
        match (all, any, not, field) {
            (Some(List(all)), None, None, None) if bare => Ok(Self::All { all }),
            (None, Some(List(any)), None, None) if bare => Ok(Self::Any { any }),
            (None, None, Some(not), None) if bare => Ok(Self::Not { not }),
            (None, None, None, Some(field)) => Ok(Self::Leaf(Leaf { field, ..leaf })),
            _ => Err(SHAPE),
        }
    }
}
