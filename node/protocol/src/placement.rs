//! Where knowledge is kept: the placement space, which shards divide among themselves.

use serde::{Deserialize, Serialize};

use crate::id::ConceptId;
use crate::namespace::Namespace;

/// A place in the space that shards divide among themselves. Whatever may be on several shards is at one place: a concept, the right to a
/// key, the settings of a namespace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlacementKey(ConceptId);

impl PlacementKey {
    /// The first place of the space.
    pub const FIRST: Self = Self(ConceptId::from_u128(0));

    /// The place of a concept, with its associations and what they rest on. Today its id; nothing else knows that.
    pub const fn of_concept(id: ConceptId) -> Self {
        Self(id)
    }

    /// The place where it is decided which concept has a key.
    pub fn of_key(namespace: &Namespace, key: &str) -> Self {
        Self::hashed(&[namespace.as_str().as_bytes(), &[0, 1], key.as_bytes()])
    }

    /// The place of a namespace's settings.
    pub fn of_namespace(namespace: &Namespace) -> Self {
        Self::hashed(&[namespace.as_str().as_bytes(), &[0, 2]])
    }

    /// The place where a request is remembered that may be repeated.
    pub fn of_request(namespace: &Namespace, key: &str) -> Self {
        Self::hashed(&[namespace.as_str().as_bytes(), &[0, 3], key.as_bytes()])
    }

    /// The place as an integer.
    pub const fn as_u128(self) -> u128 {
        self.0.as_u128()
    }

    fn hashed(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        parts.iter().for_each(|part| {
            hasher.update(part);
        });
        let mut first = [0; 16];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(ConceptId::from_u128(u128::from_be_bytes(first)))
    }
}

impl std::fmt::Display for PlacementKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u128> for PlacementKey {
    fn from(value: u128) -> Self {
        Self(ConceptId::from_u128(value))
    }
}

/// A part of the placement space without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRange {
    /// First place.
    pub start: PlacementKey,
    /// First place that is not in it; `None`: it reaches to the end.
    pub end: Option<PlacementKey>,
}

impl KeyRange {
    /// The whole space.
    pub const WHOLE: Self = Self { start: PlacementKey::FIRST, end: None };

    /// Whether it is the whole space.
    pub fn is_whole(&self) -> bool {
        *self == Self::WHOLE
    }

    /// Whether a place is in it.
    pub fn holds(&self, place: PlacementKey) -> bool {
        self.start <= place && self.end.is_none_or(|end| place < end)
    }

    /// Whether a concept is kept in it.
    pub fn keeps(&self, id: ConceptId) -> bool {
        self.holds(PlacementKey::of_concept(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_start_and_not_its_end() {
        let range = KeyRange { start: 16.into(), end: Some(32.into()) };
        assert_eq!([15, 16, 31, 32].map(|place: u128| range.holds(place.into())), [false, true, true, false]);
        assert!(KeyRange { start: 32.into(), end: None }.holds(u128::MAX.into()));
        assert!(KeyRange::WHOLE.is_whole() && !range.is_whole());
    }

    #[test]
    fn a_key_a_namespace_and_a_request_have_places_of_their_own() {
        let (one, other) = (Namespace::default(), "ward-7".parse::<Namespace>().unwrap());
        let places = [
            PlacementKey::of_key(&one, "RXCUI:1191"),
            PlacementKey::of_key(&other, "RXCUI:1191"),
            PlacementKey::of_key(&one, "RXCUI:161"),
            PlacementKey::of_request(&one, "RXCUI:1191"),
            PlacementKey::of_namespace(&one),
            PlacementKey::of_namespace(&other),
        ];
        let distinct: std::collections::BTreeSet<_> = places.iter().collect();
        assert_eq!(distinct.len(), places.len());
    }
}
