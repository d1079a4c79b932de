//! Who a node is.

/// Most bytes of a grid's id and of a node's name: their length is one byte of a hello.
pub const NAME_BYTES: usize = 255;

/// What a node tells its peers about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// 1 to [`NAME_BYTES`] bytes; empty only in a founding hello.
    grid_id: String,
    /// 1 to [`NAME_BYTES`] bytes; empty only in a founding hello.
    node: String,
}

/// Why something can't be an identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The grid's id is empty or too long for a hello.
    #[error("a grid's id has 1 to {NAME_BYTES} bytes, not {bytes}")]
    GridId {
        /// Its length.
        bytes: usize,
    },
    /// The node's name is empty or too long for a hello.
    #[error("a node's name has 1 to {NAME_BYTES} bytes, not {bytes}")]
    Node {
        /// Its length.
        bytes: usize,
    },
}

impl Identity {
    /// The node `node` of the grid `grid_id`.
    ///
    /// # Errors
    /// One of them is empty or longer than [`NAME_BYTES`].
    pub fn new(grid_id: impl Into<String>, node: impl Into<String>) -> Result<Self, IdentityError> {
        let (grid_id, node) = (grid_id.into(), node.into());
        if !(1..=NAME_BYTES).contains(&grid_id.len()) {
            return Err(IdentityError::GridId { bytes: grid_id.len() });
        }
        if !(1..=NAME_BYTES).contains(&node.len()) {
            return Err(IdentityError::Node { bytes: node.len() });
        }
        Ok(Self { grid_id, node })
    }

    /// That of a side of a founding connection.
    pub(crate) fn none() -> Self {
        Self { grid_id: String::new(), node: String::new() }
    }

    /// The grid that the node belongs to.
    #[must_use]
    pub fn grid_id(&self) -> &str {
        &self.grid_id
    }

    /// The node's name in that grid.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, IdentityError};

    #[test]
    fn names_that_no_hello_can_hold_are_refused() {
        assert!(Identity::new("g", "n".repeat(255)).is_ok());
        assert_eq!(Identity::new("", "n"), Err(IdentityError::GridId { bytes: 0 }));
        assert_eq!(Identity::new("g", "n".repeat(256)), Err(IdentityError::Node { bytes: 256 }));
    }
}
