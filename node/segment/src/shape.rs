//! How vectors are stored.

/// Of every vector of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// 1 to 4096.
    pub dimension: u32,
}
