//! Namespaces.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The name of a tenant's separate graph: `[a-z0-9_][a-z0-9_-]{0,62}`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<str>);

/// Why a text is not a [`Namespace`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a namespace is 1 to 63 of a-z, 0-9, '_' and '-', and does not begin with '-'; not {found}")]
pub struct InvalidNamespace {
    found: String,
}

impl Namespace {
    /// The namespace of requests that name none.
    pub const DEFAULT: &'static str = "default";

    /// The regular expression that every namespace matches.
    pub const PATTERN: &'static str = "^[a-z0-9_][a-z0-9_-]{0,62}$";

    /// The namespaces that only the grid itself writes to.
    pub const RESERVED: [&'static str; 2] = ["_grid", "_users"];

    /// Whether only the grid itself writes to it.
    pub fn is_reserved(&self) -> bool {
        Self::RESERVED.contains(&self.as_str())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({})", self.0)
    }
}

impl Borrow<str> for Namespace {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Namespace {
    type Err = InvalidNamespace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') {
            Ok(Self(text.into()))
        } else {
            Err(InvalidNamespace { found: crate::limits::excerpt(text) })
        }
    }
}

impl Serialize for Namespace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Namespace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for Namespace {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(Self::PATTERN))
            .description(Some("A tenant's separate graph."))
            .into()
    }
}

impl utoipa::ToSchema for Namespace {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_directory_or_the_bound_are_refused() {
        for good in ["default", "_grid", "0", "ward-7_b", &"n".repeat(63)] {
            assert!(good.parse::<Namespace>().is_ok(), "{good:?}");
        }
        for bad in ["", "../etc", "-a", "Ward", "a.b", "é", &"n".repeat(64)] {
            assert!(bad.parse::<Namespace>().is_err(), "{bad:?}");
        }
    }
}
