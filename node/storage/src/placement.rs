//! Which replica of which shard a store is, and what of the placement space the shard holds.

use sutra_protocol::KeyRange;

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
    pub const ALONE: Self = Self { shard: crate::SHARD, replica: 1, range: KeyRange::WHOLE, epoch: 0 };
}
