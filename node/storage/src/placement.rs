//! Which replica of which shard a store is, and what of the placement space the shard holds.

use sutra_protocol::ConceptId;

/// A contiguous part of the placement space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// First placement key.
    pub start: ConceptId,
    /// First placement key that is not in it; `None`: it reaches to the end.
    pub end: Option<ConceptId>,
}

impl KeyRange {
    /// The whole placement space.
    pub const ALL: Self = Self { start: ConceptId::from_u128(0), end: None };

    /// Whether a placement key is in it.
    pub fn holds(&self, key: ConceptId) -> bool {
        self.start <= key && self.end.is_none_or(|end| key < end)
    }
}

/// A replica of a shard, as the shard map has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The shard: the number of its group in the log, where 0 is meta's.
    pub shard: u64,
    /// The replica's number.
    pub replica: u64,
    /// What the shard holds.
    pub range: KeyRange,
    /// Epoch of the map that says so; 0: no map does.
    pub epoch: u64,
}

impl Placement {
    /// The one replica of the one shard of a node that is alone.
    pub const ALONE: Self = Self { shard: crate::SHARD, replica: 1, range: KeyRange::ALL, epoch: 0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_first_key_and_not_its_end() {
        let id = ConceptId::from_u128;
        let range = KeyRange { start: id(5), end: Some(id(9)) };
        assert_eq!([4, 5, 8, 9].map(|key| range.holds(id(key))), [false, true, true, false]);
        assert!(KeyRange::ALL.holds(id(0)) && KeyRange::ALL.holds(id(u128::MAX)));
    }
}
