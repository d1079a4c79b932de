//! Which neighbours to list.

use sutra_protocol::limits::{self, Violation};
use sutra_protocol::{AssociationType, Direction};

/// Neighbours of a request that does not say how many.
pub(super) const LIMIT: u32 = 100;

/// Which neighbours to list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NeighborsQuery {
    /// Default: both.
    pub direction: Option<Direction>,
    /// Empty: all.
    pub types: Vec<AssociationType>,
    /// Empty: all.
    pub labels: Vec<String>,
    /// 1 to 3. Default: 1.
    pub hops: Option<u32>,
    /// 1 to 1000. Default: 100.
    pub limit: Option<u32>,
    /// From the page before.
    pub cursor: Option<String>,
}

impl NeighborsQuery {
    /// Checks every field against its bound.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        limits::at_most("type", self.types.len(), limits::FILTER_ITEMS, "entries")?;
        limits::at_most("label", self.labels.len(), limits::FILTER_ITEMS, "entries")?;
        self.labels.iter().try_for_each(|label| limits::at_most("label", label.len(), limits::LABEL_BYTES, "bytes"))?;
        if let Some(hops) = self.hops {
            limits::in_range("hops", hops.into(), 1, limits::NEIGHBOR_HOPS as u64)?;
        }
        self.limit.map_or(Ok(()), |limit| limits::in_range("limit", limit.into(), 1, limits::K as u64))
    }
}
